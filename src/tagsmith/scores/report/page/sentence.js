// A sentence with its marks: gold labels above the words, predicted ones below, those of another model at the bottom.

const PIECE = 26; // characters of a marked stretch, after which a line may break

const START = 0, END = 1, LABEL = 2, UNITS = 3; // of a span in the data

function same(one, other) {
  return one[START] === other[START] && one[END] === other[END] && one[LABEL] === other[LABEL];
}

function labelName(layer, number) {
  return element("bdi", {}, layer.labels[number] || "(no label)");
}

/** The words of a span; what a long sentence leaves out is no word. */
function wordsOf(sentence, span) {
  return sentence.w.slice(span[START], span[END]).filter((word) => typeof word === "string").join(" ");
}

function percentOf(units) {
  return units < 0 ? "" : ` ${(units / 100).toFixed(1)} %`;
}

/** Where a sentence comes from. */
function placeOf(files, sentence) {
  const [file, line] = sentence.f;
  const name = files.length > 1 || line ? files[file] : "";
  if (!line) return name ? `${name}, sentence ${sentence.n}` : `sentence ${sentence.n}`;
  return files.length > 1 ? `${name}:${line}` : `line ${line}`;
}

/** Draw a sentence; `withOther` adds the marks of the other model. */
function drawSentence(layer, sentence, withOther = false) {
  const rows = [
    { kind: "gold", spans: sentence.g },
    { kind: "predicted", spans: sentence.p },
    ...(withOther ? [{ kind: "other", spans: sentence.o }] : []),
  ];
  const isRight = (kind, span) => (kind === "gold" ? sentence.p : sentence.g).some((own) => same(own, span));
  const strips = rows.flatMap(({ kind, spans }) => spans.map((span) => ({ kind, span, right: isRight(kind, span) })));
  const made = element("p", { class: "sentence", dir: "auto" });
  let at = 0;
  for (const [start, end] of stretches(strips)) {
    made.append(...plainWords(sentence.w, at, start));
    for (const [from, to] of pieces(sentence.w, start, end)) made.append(piece(layer, sentence, strips, from, to), " ");
    at = end;
  }
  made.append(...plainWords(sentence.w, at, sentence.w.length));
  return made;
}

/** The stretches of tokens that some span covers, those that overlap in one. */
function stretches(strips) {
  const found = [];
  for (const { span } of strips.toSorted((one, other) => one.span[START] - other.span[START])) {
    const last = found.at(-1);
    if (last && span[START] < last[1]) last[1] = Math.max(last[1], span[END]);
    else found.push([span[START], span[END]]);
  }
  return found;
}

/** Cut a stretch where it is longer than a narrow screen. */
function* pieces(words, start, end) {
  let from = start;
  let length = 0;
  for (let at = start; at < end; at += 1) {
    const own = String(words[at]).length + 1;
    if (at > from && length + own > PIECE) {
      yield [from, at];
      from = at;
      length = 0;
    }
    length += own;
  }
  yield [from, end];
}

function* plainWords(words, start, end) {
  for (let at = start; at < end; at += 1) {
    const word = words[at];
    if (typeof word === "string") yield `${word} `;
    else yield element("span", { class: "gap" }, `… ${counted(word, "token")} … `);
  }
}

function piece(layer, sentence, strips, from, to) {
  const made = element("span", { class: "marked" });
  const words = sentence.w.slice(from, to).map((word, place) => {
    const shown = typeof word === "string" ? word : `… ${word} …`;
    const space = from + place + 1 < to ? " " : "";
    return element("span", { class: "word", style: `grid-column:${place + 1}` }, shown + space);
  });
  const lines = { gold: [], predicted: [], other: [] };
  for (const { kind, span, right } of strips) {
    if (span[END] <= from || span[START] >= to) continue;
    const columns = `${Math.max(span[START], from) - from + 1} / ${Math.min(span[END], to) - from + 1}`;
    const goesOn = span[START] < from;
    // What is right is said once, above.
    const label = right && kind !== "gold" ? [] : [goesOn ? "… " : "", labelName(layer, span[LABEL])];
    const look = `strip ${kind}${right ? " right" : ""}`;
    lines[kind].push(element("span", { class: look, style: `grid-column:${columns}` }, ...label));
    if (kind === "gold") {
      made.classList.add("above");
      const name = `${goesOn ? "… " : ""}${layer.labels[span[LABEL]] || "(no label)"}`;
      lines.other.push(element("span", { class: "strip room", style: `grid-column:${columns}`, "data-label": name }));
    }
  }
  made.append(...lines.gold, ...words, ...lines.predicted, ...lines.other);
  return made;
}

/** What the colors of the marks mean. */
function legend(withOther = false) {
  return element(
    "p",
    { class: "legend" },
    element("span", { class: "gold" }, "gold, above"),
    element("span", { class: "predicted" }, withOther ? "now, below" : "predicted, below"),
    ...(withOther ? [element("span", { class: "other" }, "before, at the bottom")] : []),
    element("span", { class: "quiet" }, "thin gray: right"),
  );
}
