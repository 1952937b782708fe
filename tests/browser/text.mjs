// Texts: rendered and raw, with what is known of them; copied, saved alone and all together; a long one piece by piece.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { inflateRawSync } from "node:zlib";
import { ended, shot, until, url, visit } from "./visit.mjs";

await visit(async (page) => {
  await page.goto(`${url}/batches/${process.env.CONSIGN_BATCH}`);
  assert.equal(await ended(page), "6 succeeded, 1 failed, 1 rejected");
  await shot(page, "outcomes-light");
  const dialog = page.getByRole("dialog");
  const open = (name) => page.locator(".row .main", { hasText: name }).click();
  const close = async () => {
    await page.keyboard.press("Escape");
    await until(page, () => !document.querySelector("dialog"));
  };

  await open("notice.html");
  await dialog.getByRole("heading", { name: "The crane is out of order" }).waitFor();
  assert.equal(await dialog.locator(".rendered strong").textContent(), "1 to 5 April");
  assert.equal(await dialog.locator(".rendered li").count(), 2);
  const facts = await dialog.locator(".facts").textContent();
  for (const fact of ["47 (cl100k_base)", "text/html", "Harbour committee", "Notice to boat owners", "html5ever"]) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
  await shot(page, "text-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await shot(page, "text-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await dialog.getByRole("button", { name: "Raw" }).click();
  const raw = await dialog.locator(".raw").textContent();
  assert.match(raw, /^# Notice to boat owners\n/);
  await dialog.getByRole("button", { name: "Copy" }).click();
  await until(page, () => document.getElementById("said").textContent === "Text copied");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), raw);
  assert.equal(await saved(page, () => dialog.getByRole("button", { name: "Save the text" }).click()), raw);
  const original = await saved(page, () => dialog.getByRole("button", { name: "Save the original" }).click());
  assert.match(original, /<html/);
  await close();

  // What is text already is shown as it is.
  await open("prices.csv");
  assert.equal(await dialog.getByRole("button", { name: "Raw" }).getAttribute("aria-pressed"), "true");
  await close();
  await open("empty.txt");
  await dialog.locator(".warnings").getByText("no_text").waitFor();
  await close();
  await open("letter.docx");
  await dialog.getByText("The file is damaged, or not what its type says.").waitFor();
  await dialog.getByText("parse_error").waitFor();
  await close();

  // A long one comes in pieces, none of which loses a character.
  await open("long.md");
  const more = dialog.getByRole("button", { name: "Show more" });
  await more.waitFor();
  const before = (await dialog.locator(".raw").textContent()).length;
  while (await more.isVisible()) {
    const length = (await dialog.locator(".raw").textContent()).length;
    await more.click();
    await until(page, (was) => document.querySelector(".raw").textContent.length > was, length);
  }
  const whole = await dialog.locator(".raw").textContent();
  assert.ok(before < whole.length);
  assert.equal(createHash("sha256").update(whole).digest("hex"), process.env.CONSIGN_LONG_SHA256);
  assert.equal(await dialog.locator(".rendered p").count(), 60_000);
  await close();

  const zip = await saved(page, () => page.getByRole("button", { name: "All texts (ZIP)" }).click(), null);
  const entries = unzipped(zip);
  assert.deepEqual([...entries.keys()].sort(), ["empty.txt", "etc/minutes.md", "long.md", "minutes.md", "notice.html.md", "prices.csv"]);
  assert.equal(entries.get("notice.html.md"), raw);
  const lines = await saved(page, () => page.getByRole("button", { name: "Results (NDJSON)" }).click());
  assert.equal(lines.trim().split("\n").length, 8);

  await markdown(page);
});

async function saved(page, act, encoding = "utf8") {
  const [download] = await Promise.all([page.waitForEvent("download"), act()]);
  return fs.readFileSync(await download.path(), encoding);
}

// What an archive holds, read by its directory, with checksums checked by inflating.
function unzipped(zip) {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  const entries = new Map();
  for (let at = zip.readUInt32LE(end + 16), left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [packed, size, nameLength, local] = [zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24), zip.readUInt16LE(at + 28), zip.readUInt32LE(at + 42)];
    const name = zip.toString("utf8", at + 46, at + 46 + nameLength);
    const begin = local + 30 + zip.readUInt16LE(local + 26);
    const text = inflateRawSync(zip.subarray(begin, begin + packed));
    assert.equal(text.length, size, name);
    entries.set(name, text.toString());
    at += 46 + nameLength;
  }
  return entries;
}

// The renderer alone, on what documents seldom have all at once.
async function markdown(page) {
  const cases = [
    ["a *b* **c** `d*e*` \\*f\\*", "<p>a <em>b</em> <strong>c</strong> <code>d*e*</code> *f*</p>"],
    ["# A\n#### B", "<h3>A</h3><h4>B</h4>"],
    ["- a\n  - b\n- c", "<ul><li><p>a</p><ul><li>b</li></ul></li><li>c</li></ul>"],
    ["3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'],
    ["| a | b |\n|---|---|\n| 1 \\| 2 | 3 |", '<div class="table"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead><tbody><tr><td>1 | 2</td><td>3</td></tr></tbody></table></div>'],
    ["> a\n> b", "<blockquote><p>a<br>b</p></blockquote>"],
    ["```\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"],
    ["[a](https://b.example/c)", '<p><a href="https://b.example/c" target="_blank" rel="noopener noreferrer">a</a></p>'],
    ["[a](javascript:alert(1)) [b](data:text/html,x)", null],
    ["<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"],
    ["snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"],
  ];
  // The module by itself is in the repository, and not on the server.
  const sources = new URL("../../src/http/front/", import.meta.url);
  await page.route("**/modules/*", (route) => {
    const name = new URL(route.request().url()).pathname.split("/").pop();
    return route.fulfill({ body: fs.readFileSync(new URL(name, sources), "utf8"), contentType: "text/javascript" });
  });
  for (const [text, expected] of cases) {
    const html = await page.evaluate(async (markdown) => {
      const { render } = await import("/modules/markdown.js");
      const element = document.createElement("div");
      element.append(render(markdown));
      return element.innerHTML;
    }, text);
    if (expected === null) assert.ok(!html.includes("href"), html);
    else assert.equal(html, expected, text);
  }
  // Made to take long, and does not.
  for (const hostile of ["*".repeat(200_000), "[".repeat(200_000), "> ".repeat(50_000), "**a".repeat(50_000), "- ".repeat(20_000), "`a".repeat(50_000)]) {
    await page.evaluate(async (markdown) => void (await import("/modules/markdown.js")).render(markdown), hostile);
  }
}
