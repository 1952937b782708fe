// Ties the page together: which view an address has, where files come from, and who is told what happens.

import { Batch } from "./batch.js";
import { icon, make, say, show } from "./dom.js";
import { Events } from "./events.js";
import { Health } from "./health.js";
import { forgetKey, key } from "./key.js";
import { List } from "./list.js";
import { complain } from "./notice.js";
import { choose, takeDrops } from "./pick.js";
import { Uploads } from "./uploads.js";

const main = document.getElementById("main");
const place = make("div", { class: "view" });
const list = new List();
const uploads = new Uploads(onAccepted);
const home = [welcome(), list.element];
let batch = null;
let homeScroll = 0;
let isBegun = false;

// Where files are handed over.
function welcome() {
  const send = (files) => uploads.send(files);
  const [files, folder] = [choose(send, false), choose(send, true)];
  return make("section", { class: "welcome", "aria-labelledby": "welcome-title" },
    icon("up"),
    make("h1", { id: "welcome-title" }, "Drop files or folders here"),
    make("p", { class: "soft" }, "They are safe on the server’s disk before it says so, and each comes to a definite end: its text, or a reason."),
    make("div", { class: "actions" },
      make("button", { type: "button", class: "strong", onclick: () => files.click() }, icon("file"), "Choose files"),
      make("button", { type: "button", onclick: () => folder.click() }, icon("folder"), "Choose a folder"),
      files, folder));
}

// Shows what the address names.
function showAddress() {
  const [, id] = /^\/batches\/([^/]+)\/?$/.exec(location.pathname) ?? [];
  if (place.hasChildNodes() && batch?.id === id) return;
  if (!batch) homeScroll = scrollY;
  batch?.close();
  batch = id ? new Batch(id, { onGone: () => go("/") }) : null;
  place.replaceChildren(...(batch ? [batch.element] : home));
  if (batch) {
    if (isBegun) batch.load();
    scrollTo(0, 0);
  } else {
    document.title = "Consign";
    list.rows.redraw();
    requestAnimationFrame(() => scrollTo(0, homeScroll));
  }
}

function go(path) {
  if (path !== location.pathname) history.pushState(null, "", path);
  showAddress();
  main.focus({ preventScroll: true });
}

// Who waits beside the upload is taken to the batch; who looks at something else is left there.
function onAccepted({ id }) {
  if (location.pathname === "/") go(`/batches/${id}`);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-route]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.pathname);
});
addEventListener("popstate", showAddress);
history.scrollRestoration = "manual";

takeDrops(document.getElementById("drop"), (files) => {
  if (files.length) uploads.send(files);
  else complain("There is no file in that.");
});

const forget = document.getElementById("forget");
forget.addEventListener("click", forgetKey);
show(forget, key() !== null);

const connection = document.getElementById("connection");
const WORDS = { live: "", broken: "Connection lost; trying again…" };
const events = new Events();
events.addEventListener("state", ({ detail }) => detail in WORDS && say(connection, WORDS[detail]));
events.addEventListener("told", ({ detail }) => {
  list.tell(detail);
  batch?.tell(detail);
});
// From here on nothing is missed; what was before has to be read. Where no stream can be had, it is read all the same.
function load() {
  clearTimeout(patience);
  isBegun = true;
  list.load();
  batch?.load();
}
events.addEventListener("fresh", load);
const patience = setTimeout(load, 1500);

main.append(uploads.element, place);
showAddress();
new Health(document.getElementById("health")).run();
events.run();
