// What a model is: name, version, labels, scores, recipe, and its card.

import { colorOf } from "../colors.js";
import { element, scrollable } from "../dom.js";
import { fromMarkdown } from "./markdown.js";
import { percent } from "./percent.js";

const MEASURES = { precision: "Precision", recall: "Recall", f1: "F1", accuracy: "Accuracy" };

/** Return the content of the model's panel. */
export function modelCard(model) {
  return [
    element(
      "dl",
      { class: "facts" },
      fact("Name", model.name),
      fact("Version", element("code", {}, model.version)),
      fact("Arithmetic", model.precision),
      model.layers.map((layer) => labelFact(layer, model.layers.length > 1)),
    ),
    scores(model.scores),
    recipe(model.recipe),
    model.card.trim() !== "" &&
      element("details", { class: "card-text", open: true }, element("summary", {}, "Card"), fromMarkdown(model.card)),
  ].filter(Boolean);
}

function fact(name, ...value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, ...value));
}

function labelFact(layer, isOneOfSeveral) {
  const color = colorOf(layer.labels);
  const labels = layer.labels.map((label) => element("span", { class: `tag ${color(label)}` }, label));
  const name = isOneOfSeveral ? `Layer ${layer.name} (${layer.scheme})` : `Labels (${layer.scheme})`;
  return fact(name, element("span", { class: "labels" }, labels));
}

function scores(all) {
  const parts = Object.entries(all).filter(([, scores]) => typeof scores === "object" && scores !== null);
  const names = Object.keys(MEASURES).filter((name) => parts.some(([, scores]) => typeof scores[name] === "number"));
  if (!names.length) return null;
  const head = [
    element("th", { scope: "col" }, "Scores"),
    ...names.map((name) => element("th", { scope: "col", class: "number" }, MEASURES[name])),
  ];
  return scrollable(
    "Scores",
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, head)),
      element("tbody", {}, parts.map(([part, scores]) => scoreRow(part, scores, names))),
    ),
  );
}

function scoreRow(part, scores, names) {
  const shown = (score) => (typeof score === "number" ? percent(score) : "");
  const cell = (name) => element("td", { class: "number" }, shown(scores[name]));
  return element("tr", {}, element("th", { scope: "row" }, part), names.map(cell));
}

function recipe(values) {
  const entries = Object.entries(values);
  if (!entries.length) return null;
  const write = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return element(
    "details",
    { class: "recipe" },
    element("summary", {}, "Recipe"),
    element("dl", { class: "facts" }, entries.map(([name, value]) => fact(element("code", {}, name), write(value)))),
  );
}
