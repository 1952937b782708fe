// A batch that would never end is cancelled; then it is deleted, after a question, and another page that shows it is told.

import assert from "node:assert/strict";
import { ended, rows, until, url, visit } from "./visit.mjs";

const address = `${url}/batches/${process.env.CONSIGN_BATCH}`;

await visit(async (page, context) => {
  await page.goto(address);
  await until(page, () => document.querySelector(".row[data-state=processing]"));
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  assert.match(await ended(page), /^1 succeeded, 4 cancelled$/);
  assert.deepEqual((await rows(page)).map(({ state }) => state), ["succeeded", "cancelled", "cancelled", "cancelled", "cancelled"]);
  assert.ok(await page.getByRole("button", { name: "Cancel", exact: true }).isHidden());

  const other = await context.newPage();
  await other.goto(address);
  await ended(other);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Keep" }).click();
  assert.equal((await fetch(address, { headers: { Accept: "application/json" } })).status, 200);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.waitForURL(`${url}/`);
  await page.getByText("No batches yet").waitFor();
  await other.getByText("This batch has been deleted.").waitFor();
  assert.equal((await fetch(address, { headers: { Accept: "application/json" } })).status, 404);
});
