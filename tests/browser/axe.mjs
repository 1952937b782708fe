// Every view, in light and dark, on a phone and on a desk: axe finds no barrier, and nothing sticks out.

import assert from "node:assert/strict";
import { assertNoBarrier, ended, until, url, visit } from "./visit.mjs";

const SCREENS = [["light", 1280], ["dark", 1280], ["light", 400], ["dark", 400]];

await visit(async (page) => {
  const look = async (view) => {
    // What is fading has no colour yet.
    await page.emulateMedia({ reducedMotion: "reduce" });
    for (const [colorScheme, width] of SCREENS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await assertNoBarrier(page, `${view}, ${colorScheme}, ${width} pixels`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${view} at ${width} pixels`);
    }
  };
  await page.goto(url);
  await until(page, () => document.querySelectorAll(".row.batch").length === 2 && document.querySelector(".ready.good"));
  await look("home");
  await page.goto(`${url}/batches/${process.env.CONSIGN_OPEN_BATCH}`);
  await until(page, () => document.querySelector(".row[data-state=processing]"));
  await look("a batch that is read");
  await page.goto(`${url}/batches/${process.env.CONSIGN_BATCH}`);
  await ended(page);
  await look("a batch that has ended");
  await page.locator(".row .main").first().click();
  await page.locator(".rendered table").waitFor();
  await look("a text");
  await page.keyboard.press("Escape");
  await page.locator(".row .main").nth(2).click();
  await page.getByText("parse_error").waitFor();
  await look("a file without a text");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Delete" }).click();
  await look("a question");
  await page.keyboard.press("Escape");
  await page.goto(`${url}/batches/none`);
  await page.getByText("There is no such batch").waitFor();
  await look("a batch that is not there");

  // While something is sent.
  await page.route("**/batches", (route) => (route.request().method() === "POST" ? undefined : route.continue()));
  await page.goto(url);
  await page.locator("input.files").setInputFiles([{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("words") }]);
  await page.getByRole("heading", { name: "Sending 1 file" }).waitFor();
  await look("an upload");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
}, { isExpected: (line) => /404/.test(line) });
