// All models that can be in service: the one the server was started with, and those that were trained here.

import { element } from "../dom.js";
import { grouped, moment, percent, titled } from "./numbers.js";
import { reportLink } from "./reports.js";
import { Versus } from "./versus.js";

/** The card of versions: `{ card, show, focus }`; it asks for `putInService(number)` and `deleteVersion(number)`. */
export function makeVersions({ putInService, deleteVersion }) {
  const title = element("h2", { id: "versions-title", tabIndex: -1 }, "Versions");
  const serving = element("p", { id: "serving" });
  const place = element("div");
  const versus = new Versus(versionName);
  const parts = [title, serving, place, versus.place];
  const card = element("section", { class: "card", "aria-labelledby": "versions-title" }, parts);
  const compare = (number) => versus.open(number);
  const show = (training, measure) => {
    serving.replaceChildren(...inService(training));
    place.replaceChildren();
    versus.show(training.versions, training.in_service);
    if (!training.versions.length) return;
    place.append(table(training, measure, { putInService, deleteVersion, compare }));
    const devSets = new Set(training.versions.map((version) => version.dev).filter(Boolean));
    if (devSets.size > 1) place.append(element("p", { class: "quiet" }, apart(titled(measure))));
  };
  return { card, show, focus: () => title.focus() };
}

/** What a version is called in a sentence. */
export function versionName({ number, original }) {
  return original ? "the original model" : `version ${number}`;
}

function inService({ versions, in_service: number }) {
  const current = versions.find((version) => version.number === number);
  if (!current) return ["No model is in service yet. Train one, then put it in service."];
  return ["In service: ", element("strong", {}, versionName(current)), "."];
}

// The dev set grows as sentences are accepted.
function apart(score) {
  return `Each ${score} is for the dev set of its time: scores for different dev sets say little about which version is better. “Compare with…” scores two on the same sentences.`;
}

function badge() {
  return element("span", { class: "badge done" }, "in service");
}

function table(training, measure, actions) {
  const score = titled(measure);
  const names = ["Version", score, "When", "Sentences", "Dev set", "Actions"];
  const numeric = ["Sentences", "Dev set", score];
  const kind = (name) => (numeric.includes(name) ? "number" : null);
  const heads = names.map((name) => element("th", { scope: "col", class: kind(name) }, name));
  const newestFirst = [...training.versions].sort((one, other) => other.number - one.number);
  return element(
    "div",
    { class: "scroll", role: "region", tabIndex: 0, "aria-label": "Table of versions" },
    element(
      "table",
      { class: "versions" },
      element("thead", {}, element("tr", {}, heads)),
      element("tbody", {}, newestFirst.map((version) => row(version, training, measure, actions))),
    ),
  );
}

function row(version, { in_service: inServiceNumber, versions }, measure, { putInService, deleteVersion, compare }) {
  const { number, created, sentences, dev, original } = version;
  const score = measure === "accuracy" ? version.accuracy : version.f1;
  const older = inServiceNumber !== null && number < inServiceNumber;
  const name = versionName(version);
  const button = (verb, label, act) =>
    element("button", { type: "button", "aria-label": label, onclick: () => act(number) }, verb);
  const place = older
    ? button("Bring back", `Bring back ${name}`, putInService)
    : button("Put in service", `Put in service: ${name}`, putInService);
  const buttons = [
    version.in_service ? badge() : place,
    reportLink("Report", name, number),
    versions.length > 1 && button("Compare with…", `Compare ${name} with…`, compare),
    !original && !version.in_service && button("Delete", `Delete ${name}`, deleteVersion),
  ];
  return element(
    "tr",
    { class: version.in_service ? "serving" : null },
    element("th", { scope: "row" }, `${number}`, original && element("span", { class: "quiet" }, " original")),
    element("td", { class: "number" }, percent(score)),
    element("td", {}, created ? element("time", { dateTime: created }, moment(created)) : "–"),
    element("td", { class: "number" }, original ? "–" : grouped(sentences)),
    element("td", { class: "number" }, dev ? grouped(dev) : "–"),
    element("td", {}, element("div", { class: "actions" }, buttons)),
  );
}
