// Files are chosen, then dropped with their folder. There is a bar for each and one for all of them while they are sent,
// and each comes to an outcome that is shown.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { ended, rows, shot, until, url, visit } from "./visit.mjs";

const folder = process.env.CONSIGN_FILES;
const files = fs.readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)).filter((file) => fs.statSync(file).isFile());

await visit(async (page) => {
  const session = await page.context().newCDPSession(page);
  await page.goto(url);
  for (const time of ["first", "second", "third"]) {
    await page.getByText("No batches yet").waitFor();
    const [loaded, painted] = await page.evaluate(() => [
      performance.getEntriesByType("navigation")[0].loadEventEnd, performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    ]);
    console.log(`the ${time} time the page is loaded after ${loaded.toFixed(0)} ms, its first paint is after ${painted?.toFixed(0)} ms`);
    await page.reload();
  }
  await page.getByText("No batches yet").waitFor();
  await shot(page, "empty-light");

  // Slow enough to look at.
  await session.send("Network.enable");
  const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 200_000 };
  await session.send("Network.emulateNetworkConditions", slow);
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Choose files" }).click()]);
  assert.ok(chooser.isMultiple());
  await chooser.setFiles(files);
  await page.getByRole("heading", { name: "Sending 50 files" }).waitFor();
  const bars = page.locator(".upload [role=progressbar]");
  await until(page, () => document.querySelectorAll(".upload .row").length > 5);
  assert.ok((await bars.count()) > 6, "a bar for the batch, and for each file in sight");
  await until(page, () => / of .* · .*\/s · .* left/.test(document.querySelector(".upload .figures")?.textContent ?? "") || !document.querySelector(".upload"));
  await shot(page, "sending-light");
  await session.send("Network.emulateNetworkConditions", { ...slow, uploadThroughput: -1 });

  await page.waitForURL(/\/batches\/[0-9a-f-]{36}$/);
  await until(page, () => document.querySelector(".head .figures")?.textContent);
  await shot(page, "reading-light");
  assert.match(await ended(page), /^50 succeeded$/);
  assert.match(await page.title(), /^50 files/);
  await shot(page, "batch-light");
  const first = (await rows(page))[0];
  assert.equal(first.state, "succeeded");
  assert.match(first.sub, /tokens/);

  // The same from a file manager: a folder, and a file beside it.
  await page.getByRole("link", { name: "All batches" }).click();
  await page.getByRole("link", { name: /and 49 more/ }).waitFor();
  await drop(session, [path.join(folder, "inner"), files.find((file) => path.dirname(file) === folder)]);
  await page.waitForURL(/\/batches\/[0-9a-f-]{36}$/);
  assert.match(await ended(page), /^6 succeeded$/);
  const names = (await rows(page)).map(({ name }) => name);
  assert.equal(names.filter((name) => name.startsWith("inner/")).length, 5, `folders are kept in names: ${names}`);

  // All fifty at once.
  await page.getByRole("link", { name: "All batches" }).click();
  await page.getByRole("link", { name: /inner\/.* and 5 more/ }).waitFor();
  await drop(session, files);
  await page.waitForURL(/\/batches\/[0-9a-f-]{36}$/);
  assert.match(await ended(page), /^50 succeeded$/);

  // Found again, by the name of a file in it, and by how it ended.
  await page.getByRole("link", { name: "All batches" }).click();
  await until(page, () => document.querySelectorAll(".row.batch").length === 3);
  await page.emulateMedia({ colorScheme: "dark" });
  await shot(page, "list-dark");
  await page.getByRole("searchbox").fill("INNER/");
  await until(page, () => document.querySelectorAll(".row.batch").length === 1);
  await page.getByRole("searchbox").fill("");
  await until(page, () => document.querySelectorAll(".row.batch").length === 3);
  await page.getByRole("button", { name: "Failed" }).click();
  await page.getByText("No batch like that.").waitFor();

  await page.getByRole("button", { name: "All" }).click();
  await page.setViewportSize({ width: 400, height: 850 });
  await until(page, () => document.querySelectorAll(".row.batch").length === 3);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out at 400 pixels");
  await page.evaluate(() => document.querySelector(".batches").scrollIntoView());
  await shot(page, "list-400-dark");
  await page.setViewportSize({ width: 3840, height: 2160 });
  await page.emulateMedia({ colorScheme: "light" });
  await shot(page, "list-4k-light");
});

// Drags files from outside onto the page, as a file manager does.
async function drop(session, paths) {
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, x: 600, y: 400, data });
}
