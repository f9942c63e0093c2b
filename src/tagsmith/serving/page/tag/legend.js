// The labels of a layer with their counts; each is a button that hides its label.

import { colorOf } from "../colors.js";
import { element } from "../dom.js";

const MANY = 10; // labels; of more, only those are shown that occur

/** Make a legend; `changed()` is called when a label was hidden or shown again. */
export function createLegend(changed) {
  const root = element("div", { class: "legend", role: "group", "aria-label": "Labels" });
  const hidden = new Set();
  const buttons = new Map(); // label → its button, which stays while the counts change so that the focus stays too

  function toggle(label) {
    if (!hidden.delete(label)) hidden.add(label);
    buttons.get(label).setAttribute("aria-pressed", String(!hidden.has(label)));
    changed();
  }

  /** Begin anew with these labels, all of them shown. */
  function setLabels(labels) {
    const color = colorOf(labels);
    hidden.clear();
    buttons.clear();
    for (const label of labels) {
      const properties = { type: "button", class: `tag ${color(label)}`, "aria-pressed": "true" };
      buttons.set(label, element("button", { ...properties, onclick: () => toggle(label) }, label, " ", element("b")));
    }
    root.replaceChildren(...buttons.values());
  }

  /** Show how often each label occurs: a Map. */
  function setCounts(counts) {
    for (const [label, button] of buttons) {
      const count = counts.get(label) ?? 0;
      button.lastChild.textContent = count;
      button.classList.toggle("none", count === 0);
      button.hidden = count === 0 && buttons.size > MANY && !hidden.has(label);
    }
  }

  return { root, setLabels, setCounts, isShown: (label) => !hidden.has(label) };
}

/** Count labels. */
export function countLabels(labels) {
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}
