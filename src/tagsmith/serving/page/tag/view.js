// The Tag view: a text on one side, what the model finds in it on the other.

import { request } from "../api.js";
import { clearProblem, element, showProblem } from "../dom.js";
import { createInput } from "./input.js";
import { latest } from "./latest.js";
import { modelCard } from "./model_card.js";
import { createModelChoice } from "./model_choice.js";
import { createResult } from "./result.js";

const PAUSE = 250; // milliseconds without a keystroke until the text is tagged

/** Build the view in `place`. */
export async function start(place) {
  const input = createInput({ changed: (typing) => tagAgain(typing ? PAUSE : 0), failed: complain });
  const choice = createModelChoice(chosen);
  const result = createResult(() => refresh().then(() => tagAgain(0)));
  const tagging = latest(ask, { answered, failed });
  const cardTitle = element("h2");
  const cardText = element("div", { class: "card-content" });
  const card = element("details", { class: "card model-card" }, element("summary", {}, cardTitle), cardText);
  let models = null; // as JSON; null until the server has told
  let isDue = false; // the text on the left is not the one on the right
  let hasComplained = false;

  const left = element("div", { class: "side" }, choice.root, input.root);
  place.replaceChildren(element("div", { class: "halves" }, left, result.root), card);
  chosen();

  /** Ask which models there are; a view that was shown before may find new ones. */
  async function refresh() {
    try {
      const { models: list } = await request("v1/models");
      if (JSON.stringify(list) === models) return;
      models = JSON.stringify(list);
      choice.setModels(list);
      chosen();
    } catch (error) {
      failed(error);
    }
  }

  function chosen() {
    showCard();
    tagAgain(0);
  }

  function showCard() {
    const model = choice.model();
    card.hidden = !model;
    if (!model) return;
    cardTitle.textContent = `Model card: ${model.name}`;
    cardText.replaceChildren(...modelCard(model));
  }

  function tagAgain(wait) {
    isDue = input.text().trim() !== "";
    if (models !== null && !choice.model()) {
      tagging.stop();
      result.clear(...missingModel());
    } else if (!isDue) {
      tagging.stop();
      recovered();
      result.clear("Results appear here. Type something, or try an example.");
    } else {
      result.wait();
      tagging.again(wait);
    }
  }

  function ask(signal) {
    if (!choice.model()) return refresh(); // the server did not answer when the view was opened
    const body = { text: input.text(), model: choice.model().name };
    if (!choice.layer().gives_spans) body.marginals = true;
    return request("v1/tag", { method: "POST", body, signal });
  }

  function answered(answer) {
    if (!answer) return;
    recovered();
    // The model was replaced on the server: its labels, or its layers, may be others now.
    if (answer.model.version !== choice.model().version) refresh();
    if (!fits(answer, choice.layer())) return;
    isDue = false;
    result.show(answer, choice.layer());
  }

  function failed(error) {
    if (error.status !== 401) complain(error); // for the key the page asks by itself
    if (isDue) result.fail();
  }

  function complain(error) {
    hasComplained = true;
    showProblem(error);
  }

  function recovered() {
    if (hasComplained) clearProblem();
    hasComplained = false;
  }

  async function shown() {
    await refresh();
    if (isDue && choice.model()) tagAgain(0);
  }

  return { shown };
}

/** Whether an answer has what a layer needs; a new version of a model may have other layers. */
function fits(answer, layer) {
  const has = ({ tags, marginals }) => layer.name in (layer.gives_spans ? tags : (marginals ?? {}));
  return answer.documents[0].sentences.every(has);
}

function missingModel() {
  return [
    element("strong", {}, "There is no model yet."),
    " Label some sentences in the ",
    element("a", { href: "#label" }, "Label view"),
    ", then train one.",
  ];
}
