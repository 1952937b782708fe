// Three files are too large for their server. It is started anew with room for them, and they are tried again: one by its
// own button, the others together.

import assert from "node:assert/strict";
import { ask, ended, rows, shot, until, url, visit } from "./visit.mjs";

const isExpected = (line) => /net::ERR_|Failed to load resource/.test(line);

await visit(async (page) => {
  await page.goto(`${url}/batches/${process.env.CONSIGN_BATCH}`);
  assert.equal(await ended(page), "1 succeeded, 3 failed");
  await shot(page, "failed-light");
  const [, failed] = await rows(page);
  assert.equal(failed.sub, "The file is kept, but it is too large for its text to be read.");
  await page.getByRole("button", { name: "Retry 3 failed" }).waitFor();

  await ask("start without the limit");
  await until(page, () => document.getElementById("connection").textContent === "" && document.querySelector(".ready.good"));
  await page.getByRole("button", { name: "Retry a.txt" }).click();
  await until(page, () => document.querySelector(".head .figures").textContent === "2 succeeded, 2 failed");
  assert.deepEqual((await rows(page)).map(({ state }) => state), ["succeeded", "succeeded", "failed", "failed"]);

  await page.getByRole("button", { name: "Retry 2 failed" }).click();
  await until(page, () => document.querySelector(".head .figures").textContent === "4 succeeded");
  assert.ok(await page.getByRole("button", { name: /^Retry/ }).first().isHidden());
  const { files } = await (await fetch(`${url}/batches/${process.env.CONSIGN_BATCH}`)).json();
  assert.deepEqual(files.map(({ retries }) => retries), [0, 1, 1, 1]);
}, { isExpected });
