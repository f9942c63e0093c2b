// Which model, and which of its layers.

import { element } from "../dom.js";

/** Make the two selectors; they hide where there is nothing to choose. `changed()` is called on a choice. */
export function createModelChoice(changed) {
  let models = [];
  const modelSelect = element("select", { id: "tag-model", onchange: choose });
  const layerSelect = element("select", { id: "tag-layer", onchange: changed });
  const modelPart = element("div", {}, element("label", { for: "tag-model" }, "Model"), modelSelect);
  const layerPart = element("div", {}, element("label", { for: "tag-layer" }, "Layer"), layerSelect);
  const root = element("div", { class: "choices" }, modelPart, layerPart);

  const model = () => models.find((model) => model.name === modelSelect.value) ?? null;
  const layer = () => model()?.layers.find((layer) => layer.name === layerSelect.value) ?? null;

  function choose() {
    layerSelect.replaceChildren(); // another model begins with its own first layer
    fillLayers();
    changed();
  }

  function fillLayers() {
    const layers = model()?.layers ?? [];
    fillSelect(layerSelect, layers.map((layer) => layer.name));
    layerPart.hidden = layers.length < 2;
    root.hidden = modelPart.hidden && layerPart.hidden;
  }

  /** Offer these models; what was chosen stays chosen if it is still there. */
  function setModels(given) {
    models = given;
    fillSelect(modelSelect, models.map((model) => model.name));
    modelPart.hidden = models.length < 2;
    fillLayers();
  }

  setModels([]);
  return { root, setModels, model, layer };
}

function fillSelect(select, names) {
  const before = select.value;
  select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  if (names.includes(before)) select.value = before;
}
