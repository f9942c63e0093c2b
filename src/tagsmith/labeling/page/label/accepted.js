// What was accepted last, to look at again.

import { request } from "../api.js";
import { element } from "../dom.js";

const SHOWN = 20;

/** A folded list of the sentences accepted last; `open(sentence)` is called for one that is chosen. */
export class AcceptedList {
  constructor(open) {
    this.open = open;
    this.list = element("ol", { class: "accepted" });
    this.box = element(
      "details",
      { class: "card", ontoggle: () => this.update() },
      element("summary", {}, "Recently accepted"),
      this.list,
    );
  }

  /** Fetch the list anew, if it is unfolded. */
  async update() {
    if (!this.box.open) return;
    const { sentences } = await request(`v1/labeling/sentences?status=accepted&limit=${SHOWN}`).catch(() => ({}));
    if (sentences === undefined) return; // the list as it was; whatever is done next says what is wrong
    this.list.replaceChildren(...sentences.map((sentence) => this.#item(sentence)));
    if (!sentences.length) this.list.append(element("li", { class: "quiet" }, "Nothing yet."));
  }

  #item(sentence) {
    const labels = [...new Set(sentence.spans.map(({ label }) => label))].join(", ");
    return element(
      "li",
      {},
      element(
        "button",
        { type: "button", title: "Open it again", onclick: () => this.open(sentence.id) },
        element("span", { class: "text", dir: "auto" }, sentence.text),
        " ",
        element("span", { class: "quiet" }, labels || "no spans"),
      ),
    );
  }
}
