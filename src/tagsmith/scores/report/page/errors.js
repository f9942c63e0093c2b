// Every error in its sentence: filtered by kind, label, confidence and text; the worst sentences first.

const KIND = 0, GOLD = 1, PREDICTED = 2; // of an error in the data

/** Return the errors of a layer: each with its sentence, its spans (or null) and its confidence, -1 if unknown. */
function errorsOf(sentence) {
  return sentence.e.map((one) => {
    const gold = one[GOLD] < 0 ? null : sentence.g[one[GOLD]];
    const predicted = one[PREDICTED] < 0 ? null : sentence.p[one[PREDICTED]];
    return { kind: one[KIND], gold, predicted, units: (predicted ?? gold)[UNITS] };
  });
}

const ORDERS = {
  "most errors first": (one, other) => other.errors.length - one.errors.length || one.least - other.least || one.data.n - other.data.n,
  "most confident errors first": (one, other) => other.most - one.most || one.data.n - other.data.n,
  "as in the data": (one, other) => one.data.n - other.data.n,
};

/** Fill a part of the page; return `choose(test, description)`, which shows the errors that pass a test alone. */
function errorList(container, layer, files) {
  const sentences = layer.sentences.filter((data) => data.e.length).map((data) => {
    const errors = errorsOf(data);
    const units = errors.map((one) => one.units);
    const text = data.w.filter((word) => typeof word === "string").join(" ").toLowerCase();
    return { data, errors, text, least: Math.min(...units), most: Math.max(...units) };
  });
  const total = sentences.reduce((sum, one) => sum + one.errors.length, 0);
  const status = element("p", { class: "count", role: "status" });
  const chosen = element("div", { class: "chosen" });
  const list = lazyList((one) => drawErrors(layer, files, one));
  let only = null;

  const kinds = kindBoxes(layer, sentences, refresh);
  const label = labelSelect(layer, sentences, refresh);
  const least = confidence("0", refresh);
  const most = confidence("100", refresh);
  const query = element("input", { type: "search", autocomplete: "off" });
  query.addEventListener("input", refresh);
  const order = element("select", {}, ...Object.keys(ORDERS).map((name) => element("option", {}, name)));
  order.addEventListener("change", refresh);

  function passes(error) {
    if (!kinds.has(error.kind)) return false;
    if (only && !only(error)) return false;
    const wanted = label.value === "" ? null : Number(label.value);
    if (wanted !== null && error.gold?.[LABEL] !== wanted && error.predicted?.[LABEL] !== wanted) return false;
    const from = Number(least.value || 0) * 100;
    const to = Number(most.value || 100) * 100;
    return error.units < 0 ? from <= 0 : error.units >= from && error.units <= to;
  }

  function refresh() {
    const wanted = query.value.trim().toLowerCase();
    const shown = [];
    let errors = 0;
    for (const one of sentences) {
      if (wanted && !one.text.includes(wanted)) continue;
      const passing = new Set(one.errors.filter((error) => passes({ ...error, sentence: one.data })));
      if (!passing.size) continue;
      shown.push({ ...one, passing });
      errors += passing.size;
    }
    shown.sort(ORDERS[order.value]);
    const all = errors === total ? "" : ` of ${total.toLocaleString("en")}`;
    status.textContent = errors ? `${counted(errors, "error")}${all} in ${counted(shown.length, "sentence")}` : "No error fits.";
    list.show(shown);
  }

  function choose(test, description) {
    only = test;
    const drop = element("button", { type: "button", class: "plain" }, "✕ ", ...description);
    drop.addEventListener("click", () => {
      only = null;
      chosen.replaceChildren();
      refresh();
      query.focus();
    });
    chosen.replaceChildren(drop);
    for (const control of [least, most, query]) control.value = control.defaultValue;
    label.value = "";
    kinds.all();
    refresh();
    drop.focus({ preventScroll: true });
    container.closest("section").scrollIntoView();
  }

  const left = layer.leftOut
    ? [element("p", {}, `The page holds the worst sentences; ${counted(layer.leftOut, "more sentence")} did not fit.`)]
    : [];
  container.replaceChildren(
    legend(),
    element(
      "div",
      { class: "controls" },
      kinds.box,
      labeled("label", label),
      labeled("confidence from, %", least),
      labeled("to, %", most),
      labeled("text", query),
      labeled("order", order),
    ),
    chosen,
    status,
    ...left,
    ...list.parts,
  );
  refresh();
  return choose;
}

function confidence(value, refresh) {
  const made = element("input", { type: "number", min: 0, max: 100, step: "any", value });
  made.addEventListener("input", refresh);
  return made;
}

/** Boxes for the kinds of errors that occur. */
function kindBoxes(layer, sentences, refresh) {
  const counts = layer.kinds.map(() => 0);
  for (const { errors } of sentences) for (const { kind } of errors) counts[kind] += 1;
  const boxes = layer.kinds.map((name, kind) => {
    const box = element("input", { type: "checkbox", checked: true, value: kind });
    box.addEventListener("change", refresh);
    return { box, name, kind };
  });
  const shown = boxes.filter(({ kind }) => counts[kind]);
  return {
    box: element(
      "fieldset",
      { hidden: shown.length < 2 },
      element("legend", {}, "kinds"),
      ...shown.map(({ box, name, kind }) => element("label", {}, box, `${name} (${counts[kind].toLocaleString("en")})`)),
    ),
    has: (kind) => boxes[kind].box.checked,
    all: () => boxes.forEach(({ box }) => { box.checked = true; }),
  };
}

function labelSelect(layer, sentences, refresh) {
  const found = new Set();
  for (const { errors } of sentences) {
    for (const { gold, predicted } of errors) for (const span of [gold, predicted]) if (span) found.add(span[LABEL]);
  }
  const options = [...found].sort((one, other) => one - other);
  const made = element(
    "select",
    {},
    element("option", { value: "" }, "all"),
    ...options.map((number) => element("option", { value: number }, layer.labels[number] || "(no label)")),
  );
  made.addEventListener("change", refresh);
  return made;
}

/** Draw a sentence with its errors; those that do not pass the filter are quiet. */
function drawErrors(layer, files, { data, errors, passing }) {
  const item = (error) => toldItem(passing.has(error) ? "" : "quiet", ...told(layer, data, error));
  return element(
    "li",
    {},
    element("div", { class: "place" }, placeOf(files, data)),
    drawSentence(layer, data),
    element("ul", { class: layer.plain ? "told plain" : "told" }, ...errors.map(item)),
  );
}

/** An item of what is said of a sentence: a word in front, and the rest beside it. */
function toldItem(look, head, ...rest) {
  return element("li", { class: look || null }, element("span", { class: "kind" }, `${head} `), element("span", {}, ...rest));
}

/** Say in words what is wrong. */
function told(layer, sentence, { kind, gold, predicted, units }) {
  const name = layer.plain ? "" : layer.kinds[kind];
  const quoted = (span) => element("span", {}, "“", element("bdi", {}, wordsOf(sentence, span)), "”");
  const label = (span) => element("b", {}, labelName(layer, span[LABEL]));
  if (!predicted) return [name, quoted(gold), " ", label(gold), units < 0 ? "" : `; the model gives it${percentOf(units)}`];
  if (!gold) return [name, quoted(predicted), " ", label(predicted), percentOf(units)];
  if (gold[START] === predicted[START] && gold[END] === predicted[END]) {
    return [name, quoted(gold), " is ", label(gold), ", predicted ", label(predicted), percentOf(units)];
  }
  return [name, quoted(gold), " ", label(gold), ", predicted ", quoted(predicted), " ", label(predicted), percentOf(units)];
}
