// A file of a batch as a row: how it stands, what came of it, and what can be done with it.

import { act } from "./api.js";
import { bar, icon, make, say, show } from "./dom.js";
import { hasEnded } from "./files.js";
import { bytes, count, stateWord } from "./format.js";
import { sign } from "./list.js";
import { attempt } from "./notice.js";
import { saveContent, saveText } from "./save.js";

// How far a file has come while nobody can say it in bytes.
const SHARES = { stored: 0, verified: 0.3, retrying: 0.6 };

export class FileRow {
  constructor(file, { batch, onOpen }) {
    this.sign = make("span", { class: "sign-place" });
    this.sub = make("span", { class: "sub" });
    this.size = make("span", { class: "size" });
    this.bar = bar(`Progress of ${file.name}`);
    this.retry = button("retry", "Retry", file, (it) => attempt(it, () => act(`/batches/${batch}/retry?file=${file.id}`)));
    this.text = button("down", "", file, (it) => attempt(it, () => saveText(file)), "Save the text of");
    this.content = button("file", "", file, (it) => attempt(it, () => saveContent(file)), "Save the original of");
    const open = make("button", { type: "button", class: "main", "data-main": true, onclick: () => onOpen(file) },
      make("span", { class: "name", title: file.name }, file.name), this.sub);
    this.element = make("div", { class: "row file" },
      this.sign, open, this.size,
      make("span", { class: "row-actions" }, this.retry, this.text, this.content), this.bar);
    this.element.update = () => this.#update(file);
  }

  #update(file) {
    const { state } = file;
    if (this.state !== state) {
      this.sign.replaceChildren(sign(state));
      this.element.dataset.state = state;
    }
    this.state = state;
    say(this.sub, described(file));
    say(this.size, bytes(file.size));
    show(this.bar, !hasEnded(state));
    this.bar.set(SHARES[state]);
    show(this.retry, state === "failed");
    show(this.text, Boolean(file.text));
    show(this.content, Boolean(file.content));
  }
}

function button(shape, text, file, onClick, label = text) {
  const element = make("button", { type: "button", class: text ? "" : "quiet round", "aria-label": `${label} ${file.name}`, title: label }, icon(shape), text);
  element.addEventListener("click", () => onClick(element));
  return element;
}

function described({ state, reason, tokens, pages, warnings, truncated, attempts }) {
  if (reason) return reason;
  if (state !== "succeeded") return stateWord(state) + (attempts > 1 ? `, attempt ${attempts}` : "");
  const parts = [
    count(tokens, "token"),
    pages !== null && count(pages, "page"),
    truncated && "cut at a limit",
    warnings > 0 && count(warnings, "warning"),
  ];
  return parts.filter(Boolean).join(" · ");
}
