// The strip that says how the server does: what waits, how fast files end, how many failed, what room is left. What the
// server keeps no history of is kept here, from when the page was opened.

import { isAbort, read } from "./api.js";
import { make, say } from "./dom.js";
import { bytes, count, number } from "./format.js";
import { plot } from "./plot.js";

const LOOK_MS = 4000;
const SAMPLES_MAX = 90;
// The rate at a glance is that of the last minutes, or of those since the server's start.
const RATE_MINUTES = 5;

class Tile {
  constructor(label, className, max) {
    this.value = make("dd", { class: "value" }, "–");
    this.note = make("dd", { class: "note" });
    this.plot = plot(className, max);
    this.element = make("div", { class: "tile" }, make("dt", {}, label), this.value, this.note, make("dd", { class: "drawn" }, this.plot));
    this.samples = [];
  }

  set(value, note, values) {
    say(this.value, value);
    say(this.note, note);
    this.plot.update(values);
  }

  sample(value) {
    this.samples = [...this.samples, value].slice(-SAMPLES_MAX);
    return this.samples;
  }
}

export class Health {
  #queue = new Tile("Waiting", "queue", 5);
  #rate = new Tile("Throughput", "rate", 5);
  #failures = new Tile("Failed, last hour", "failures", 3);
  #disk = new Tile("Free disk", "disk", 1);
  #ready = make("p", { class: "ready", role: "status" }, "Asking the server…");

  constructor(element) {
    const tiles = [this.#queue, this.#rate, this.#failures, this.#disk].map((tile) => tile.element);
    element.append(this.#ready, make("dl", { class: "tiles" }, tiles));
  }

  async run() {
    for (;;) {
      if (!document.hidden) await this.look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async look() {
    try {
      const [stats, ready] = await Promise.all([read("/stats"), readiness()]);
      this.#show(stats);
      this.#tell(ready.status === "ready", troubles(ready));
    } catch (error) {
      if (!isAbort(error)) this.#tell(false, [error.message]);
    }
  }

  #show(stats) {
    const { last_hour: hour, queue_depth: depth, disk_free_bytes: free } = stats;
    const minutes = hour.ended_per_minute;
    const recent = minutes.slice(-RATE_MINUTES).reduce((sum, ended) => sum + ended, 0);
    const perMinute = recent / Math.min(RATE_MINUTES, Math.max(1, stats.uptime_seconds / 60));
    const rate = perMinute >= 10 ? number(Math.round(perMinute)) : number(Math.round(10 * perMinute) / 10);
    this.#queue.set(number(depth), `for ${count(stats.workers_alive, "reader")}`, this.#queue.sample(depth));
    this.#rate.set(`${rate} / min`, `${count(hour.files_ended, "file")} in the last hour`, minutes);
    const share = hour.files_ended ? ` of ${number(hour.files_ended)}` : "";
    this.#failures.set(number(hour.files_failed), hour.files_failed ? `${share} files` : "none", hour.failed_per_minute);
    this.#failures.element.classList.toggle("bad", hour.files_failed > 0);
    this.#disk.set(free === null ? "unknown" : bytes(free), "on the data disk", this.#disk.sample(free ?? 0));
  }

  #tell(isReady, troubles) {
    this.#ready.className = `ready ${isReady ? "good" : "bad"}`;
    say(this.#ready, isReady ? "Ready" : `Not ready: ${troubles.join("; ")}`);
  }
}

// What keeps the server from work is a status, not a failure to ask.
async function readiness() {
  const answer = await fetch("/readyz", { headers: { Accept: "application/json" } });
  return answer.json();
}

function troubles({ checks }) {
  return Object.entries(checks).filter(([, check]) => !check.ok).map(([name, { trouble }]) => `${name}: ${trouble ?? "not well"}`);
}
