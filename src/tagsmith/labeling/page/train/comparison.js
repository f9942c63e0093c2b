// Two models on the same sentences: whether one is better, in all and by label.

import { element } from "../dom.js";
import { change, counted, percent, signed, titled } from "./numbers.js";

const FEW = 20; // with fewer dev sentences scores say little
const MEASURES = [
  { key: "precision", title: "Precision" },
  { key: "recall", title: "Recall" },
  { key: "f1", title: "F1" },
];
const ACCURACY = { key: "accuracy", title: "Accuracy" };
const UNCLEAR = "A difference is unclear where it may be chance, by its 95 % interval or its p-value (0.05 or more).";
const BEFORE_AND_AFTER = ["before", "after"];

/** What a run that is done says of both models, as an element. */
export function compare(run) {
  return element(
    "div",
    { class: "comparison" },
    element("h3", {}, run.before ? "Before and after" : "Scores"),
    element("p", {}, told(run)),
    !run.comparison && (run.before || run.dev < FEW) && element("p", { class: "caution" }, caution(run)),
    scores(run, run.measure, BEFORE_AND_AFTER),
  );
}

/**
 * The scores of two models, called by `names`, and their differences, as elements; `models` are `before`, `after` and
 * `comparison`, as the server has them.
 */
export function scores(models, measure, names) {
  const main = measure === "accuracy" ? [ACCURACY] : [MEASURES[2], MEASURES[0], MEASURES[1]];
  const { comparison } = models;
  return [
    comparison && element("p", { class: `verdict ${comparison.outcome}` }, `${comparison.told}.`),
    element("ul", { class: "figures" }, main.map((one) => figure(one, models, names))),
    byLabel(models, measure, names),
    comparison && hasUnclear(comparison) && element("p", { class: "quiet" }, UNCLEAR),
  ].filter(Boolean);
}

function hasUnclear({ differences, types, measure }) {
  const shown = measure === "accuracy" ? [differences.accuracy] : MEASURES.map(({ key }) => differences[key]);
  const all = [...shown, ...Object.values(types).flatMap((own) => Object.values(own))];
  return all.some(({ clear, value }) => !clear && value !== 0);
}

/** The run's outcome in a sentence, or two. */
export function outcome({ measure, before, after, comparison }) {
  const key = measure === "accuracy" ? "accuracy" : "f1";
  const now = `${titled(measure)} ${percent(after?.[key])} percent on the dev set${before ? "" : between(after, key)}`;
  if (comparison) return `${now}. ${comparison.told}`;
  const what = change(before?.[key], after?.[key]);
  if (!what) return now;
  const kind = what.kind === "same" ? "the same as before" : `${what.points} points ${what.word} than before`;
  return `${now}, ${kind}`;
}

/** " (95 % interval 55.1 to 92.3)", if it is known. */
function between(scores, key) {
  const ends = scores?.intervals?.[key];
  return ends ? ` (95 % interval ${percent(ends[0])} to ${percent(ends[1])})` : "";
}

/** What two models were compared on, in a sentence. */
export function scoredOn({ sentences, left_out: leftOut }) {
  const on = `In percent, on ${sentences === 1 ? "the only sentence" : `the ${counted(sentences, "sentence")}`} of the dev set`;
  if (!leftOut) return `${on}.`;
  const out = leftOut === 1 ? "one is left out, as a model was" : `${counted(leftOut, "sentence")} are left out, as a model was`;
  return `${on} that no model was trained on; ${out} trained on ${leftOut === 1 ? "it" : "them"}.`;
}

function told({ before, comparison, dev }) {
  const on = scoredOn(comparison ?? { sentences: dev });
  return before ? `${on} Before is the model that was in service when the run began.` : on;
}

function caution({ dev, before }) {
  if (before) {
    return "These sentences cannot tell which model is better: no dev sentence has a label and was not trained on.";
  }
  const few = dev === 1 ? "There is only 1 sentence" : `There are only ${dev} sentences`;
  return `${few} in the dev set: the scores are a hint only. From ${FEW} sentences on one can say more.`;
}

function figure({ key, title }, { before, after, comparison }, [old, now]) {
  const difference = comparison?.differences[key];
  const what = change(before?.[key], after?.[key], difference);
  return element(
    "li",
    { class: "figure" },
    element("span", { class: "quiet" }, title),
    element(
      "span",
      { class: "values" },
      before ? [percent(before[key]), element("span", { class: "unseen" }, ` ${old}, `), arrow()] : [],
      element("strong", {}, percent(after?.[key])),
      before && element("span", { class: "unseen" }, ` ${now}`),
    ),
    what && element("span", { class: what.kind }, `${what.signed} ${what.word}`),
    difference && interval(difference.low, difference.high, signed),
    !before && after?.intervals && interval(...after.intervals[key], percent),
  );
}

function interval(low, high, format) {
  if (low === high) return null; // too few sentences, or all alike
  const name = element("span", { class: "unseen" }, " 95 % interval ");
  return element("span", { class: "quiet interval" }, name, `${format(low)} to ${format(high)}`);
}

function arrow() {
  return element("span", { class: "quiet", "aria-hidden": "true" }, " → ");
}

function byLabel({ before, after, comparison }, measure, names) {
  const labels = [...new Set([...Object.keys(before?.types ?? {}), ...Object.keys(after?.types ?? {})])].sort();
  const rows = labels.map((name) => {
    return row(name, before && (before.types[name] ?? {}), after.types[name] ?? {}, comparison?.types[name]);
  });
  if (measure !== "accuracy") rows.push(row("All", before, after, comparison?.differences, "all"));
  return element(
    "div",
    { class: "scroll", role: "region", tabIndex: 0, "aria-label": "Scores by label" },
    element(
      "table",
      { class: "scores" },
      element("caption", { class: "unseen" }, "Scores by label, in percent"),
      before ? headPaired(names) : headSingle(),
      element("tbody", {}, rows),
    ),
  );
}

function headPaired([old, now]) {
  const groups = MEASURES.map(({ title }) => element("th", { scope: "colgroup", colSpan: 3, class: "group" }, title));
  const names = MEASURES.flatMap(() => [
    element("th", { scope: "col", class: "number group" }, old),
    element("th", { scope: "col", class: "number" }, now),
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

function row(name, before, after, differences, kind) {
  return element(
    "tr",
    { class: kind },
    element("th", { scope: "row" }, name),
    element("td", { class: "number" }, `${after.support ?? before?.support ?? "–"}`),
    MEASURES.flatMap(({ key }) => (before ? paired(key, before, after, differences?.[key]) : single(after[key]))),
  );
}

function single(fraction) {
  return element("td", { class: "number" }, percent(fraction));
}

function paired(key, before, after, difference) {
  const what = change(before[key], after[key], difference);
  // The word is seen for F1 only: three times in a row it would be noise; the sign tells it everywhere.
  const word = what && element("span", { class: key === "f1" ? null : "unseen" }, ` ${what.word}`);
  return [
    element("td", { class: "number group" }, percent(before[key])),
    element("td", { class: "number" }, percent(after[key])),
    element("td", { class: `number ${what?.kind ?? ""}` }, what ? [what.signed, word] : "–"),
  ];
}
