// Uploads under way, each a card: a bar for the batch, and on demand one for each file.

import { icon, bar, make, say, show } from "./dom.js";
import { bytes, count, duration, visible } from "./format.js";
import { announce } from "./notice.js";
import { Rows } from "./rows.js";
import { Upload } from "./upload.js";

export class Uploads {
  element = make("section", { class: "uploads", "aria-label": "Uploads", hidden: true });
  #running = new Set();

  // `onAccepted` is told of each batch that the server took.
  constructor(onAccepted) {
    this.onAccepted = onAccepted;
    addEventListener("beforeunload", (event) => this.#running.size && event.preventDefault());
  }

  // Sends files as one batch.
  send(files) {
    if (!files.length) return;
    const upload = new Upload(files);
    const card = new Card(upload, () => this.#close(card));
    this.element.prepend(card.element);
    show(this.element, true);
    this.#start(upload, card);
  }

  async #start(upload, card) {
    announce(`Sending ${count(upload.files.length, "file")}`);
    this.#running.add(upload);
    await upload.run();
    this.#running.delete(upload);
    if (upload.state === "accepted") {
      this.#close(card);
      announce(`${count(upload.files.length, "file")} safe on the server`);
      this.onAccepted(upload.batch);
    } else if (upload.state === "cancelled") {
      this.#close(card);
      announce("Upload cancelled");
    } else {
      card.offerAgain(() => {
        this.#close(card);
        this.send(upload.files);
      });
    }
  }

  #close(card) {
    card.close();
    show(this.element, this.element.childElementCount > 0);
  }
}

class Card {
  constructor(upload, onClose) {
    this.upload = upload;
    this.bar = bar(`Upload of ${count(upload.files.length, "file")}`);
    this.note = make("p", { class: "note", role: "status" });
    this.figures = make("p", { class: "figures" });
    this.stop = make("button", { type: "button", class: "quiet", onclick: () => upload.cancel() }, icon("cross"), "Cancel");
    this.actions = make("div", { class: "actions" }, this.stop);
    const box = make("div", { class: "box", tabindex: 0, role: "group", "aria-label": "Files of this upload" });
    this.rows = new Rows({ label: "Files of this upload", scroller: box, create: (index) => this.#file(index) });
    this.rows.items = upload.files.map((_, index) => index);
    box.append(this.rows.element);
    this.details = make("details", { open: true }, make("summary", {}, "File by file"), box);
    this.details.addEventListener("toggle", () => this.rows.redraw());
    this.element = make("article", { class: "card upload" },
      make("header", {},
        make("h2", {}, `Sending ${count(upload.files.length, "file")}`), this.actions),
      this.bar, this.figures, this.note, this.details);
    this.onClose = onClose;
    const update = () => this.#update();
    upload.addEventListener("progress", update);
    upload.addEventListener("change", update);
    this.#update();
  }

  #update() {
    const { upload } = this;
    const isWhole = upload.sent >= upload.bytes;
    // When all has gone, the server still makes it durable.
    this.bar.set(isWhole && upload.state === "sending" ? undefined : upload.bytes ? upload.sent / upload.bytes : 0);
    const rate = Number.isFinite(upload.rate) && !isWhole ? ` · ${bytes(upload.rate)}/s · ${duration(upload.secondsLeft)} left` : "";
    say(this.figures, `${bytes(upload.sent)} of ${bytes(upload.bytes)}${rate}`);
    const notes = {
      waiting: `${upload.problem?.message ?? ""} It is sent again by itself.`,
      failed: upload.problem?.message ?? "",
      sending: isWhole ? "All sent; the server is putting it on its disk." : "",
    };
    say(this.note, notes[upload.state] ?? "");
    this.note.classList.toggle("bad", upload.state === "failed");
    this.rows.redraw();
  }

  #file(index) {
    const { file, name: given } = this.upload.files[index];
    const name = visible(given);
    const progress = bar(name);
    const row = make("div", { class: "row sent" },
      make("span", { class: "name", "data-main": true, tabindex: -1, title: name }, name),
      make("span", { class: "size" }, bytes(file.size)), progress);
    return Object.assign(row, { update: () => progress.set(this.upload.share(index)) });
  }

  // After a failure: the way out, and the way on.
  offerAgain(again) {
    const { upload } = this;
    const refused = make("p", { class: "soft" }, "Nothing of it was kept.");
    this.note.after(refused);
    this.stop.replaceWith(
      make("button", { type: "button", onclick: again }, icon("retry"), "Send again"),
      make("button", { type: "button", class: "quiet", onclick: () => this.onClose() }, icon("cross"), "Close"));
    announce(`The upload failed. ${upload.problem.message}`);
  }

  close() {
    this.rows.close();
    this.element.remove();
  }
}
