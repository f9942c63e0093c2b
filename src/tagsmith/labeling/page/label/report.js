// What became of a file, in words: how many sentences came in, which labels are new, and what could not be taken in.

import { element, scrollable } from "../dom.js";

/** Tell what a file has brought; `answer` is the server's. */
export function report(name, answer) {
  const { accepted, to_check: toCheck, predicted, added, known, new_labels: labels, refused, changed, conflicts } = answer;
  const counts = [
    accepted && `${labeled(accepted)} accepted`,
    toCheck.length && `${toCheck.length} to check`,
    predicted && `${sentences(predicted)} with predictions, waiting as suggestions`,
    conflicts.length && `${conflicts.length} labeled differently before`,
    (added || answer.format === "text") && `${sentences(added)} added${answer.format === "text" ? "" : " without labels"}`,
    known && `${known} known already`,
    refused.length && `${refused.length} refused`,
  ].filter(Boolean);
  const isEmpty = !answer.ids.length && !refused.length;
  const parts = [isEmpty ? "there is nothing in it" : counts.join(", ")];
  if (labels.length) parts.push(`new labels: ${labels.join(", ")}`);
  return element(
    "div",
    { class: "report" },
    element("p", {}, element("bdi", {}, name), `: ${parts.join("; ")}.`),
    conflicts.length > 0 && element("p", {}, onConflicts(conflicts.length)),
    notes(name, "refused", refused),
    notes(name, "with labels that were changed or left out", changed),
  );
}

/** Tell that a file could not be taken in. */
export function failure(name, error) {
  return element("div", { class: "report" }, element("p", {}, element("bdi", {}, name), `: not added. ${error.message}`));
}

/** "1 sentence", "2 sentences". */
export function sentences(count) {
  return count === 1 ? "1 sentence" : `${count} sentences`;
}

function labeled(count) {
  return count === 1 ? "1 labeled sentence" : `${count} labeled sentences`;
}

function onConflicts(count) {
  const they = count === 1 ? "It comes" : "They come";
  return `What was labeled before stays. ${they} next with the file’s labels: accept them, or undo to see the old ones.`;
}

function notes(name, what, all) {
  if (!all.length) return null;
  const items = all.map(({ line, message }) => element("li", {}, element("b", {}, `Line ${line}`), " ", message));
  const title = `${all.length === 1 ? "1 record" : `${all.length} records`} ${what}`;
  return element(
    "details",
    { open: all.length <= 5 },
    element("summary", {}, title),
    scrollable(`${name}: ${title}`, element("ul", { class: "lines" }, items)),
  );
}
