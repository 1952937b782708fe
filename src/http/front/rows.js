// A list of any length: only the rows that can be seen are there. Rows are as high as the style's `--row` says, the list is
// as high as all of them together, and the page, or a box that scrolls, moves past it.

import { make } from "./dom.js";

// Rows beyond the edges, so that a quick scroll or the next Tab finds them.
const SPARE = 6;

export class Rows {
  #items = [];
  #rows = new Map();
  #due = false;
  #height = 0;

  // `create(item)` gives an element with `update(item, index)`; what moves the keyboard is its `[data-main]`. `onEnd` is
  // called when the last rows come into sight.
  constructor({ label, create, scroller = null, onEnd = () => {} }) {
    Object.assign(this, { create, scroller, onEnd });
    this.element = make("div", { class: "rows", role: "list", "aria-label": label });
    this.element.addEventListener("keydown", (event) => this.#move(event));
    const redraw = () => this.redraw();
    (scroller ?? window).addEventListener("scroll", redraw, { passive: true });
    addEventListener("resize", redraw);
    this.close = () => {
      (scroller ?? window).removeEventListener("scroll", redraw);
      removeEventListener("resize", redraw);
    };
  }

  // What is listed from now on; it is shown by the next drawing.
  set items(items) {
    this.#items = items;
  }

  get items() {
    return this.#items;
  }

  // Draws with the next frame, however often it is asked.
  redraw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.draw();
    });
  }

  // Draws at once.
  draw() {
    const { element } = this;
    if (!element.isConnected) return;
    const count = this.#items.length;
    this.#height = parseFloat(getComputedStyle(element).getPropertyValue("--row"));
    element.style.height = `${count * this.#height}px`;
    const top = element.getBoundingClientRect().top;
    const clip = this.scroller?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight };
    const first = Math.max(0, Math.floor((clip.top - top) / this.#height) - SPARE);
    const last = Math.min(count, Math.ceil((clip.bottom - top) / this.#height) + SPARE);
    const wanted = new Map();
    for (let index = first; index < last; index += 1) wanted.set(this.#items[index], index);
    for (const [item, row] of this.#rows) {
      if (wanted.has(item)) continue;
      // The row that has the keyboard stays, wherever it is, as long as it is one of the list.
      const held = row.contains(document.activeElement) ? this.#items.indexOf(item) : -1;
      if (held >= 0) {
        wanted.set(item, held);
      } else {
        row.remove();
        this.#rows.delete(item);
      }
    }
    const rows = [...wanted].map(([item, index]) => this.#row(item, index)).sort((a, b) => a.index - b.index);
    // In the order of the list, since Tab and screen readers go by that; one that stands where it should is not moved.
    let place = element.firstChild;
    for (const row of rows) {
      if (place === row) place = row.nextSibling;
      else element.insertBefore(row, place);
    }
    if (last === count) this.onEnd();
  }

  #row(item, index) {
    let row = this.#rows.get(item);
    if (!row) {
      row = this.create(item);
      row.setAttribute("role", "listitem");
      this.#rows.set(item, row);
    }
    row.index = index;
    row.setAttribute("aria-posinset", index + 1);
    row.setAttribute("aria-setsize", this.#items.length);
    row.style.transform = `translateY(${index * this.#height}px)`;
    row.update(item, index);
    return row;
  }

  // Arrows, Page Up and Down, Home and End go from row to row.
  #move(event) {
    const row = event.target.closest?.("[role=listitem]");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((this.scroller?.clientHeight ?? innerHeight) / this.#height) - 2);
    const last = this.#items.length - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.focus(Math.min(last, Math.max(0, row.index + steps[event.key])));
  }

  // Brings a row into sight and gives it the keyboard.
  focus(index) {
    const { element, scroller } = this;
    const item = this.#items[index];
    const clip = scroller?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight };
    const top = element.getBoundingClientRect().top + index * this.#height;
    const under = top + this.#height - clip.bottom;
    const by = top < clip.top ? top - clip.top - 8 : under > 0 ? under + 8 : 0;
    (scroller ?? window).scrollBy(0, by);
    this.draw();
    const row = this.#rows.get(item);
    (row?.querySelector("[data-main]") ?? row)?.focus({ preventScroll: true });
  }
}
