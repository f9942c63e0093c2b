// What was done to one sentence: undo, redo, and whether the server knows it.

import { same } from "./spans.js";

/** The spans of a sentence through time. */
export class History {
  #past = [];
  #future = [];
  #kept;

  constructor(spans) {
    this.present = this.#kept = spans;
    this.proposed = ""; // by which file, if its labels are the first step
  }

  /** Go on to other spans; false if they are no other. */
  push(spans) {
    if (same(spans, this.present)) return false;
    this.#past.push(this.present);
    this.#future = [];
    this.present = spans;
    return true;
  }

  /** Go back a step; false if there is none. */
  undo() {
    return this.#step(this.#past, this.#future);
  }

  /** Go forth again a step; false if there is none. */
  redo() {
    return this.#step(this.#future, this.#past);
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Whether there is something that the server does not know. */
  get unsaved() {
    return !same(this.present, this.#kept);
  }

  /** The server has these spans now. */
  saved(spans) {
    this.#kept = spans;
  }

  #step(from, to) {
    if (!from.length) return false;
    to.push(this.present);
    this.present = from.pop();
    return true;
  }
}
