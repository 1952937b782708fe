// One batch on its way to the server. An answer that is lost is asked for again under the same idempotency key, so that
// the batch is made once, whatever happens to the connection.

import { Problem, problemOf, unreachable } from "./api.js";
import { askForKey, key, keyHeaders } from "./key.js";

const TRIES_MAX = 8;
const WAIT_SECONDS_MAX = 30;
// The rate is that of the last seconds, which the time left follows from.
const RATE_MS = 4000;

const wait = (seconds, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, seconds * 1000);
  signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
});

export class Upload extends EventTarget {
  #abort = new AbortController();
  #marks = [];

  constructor(files) {
    super();
    this.files = files;
    this.bytes = files.reduce((sum, { file }) => sum + file.size, 0);
    // Where each file begins among all of them.
    let at = 0;
    this.starts = files.map(({ file }) => (at += file.size) - file.size);
    this.sent = 0;
    this.state = "sending";
    this.problem = null;
    this.batch = null;
  }

  // Sends the files, again where that may help. Ends with the batch, or with a problem.
  async run() {
    const idempotencyKey = crypto.randomUUID?.() ?? `page-${Date.now()}-${Math.random()}`;
    for (let tries = 1; ; tries += 1) {
      const shown = key();
      try {
        this.#change("sending");
        this.batch = await this.#send(idempotencyKey);
        return this.#change("accepted");
      } catch (error) {
        if (this.#abort.signal.aborted) return this.#change("cancelled");
        if (error.status === 401) {
          await askForKey(shown);
        } else if (tries < TRIES_MAX && isPassing(error)) {
          this.problem = error;
          this.#change("waiting");
          await wait(Math.min(WAIT_SECONDS_MAX, error.retryAfter ?? 2 ** (tries - 1)), this.#abort.signal);
          if (this.#abort.signal.aborted) return this.#change("cancelled");
        } else {
          this.problem = error;
          return this.#change("failed");
        }
      }
    }
  }

  cancel() {
    this.#abort.abort();
  }

  // How much of a file has gone, from 0 to 1.
  share(index) {
    const { size } = this.files[index].file;
    const gone = this.sent - this.starts[index];
    return size === 0 ? Number(gone >= 0 && this.sent > 0) : Math.min(1, Math.max(0, gone / size));
  }

  // Bytes in a second, lately.
  get rate() {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    return first === last ? NaN : (1000 * (last.sent - first.sent)) / (last.at - first.at);
  }

  get secondsLeft() {
    return (this.bytes - this.sent) / this.rate;
  }

  #change(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }

  #send(idempotencyKey) {
    const form = new FormData();
    form.append("metadata", JSON.stringify({ title: titleOf(this.files) }));
    for (const { file, name } of this.files) form.append("files", file, name);
    const request = new XMLHttpRequest();
    this.#marks = [];
    this.#progress(0);
    return new Promise((resolve, reject) => {
      // What is sent besides the files is shared out evenly, which is near enough.
      request.upload.addEventListener("progress", ({ loaded, total }) =>
        this.#progress(total > 0 ? (this.bytes * loaded) / total : 0));
      request.upload.addEventListener("load", () => this.#progress(this.bytes));
      request.addEventListener("load", () => {
        if (request.status < 300) resolve(JSON.parse(request.responseText));
        else reject(problemOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      });
      request.addEventListener("error", () => reject(unreachable()));
      request.addEventListener("abort", () => reject(new Problem(0)));
      this.#abort.signal.addEventListener("abort", () => request.abort(), { once: true });
      request.open("POST", "/batches");
      const headers = { Accept: "application/json", "Idempotency-Key": idempotencyKey, ...keyHeaders() };
      Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
      request.send(form);
    });
  }

  #progress(sent) {
    const now = performance.now();
    this.sent = sent;
    this.#marks = [...this.#marks.filter(({ at }) => at > now - RATE_MS), { at: now, sent }];
    this.dispatchEvent(new Event("progress"));
  }
}

// By which a person finds the batch again.
function titleOf(files) {
  const others = files.length - 1;
  return files[0].name + (others ? ` and ${others} more` : "");
}

// Whether the same request may do better in a while: nobody answered, or the answer says when to come back.
function isPassing({ status, code, retryAfter }) {
  return code === "unreachable" || status === 408 || (retryAfter !== null && [409, 429, 503].includes(status));
}
