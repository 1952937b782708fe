// Numbers, bytes and times as people read them.

// Made when the first number comes: reading up on a language takes a browser longer than all else that the page does before.
const whole = once(() => new Intl.NumberFormat());
const one = once(() => new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 }));
const time = once(() => new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }));
const day = once(() => new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" }));

function once(create) {
  let created;
  return () => (created ??= create());
}

export const number = (value) => whole().format(value);

export const count = (value, word) => `${number(value)} ${word}${value === 1 ? "" : "s"}`;

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function bytes(value) {
  if (value === null || value === undefined) return "";
  const power = value < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  return `${power ? one().format(value / 1000 ** power) : number(value)} ${UNITS[power]}`;
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 1) return "under 1 s";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

// `Today, 14:02`; of another day its date.
export function moment(text) {
  const date = new Date(text);
  const isToday = date.toDateString() === new Date().toDateString();
  return `${isToday ? "Today" : day().format(date)}, ${time().format(date)}`;
}

// A name without what makes it look like another: marks that turn the direction of writing, and what no eye can see.
export const visible = (name) => name.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

const STATES = {
  stored: "Waiting",
  verified: "Next in line",
  processing: "Being read",
  retrying: "Trying again",
  succeeded: "Succeeded",
  failed: "Failed",
  rejected: "Rejected",
  cancelled: "Cancelled",
  partial: "In part",
};

// A state or an outcome in a word or two.
export const stateWord = (state) => STATES[state] ?? state;
