// Files as people hand them over: chosen, dropped, pasted, alone or in folders. Each becomes `{file, name}`, with the
// folders that it stood in as part of its name.

import { make } from "./dom.js";

// The server's own bound on names; a longer path is cut to the file's own name.
const NAME_BYTES_MAX = 255;

const isHidden = (path) => path.split("/").some((part) => part.startsWith("."));

function named(file, path) {
  const name = new TextEncoder().encode(path).length > NAME_BYTES_MAX ? file.name : path;
  return { file, name };
}

// Files of a list. Of a folder's, the hidden ones are left out: nobody meant those.
export function ofList(files) {
  return [...files].map((file) => named(file, file.webkitRelativePath || file.name))
    .filter(({ file, name }) => !file.webkitRelativePath || !isHidden(name));
}

// Files of a drop or a paste. The entries have to be taken at once: the list is empty after the event.
export async function ofTransfer(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return ofList(transfer.files);
  const found = [];
  for (const entry of entries) await collect(entry, found, false);
  return found;
}

async function collect(entry, found, isInside) {
  const path = entry.fullPath.replace(/^\//, "");
  if (isInside && entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push(named(file, isInside ? path : file.name));
    return;
  }
  const reader = entry.createReader();
  // A reader gives a hundred entries at a time, and none at its end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const inner of some) await collect(inner, found, true);
  }
}

// A button's file picker.
export function choose(onFiles, isFolder) {
  const input = make("input", { type: "file", multiple: true, webkitdirectory: isFolder, hidden: true, class: isFolder ? "folder" : "files" });
  input.addEventListener("change", () => {
    const files = ofList(input.files);
    // The same files may be chosen again.
    input.value = "";
    onFiles(files);
  });
  return input;
}

// Takes what is dropped anywhere on the page, or pasted.
export function takeDrops(veil, onFiles) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && !document.querySelector("dialog[open]");
  let depth = 0;
  const enter = (by) => {
    depth = Math.max(0, depth + by);
    veil.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => hasFiles(event) && enter(1));
  addEventListener("dragleave", (event) => hasFiles(event) && enter(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    // A file that is dropped beside would take the place of the page.
    event.preventDefault();
    enter(-Infinity);
    if (hasFiles(event)) onFiles(await ofTransfer(event.dataTransfer));
  });
  addEventListener("paste", async (event) => {
    if (event.clipboardData.files.length) onFiles(await ofTransfer(event.clipboardData));
  });
}
