// Taking the labeled sentences away as a file.

import { request } from "../api.js";
import { announce, download, element, showProblem } from "../dom.js";
import { counted } from "./numbers.js";

const FORMATS = [
  { key: "conll", title: "CoNLL" },
  { key: "jsonl", title: "JSONL" },
  { key: "csv", title: "CSV" },
];

/** The card of files: `{ card, show }`. */
export function makeExport() {
  const buttons = FORMATS.map(({ key, title }) =>
    element("button", { type: "button", disabled: true, onclick: () => save(key, title) }, title),
  );
  const told = element("p", { id: "export-told", class: "quiet" });
  const title = element("h2", { id: "export-title" }, "Export");
  const row = element("div", { class: "row", role: "group", "aria-label": "File formats" }, buttons);
  const card = element("section", { class: "card", "aria-labeledby": "export-title" }, title, told, row);
  const show = ({ counts: { accepted } }) => {
    for (const button of buttons) button.disabled = accepted === 0;
    told.textContent = accepted
      ? `${counted(accepted, "accepted sentence")}, as a file.`
      : "Nothing is accepted yet: there is nothing to export.";
  };
  return { card, show };
}

async function save(format, title) {
  try {
    const response = await request(`v1/labeling/export?format=${format}`);
    const sent = response.headers.get("content-disposition") ?? "";
    const [, name] = sent.match(/filename="?([^";]+)/) ?? [];
    download(name ?? `labeled.${format}`, await response.blob());
    announce(`The ${title} file is downloaded.`);
  } catch (error) {
    if (error.status !== 401) showProblem(error);
  }
}
