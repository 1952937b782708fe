// Elements. Whatever comes from outside becomes a text node or an attribute's value, never markup.

const SVG = "http://www.w3.org/2000/svg";

// An element: `make("button", {class: "quiet", onclick: act}, "Retry")`. Attributes and children that are false or missing
// are left out.
export function make(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

// The same, of a drawing.
export function draw(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

const isThere = (value) => value !== undefined && value !== null && value !== false;

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (isThere(value)) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter(isThere));
  return element;
}

// Changes a text only when it is another, so that a screen reader is not told twice and nothing is laid out in vain.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Shows or hides.
export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

const SHAPES = {
  alert: "M12 8v5m0 3.5v.01M12 3.5 21 19H3z",
  back: "M15 6l-6 6 6 6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  clock: "M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 .01 0z",
  copy: "M9 9h10v11H9zM5 15V4h10",
  cross: "M6.5 6.5l11 11m0-11l-11 11",
  down: "M12 4v11m-5-5l5 5 5-5M5 20h14",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  folder: "M3 6h6l2 2h10v11H3z",
  forward: "M9 6l6 6-6 6",
  minus: "M6 12h12",
  retry: "M19 12a7 7 0 1 1-2-5m2-3v4h-4",
  stop: "M7 7h10v10H7z",
  trash: "M4 7h16M9 7V4h6v3m-8 0l1 13h8l1-13",
  up: "M12 16V4m-5 5l5-5 5 5M5 20h14",
};

// A drawing beside words; alone it says nothing.
export function icon(name) {
  return draw("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, draw("path", { d: SHAPES[name] }));
}

// A bar of progress, from 0 to 1; without a number it only shows that something is being done.
export function bar(label) {
  const inner = make("i");
  const outer = make("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, inner);
  return Object.assign(outer, {
    set(share) {
      outer.classList.toggle("endless", share === undefined);
      if (share === undefined) return outer.removeAttribute("aria-valuenow");
      const percent = Math.floor(100 * Math.min(1, Math.max(0, share)));
      if (outer.getAttribute("aria-valuenow") !== `${percent}`) outer.setAttribute("aria-valuenow", percent);
      inner.style.transform = `scaleX(${Math.min(1, Math.max(0, share))})`;
    },
  });
}
