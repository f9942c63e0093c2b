// What there is to train on, and the button that starts it.

import { colorOf } from "../colors.js";
import { element } from "../dom.js";
import { counted } from "./numbers.js";
import { versionName } from "./versions.js";

/** The card: `{ card, show, busy }`; `train(options)` starts a run. */
export function makeMaterial({ train }) {
  const title = element("h2", { id: "material-title" }, "Train on the corrected sentences");
  const facts = element("dl", { class: "facts" });
  const button = element("button", { class: "main", "aria-describedby": "train-hint" }, "Train");
  const hint = element("p", { id: "train-hint" });
  const predictions = predictionsField();
  const epochs = epochsField();
  const options = element("details", {}, element("summary", {}, "Options"), epochs.row);
  const form = element(
    "form",
    {
      noValidate: true, // a closed <details> could not show the browser's message
      onsubmit: (event) => {
        event.preventDefault();
        if (button.ariaDisabled) return;
        if (epochs.field.checkValidity()) train({ ...epochs.chosen(), ...predictions.chosen() });
        else {
          options.open = true;
          epochs.field.reportValidity();
        }
      },
    },
    predictions.row,
    element("div", { class: "row" }, button, hint),
    options,
  );
  const card = element("section", { class: "card", "aria-labelledby": "material-title" }, title, facts, form);
  const show = (labeling, training) => {
    facts.replaceChildren(...describe(labeling, training));
    predictions.show(labeling.counts.predicted);
    const running = training.run?.state === "running";
    button.disabled = running || !training.ready;
    hint.replaceChildren(...hinted(training, running));
  };
  const busy = (is) => {
    button.ariaDisabled = is ? "true" : null; // not disabled: it would lose the focus
  };
  return { card, show, busy };
}

function predictionsField() {
  const about = { "aria-describedby": "predictions-told" };
  const field = element("input", { id: "predictions", type: "checkbox", checked: true, ...about });
  const text = element("label", { for: "predictions" });
  const kept = "About a fifth of them is kept, to be held out once you accept it.";
  const told = element("span", { id: "predictions-told", class: "quiet" }, kept);
  const row = element("div", { class: "row", hidden: true }, field, text, told);
  const show = (count) => {
    row.hidden = count === 0;
    text.textContent = `Learn from ${counted(count, "waiting sentence")} as files of predictions label them, too`;
  };
  return { row, show, chosen: () => (row.hidden ? {} : { predictions: field.checked }) };
}

function epochsField() {
  const field = element("input", {
    id: "epochs", type: "number", min: "1", max: "200", step: "1", inputMode: "numeric",
    "aria-describedby": "epochs-told",
  });
  const row = element(
    "div",
    { class: "row" },
    element("label", { for: "epochs" }, "Maximum epochs"),
    field,
    element("span", { id: "epochs-told", class: "quiet" }, "1 to 200; left empty, the server chooses"),
  );
  return { field, row, chosen: () => (field.value === "" ? {} : { epochs: Number(field.value) }) };
}

function describe({ labels, counts, layer, other_layers: others }, training) {
  const trainedOn = counts.accepted - counts.held_out;
  const color = colorOf(labels);
  return [
    fact("Accepted", element("strong", {}, counted(counts.accepted, "sentence"))),
    fact("Of these", `${trainedOn} to train on, ${counts.held_out} held out as the dev set`),
    fact("Labels", labels.map((label) => element("span", { class: `chip ${color(label)}` }, label))),
    others.length ? fact("Layer", `${layer} alone: the new version does not have ${others.join(" and ")}`) : [],
    fact("Starts from", startsFrom(training)),
  ].flat();
}

function fact(name, ...value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value.flat()));
}

function startsFrom({ versions, in_service: number, start }) {
  const current = versions.find((version) => version.number === number);
  if (current) return `${versionName(current)}, which is in service`;
  return start ? `the network of ${start}: there is no model in service` : "nothing: there is no model in service";
}

function hinted({ ready, hint }, running) {
  if (running) return [element("span", { class: "quiet" }, "A run is in progress.")];
  const link = element("a", { href: "#label" }, ready ? "Label more sentences" : "Label sentences");
  return hint ? [hint, " ", link] : [link];
}
