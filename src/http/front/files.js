// The files of a batch as the page keeps them: all of them, in the order of their indexes, and little of each.

import { read } from "./api.js";
import { visible } from "./format.js";

const ENDED = new Set(["succeeded", "failed", "rejected", "cancelled"]);

export const hasEnded = (state) => ENDED.has(state);

// What the list shows of a file; its own address has the rest.
function slim(file) {
  const { id, index, name, size, media_type: mediaType, state, attempts, error, result, links } = file;
  return {
    id, index, name: visible(name), size, mediaType, state, attempts,
    content: links.content, text: result?.text_url ?? null,
    code: error?.code ?? null, reason: error?.message ?? null,
    tokens: result?.tokens ?? null, pages: result?.pages ?? null,
    warnings: result?.warnings.length ?? 0, truncated: result?.truncated ?? false,
  };
}

export class Files {
  all = [];
  counts = {};
  isWhole = false;
  #late = [];

  // Reads all pages; `onPage` gets the batch with each of them.
  async load(batch, signal, onPage) {
    this.isWhole = false;
    this.#late = [];
    let next = `/batches/${batch}?limit=1000`;
    while (next) {
      const { files, ...status } = await read(next, { signal });
      for (const file of files) this.#put(slim(file));
      next = status.links.next;
      onPage(status);
    }
    this.isWhole = true;
    this.#late.splice(0).forEach((file) => this.put(file));
  }

  // Takes in what an event said of a file. A page that is still on its way may be older than the event.
  put(file) {
    if (!this.isWhole) {
      this.#late.push(file);
      return;
    }
    const known = this.all[file.index];
    // What is under way is told without an order; only a retry, which is `stored`, opens a file again.
    if (known && hasEnded(known.state) && !hasEnded(file.state) && file.state !== "stored") return;
    this.#put(slim(file));
  }

  #put(file) {
    const known = this.all[file.index];
    if (known) this.counts[known.state] -= 1;
    this.counts[file.state] = (this.counts[file.state] ?? 0) + 1;
    // The same object, since rows go by it.
    if (known) Object.assign(known, file);
    else this.all[file.index] = file;
  }

  count(...states) {
    return states.reduce((sum, state) => sum + (this.counts[state] ?? 0), 0);
  }

  // The files in one of these states, or in any, whose name has all these words.
  matching(states, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const isWanted = ({ state, name }) => {
      if (states && !states.includes(state)) return false;
      const lower = words.length ? name.toLowerCase() : "";
      return words.every((word) => lower.includes(word));
    };
    return this.all.filter(isWanted);
  }
}
