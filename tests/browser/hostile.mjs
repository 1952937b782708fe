// Names and texts that are markup, whatever a browser might do with it: shown letter for letter, and nothing else happens.
// A mark that turns the writing round is shown as what it is. `visit` fails on any dialog, any error, and any request to somebody else.

import assert from "node:assert/strict";
import { ended, rows, shot, until, url, visit } from "./visit.mjs";

const text = [
  "<script>alert(1)</script>", "", "<img src=x onerror=alert(2)>", "", "[click](javascript:alert(3))", "",
  "![](https://evil.example.org/pixel.png)", "", "<iframe src=https://evil.example.org></iframe>", "",
  "<style>* { display: none }</style>", "", "# <b>bold</b>", "", "`<svg onload=alert(4)>`",
].join("\n");
const names = [
  "<img src=x onerror=alert(1)>.md", "\"><script>alert(1)<script>.md", "javascript:alert(1).md", "'; alert(1); '.md",
  "\u202Etxt.exe.md", "{{7*7}}${7*7}.md", `${"long".repeat(50)}.md`, "&lt;b&gt;.md",
];

await visit(async (page) => {
  await page.goto(url);
  await page.locator("input.files").setInputFiles(names.map((name) => ({ name, mimeType: "text/markdown", buffer: Buffer.from(text) })));
  await page.waitForURL(/\/batches\/[0-9a-f-]{36}$/);
  assert.equal(await ended(page), `${names.length} succeeded`);
  const shown = (await rows(page)).map(({ name }) => name);
  // Browsers write quotes in the names of files as %22.
  assert.deepEqual(shown, names.map((name) => name.replaceAll('"', "%22").replace("\u202E", "\uFFFD")));
  for (const index of names.keys()) {
    await page.locator(".row .main").nth(index).click();
    await until(page, () => document.querySelector(".rendered")?.childElementCount > 3);
    await page.getByRole("button", { name: "Raw" }).click();
    assert.equal(await page.locator(".raw").textContent(), text);
    await page.getByRole("button", { name: "Rendered" }).click();
    if (index === 0) await shot(page, "hostile-light");
    await page.keyboard.press("Escape");
    await until(page, () => !document.querySelector("dialog"));
  }
  const made = await page.evaluate(() => document.querySelectorAll("main script, main img, main iframe, main style, [onerror], [onload], a[href^='javascript:']").length);
  assert.equal(made, 0);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "a long name does not widen the page");

  // The policy is there, and stops what gets in all the same.
  const policy = (await page.request.get(url)).headers()["content-security-policy"];
  assert.ok(policy.startsWith("default-src 'none'") && !policy.includes("unsafe"), policy);
  const stopped = await page.evaluate(() => {
    try {
      document.body.insertAdjacentHTML("beforeend", "<b>x</b>");
      return false;
    } catch (error) {
      return error instanceof TypeError;
    }
  });
  assert.ok(stopped, "trusted types are required, and there are none");
}, { isExpected: (line) => /TrustedHTML|Trusted Type/.test(line) });
