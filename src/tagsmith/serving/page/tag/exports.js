// The answer as JSON or CoNLL, copied or downloaded.

import { announce, download, element, showProblem } from "../dom.js";
import { toConll, toJson } from "./conll.js";

const FORMATS = [
  { name: "JSON", file: "tagged.json", type: "application/json", write: (answer) => `${toJson(answer)}\n` },
  { name: "CoNLL", file: "tagged.conll", type: "text/plain;charset=utf-8", write: toConll },
];

/** Return the buttons; `answer()` returns what the server said last. */
export function exportButtons(answer) {
  const told = element("span", { class: "told quiet" });
  const tell = (text) => {
    told.textContent = text;
    announce(text);
  };
  const groups = FORMATS.map((format) => {
    const copyIt = async () => {
      try {
        await copy(format.write(answer()));
        tell(`${format.name} copied.`);
      } catch {
        showProblem(new Error("The browser does not allow copying. Use “Download”."));
      }
    };
    const downloadIt = () => {
      download(format.file, format.write(answer()), format.type);
      tell(`${format.name} downloaded as ${format.file}.`);
    };
    const button = (verb, onclick) =>
      element("button", { type: "button", onclick }, verb, element("span", { class: "unseen" }, ` ${format.name}`));
    return element(
      "div",
      { class: "export", role: "group", "aria-label": format.name },
      element("span", {}, format.name),
      button("Copy", copyIt),
      button("Download", downloadIt),
    );
  });
  const note = element("p", { class: "quiet" }, "With all labels, even those hidden above.");
  return { root: element("div", { class: "exports" }, groups, told, note), forget: () => (told.textContent = "") };
}

async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Without TLS, other machines' browsers have no navigator.clipboard.
  const before = document.activeElement;
  const field = element("textarea", { class: "unseen", value: text, "aria-label": "Copied text" });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus();
  if (!done) throw new Error("not copied");
}
