// How long the page takes to load from loopback: in a browser that is running and has never seen it, and once more with what
// that one has kept. Prints milliseconds from the beginning of the navigation, the median of some rounds.

import { url, visit } from "./visit.mjs";

const ROUNDS = Number(process.env.CONSIGN_ROUNDS ?? 3);
// A browser that has just been started is busy with itself.
const REST_MS = 1000;

const cold = [];
const again = [];
for (let round = 0; round < ROUNDS; round++) {
  await visit(async (page) => {
    await page.waitForTimeout(REST_MS);
    cold.push(await times(page, () => page.goto(`${url}/`)));
    again.push(await times(page, () => page.reload()));
  });
}
tell("first visit", cold);
tell("reload", again);

// When the page had loaded, and when it had first drawn something.
async function times(page, go) {
  await go();
  return page.evaluate(async () => {
    const [navigation] = performance.getEntriesByType("navigation");
    const drawn = await new Promise((found) =>
      new PerformanceObserver((list) => found(list.getEntries()[0].startTime)).observe({ type: "paint", buffered: true }));
    return { load: navigation.loadEventEnd, drawn };
  });
}

function tell(what, rounds) {
  const median = (name) => rounds.map((it) => it[name]).sort((a, b) => a - b)[Math.floor(rounds.length / 2)].toFixed(0);
  console.log(`${what}: loaded after ${median("load")} ms, drawn after ${median("drawn")} ms`);
}
