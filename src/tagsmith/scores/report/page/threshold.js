// Precision and recall against a threshold on the probability of spans, overall or for one label.

const BOX = { width: 360, height: 250, left: 46, right: 12, top: 12, bottom: 42 };

/** How many numbers of a sorted list are at least this. */
function atLeast(sorted, limit) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return sorted.length - low;
}

/** The scores of the spans of some labels whose probability is at least `percent`. */
function scoresAt(curves, percent) {
  let found = 0;
  let correct = 0;
  let support = 0;
  for (const curve of curves) {
    const right = atLeast(curve.right, percent * 100);
    correct += right;
    found += right + atLeast(curve.wrong, percent * 100);
    support += curve.support;
  }
  const precision = found ? correct / found : null;
  const recall = support ? correct / support : null;
  return { found, correct, support, precision, recall, f1: found + support ? (2 * correct) / (found + support) : null };
}

function shown(share) {
  return share === null ? "–" : `${(100 * share).toFixed(2)}`;
}

/** Fill a part of the page. */
function thresholdPart(container, layer) {
  const slider = element("input", { type: "range", min: 0, max: 100, step: 1, value: 0 });
  const label = element(
    "select",
    {},
    element("option", { value: "" }, "all"),
    ...Object.keys(layer.curve).map((name) => element("option", { value: `=${name}` }, name || "(no label)")),
  );
  const output = element("output", {});
  const cells = Object.fromEntries(["precision", "recall", "f1", "found"].map((name) => [name, element("b", { "data-score": name })]));
  const figure = (name, cell) => element("div", { class: "figure" }, cell, name);
  const said = element("p", { class: "unseen", "aria-live": "polite" });
  const chart = element("figure");
  const chosen = () => (label.value ? [layer.curve[label.value.slice(1)]] : Object.values(layer.curve));

  function refresh() {
    const scores = scoresAt(chosen(), Number(slider.value));
    output.textContent = (slider.value / 100).toFixed(2);
    slider.setAttribute("aria-valuetext", output.textContent);
    for (const name of ["precision", "recall", "f1"]) cells[name].textContent = shown(scores[name]);
    cells.found.textContent = scores.found.toLocaleString("en");
    const [x, y] = point(scores);
    chart.querySelector(".dot").setAttribute("cx", x);
    chart.querySelector(".dot").setAttribute("cy", y);
  }

  function redraw() {
    chart.replaceChildren(...curveFigure(chosen(), label.selectedOptions[0].textContent));
    refresh();
  }

  function announce() {
    const { precision, recall, f1, found } = scoresAt(chosen(), Number(slider.value));
    said.textContent = `At ${output.textContent}: precision ${shown(precision)}, recall ${shown(recall)}, F1 ${shown(f1)}, ${counted(found, "span")}.`;
  }

  slider.addEventListener("input", refresh);
  slider.addEventListener("change", announce); // once it rests, not at each step of a drag
  label.addEventListener("change", () => { redraw(); announce(); });
  const named = element("label", {}, element("span", {}, "least probability of a span: ", output), slider);
  const controls = element("div", { class: "controls" }, labeled("label", label), named);
  named.style.flex = "1 1 16rem";
  const figures = element(
    "div", { class: "figures" },
    figure("precision", cells.precision), figure("recall", cells.recall), figure("F1", cells.f1), figure("spans kept", cells.found),
  );
  container.replaceChildren(controls, figures, said);
  container.after(element("div", { class: "pair" }, chart, container.nextElementSibling));
  redraw();
}

/** Where a point of the curve stands: recall to the right, precision upwards. */
function point({ precision, recall }) {
  const x = BOX.left + (recall ?? 0) * (BOX.width - BOX.left - BOX.right);
  const y = BOX.height - BOX.bottom - (precision ?? 1) * (BOX.height - BOX.top - BOX.bottom);
  return [x.toFixed(1), y.toFixed(1)];
}

function curveFigure(curves, name) {
  const every = Array.from({ length: 101 }, (_, percent) => scoresAt(curves, percent)).filter(({ found }) => found);
  const bottom = BOX.height - BOX.bottom;
  const end = BOX.width - BOX.right;
  const parts = [];
  for (let tenths = 0; tenths <= 10; tenths += 2) {
    const [x, y] = point({ precision: tenths / 10, recall: tenths / 10 });
    parts.push(
      drawn("path", { class: "grid", d: `M${BOX.left} ${y}H${end}` }),
      drawn("text", { class: "tick end", x: BOX.left - 6, y: Number(y) + 4 }, `${tenths * 10}`),
      drawn("text", { class: "tick middle", x, y: bottom + 16 }, `${tenths * 10}`),
    );
  }
  const middle = (BOX.top + bottom) / 2;
  parts.push(
    drawn("path", { class: "axis", d: `M${BOX.left} ${BOX.top}V${bottom}H${end}` }),
    drawn("text", { class: "name middle", x: (BOX.left + end) / 2, y: BOX.height - 6 }, "recall, %"),
    drawn("text", { class: "name middle", transform: `translate(11 ${middle}) rotate(-90)` }, "precision, %"),
    drawn("polyline", { class: "curve", points: every.map((one) => point(one).join(",")).join(" ") }),
    drawn("circle", { class: "dot", r: 5, cx: 0, cy: 0 }),
  );
  const told = [0, 50, 80, 90, 95].map((percent) => {
    const { precision, recall } = scoresAt(curves, percent);
    return `at ${(percent / 100).toFixed(2)} precision ${shown(precision)}, recall ${shown(recall)}`;
  });
  const alternative = `Precision over recall, ${name}: ${told.join("; ")}.`;
  return [
    drawn("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", "aria-label": alternative }, ...parts),
    element("figcaption", {}, "Each point is a threshold; the dot is the one chosen above."),
  ];
}
