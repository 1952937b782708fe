// No mouse: from the address to a text and back, through the list with arrows, a retry, and a deletion.

import assert from "node:assert/strict";
import { ended, until, url, visit } from "./visit.mjs";

const focused = (page) => page.evaluate(() => (document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).trim());

// Presses Tab until something with this name has the keyboard.
async function tabTo(page, name, key = "Tab") {
  for (let presses = 0; presses < 80; presses += 1) {
    if ((await focused(page)).startsWith(name)) {
      const isSeen = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none");
      assert.ok(isSeen, `${name} shows that it has the keyboard`);
      return;
    }
    await page.keyboard.press(key);
  }
  assert.fail(`Tab does not come to ${name}; it is at ${await focused(page)}`);
}

await visit(async (page) => {
  await page.goto(url);
  await until(page, () => document.querySelector(".row.batch"));
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await tabTo(page, "Choose files");
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Enter")]);
  assert.ok(chooser.isMultiple());
  await tabTo(page, "31 files");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/batches/${process.env.CONSIGN_BATCH}`);
  assert.equal(await ended(page), "30 succeeded, 1 failed");

  // Through the list: by one, to its end, and back.
  await tabTo(page, "00.txt");
  await page.keyboard.press("ArrowDown");
  assert.match(await focused(page), /^01\.txt/);
  await page.keyboard.press("End");
  assert.match(await focused(page), /^large\.txt/);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Retry large.txt");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector(".head .figures").textContent === "30 succeeded, 1 failed");
  await tabTo(page, "large.txt", "Shift+Tab");
  await page.keyboard.press("PageUp");
  assert.doesNotMatch(await focused(page), /^large\.txt/);
  await page.keyboard.press("Home");
  assert.match(await focused(page), /^00\.txt/);

  // A text, its form, and back to where it was opened.
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("dialog .raw")?.textContent);
  await tabTo(page, "Rendered");
  await page.keyboard.press("Space");
  assert.equal(await page.locator(".rendered").textContent(), "some words");
  await tabTo(page, "Text");
  await page.keyboard.press("Escape");
  await until(page, () => !document.querySelector("dialog"));
  assert.match(await focused(page), /^00\.txt/);

  // A filter and a search.
  await tabTo(page, "Failed 1", "Shift+Tab");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelectorAll(".row.file").length === 1);
  await tabTo(page, "All 31", "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.type("07");
  await until(page, () => document.querySelectorAll(".row.file").length === 1);

  await tabTo(page, "Delete", "Shift+Tab");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "Keep");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/`);
  await page.getByText("No batches yet").waitFor();
});
