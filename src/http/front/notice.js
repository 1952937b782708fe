// What the page says of itself: troubles that stay until they are read, news for a screen reader, and questions.

import { icon, make, say } from "./dom.js";

const NOTICES_MAX = 4;

// Tells of a trouble, in sight.
export function complain(text) {
  const notices = document.getElementById("notices");
  const notice = make("div", { class: "notice" }, icon("alert"), make("p", {}, text),
    make("button", { class: "quiet", type: "button", "aria-label": "Close this message", onclick: () => notice.remove() }, icon("cross")));
  notices.append(notice);
  while (notices.children.length > NOTICES_MAX) notices.firstChild.remove();
}

// Says something to a screen reader.
export const announce = (text) => say(document.getElementById("said"), text);

// Does something for a button, which waits for its end; what goes wrong is told.
export async function attempt(button, action) {
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  try {
    return await action();
  } catch (error) {
    complain(error.message);
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

// Asks whether something that cannot be taken back is to be done.
export function confirm({ title, text, yes }) {
  return new Promise((resolve) => {
    const dialog = make("dialog", { class: "small", "aria-labelledby": "confirm-title" },
      make("form", { class: "stack", method: "dialog" },
        make("h2", { id: "confirm-title" }, title),
        make("p", { class: "soft" }, text),
        make("div", { class: "actions" },
          make("button", { type: "submit", value: "no", autofocus: true }, "Keep"),
          make("button", { class: "danger", type: "submit", value: "yes" }, yes))));
    // The form has no address; the dialog closes with the button's word.
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      dialog.close(event.submitter.value);
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
