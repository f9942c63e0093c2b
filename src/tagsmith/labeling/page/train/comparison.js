// Before and after: what a run changed on the dev set, in all and by label.

import { element } from "../dom.js";
import { change, counted, percent, titled } from "./numbers.js";

const FEW = 20; // with fewer dev sentences a difference says little
const MEASURES = [
  { key: "precision", title: "Precision" },
  { key: "recall", title: "Recall" },
  { key: "f1", title: "F1" },
];
const ACCURACY = { key: "accuracy", title: "Accuracy" };

/** What a run that is done says of both models, as an element. */
export function compare(run) {
  const main = run.measure === "accuracy" ? [ACCURACY] : [MEASURES[2], MEASURES[0], MEASURES[1]];
  return element(
    "div",
    { class: "comparison" },
    element("h3", {}, run.before ? "Before and after" : "Scores"),
    element("p", {}, told(run)),
    run.dev < FEW && element("p", { class: "caution" }, caution(run)),
    element("ul", { class: "figures" }, main.map((measure) => figure(measure, run))),
    byLabel(run),
  );
}

/** The run's outcome in a sentence. */
export function outcome({ measure, before, after }) {
  const key = measure === "accuracy" ? "accuracy" : "f1";
  const what = change(before?.[key], after?.[key]);
  const told = `${titled(measure)} ${percent(after?.[key])} percent on the dev set`;
  if (!what) return told;
  const kind = what.kind === "same" ? "the same as before" : `${what.points} points ${what.word} than before`;
  return `${told}, ${kind}`;
}

function told(run) {
  const on = `In percent, on the ${counted(run.dev, "sentence")} of the dev set.`;
  return run.before ? `${on} Before is the model that was in service when the run began.` : on;
}

function caution({ dev, before }) {
  const few = dev === 1 ? "There is only 1 sentence" : `There are only ${dev} sentences`;
  const what = before ? "the comparison is" : "the scores are";
  return `${few} in the dev set: ${what} a hint only. From ${FEW} sentences on one can say more.`;
}

function figure({ key, title }, { before, after }) {
  const what = change(before?.[key], after?.[key]);
  return element(
    "li",
    { class: "figure" },
    element("span", { class: "quiet" }, title),
    element(
      "span",
      { class: "values" },
      before ? [percent(before[key]), element("span", { class: "unseen" }, " before, "), arrow()] : [],
      element("strong", {}, percent(after?.[key])),
      before && element("span", { class: "unseen" }, " after"),
    ),
    what && element("span", { class: what.kind }, `${what.signed} ${what.word}`),
  );
}

function arrow() {
  return element("span", { class: "quiet", "aria-hidden": "true" }, " → ");
}

function byLabel({ before, after, measure }) {
  const names = [...new Set([...Object.keys(before?.types ?? {}), ...Object.keys(after?.types ?? {})])].sort();
  const rows = names.map((name) => row(name, before && (before.types[name] ?? {}), after.types[name] ?? {}));
  if (measure !== "accuracy") rows.push(row("All", before, after, "all"));
  return element(
    "div",
    { class: "scroll", role: "region", tabIndex: 0, "aria-label": "Scores by label" },
    element(
      "table",
      { class: "scores" },
      element("caption", { class: "unseen" }, "Scores by label, in percent"),
      before ? headPaired() : headSingle(),
      element("tbody", {}, rows),
    ),
  );
}

function headPaired() {
  const groups = MEASURES.map(({ title }) => element("th", { scope: "colgroup", colSpan: 3, class: "group" }, title));
  const names = MEASURES.flatMap(() => [
    element("th", { scope: "col", class: "number group" }, "before"),
    element("th", { scope: "col", class: "number" }, "after"),
    element("th", { scope: "col", class: "number" }, "change"),
  ]);
  const label = element("th", { scope: "col", rowSpan: 2 }, "Label");
  const support = element("th", { scope: "col", rowSpan: 2, class: "number" }, "In dev set");
  return element("thead", {}, element("tr", {}, label, support, groups), element("tr", {}, names));
}

function headSingle() {
  const names = MEASURES.map(({ title }) => element("th", { scope: "col", class: "number" }, title));
  const support = element("th", { scope: "col", class: "number" }, "In dev set");
  return element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Label"), support, names));
}

function row(name, before, after, kind) {
  return element(
    "tr",
    { class: kind },
    element("th", { scope: "row" }, name),
    element("td", { class: "number" }, `${after.support ?? before?.support ?? "–"}`),
    MEASURES.flatMap(({ key }) => (before ? paired(key, before, after) : single(after[key]))),
  );
}

function single(fraction) {
  return element("td", { class: "number" }, percent(fraction));
}

function paired(key, before, after) {
  const what = change(before[key], after[key]);
  // The word is seen for F1 only: three times in a row it would be noise; the sign tells it everywhere.
  const word = what && element("span", { class: key === "f1" ? null : "unseen" }, ` ${what.word}`);
  return [
    element("td", { class: "number group" }, percent(before[key])),
    element("td", { class: "number" }, percent(after[key])),
    element("td", { class: `number ${what?.kind ?? ""}` }, what ? [what.signed, word] : "–"),
  ];
}
