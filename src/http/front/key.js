// The reader's key: asked for when the server wants one, kept for as long as the tab is open, and sent with each request.

import { make, show } from "./dom.js";

const PLACE = "consign.key";

let asked = null;

export const key = () => sessionStorage.getItem(PLACE);

export function keyHeaders() {
  return key() ? { Authorization: `Bearer ${key()}` } : {};
}

// Forgets the key, and everything that was read with it.
export function forgetKey() {
  sessionStorage.removeItem(PLACE);
  location.assign("/");
}

// Asks for a key, once for all who need one; `refused` is the key that was not let in.
export function askForKey(refused) {
  // Another request may have brought a new one meanwhile.
  if (key() !== refused) return Promise.resolve();
  asked ??= new Promise((resolve) => open(refused, resolve)).finally(() => (asked = null));
  return asked;
}

function open(refused, resolve) {
  const field = make("input", {
    id: "key", name: "key", type: "password", required: true, pattern: "[!-~]+", title: "Letters, digits and signs, without spaces", autocomplete: "current-password", spellcheck: "false",
    "aria-describedby": "key-note",
  });
  const form = make("form", { class: "stack", method: "dialog" },
    make("h2", { id: "key-title" }, "This server asks for a key"),
    make("p", { id: "key-note", class: refused ? "bad" : "soft" }, refused
      ? "That key is not known here. Check it, and enter it again."
      : "It is kept in this tab until you close it. Whoever runs the server makes one with “consign key new”."),
    make("label", { for: "key" }, "Key"),
    field,
    make("div", { class: "actions" }, make("button", { class: "strong", type: "submit" }, "Go on")));
  const dialog = make("dialog", { class: "small", "aria-labelledby": "key-title" }, form);
  // Without a key there is nothing to go back to.
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(PLACE, field.value.trim());
    show(document.getElementById("forget"), true);
    dialog.close();
    dialog.remove();
    resolve();
  });
  document.body.append(dialog);
  dialog.showModal();
}
