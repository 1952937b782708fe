// What the reader takes away: one text, one original, or all texts at once.

import { call } from "./api.js";
import { make } from "./dom.js";
import { key } from "./key.js";
import { Zip, safePath } from "./zip.js";

function offer(address, name) {
  make("a", { href: address, download: name }).click();
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  offer(address, name);
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

const lastPart = (name) => safePath(name).split("/").pop();

// The name of a file's text: what is text already keeps its own.
export const textName = ({ name, mediaType }) => (/^text\/(?!html)/.test(mediaType ?? "") ? name : `${name}.md`);

export async function saveText(file) {
  save(await (await call(file.text, { headers: { Accept: "text/plain" } })).blob(), lastPart(textName(file)));
}

// Without a key the browser can fetch it itself, however large it is.
export async function saveContent(file) {
  if (key()) save(await (await call(file.content)).blob(), lastPart(file.name));
  else offer(file.content, lastPart(file.name));
}

// All that there is of the results, as the API gives it.
export async function saveLines(batch) {
  if (key()) save(await (await call(`/batches/${batch}/results`)).blob(), `${batch}.ndjson`);
  else offer(`/batches/${batch}/results`, `${batch}.ndjson`);
}

// All texts, each a file of its own. They are packed as they come; `tell` says how many there are so far.
export async function saveTexts(batch, tell) {
  const answer = await call(`/batches/${batch}/results`);
  const zip = new Zip();
  for await (const line of linesOf(answer.body)) {
    const file = JSON.parse(line);
    if (typeof file.text !== "string") continue;
    await zip.add(textName({ name: file.name, mediaType: file.media_type }), file.text);
    tell(`${zip.count} packed`);
  }
  save(zip.finish(), `texts-${batch.slice(0, 13)}.zip`);
}

async function* linesOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  // A text may be large: its pieces are put together once.
  let pieces = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const [first, ...others] = value.split("\n");
    pieces.push(first);
    for (const piece of others) {
      yield pieces.join("");
      pieces = [piece];
    }
  }
  if (pieces.join("")) yield pieces.join("");
}
