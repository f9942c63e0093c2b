// Taking the labeled sentences away as a file.

import { request } from "../api.js";
import { announce, download, element, showProblem } from "../dom.js";
import { counted } from "./numbers.js";

const TITLES = { conll: "CoNLL", conllu: "CoNLL-U" }; // of other formats, their names in capitals

/** The card of files: `{ card, show }`. */
export function makeExport() {
  const told = element("p", { id: "export-told", class: "quiet" });
  const title = element("h2", { id: "export-title" }, "Export");
  const row = element("div", { class: "row", role: "group", "aria-label": "File formats" });
  const card = element("section", { class: "card", "aria-labelledby": "export-title" }, title, told, row);
  const show = ({ counts: { accepted }, formats }) => {
    const buttons = formats.map((format) => {
      const name = TITLES[format] ?? format.toUpperCase();
      return element("button", { type: "button", disabled: accepted === 0, onclick: () => save(format, name) }, name);
    });
    row.replaceChildren(...buttons);
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
