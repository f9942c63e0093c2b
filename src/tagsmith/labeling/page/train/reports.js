// Links to the reports of versions.

import { hasKey, request } from "../api.js";
import { announce, download, element, showProblem } from "../dom.js";

/** A link to a version's report, compared with `against` if that is a number; `name` says to a screen reader of what. */
export function reportLink(text, name, number, against = null) {
  const path = `v1/training/versions/${number}/report${against === null ? "" : `?against=${against}`}`;
  const told = element("span", { class: "unseen" }, ` of ${name}, in a new tab`);
  const link = element(
    "a",
    {
      class: "button",
      href: path,
      target: "_blank",
      rel: "noopener",
      onclick: (event) => {
        if (!hasKey()) return; // else a new tab would be refused: it does not have the key
        event.preventDefault();
        save(link, path, `version-${number}${against === null ? "" : `-against-${against}`}.html`);
      },
    },
    text,
    told,
  );
  return link;
}

async function save(link, path, file) {
  if (link.ariaBusy === "true") return;
  link.ariaBusy = "true";
  announce("The report is being made.");
  try {
    const response = await request(path);
    download(file, await response.blob());
    announce(`The report is downloaded, as the file ${file}.`);
  } catch (error) {
    if (error.status !== 401) showProblem(error);
  } finally {
    link.ariaBusy = null;
  }
}
