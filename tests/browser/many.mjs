// Ten thousand files, looked at while they are read: only a screenful of rows is there, and little is kept of each.

import assert from "node:assert/strict";
import { shot, until, url, visit } from "./visit.mjs";

const HEAP_BYTES_MAX = 50e6;
const ROWS_MAX = 60;

await visit(async (page) => {
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize;
  };
  await page.goto(`${url}/batches/${process.env.CONSIGN_BATCH}`);
  await until(page, () => /^All 10,000$/.test(document.querySelector(".chip")?.textContent ?? "") && document.querySelector(".row.file"));
  const inView = () => page.locator(".row.file").count();
  assert.ok((await inView()) <= ROWS_MAX);

  // From end to end while events come in.
  const highest = [];
  for (const part of [0.25, 0.5, 0.75, 1, 0.1]) {
    await page.evaluate((to) => scrollTo(0, to * document.documentElement.scrollHeight), part);
    await until(page, () => [...document.querySelectorAll(".row.file")].some((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return top < innerHeight / 2 && bottom > innerHeight / 2;
    }));
    highest.push(await inView());
  }
  assert.ok(Math.max(...highest) <= ROWS_MAX, `${highest} rows`);
  console.log(`while files are read: ${((await heap()) / 1e6).toFixed(1)} MB of heap, ${Math.max(...highest)} rows`);
  await page.evaluate(() => scrollTo(0, 0));
  await shot(page, "many-light");

  // A search over all of them.
  await page.getByRole("searchbox").fill("number 09999");
  await until(page, () => document.querySelectorAll(".row.file").length === 1);
  await page.getByRole("searchbox").fill("");
  await page.evaluate(() => document.querySelector(".rows").scrollIntoView());
  await page.locator(".row .main").first().focus();
  await page.keyboard.press("End");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /file number 09999/);
  await page.waitForFunction(() => / took /.test(document.querySelector(".head .title").textContent), null, { timeout: 240_000, polling: 500 });
  assert.equal(await page.locator(".head .figures").textContent(), "10,000 succeeded");
  const used = await heap();
  console.log(`at the end: ${(used / 1e6).toFixed(1)} MB of heap`);
  assert.ok(used < HEAP_BYTES_MAX, `${used} bytes of heap`);
});
