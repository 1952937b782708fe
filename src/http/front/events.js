// What happens to all batches, as server-sent events. They are read by fetch, because EventSource cannot show a key. A
// stream that breaks is opened again behind the last event that was had, so nothing is missed.

import { askForKey, key, keyHeaders } from "./key.js";

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 8000;
// The server says something every 15 seconds; a stream that is silent for longer is dead.
const SILENCE_MS_MAX = 40_000;
// Browsers keep six connections to a server; a tab that nobody looks at gives its own back.
const HIDDEN_MS_MAX = 30_000;

export class Events extends EventTarget {
  #lastId = null;
  #abort = null;
  #failures = 0;
  #wake = null;
  #isWanted = true;

  constructor() {
    super();
    let hiding;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.#want(false), HIDDEN_MS_MAX);
      else this.#want(true);
    });
    addEventListener("online", () => this.#wake?.());
  }

  #want(isWanted) {
    this.#isWanted = isWanted;
    if (isWanted) this.#wake?.();
    else this.#abort?.abort();
  }

  // Reads for as long as the page is open.
  async run() {
    for (;;) {
      if (this.#isWanted) await this.#follow().catch(() => {});
      if (!this.#isWanted) await new Promise((resolve) => (this.#wake = resolve));
      else await this.#pause();
    }
  }

  async #pause() {
    this.dispatchEvent(new CustomEvent("state", { detail: this.#failures > 1 ? "broken" : "waiting" }));
    const ms = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    await new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms);
    });
  }

  async #follow() {
    this.#abort = new AbortController();
    const silence = () => setTimeout(() => this.#abort.abort(), SILENCE_MS_MAX);
    let watch = silence();
    const shown = key();
    const after = this.#lastId === null ? {} : { "Last-Event-ID": this.#lastId };
    try {
      const answer = await fetch("/events", { headers: { ...after, ...keyHeaders() }, signal: this.#abort.signal });
      if (answer.status === 401) await askForKey(shown);
      // The server does not know the id: its directory is another. What is shown has to be read anew.
      if (answer.status === 400) this.#lastId = null;
      if (answer.status !== 200) return;
      this.#failures = 0;
      this.dispatchEvent(new CustomEvent("state", { detail: "live" }));
      if (this.#lastId === null) this.dispatchEvent(new Event("fresh"));
      const parse = parser((id) => (this.#lastId = id), (name, data) => this.#tell(name, data));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = silence();
        parse(value);
      }
    } finally {
      clearTimeout(watch);
    }
  }

  #tell(name, data) {
    this.dispatchEvent(new CustomEvent("told", { detail: { name, ...JSON.parse(data) } }));
  }
}

// Takes a stream as it comes in pieces (HTML standard, section 9.2.6), as far as this server uses it.
export function parser(onId, onEvent) {
  let rest = "";
  let event = { name: "message", data: [] };
  let id = null;
  const takeLine = (line) => {
    if (line === "") {
      // An id counts once its event has come whole.
      if (event.data.length) onEvent(event.name, event.data.join("\n"));
      if (id !== null) onId(id);
      event = { name: "message", data: [] };
      id = null;
      return;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "id") id = value;
    else if (field === "event") event.name = value;
    else if (field === "data") event.data.push(value);
  };
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    lines.forEach(takeLine);
  };
}
