// Markdown as Consign writes it, as elements: headings, paragraphs, lists, tables, quotes, code. Nothing in a text becomes
// markup of the page: each mark that is known makes an element here, and all else stays text.

import { make } from "./dom.js";
import { inline } from "./inline.js";

// Deeper, what stands inside is shown as it is.
const DEPTH_MAX = 12;
// The window's own heading is of level 2.
const HEADING_LEVEL_MIN = 3;

const FENCE = /^\s{0,3}(`{3,}|~{3,})/;
const HEADING = /^#{1,6}\s+/;
const RULE = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/;
const QUOTE = /^\s{0,3}> ?/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(\s+|$)/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

export function render(text) {
  const fragment = document.createDocumentFragment();
  fragment.append(...new Blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0, { level: HEADING_LEVEL_MIN - 1 }).all());
  return fragment;
}

class Blocks {
  constructor(lines, depth, outline) {
    Object.assign(this, { lines, depth, outline, at: 0 });
  }

  get line() {
    return this.lines[this.at];
  }

  all() {
    if (this.depth > DEPTH_MAX) return [make("pre", {}, this.lines.join("\n"))];
    const blocks = [];
    while (this.at < this.lines.length) {
      if (this.line.trim() === "") this.at += 1;
      else blocks.push(this.#block());
    }
    return blocks;
  }

  #block() {
    const { line } = this;
    if (FENCE.test(line)) return this.#code();
    if (HEADING.test(line)) return this.#heading();
    if (RULE.test(line)) {
      this.at += 1;
      return make("hr");
    }
    if (QUOTE.test(line)) {
      const quoted = this.#while((it) => QUOTE.test(it)).map((it) => it.replace(QUOTE, ""));
      return make("blockquote", {}, this.#inside(quoted));
    }
    if (ITEM.test(line)) return this.#list();
    if (this.#isTable()) return this.#table();
    return this.#paragraph();
  }

  #inside(lines) {
    return new Blocks(lines, this.depth + 1, this.outline).all();
  }

  // The lines from here on of which something holds.
  #while(holds) {
    const begin = this.at;
    while (this.at < this.lines.length && holds(this.line)) this.at += 1;
    return this.lines.slice(begin, this.at);
  }

  #code() {
    const mark = FENCE.exec(this.line)[1];
    this.at += 1;
    const code = this.#while((line) => !line.trim().startsWith(mark));
    this.at += 1;
    return make("pre", {}, make("code", {}, code.join("\n")));
  }

  // No level is left out, so that a screen reader's outline has no gap.
  #heading() {
    const marks = /^#+/.exec(this.line)[0].length;
    this.outline.level = Math.min(6, this.outline.level + 1, HEADING_LEVEL_MIN - 1 + marks);
    const text = this.line.replace(HEADING, "").replace(/\s+#+\s*$/, "");
    this.at += 1;
    return make(`h${this.outline.level}`, {}, inline(text));
  }

  #list() {
    const [, { length: margin }, mark] = ITEM.exec(this.line);
    const isOrdered = /\d/.test(mark);
    const items = [];
    while (this.at < this.lines.length) {
      const found = ITEM.exec(this.line);
      if (!found || found[1].length > margin + 1 || /\d/.test(found[2]) !== isOrdered) break;
      if (found[1].length < margin) break;
      items.push(this.#item(found[0].length));
    }
    const start = isOrdered && parseInt(mark, 10) !== 1 ? parseInt(mark, 10) : false;
    return make(isOrdered ? "ol" : "ul", { start }, items);
  }

  // An item: its line, those that stand as far in, and blank ones between them.
  #item(width) {
    const lines = [this.line.slice(width)];
    this.at += 1;
    const isInside = (line) => line.slice(0, Math.min(width, 2)).trim() === "" && line.trim() !== "";
    while (this.at < this.lines.length) {
      const isBlank = this.line.trim() === "";
      if (isBlank ? !isInside(this.lines[this.at + 1] ?? "x") : !isInside(this.line)) break;
      lines.push(isBlank ? "" : this.line.replace(new RegExp(`^\\s{0,${width}}`), ""));
      this.at += 1;
    }
    while (this.at < this.lines.length && this.line.trim() === "" && ITEM.test(this.lines[this.at + 1] ?? "")) this.at += 1;
    const blocks = this.#inside(lines);
    // An item of one paragraph needs no more room than its line.
    const [only] = blocks;
    return make("li", {}, blocks.length === 1 && only.tagName === "P" ? [...only.childNodes] : blocks);
  }

  #isTable() {
    const next = this.lines[this.at + 1];
    return this.line.includes("|") && next !== undefined && next.includes("-") && TABLE_RULE.test(next);
  }

  #table() {
    const [head, , ...rows] = this.#while((line) => line.includes("|")).map(cells);
    return make("div", { class: "table" }, make("table", {},
      make("thead", {}, make("tr", {}, head.map((cell) => make("th", { scope: "col" }, inline(cell))))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell) => make("td", {}, inline(cell))))))));
  }

  #paragraph() {
    const first = this.at;
    const isOther = (line) => FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
    const lines = this.#while((line) => this.at === first || (line.trim() !== "" && !isOther(line) && !this.#isTable()));
    return make("p", {}, lines.flatMap((line, index) => [index > 0 && make("br"), ...inline(line.trim())]));
  }
}

// The cells of a row; a bar behind a backslash is none.
function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}
