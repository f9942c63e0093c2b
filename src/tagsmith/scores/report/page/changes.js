// The sentences that another model tags otherwise: better, worse, or with as many errors.

function changeOf({ d: [before, now] }) {
  return now < before ? "better" : now > before ? "worse" : "otherwise";
}

/** Fill a part of the page. */
function changeList(container, layer, files) {
  const sentences = layer.sentences.filter((data) => data.d);
  const texts = new Map(sentences.map((data) => [data, data.w.filter((word) => typeof word === "string").join(" ").toLowerCase()]));
  const status = element("p", { class: "count", role: "status" });
  const list = lazyList((data) => drawChange(layer, files, data));
  const count = (name) => sentences.filter((data) => changeOf(data) === name).length.toLocaleString("en");
  const which = element(
    "select",
    {},
    element("option", { value: "" }, "all"),
    ...["better", "worse", "otherwise"].map((name) => element("option", { value: name }, `${name} (${count(name)})`)),
  );
  const query = element("input", { type: "search", autocomplete: "off" });

  function refresh() {
    const wanted = query.value.trim().toLowerCase();
    const fitting = sentences.filter((data) => (!which.value || changeOf(data) === which.value) && texts.get(data).includes(wanted));
    const size = ({ d: [before, now] }) => Math.abs(before - now);
    fitting.sort((one, other) => size(other) - size(one) || one.n - other.n);
    status.textContent = fitting.length ? `${counted(fitting.length, "sentence")} changed` : "No sentence fits.";
    list.show(fitting);
  }

  which.addEventListener("change", refresh);
  query.addEventListener("input", refresh);
  container.replaceChildren(
    legend(true),
    element("div", { class: "controls" }, labeled("changed for the", which), labeled("text", query)),
    status,
    ...list.parts,
  );
  refresh();
}

function drawChange(layer, files, data) {
  const [before, now] = data.d;
  const names = { better: "better", worse: "worse", otherwise: "as many errors, other tags" };
  const mark = (span) => [element("bdi", {}, wordsOf(data, span)), " ", element("b", {}, labelName(layer, span[LABEL]))];
  const marks = (spans) => spans.flatMap((span, at) => [at ? ", " : "", ...mark(span)]);
  const line = (name, spans) => toldItem("", name, ...(spans.length ? marks(spans) : ["–"]));
  const everywhere = data.g.filter((span) => [data.p, data.o].every((side) => side.some((own) => same(own, span))));
  const differing = (spans) => spans.filter((span) => !everywhere.some((own) => same(own, span)));
  return element(
    "li",
    { "data-change": changeOf(data) },
    element("div", { class: "place" }, `${placeOf(files, data)} · ${names[changeOf(data)]}: ${counted(before, "wrong span")} before, ${now} now`),
    drawSentence(layer, data, true),
    element("ul", { class: "told" }, line("gold", differing(data.g)), line("before", differing(data.o)), line("now", differing(data.p))),
  );
}
