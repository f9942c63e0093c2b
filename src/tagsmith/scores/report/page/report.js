// Begin: fill the parts that need the data, and let the tables choose errors.

const report = JSON.parse(document.getElementById("data").textContent);
const choosers = new Map();

for (const part of document.querySelectorAll("[data-part]")) {
  const layer = report.layers[Number(part.dataset.layer)];
  if (part.dataset.part === "errors") choosers.set(layer, errorList(part, layer, report.files));
  if (part.dataset.part === "changes") changeList(part, layer, report.files);
  if (part.dataset.part === "threshold") thresholdPart(part, layer);
}

for (const part of document.querySelectorAll("[data-matrix]")) {
  const layer = report.layers[Number(part.dataset.matrix)];
  for (const cell of part.querySelectorAll("td[data-wrong]")) if (cell.dataset.wrong !== "0") matrixButton(layer, cell);
}

/** Let a cell of the matrix choose its errors. */
function matrixButton(layer, cell) {
  const number = (name) => (cell.dataset[name] === "" ? null : Number(cell.dataset[name]));
  const [gold, predicted] = [number("gold"), number("predicted")];
  const named = (label, none) => (label === null ? [none] : [element("bdi", {}, layer.labels[label] || "(no label)")]);
  const description = gold === null
    ? ["spurious ", ...named(predicted)]
    : predicted === null
      ? ["missed ", ...named(gold)]
      : ["gold ", ...named(gold), ", predicted ", ...named(predicted)];
  const copy = description.map((one) => (typeof one === "string" ? one : one.cloneNode(true)));
  const said = element("span", { class: "unseen" }, ": ", ...copy);
  const button = element("button", { type: "button" }, cell.textContent, said);
  const test = isPair(gold, predicted);
  button.addEventListener("click", () => choosers.get(layer)(test, description));
  cell.replaceChildren(button);
}

/** A test for the errors in which one label, or nothing (null), is taken for another. */
function isPair(gold, predicted) {
  return (error) => (error.gold ? error.gold[LABEL] : null) === gold && (error.predicted ? error.predicted[LABEL] : null) === predicted;
}

for (const link of document.querySelectorAll("a.confused")) {
  const layer = report.layers[Number(link.closest("[data-matrix]").dataset.matrix)];
  const [gold, predicted] = [Number(link.dataset.gold), Number(link.dataset.predicted)];
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const name = (label) => element("bdi", {}, layer.labels[label] || "(no label)");
    choosers.get(layer)(isPair(gold, predicted), ["gold ", name(gold), ", predicted ", name(predicted)]);
  });
}

for (const part of document.querySelectorAll("[data-common]")) {
  const layer = report.layers[Number(part.dataset.common)];
  for (const link of part.querySelectorAll("a.common")) {
    const { side, label } = link.dataset;
    const text = link.textContent;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const test = (error) => error[side] && error[side][LABEL] === Number(label) && wordsOf(error.sentence, error[side]) === text;
      const name = element("bdi", {}, layer.labels[Number(label)] || "(no label)");
      choosers.get(layer)(test, [side === "gold" ? "missed " : "predicted ", "“", element("bdi", {}, text), "” ", name]);
    });
  }
}

// On paper everything is there.
const closed = [];
addEventListener("beforeprint", () => {
  for (const list of listsOfThePage) list.expand();
  for (const details of document.querySelectorAll("details:not([open])")) {
    closed.push(details);
    details.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const list of listsOfThePage) list.restore();
  for (const details of closed.splice(0)) details.open = false;
});
