// The server is killed while files are sent, and again while they are read; both times the page goes on by itself.

import assert from "node:assert/strict";
import { ask, ended, shot, until, url, visit } from "./visit.mjs";

// Of files that are the same one is read for all: there would be nothing between none and all of them.
const slow = (index) => Buffer.from(`consign-test-hook: slow\n${index}`);
const files = [
  ...Array.from({ length: 40 }, (_, index) => ({ name: `slow-${index}.txt`, mimeType: "text/plain", buffer: slow(index) })),
  { name: "large.txt", mimeType: "text/plain", buffer: Buffer.alloc(3_000_000, "many words, ") },
];
const isExpected = (line) => /net::ERR_|Failed to load resource/.test(line);

await visit(async (page) => {
  const session = await page.context().newCDPSession(page);
  await page.goto(url);
  await page.getByText("No batches yet").waitFor();
  await session.send("Network.enable");
  const narrow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 400_000 };
  await session.send("Network.emulateNetworkConditions", narrow);
  await page.locator("input.files").setInputFiles(files);
  await until(page, () => document.querySelector(".upload [role=progressbar]")?.getAttribute("aria-valuenow") > 5);
  await ask("kill and start");
  await session.send("Network.emulateNetworkConditions", { ...narrow, uploadThroughput: -1 });
  await page.waitForURL(/\/batches\/[0-9a-f-]{36}$/);

  await until(page, () => /^[1-9]\d* of 41 done/.test(document.querySelector(".head .figures")?.textContent ?? ""));
  const address = page.url();
  await ask("kill and start");
  await shot(page, "killed-light");
  assert.equal(await ended(page), "41 succeeded");
  assert.equal(page.url(), address);
  const counts = await page.locator(".chip").allTextContents();
  assert.ok(counts.includes("Succeeded 41") && counts.includes("All 41"), `${counts}`);

  // What was sent twice is one batch.
  const { batches } = await (await fetch(`${url}/batches`)).json();
  assert.equal(batches.length, 1);
  assert.deepEqual(batches[0].summary, { total: 41, succeeded: 41, failed: 0, rejected: 0, cancelled: 0, pending: 0 });
}, { isExpected });
