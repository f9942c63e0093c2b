// The text to tag: typed, pasted, dropped, chosen, or an example.

import { announce, element } from "../dom.js";
import { acceptDrops, readText } from "../text_file.js";
import { EXAMPLES } from "./examples.js";

const LARGEST = 4 << 20; // bytes: the server takes no more in a request

/**
 * Make the input's part of the view.
 *
 * `changed(typing)` is called when there is another text, with false if it came as a whole; `failed(error)` where a
 * file cannot be read.
 */
export function createInput({ changed, failed }) {
  const field = element("textarea", {
    id: "tag-text",
    dir: "auto",
    rows: 9,
    spellcheck: false,
    placeholder: "Type or paste a text, or drop a file here.",
    "aria-describedby": "tag-text-hint",
    oninput: () => noticed(true),
  });
  const chooser = element("input", { type: "file", hidden: true, onchange: choose });
  const clear = button("Clear", () => fill("") || field.focus());
  const correct = button("Correct this text", () => {
    sessionStorage.setItem("tagsmith-to-correct", field.value);
    location.hash = "#label";
  });

  function noticed(typing) {
    clear.disabled = field.value === "";
    correct.disabled = field.value.trim() === "";
    changed(typing);
  }

  function fill(text) {
    field.value = text;
    noticed(false);
  }

  async function take(file) {
    try {
      fill(await readText(file, LARGEST));
      announce(`${file.name} read.`);
    } catch (error) {
      failed(error);
    }
  }

  function choose() {
    if (chooser.files.length) take(chooser.files[0]);
    chooser.value = ""; // so that the same file can be chosen again
  }

  const examples = EXAMPLES.map(({ name, lang, text }) =>
    element("button", { type: "button", class: "example", lang, onclick: () => fill(text) }, name),
  );
  const root = element(
    "div",
    { class: "input" },
    element("label", { class: "title", for: "tag-text" }, "Text"),
    field,
    element("p", { id: "tag-text-hint", class: "unseen" }, "Tagged as you type."),
    element("div", { class: "row" }, button("Choose a file", () => chooser.click()), chooser, clear, correct),
    element(
      "div",
      { class: "examples", role: "group", "aria-labelledby": "tag-examples" },
      element("span", { id: "tag-examples", class: "quiet" }, "Examples"),
      examples,
    ),
  );
  acceptDrops(root, ([file]) => take(file), (over) => root.classList.toggle("dropping", over));
  clear.disabled = correct.disabled = true;
  // A lone half of a surrogate pair is no character, and no JSON.
  return { root, text: () => field.value.toWellFormed?.() ?? field.value };
}

function button(text, onclick) {
  return element("button", { type: "button", onclick }, text);
}
