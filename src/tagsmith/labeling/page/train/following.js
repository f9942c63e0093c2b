// Following a run through the server's events, again from its state whenever the stream breaks.

import { listen } from "../api.js";

const PAUSES = [500, 1000, 2000, 5000]; // milliseconds before the next try
const SILENCE = 30_000; // then the connection may be dead without the browser knowing

/**
 * Call `handle(name, data)` for each event of the run until it has ended.
 *
 * `lost(error)` is called when the server cannot be reached, and `lost(null)` when it is there again. Throws the
 * ApiError if the server refuses: then another try would be in vain.
 */
export async function follow(path, handle, lost) {
  let running = true;
  let failures = 0;
  const hear = (name, data) => {
    failures = 0;
    lost(null);
    if (name === "state" || name === "end") running = data.run?.state === "running";
    try {
      handle(name, data);
    } catch (error) {
      reportError(error); // a fault of the page is no fault of the stream
    }
  };
  while (running) {
    try {
      await listenUntilSilent(path, hear);
    } catch (error) {
      if (error.status >= 400 && error.status < 500) throw error;
      if (error.name !== "AbortError" || failures > 0) lost(error);
    }
    if (running) await new Promise((resolve) => setTimeout(resolve, PAUSES[Math.min(failures, PAUSES.length - 1)]));
    failures += 1;
  }
}

async function listenUntilSilent(path, hear) {
  const silence = new AbortController();
  const giveUp = () => silence.abort();
  let timer = setTimeout(giveUp, SILENCE);
  try {
    await listen(path, hear, silence.signal, () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, SILENCE);
    });
  } finally {
    clearTimeout(timer);
  }
}
