// Requests to the API: with the reader's key, and with failures as values that can be shown.

import { askForKey, key, keyHeaders } from "./key.js";

// Why a request came to nothing. `code` is the API's, or `unreachable` when there was no answer at all.
export class Problem extends Error {
  constructor(status, { code, title, detail } = {}, retryAfter = null) {
    super(detail ?? title ?? `The server answered with ${status}.`);
    Object.assign(this, { status, code: code ?? `status_${status}`, retryAfter });
  }
}

export const unreachable = () => new Problem(0, { code: "unreachable", detail: "The server cannot be reached." });

// The problem that an answer tells of, from its status, its body, and its header Retry-After.
export function problemOf(status, text, retryAfter) {
  const seconds = Number(retryAfter ?? NaN);
  let told = {};
  // A proxy's answer is none of ours, and no JSON.
  try { told = JSON.parse(text); } catch { /* The status has to do. */ }
  return new Problem(status, told, Number.isFinite(seconds) ? seconds : null);
}

// An answer that succeeded; asks for a key where one is wanted.
export async function call(path, { headers = {}, ...options } = {}) {
  for (;;) {
    const shown = key();
    const request = { ...options, headers: { Accept: "application/json", ...headers, ...keyHeaders() } };
    let answer;
    try {
      answer = await fetch(path, request);
    } catch (error) {
      throw error.name === "AbortError" ? error : unreachable();
    }
    if (answer.ok) return answer;
    if (answer.status !== 401) throw problemOf(answer.status, await answer.text(), answer.headers.get("Retry-After"));
    await askForKey(shown);
  }
}

export const read = async (path, options) => (await call(path, options)).json();

export const act = (path, method = "POST") => call(path, { method });

// Whether somebody gave up on a request, which is nothing to tell of.
export const isAbort = (error) => error?.name === "AbortError";
