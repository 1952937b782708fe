// The server wants a key: it is asked for, refused when it is wrong, kept for the tab, shown with each request, forgotten.

import assert from "node:assert/strict";
import { assertNoBarrier, ended, shot, until, url, visit } from "./visit.mjs";

const key = process.env.CONSIGN_KEY;

await visit(async (page) => {
  await page.goto(url);
  const dialog = page.getByRole("dialog", { name: "This server asks for a key" });
  await dialog.waitFor();
  assert.equal(await page.getByRole("dialog").count(), 1);
  await assertNoBarrier(page, "the form for the key");
  await shot(page, "key-light");
  await dialog.getByLabel("Key").fill("consign_wrong");
  await page.keyboard.press("Enter");
  await dialog.getByText("That key is not known here").waitFor();
  await dialog.getByLabel("Key").fill(key);
  await page.keyboard.press("Enter");
  await page.getByText("No batches yet").waitFor();
  await until(page, () => document.querySelector(".tile .value").textContent !== "–");

  // Uploads, statuses, events, texts and what is saved show it.
  await page.locator("input.files").setInputFiles([{ name: "a.md", mimeType: "text/markdown", buffer: Buffer.from("some words") }]);
  await page.waitForURL(/\/batches\/[0-9a-f-]{36}$/);
  assert.equal(await ended(page), "1 succeeded");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save the original of a.md" }).click()]);
  assert.equal(await download.failure(), null);
  const kept = await page.evaluate(() => [Object.values(sessionStorage), Object.values(localStorage), document.cookie]);
  assert.deepEqual(kept, [[key], [], ""]);

  // The same tab knows it after a reload; the address alone tells nothing.
  const address = page.url();
  assert.ok(!address.includes("consign_"));
  await page.reload();
  assert.equal(await ended(page), "1 succeeded");
  assert.equal((await fetch(address)).status, 401);
  assert.equal((await fetch(address, { headers: { Authorization: `Bearer ${key}` } })).headers.get("content-type"), "application/json");
  await page.getByRole("button", { name: "Forget key" }).click();
  await dialog.waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
}, { isExpected: (line) => /401/.test(line) });
