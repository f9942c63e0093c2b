// Comparing one version with another, chosen from a list, on what is held out now.

import { request } from "../api.js";
import { announce, element } from "../dom.js";
import { scoredOn, scores } from "./comparison.js";
import { titled } from "./numbers.js";
import { reportLink } from "./reports.js";

/** The place where versions are compared: `{ place, show, open }`. */
export class Versus {
  #versions = [];
  #nameOf;
  #number = null; // the version that is compared with another
  #opener = null;
  #asked = new AbortController(); // of the comparison that was asked for last

  constructor(nameOf) {
    this.#nameOf = nameOf;
    this.title = element("h3", { id: "versus-title", tabIndex: -1 });
    this.choice = element("select", { id: "versus-other", onchange: () => this.#forget() });
    this.go = element("button", { class: "main" }, "Compare");
    const close = element("button", { type: "button", onclick: () => this.#close() }, "Close");
    const form = element(
      "form",
      {
        class: "row",
        onsubmit: (event) => {
          event.preventDefault();
          this.#compare();
        },
      },
      element("label", { for: "versus-other" }, "with"),
      this.choice, this.go, close,
    );
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.result = element("div");
    this.place = element(
      "section",
      { class: "versus", "aria-labelledby": "versus-title", hidden: true },
      this.title, form, this.problem, this.result,
    );
  }

  /** Take in the versions that there are now. */
  show(versions, inService) {
    this.#versions = versions;
    this.inService = inService;
    if (this.place.hidden) return;
    const numbers = versions.map(({ number }) => number);
    if (!numbers.includes(this.#number) || numbers.length < 2) this.place.hidden = true;
    else if (!numbers.includes(Number(this.choice.value))) this.#offer();
  }

  /** Ask with which other version to compare this one. */
  open(number) {
    this.#number = number;
    this.#opener = document.activeElement;
    this.title.textContent = `Compare ${this.#name(number)}`;
    this.#offer();
    this.place.hidden = false;
    this.choice.focus();
    this.place.scrollIntoView({ block: "nearest" });
  }

  #offer() {
    const others = this.#versions.filter(({ number }) => number !== this.#number).reverse();
    this.choice.replaceChildren(...others.map(({ number }) => element("option", { value: number }, this.#name(number))));
    // By default with the one in service, or with the one before.
    const numbers = others.map(({ number }) => number);
    const before = numbers.find((number) => number < this.#number) ?? numbers[0];
    this.choice.value = numbers.includes(this.inService) ? this.inService : before;
    this.#forget();
  }

  #forget() {
    this.#asked.abort(); // what is under way is outdated
    this.#wait(false);
    this.problem.hidden = true;
    this.result.replaceChildren();
  }

  #close() {
    this.#forget();
    this.place.hidden = true;
    this.#opener?.focus();
  }

  #wait(is) {
    this.go.ariaDisabled = is ? "true" : null; // not disabled: it would lose the focus
    this.go.textContent = is ? "Comparing…" : "Compare";
  }

  async #compare() {
    if (this.go.ariaDisabled) return;
    this.#forget();
    const { signal } = (this.#asked = new AbortController());
    const [old, now] = [Number(this.choice.value), this.#number];
    this.#wait(true);
    announce("Comparing.");
    try {
      this.#showResult(await request(`v1/training/comparison?old=${old}&new=${now}`, { signal }));
    } catch (error) {
      if (signal.aborted || error.status === 401) return;
      this.problem.textContent = error.message;
      this.problem.hidden = false;
    } finally {
      if (!signal.aborted) this.#wait(false);
    }
  }

  #showResult(found) {
    const { old, new: now, comparison } = found;
    const names = [this.#name(old), this.#name(now)];
    const [first, ...rest] = names[1];
    const heading = `${first.toUpperCase()}${rest.join("")} compared with ${names[0]}`;
    this.result.replaceChildren(
      element("h4", {}, heading),
      element("p", {}, scoredOn(comparison)),
      ...scores(found, comparison.measure, [old, now].map((number) => (number ? `version ${number}` : "original"))),
      element("div", { class: "row" }, reportLink("Report of the difference", heading, now, old)),
    );
    announce(`${heading}: ${comparison.told}.`);
  }

  #name(number) {
    return this.#nameOf(this.#versions.find((version) => version.number === number) ?? { number });
  }
}
