// Talking to the server: JSON in and out, the API key, one more try when it is busy, and its events.

const KEY = "tagsmith-api-key";

/** What went wrong, in words for the user; `status` is 0 if there was no answer at all. */
export class ApiError extends Error {
  constructor(message, status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Remember the API key until the tab is closed. */
export function keepKey(key) {
  sessionStorage.setItem(KEY, key);
}

/** Whether there is a key, which a link to another page cannot send. */
export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

/**
 * Send a request; return the answer's JSON, or the response itself if it is no JSON.
 *
 * Throws an ApiError; one of status 401 asks the whole page for a key (the event "key-wanted"). What is outdated is
 * given up through `signal`, which throws the browser's AbortError.
 */
export async function request(path, { method = "GET", body, signal } = {}) {
  const response = await send(path, method, body, signal, true);
  // Not by its beginning: JSON Lines may be "application/jsonl".
  const isJson = /^application\/json(;|$)/.test(response.headers.get("content-type") ?? "");
  return isJson ? response.json() : response;
}

/**
 * Call `handle(name, data)` for each server-sent event of `path` until it ends, and `heard()` whenever anything comes,
 * be it only to say that the server is still there.
 */
export async function listen(path, handle, signal, heard = () => {}) {
  const response = await send(path, "GET", undefined, signal, true);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s)));
      if (fields.data) handle(fields.event ?? "message", JSON.parse(fields.data));
    }
  }
}

async function send(path, method, body, signal, again) {
  if (method === "POST") body ??= {}; // the server takes no POST that is not JSON
  const headers = {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers["X-API-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  if (response.status === 503 && again) {
    await sleep(1000 * Number(response.headers.get("Retry-After") ?? 1), signal);
    return send(path, method, body, signal, false);
  }
  if (response.status === 401) document.dispatchEvent(new Event("key-wanted"));
  const { error } = await response.json().catch(() => ({}));
  throw new ApiError(error?.message ?? `The server answered ${response.status}.`, response.status, error?.code);
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => reject(new DOMException("outdated", "AbortError")));
  });
}
