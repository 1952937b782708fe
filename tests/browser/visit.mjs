// What every visit shares: Chromium with a profile of its own, wishes to the test that started it, and what no visit may
// leave behind: an error on the console, a request to somebody else, anything that the page's policy had to stop.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";

const { CONSIGN_URL, CONSIGN_BROWSER_TOOLS, CONSIGN_CHROMIUM, CONSIGN_SCREENSHOTS, CONSIGN_SCRATCH } = process.env;

const require = createRequire(path.join(CONSIGN_BROWSER_TOOLS, "package.json"));
const { chromium } = require("playwright-core");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const url = CONSIGN_URL;

// Generous: only a failure waits for it. Before the test runner gives up.
const DEADLINE_MS = 120_000;

const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--enable-precise-memory-info",
];

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Asks the test that started the visit for something, and waits until it is done.
export async function ask(wish) {
  console.log(`ask ${wish}`);
  const { value } = await answers.next();
  assert.equal(value, "granted");
}

// Runs a visit. `isExpected` says which lines of the console belong to it.
export async function visit(go, { isExpected = () => false, ...options } = {}) {
  const profile = fs.mkdtempSync(path.join(CONSIGN_SCRATCH, "chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CONSIGN_CHROMIUM, args: ARGUMENTS, chromiumSandbox: false, viewport: { width: 1280, height: 900 },
    locale: "en-GB", acceptDownloads: true, bypassCSP: false, ...options,
  });
  try {
    context.setDefaultTimeout(DEADLINE_MS);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const page = context.pages()[0] ?? (await context.newPage());
    const troubles = [];
    page.on("console", (line) => ["error", "warning"].includes(line.type()) && !isExpected(line.text()) && troubles.push(line.text()));
    page.on("pageerror", (error) => troubles.push(error.stack));
    // From the beginning: before anybody listens, a picker would open for real.
    page.on("filechooser", () => {});
    page.on("dialog", (dialog) => (troubles.push(`a dialog: ${dialog.message()}`), dialog.dismiss()));
    page.on("request", (request) => {
      if (!request.url().startsWith(CONSIGN_URL) && !request.url().startsWith("blob:")) troubles.push(`asked ${request.url()}`);
    });
    await go(page, context);
    assert.deepEqual(troubles, []);
  } finally {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
  process.stdin.destroy();
}

// Keeps what the page looks like below target/screenshots.
export async function shot(page, name) {
  // Colours fade into each other when the scheme changes.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((it) => it.effect.getTiming().iterations === 1).map((it) => it.finished)));
  await page.screenshot({ path: path.join(CONSIGN_SCREENSHOTS, `${name}.png`) });
}

// The names and states of the files in sight, from the top. They are drawn after what stands above them.
export async function rows(page) {
  const files = page.locator(".row.file");
  await files.first().waitFor();
  return files.evaluateAll((all) =>
    all.map((row) => ({ name: row.querySelector(".name").textContent, state: row.dataset.state, sub: row.querySelector(".sub").textContent })));
}

// Waits until a batch that is shown has ended; what its figures say.
export async function ended(page) {
  await page.waitForFunction(() => / took /.test(document.querySelector(".head .title")?.textContent ?? ""));
  return page.locator(".head .figures").textContent();
}

// Waits for something of the page's, without looking all the time.
export const until = (page, holds, argument) => page.waitForFunction(holds, argument, { polling: 50 });

// Asserts that axe finds nothing. It is not let in by the page's policy, so it comes by the debugger's door.
export async function assertNoBarrier(page, view) {
  const session = await page.context().newCDPSession(page);
  const { executionContextId: contextId } = await isolated(session);
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, contextId, awaitPromise: true, returnByValue: true });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  };
  await evaluate(AXE);
  const found = await evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
    violations.map(({id, help, nodes}) => ({id, help, where: nodes.map(({target, failureSummary}) => [target.join(" "), failureSummary])})))`);
  await session.detach();
  assert.deepEqual(found, [], `${view}: ${JSON.stringify(found, null, 2)}`);
}

async function isolated(session) {
  const { frameTree } = await session.send("Page.getFrameTree");
  return session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
}
