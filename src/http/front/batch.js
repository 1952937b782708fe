// One batch: how far it has come, what became of each file, and what can be done about it.

import { act, isAbort } from "./api.js";
import { bar, icon, make, say, show } from "./dom.js";
import { FileRow } from "./file-row.js";
import { Files } from "./files.js";
import { bytes, count, duration, moment, number, stateWord } from "./format.js";
import { ended, filters, headline, sign } from "./list.js";
import { announce, attempt, complain, confirm } from "./notice.js";
import { Rows } from "./rows.js";
import { saveLines, saveTexts } from "./save.js";
import { openFile } from "./text.js";

const PENDING = ["stored", "verified", "processing", "retrying"];
const CHOICES = [["", "All"], ["succeeded", "Succeeded"], ["failed", "Failed"], ["rejected", "Rejected"], ["cancelled", "Cancelled"], ["pending", "Pending"]];
// The time left follows from the files that ended in the last seconds.
const RATE_MS = 10_000;

export class Batch {
  #files = new Files();
  #abort = new AbortController();
  #status = null;
  // What was told of the batch while its pages are read, each of which may be older than that.
  #news = {};
  #states = null;
  #words = "";
  #marks = [];
  #due = false;

  constructor(id, { onGone }) {
    Object.assign(this, { id, onGone });
    this.rows = new Rows({
      label: "Files",
      create: (file) => new FileRow(file, { batch: id, onOpen: () => this.#open(file) }).element,
    });
    this.element = make("section", { class: "one-batch", "aria-labelledby": "batch-title" }, this.#head(), this.#tools(), this.rows.element,
      (this.note = make("p", { class: "empty" }, "Reading…")));
  }

  #head() {
    this.title = make("h1", { id: "batch-title" }, "Batch");
    this.sign = make("span", { class: "sign-place" });
    this.when = make("p", { class: "soft" });
    this.bar = bar("Progress of the batch");
    this.figures = make("p", { class: "figures", role: "status" });
    this.retry = make("button", { type: "button", class: "strong", hidden: true }, icon("retry"), make("span", {}, "Retry failed"));
    this.cancel = make("button", { type: "button", hidden: true }, icon("stop"), "Cancel");
    this.texts = make("button", { type: "button", hidden: true }, icon("down"), "All texts (ZIP)");
    this.lines = make("button", { type: "button", hidden: true }, icon("down"), "Results (NDJSON)");
    this.remove = make("button", { type: "button", class: "quiet danger" }, icon("trash"), "Delete");
    this.#act(this.retry, () => act(`/batches/${this.id}/retry`));
    this.#act(this.cancel, () => act(`/batches/${this.id}/cancel`));
    this.#act(this.texts, (tell) => saveTexts(this.id, tell), "All texts (ZIP)");
    this.#act(this.lines, () => saveLines(this.id));
    this.#act(this.remove, () => this.#remove());
    return make("header", { class: "card head" },
      make("p", { class: "back" }, make("a", { href: "/", "data-route": true }, icon("back"), "All batches")),
      make("div", { class: "title" }, this.sign, make("div", {}, this.title, this.when)),
      this.bar, this.figures,
      make("div", { class: "actions" }, this.retry, this.cancel, this.texts, this.lines, this.remove));
  }

  #act(button, action, name) {
    const tell = (text) => button.lastChild.replaceWith(text);
    button.addEventListener("click", () => attempt(button, () => action(tell)).finally(() => name && tell(name)));
  }

  #tools() {
    const field = make("input", { type: "search", id: "file-search", autocomplete: "off", placeholder: "Find by name" });
    field.addEventListener("input", () => {
      this.#words = field.value;
      this.#filter();
    });
    this.chips = filters(CHOICES, "Which files", (state) => {
      this.#states = state === "" ? null : state === "pending" ? PENDING : [state];
      this.#filter();
    });
    return make("div", { class: "bar-of-tools" },
      make("div", { class: "search" }, make("label", { class: "unseen", for: "file-search" }, "Find a file by name"), field), this.chips);
  }

  async load() {
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    this.#news = {};
    try {
      await this.#files.load(this.id, signal, (status) => {
        this.#status = { ...status, ...this.#news };
        this.#redraw();
      });
      this.#redraw();
    } catch (error) {
      if (isAbort(error)) return;
      if (error.status === 404) return this.#lost("There is no such batch, or it is not yours.");
      complain(error.message);
    }
  }

  // Takes in what happened.
  tell({ name, batch, file, change, ...status }) {
    if (name === "file" && batch === this.id) this.#files.put(file);
    else if (name === "batch" && status.id === this.id) this.#took(change, status);
    else if (name === "removed" && batch === this.id) return this.#lost("This batch has been deleted.");
    else return;
    this.#redraw();
  }

  #took(change, status) {
    this.#news = status;
    this.#status = { ...this.#status, ...status };
    if (change === "completed") announce(`Batch completed: ${ended(status.summary)}`);
  }

  // Draws with the next frame, however much has happened.
  #redraw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      if (!this.#status) return;
      this.#drawHead();
      this.#filter();
    });
  }

  // As the files are counted here once all are known; before that, as the server counted them.
  #summary() {
    const files = this.#files;
    if (!files.isWhole) return this.#status.summary;
    const [succeeded, failed, rejected, cancelled] = ["succeeded", "failed", "rejected", "cancelled"].map((state) => files.count(state));
    return { total: files.all.length, succeeded, failed, rejected, cancelled, pending: files.count(...PENDING) };
  }

  #drawHead() {
    const { state, outcome, created_at: createdAt, finished_at: finishedAt, progress } = this.#status;
    const summary = this.#summary();
    const isOpen = state === "processing";
    const word = outcome ?? state;
    if (this.word !== word) this.sign.replaceChildren(sign(word));
    this.word = word;
    const done = summary.total - summary.pending;
    const { title, about } = headline(this.#status.metadata);
    const files = count(summary.total, "file");
    say(this.title, title ?? files);
    document.title = `${isOpen ? `${number(done)} of ` : ""}${files} · Consign`;
    const end = isOpen ? [] : [stateWord(word).toLowerCase(), took(createdAt, finishedAt)];
    say(this.when, [title && files, moment(createdAt), bytes(progress.bytes_total), ...end, about].filter(Boolean).join(" · "));
    this.bar.set(done / Math.max(1, summary.total));
    say(this.figures, isOpen ? `${number(done)} of ${number(summary.total)} done${this.#left(done, summary.pending)}` : ended(summary));
    show(this.retry, summary.failed > 0);
    say(this.retry.lastChild, `Retry ${number(summary.failed)} failed`);
    show(this.cancel, isOpen);
    show(this.texts, summary.succeeded > 0);
    show(this.lines, done > 0);
    for (const chip of this.chips.children) {
      const { value } = chip.dataset;
      const of = value === "" ? summary.total : summary[value];
      show(chip, value === "" || of > 0 || chip.getAttribute("aria-pressed") === "true");
      say(chip, `${CHOICES.find(([choice]) => choice === value)[1]} ${number(of)}`);
    }
  }

  #left(done, pending) {
    const now = performance.now();
    this.#marks = [...this.#marks.filter(({ at }) => at > now - RATE_MS), { at: now, done }].slice(-200);
    const first = this.#marks[0];
    const rate = (1000 * (done - first.done)) / (now - first.at);
    return rate > 0 && pending > 0 ? ` · ${duration(pending / rate)} left` : "";
  }

  #filter() {
    const files = this.#files.matching(this.#states, this.#words);
    this.rows.items = files;
    this.rows.draw();
    say(this.note, this.#files.isWhole ? "No file like that." : "Reading…");
    show(this.note, !files.length);
  }

  #open(file) {
    openFile(this.id, file, { onRetry: () => act(`/batches/${this.id}/retry?file=${file.id}`) });
  }

  async #remove() {
    const isWanted = await confirm({
      title: "Delete this batch?",
      text: `Its ${count(this.#summary().total, "file")}, their texts and all that is known of them are removed from the server. What is under way is cancelled.`,
      yes: "Delete",
    });
    if (!isWanted) return;
    await act(`/batches/${this.id}`, "DELETE");
    announce("Batch deleted");
    this.onGone();
  }

  #lost(text) {
    this.close();
    this.element.replaceChildren(make("div", { class: "card head" },
      make("p", { class: "back" }, make("a", { href: "/", "data-route": true }, icon("back"), "All batches")),
      make("h1", { id: "batch-title" }, "Nothing here"), make("p", { class: "soft" }, text)));
  }

  close() {
    this.#abort.abort();
    this.rows.close();
  }
}

function took(createdAt, finishedAt) {
  return finishedAt ? `took ${duration((new Date(finishedAt) - new Date(createdAt)) / 1000)}` : "";
}
