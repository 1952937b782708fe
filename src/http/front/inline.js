// What stands inside a line of Markdown. Marks are looked for over a bounded distance, so that no text takes long.

import { make } from "./dom.js";

const SPAN = 400;
const DEPTH_MAX = 6;

const TOKENS = new RegExp([
  String.raw`\\(?<escaped>[!-/:-@[-\`{-~])`,
  String.raw`(?<ticks>\`{1,3})(?<code>[^\`]{1,${SPAN}})\k<ticks>`,
  String.raw`!\[(?<picture>[^\]]{0,${SPAN}})\]\([^()\s]{0,${SPAN}}\)`,
  String.raw`\[(?<words>[^\]]{1,${SPAN}})\]\(<?(?<target>[^()\s<>]{0,2000})>?\)`,
  String.raw`\*\*(?=\S)(?<strong>.{1,${SPAN}}?)\*\*`,
  String.raw`\*(?=\S)(?<emphasis>[^*]{1,${SPAN}})\*`,
  String.raw`(?<!\w)_(?=\S)(?<underlined>[^_]{1,${SPAN}})_(?!\w)`,
  String.raw`~~(?<struck>.{1,${SPAN}}?)~~`,
  String.raw`(?<line><br\s?/?>)`,
].join("|"), "gs");

// The nodes of a line.
export function inline(text, depth = 0) {
  if (depth > DEPTH_MAX) return [text];
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(TOKENS)) {
    if (match.index > at) nodes.push(text.slice(at, match.index));
    nodes.push(node(match.groups, depth + 1));
    at = match.index + match[0].length;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}

function node({ escaped, code, picture, words, target, strong, emphasis, underlined, struck }, depth) {
  if (escaped !== undefined) return escaped;
  if (code !== undefined) return make("code", {}, code);
  if (picture !== undefined) return make("em", { class: "soft" }, picture ? `[picture: ${picture}]` : "[picture]");
  if (words !== undefined) return link(words, target, depth);
  if (strong !== undefined) return make("strong", {}, inline(strong, depth));
  if (emphasis !== undefined || underlined !== undefined) return make("em", {}, inline(emphasis ?? underlined, depth));
  if (struck !== undefined) return make("s", {}, inline(struck, depth));
  return make("br");
}

// Only what leads to another site, or to a mail, is followed; and it is not told from where.
function link(words, target, depth) {
  const inner = inline(words, depth);
  const isSafe = /^(https?:\/\/|mailto:)/i.test(target) && URL.canParse(target);
  return isSafe ? make("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, inner) : make("span", { class: "nowhere", title: target }, inner);
}
