// The sentences that wait: which comes next (fetched ahead, so that going on is instant), and saving.

import { request } from "../api.js";
import { plain } from "./spans.js";

/** Where sentences come from and go to. */
export class Queue {
  #first = []; // ids that come before the server's order: of a text to correct, or set aside
  #ahead = null;

  /** Offer these before all others, in this order. */
  putFirst(ids) {
    this.#first = [...new Set([...ids, ...this.#first])];
    this.#ahead = null;
  }

  /** How many come before the server's order. */
  get before() {
    return this.#first.length;
  }

  /** Fetch what follows the sentence on screen. */
  lookAhead(current) {
    this.#ahead = this.#fetch(current);
    this.#ahead.catch(() => {}); // whoever wants it hears of it
  }

  /** The next sentence, or null. */
  async next(current) {
    const ahead = this.#ahead;
    this.#ahead = null;
    const offered = await (ahead ? ahead.catch(() => this.#fetch(current)) : this.#fetch(current));
    this.#first = this.#first.filter((id) => id !== offered?.id);
    return offered;
  }

  async #fetch(current) {
    this.#first = this.#first.filter((id) => id !== current);
    while (this.#first.length) {
      try {
        return await sentence(this.#first[0]);
      } catch (error) {
        if (error.status !== 404) throw error;
        this.#first.shift(); // the queue was emptied
      }
    }
    return (await request(`v1/labeling/next${current ? `?skip=${current}` : ""}`)).sentence;
  }
}

/** Fetch one sentence. */
export function sentence(id) {
  return request(`v1/labeling/sentences/${id}`);
}

/**
 * Save a sentence; without `spans` it keeps those that it has. Returns when it is on the server's disk.
 *
 * With `revision`, that of the sentence as it was shown, nothing is saved if somebody else changed it meanwhile.
 */
export function save(id, status, spans, revision) {
  const body = { status, revision, spans: spans && plain(spans) };
  return request(`v1/labeling/sentences/${id}`, { method: "PUT", body });
}

/** Put all skipped sentences back; `tell(done)` hears how far it is. Returns how many there were. */
export async function putBack(tell) {
  let done = 0;
  for (;;) {
    const { sentences } = await request("v1/labeling/sentences?status=skipped&limit=200");
    if (!sentences.length) return done;
    for (const { id } of sentences) {
      await save(id, "waiting");
      tell(++done);
    }
  }
}
