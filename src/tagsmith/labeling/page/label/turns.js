// One thing after the other: what is typed while a sentence is being saved waits its turn.

/** Does what it is given in order; `onfail(error)` hears of failures, `onchange(busy)` of when it begins and ends. */
export class Turns {
  #last = Promise.resolve();
  #round = 0; // goes up when something fails: what was to come after it is dropped
  #open = 0;

  constructor(onfail, onchange) {
    this.onfail = onfail;
    this.onchange = onchange;
  }

  get busy() {
    return this.#open > 0;
  }

  /** Do this when all that came before is done; resolves to whether it was done, and did not fail. */
  do(work) {
    const round = this.#round;
    this.#count(1);
    this.#last = this.#last.then(() => this.#attempt(work, round)).finally(() => this.#count(-1));
    return this.#last;
  }

  async #attempt(work, round) {
    if (round !== this.#round) return false;
    try {
      await work();
      return true;
    } catch (error) {
      this.#round += 1;
      this.onfail(error);
      return false;
    }
  }

  #count(step) {
    this.#open += step;
    this.onchange(this.busy);
  }
}
