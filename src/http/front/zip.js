// A ZIP archive (APPNOTE 6.3) of texts, deflated by the browser. Its parts are blobs, so that they are not held as numbers.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

// A path that stays where it is unpacked, whatever the client called its file.
export function safePath(name) {
  const parts = name.replace(/\\/g, "/").split("/")
    .map((part) => part.replace(/[\x00-\x1f<>:"|?*]/g, "_").replace(/[. ]+$/, "").trim())
    .filter((part) => part && part !== "..");
  return parts.join("/") || "unnamed";
}

// Numbers as the format has them: pairs of a length and a value.
function record(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [length]) => sum + length, 0)));
  let at = 0;
  for (const [length, value] of fields) {
    if (length === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += length;
  }
  return view;
}

const DEFLATED = 8;
const NAMES_ARE_UTF8 = 0x800;
const VERSION = 20;

export class Zip {
  #parts = [];
  #directory = [];
  #at = 0;
  #names = new Set();
  #when = dosTime(new Date());

  get count() {
    return this.#directory.length / 2;
  }

  async add(name, text) {
    const bytes = new TextEncoder().encode(text);
    const packed = await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"))).blob();
    const path = new TextEncoder().encode(this.#own(safePath(name)));
    const common = [
      [2, VERSION], [2, NAMES_ARE_UTF8], [2, DEFLATED], [4, this.#when],
      [4, crc32(bytes)], [4, packed.size], [4, bytes.length], [2, path.length], [2, 0],
    ];
    this.#directory.push(record([4, 0x02014b50], [2, VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, this.#at]), path);
    this.#append(record([4, 0x04034b50], ...common), path, packed);
  }

  finish() {
    const begin = this.#at;
    const count = this.count;
    this.#append(...this.#directory);
    this.#append(record([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, this.#at - begin], [4, begin], [2, 0]));
    return new Blob(this.#parts, { type: "application/zip" });
  }

  #append(...parts) {
    this.#parts.push(...parts);
    this.#at += parts.reduce((sum, part) => sum + (part.size ?? part.byteLength), 0);
  }

  // Of two files of one name the second gets a number.
  #own(path) {
    let own = path;
    for (let number = 2; this.#names.has(own.toLowerCase()); number += 1) own = path.replace(/(\.[^./]*)?$/, ` (${number})$1`);
    this.#names.add(own.toLowerCase());
    return own;
  }
}

function dosTime(date) {
  const day = ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
  return (((day << 16) | (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1)) >>> 0);
}
