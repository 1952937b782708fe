// A file in a window of its own: its text, rendered and raw, what is known of it, or why there is none. A long text is read
// piece by piece.

import { call, isAbort, read } from "./api.js";
import { icon, make, show } from "./dom.js";
import { bytes, count, number, stateWord } from "./format.js";
import { sign } from "./list.js";
import { render } from "./markdown.js";
import { announce, attempt, complain } from "./notice.js";
import { saveContent, saveText } from "./save.js";

const PIECE_BYTES = 256 * 1024;

// What is text already has no Markdown of ours in it.
const isPlain = (mediaType) => /^text\/(?!markdown|html)|json|xml|yaml|toml|javascript/.test(mediaType ?? "");

export function openFile(batch, file, { onRetry }) {
  const abort = new AbortController();
  const body = make("div", { class: "file-body" });
  const facts = make("dl", { class: "facts" });
  const close = make("button", { type: "button", class: "quiet round", "aria-label": "Close", onclick: () => dialog.close() }, icon("cross"));
  const dialog = make("dialog", { class: "file-window", "aria-labelledby": "file-title" },
    make("header", {}, sign(file.state), make("h2", { id: "file-title", title: file.name }, file.name), close),
    facts, body);
  dialog.addEventListener("close", () => {
    abort.abort();
    dialog.remove();
  });
  // A click beside it closes it.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  fill({ batch, file, facts, body, signal: abort.signal, onRetry, close: () => dialog.close() })
    .catch((error) => isAbort(error) || complain(error.message));
}

async function fill({ batch, file, facts, body, signal, onRetry, close }) {
  const status = await read(`/batches/${batch}/files/${file.id}`, { signal });
  facts.append(...factsOf(status));
  const original = status.links.content && make("button", { type: "button" }, icon("file"), "Save the original");
  original?.addEventListener("click", () => attempt(original, () => saveContent(file)));
  if (!status.result) {
    const retry = status.state === "failed" && make("button", { type: "button", class: "strong" }, icon("retry"), "Retry");
    retry && retry.addEventListener("click", () => attempt(retry, onRetry).then(close));
    body.append(make("div", { class: "reason" },
      make("p", { class: "large" }, status.error?.message ?? `${stateWord(status.state)}: there is no text yet.`),
      status.error && make("p", { class: "soft" }, make("code", {}, status.error.code), status.error.retryable ? " · another attempt may end better" : ""),
      make("div", { class: "actions" }, retry, original)));
    return;
  }
  const warnings = status.result.warnings.map((warning) => make("li", {}, warning));
  if (warnings.length) body.append(make("ul", { class: "warnings", "aria-label": "Warnings" }, warnings));
  const text = new Text(status.result.text_url, isPlain(status.media_type), signal);
  // Browsers let nobody copy on a page that came neither encrypted nor from the reader's own machine.
  const copy = navigator.clipboard && make("button", { type: "button" }, icon("copy"), "Copy");
  const saved = make("button", { type: "button" }, icon("down"), "Save the text");
  copy?.addEventListener("click", () => attempt(copy, () => text.copy()));
  saved.addEventListener("click", () => attempt(saved, () => saveText({ ...file, text: status.result.text_url })));
  body.append(make("div", { class: "bar-of-tools" }, text.choice, make("div", { class: "actions" }, copy, saved, original)), text.element);
  await text.more();
}

function factsOf({ size, media_type: mediaType, attempts, retries, timings, result }) {
  const { title, author, created, language } = result?.metadata ?? {};
  const facts = [
    ["Tokens", result && `${number(result.tokens)} (${result.tokenizer})`],
    ["Characters", result && number(result.chars)],
    ["Pages", result?.pages && number(result.pages)],
    ["Size", bytes(size)],
    ["Type", mediaType],
    ["Language", language],
    ["Title", title],
    ["Author", author],
    ["Written", created],
    ["Read by", result?.engine],
    ["Reading", timings.process_ms !== null && `${number(timings.process_ms)} ms`],
    ["Attempts", attempts > 1 && number(attempts)],
    ["Retried", retries > 0 && count(retries, "time")],
  ];
  return facts.filter(([, value]) => value).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

class Text {
  #rest = "";
  #at = 0;

  constructor(path, isRaw, signal) {
    Object.assign(this, { path, signal });
    this.rendered = make("div", { class: "rendered" });
    this.raw = make("pre", { class: "raw" });
    this.onward = make("button", { type: "button", hidden: true, onclick: () => attempt(this.onward, () => this.more()) }, "Show more");
    this.element = make("div", { class: "text", tabindex: 0, role: "region", "aria-label": "Text" }, this.rendered, this.raw, this.onward);
    this.choice = make("div", { class: "chips", role: "group", "aria-label": "Form of the text" },
      [["Rendered", false], ["Raw", true]].map(([word, raw]) => make("button", { type: "button", class: "chip", onclick: () => this.#choose(raw) }, word)));
    this.#choose(isRaw);
  }

  #choose(isRaw) {
    show(this.rendered, !isRaw);
    show(this.raw, isRaw);
    [...this.choice.children].forEach((button, index) => button.setAttribute("aria-pressed", Boolean(index) === isRaw));
  }

  // Reads the next piece. What stands behind its last line goes with the one after it.
  async more() {
    const headers = { Accept: "text/plain", Range: `bytes=${this.#at}-${this.#at + PIECE_BYTES - 1}` };
    const answer = await call(this.path, { headers, signal: this.signal });
    const piece = new Uint8Array(await answer.arrayBuffer());
    const total = answer.status === 206 ? Number(answer.headers.get("Content-Range").split("/")[1]) : piece.length;
    const isLast = this.#at + piece.length >= total;
    const length = isLast ? piece.length : wholeLength(piece);
    this.#at += length;
    const text = new TextDecoder().decode(piece.subarray(0, length));
    if (total === 0) this.rendered.append(make("p", { class: "soft" }, "There is no text in this file."));
    this.raw.append(text);
    const together = this.#rest + text;
    const cut = isLast ? together.length : Math.max(together.lastIndexOf("\n\n"), 0) || together.length;
    this.#rest = together.slice(cut);
    this.rendered.append(render(together.slice(0, cut)));
    show(this.onward, !isLast);
  }

  async copy() {
    const whole = await (await call(this.path, { headers: { Accept: "text/plain" }, signal: this.signal })).text();
    await navigator.clipboard.writeText(whole);
    announce("Text copied");
  }
}

// How much of a piece ends with a whole line, or at least with a whole character.
function wholeLength(piece) {
  const line = piece.lastIndexOf(10);
  if (line >= 0) return line + 1;
  let end = piece.length;
  while (end > 1 && (piece[end - 1] & 0xc0) === 0x80) end -= 1;
  return end - 1;
}
