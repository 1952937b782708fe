// The list of batches, newest first: filtered by the server, page by page, and kept up to date by events.

import { isAbort, read } from "./api.js";
import { bar, icon, make, say, show } from "./dom.js";
import { bytes, count, moment, number, stateWord, visible } from "./format.js";
import { complain } from "./notice.js";
import { Rows } from "./rows.js";

const FILTERS = [
  ["", "All"],
  ["state=processing", "Processing"],
  ["outcome=succeeded", "Succeeded"],
  ["outcome=partial", "In part"],
  ["outcome=failed", "Failed"],
  ["outcome=cancelled", "Cancelled"],
];

// Pages of 100 that one look goes through in search of enough to show; few may match a filter.
const PAGES_MAX = 20;

export class List {
  #batches = new Map();
  // What was told while a page is read, which may be older than that; null of a batch that is gone.
  #news = new Map();
  #next = null;
  #loading = null;
  #filter = "";
  #name = "";
  #due = false;

  constructor() {
    this.note = make("p", { class: "empty" });
    this.rows = new Rows({ label: "Batches", create: (batch) => new BatchRow(batch).element, onEnd: () => this.#more() });
    this.element = make("section", { class: "batches", "aria-labelledby": "batches-title" },
      make("header", { class: "bar-of-tools" },
        make("h2", { id: "batches-title" }, "Batches"),
        this.#search(),
        filters(FILTERS, "Which batches", (filter) => {
          this.#filter = filter;
          this.load();
        })),
      this.rows.element, this.note);
  }

  #search() {
    const field = make("input", { type: "search", id: "batch-search", autocomplete: "off", placeholder: "Find a file by name" });
    let typing;
    field.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        this.#name = field.value.trim();
        this.load();
      }, 250);
    });
    return make("div", { class: "search" }, make("label", { class: "unseen", for: "batch-search" }, "Find a file by name"), field);
  }

  // Reads the list from its beginning.
  load() {
    this.#loading?.abort();
    this.#batches.clear();
    this.#next = `/batches?limit=100${this.#filter && `&${this.#filter}`}${this.#name && `&name=${encodeURIComponent(this.#name)}`}`;
    this.#loading = null;
    this.rows.items = [];
    this.rows.draw();
    return this.#more();
  }

  async #more() {
    if (this.#loading || !this.#next) return;
    const loading = (this.#loading = new AbortController());
    say(this.note, "Reading…");
    try {
      for (let pages = 0, found = 0; this.#next && found < 50 && pages < PAGES_MAX; pages += 1) {
        this.#news.clear();
        const { batches, links } = await read(this.#next, { signal: loading.signal });
        for (const batch of batches) {
          const news = this.#news.get(batch.id);
          if (news !== null) this.#batches.set(batch.id, slim(news ?? batch));
        }
        found += batches.length;
        this.#next = links.next;
        this.#redraw();
      }
    } catch (error) {
      if (isAbort(error)) return;
      // It is read again when the connection is back.
      this.#next = null;
      complain(error.message);
    }
    this.#loading = null;
    this.#redraw();
  }

  // Draws with the next frame, however much has happened.
  #redraw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
    });
  }

  #draw() {
    // Ids begin with the time, so the newest are the greatest.
    const batches = [...this.#batches.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    this.rows.items = batches;
    this.rows.draw();
    const isFiltered = this.#filter || this.#name;
    const empty = isFiltered ? "No batch like that." : "No batches yet. What you send shows up here.";
    say(this.note, batches.length ? "" : this.#loading ? "Reading…" : empty);
    show(this.note, !batches.length);
  }

  // Takes in what happened.
  tell({ name, batch, file, change, ...status }) {
    if (name === "removed") {
      this.#batches.delete(batch);
      if (this.#loading) this.#news.set(batch, null);
    } else if (name === "batch") {
      if (this.#loading) this.#news.set(status.id, status);
      const known = this.#batches.get(status.id);
      if (known) Object.assign(known, slim(status));
      else if (change === "accepted" && !this.#name && ["", "state=processing"].includes(this.#filter)) this.#batches.set(status.id, slim(status));
    } else if (file?.error || file?.result || file?.state === "cancelled") {
      const known = this.#batches.get(batch);
      if (known?.state === "processing" && known.summary.pending > 0) {
        known.summary[file.state] += 1;
        known.summary.pending -= 1;
      }
    }
    this.#redraw();
  }
}

// What the list shows of a batch; the rest is not kept.
const slim = ({ id, state, outcome, created_at, metadata, summary, progress }) =>
  ({ id, state, outcome, created_at, ...headline(metadata), summary: { ...summary }, bytes: progress.bytes_total });

// What a client said of its batch, in a few words: its title, and whatever else is short.
export function headline(metadata) {
  const { title, ...others } = metadata ?? {};
  const words = Object.entries(others).filter(([, value]) => ["string", "number"].includes(typeof value));
  return {
    title: typeof title === "string" && title.trim() ? visible(title.slice(0, 300)) : null,
    about: words.slice(0, 2).map(([name, value]) => `${name}: ${value}`).join(" · ").slice(0, 120),
  };
}

// One of several, as buttons that stay pressed.
export function filters(choices, label, onChoice) {
  const group = make("div", { class: "chips", role: "group", "aria-label": label });
  const buttons = choices.map(([value, text]) => {
    const button = make("button", { type: "button", class: "chip", "aria-pressed": `${value === ""}`, "data-value": value }, text);
    button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", other === button));
      onChoice(value);
    });
    return button;
  });
  group.append(...buttons);
  return group;
}

const SIGNS = { processing: "clock", succeeded: "check", partial: "minus", failed: "alert", rejected: "alert", cancelled: "cross" };

export const sign = (state) =>
  make("span", { class: `sign ${state}` }, icon(SIGNS[state] ?? "clock"), make("span", { class: "unseen" }, stateWord(state)));

class BatchRow {
  constructor({ id, created_at: createdAt, title, about, summary }) {
    this.sign = make("span", { class: "sign-place" });
    this.outcome = make("span", { class: "outcome" });
    this.size = make("span", { class: "size" });
    this.bar = bar("Progress");
    const files = count(summary.total, "file");
    const words = [title && files, moment(createdAt), about].filter(Boolean).join(" · ");
    this.element = make("div", { class: "row batch" },
      this.sign,
      make("a", { class: "main", href: `/batches/${id}`, "data-route": true, "data-main": true },
        make("span", { class: "name" }, title ?? files), make("span", { class: "sub" }, words)),
      this.outcome, this.size, this.bar, make("span", { class: "chevron" }, icon("forward")));
    this.element.update = (batch) => this.#update(batch);
  }

  #update({ state, outcome, summary, bytes: size }) {
    const word = outcome ?? state;
    if (this.word !== word) this.sign.replaceChildren(sign(word));
    this.word = word;
    say(this.outcome, state === "processing"
      ? `${number(summary.total - summary.pending)} of ${number(summary.total)} done`
      : ended(summary));
    say(this.size, bytes(size));
    show(this.bar, state === "processing");
    this.bar.set((summary.total - summary.pending) / Math.max(1, summary.total));
  }
}

// `48 succeeded, 2 failed`
export function ended(summary) {
  const words = ["succeeded", "failed", "rejected", "cancelled"].filter((word) => summary[word] > 0);
  return words.map((word) => `${number(summary[word])} ${word}`).join(", ");
}
