// What the server found: legend, confidence, text with its spans or tags, table of tokens, exports.

import { colorOf } from "../colors.js";
import { announce, element, scrollable } from "../dom.js";
import { exportButtons } from "./exports.js";
import { spanText } from "./highlight.js";
import { countLabels, createLegend } from "./legend.js";
import { readTokens, tokenTable, tokenText } from "./token_view.js";
import { addTips } from "./tooltip.js";

const QUIET = 1000; // milliseconds without news until a screen reader is told

/** Make the result's part of the view; `again()` is called when the user wants to try once more. */
export function createResult(again) {
  let answer = null;
  let layer = null;
  let sentences = []; // of tokens, where the layer has tags and no spans
  let saying = 0;
  let drawing = 0;

  const legend = createLegend(draw);
  const slider = element("input", { id: "tag-slider", type: "range", min: 0, max: 100, value: 0, oninput: slid });
  const least = element("output", { for: "tag-slider" });
  const sliderLabel = element("label", { for: "tag-slider" });
  const status = element("p", { class: "status quiet" });
  const retry = element("button", { type: "button", hidden: true, onclick: again }, "Try again");
  const text = element("div", { id: "tag-marked", class: "marked", role: "group", "aria-label": "Tagged text" });
  const table = scrollable("Table of tokens");
  const exports = exportButtons(() => answer);
  const confidence = element("div", { class: "confidence" }, sliderLabel, slider, least);
  const controls = element("div", { class: "controls" }, legend.root, confidence);
  const stage = element("div", { class: "stage" }, text); // where tips are placed
  const filled = element("div", { class: "filled" }, controls, stage, table, exports.root);
  const empty = element("div", { class: "empty quiet" });
  const head = element("div", { class: "head" }, element("h2", { id: "tag-result-title" }, "Result"), status, retry);
  const root = element("section", { class: "card result", "aria-labelledby": "tag-result-title" }, head, empty, filled);
  const refreshTips = addTips(text, "tag-tip");

  /** Show an answer: what it says about this layer. */
  function show(given, wanted) {
    if (JSON.stringify(layer) !== JSON.stringify(wanted)) setLayer(wanted);
    answer = given;
    const [document] = answer.documents;
    sentences = layer.gives_spans ? [] : readTokens(document, layer.name);
    exports.forget();
    settle();
    empty.hidden = true;
    filled.hidden = false;
    draw();
  }

  function setLayer(wanted) {
    layer = wanted;
    legend.setLabels(layer.labels);
    sliderLabel.textContent = layer.gives_spans ? "Hide spans below" : "Unsure below";
  }

  /** Tell the slider's place at once, and draw once a frame: a long text takes longer than the slider to the next step. */
  function slid() {
    least.textContent = `${slider.value}\u00a0%`;
    slider.setAttribute("aria-valuetext", `${slider.value} percent`);
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(draw);
  }

  /** Draw the answer as slider and legend want it. */
  function draw() {
    if (!answer) return;
    status.textContent = layer.gives_spans ? drawSpans() : drawTokens();
    refreshTips();
    clearTimeout(saying);
    saying = setTimeout(announce, QUIET, `${status.textContent}.`);
  }

  function drawSpans() {
    const [document] = answer.documents;
    const all = document.spans.filter((span) => span.layer === layer.name);
    const sure = all.filter((span) => span.score >= slider.value / 100);
    const shown = sure.filter((span) => legend.isShown(span.label));
    legend.setCounts(countLabels(sure.map((span) => span.label)));
    text.replaceChildren(...spanText(document.text, shown, colorOf(layer.labels)));
    table.hidden = true;
    const total = count(all.length, "span");
    return shown.length === all.length ? `${total} found` : `${shown.length.toLocaleString("en")} of ${total} shown`;
  }

  function drawTokens() {
    const tokens = sentences.flat();
    const isUnsure = (token) => token.probability < slider.value / 100;
    const how = { color: colorOf(layer.labels), isUnsure, isShown: legend.isShown };
    legend.setCounts(countLabels(tokens.map((token) => token.tag)));
    text.replaceChildren(...tokenText(answer.documents[0].text, sentences, how));
    table.replaceChildren(...tokenTable(sentences, how));
    table.hidden = tokens.length === 0;
    const unsure = tokens.filter((token) => legend.isShown(token.tag) && isUnsure(token)).length;
    return `${count(tokens.length, "token")} tagged${unsure ? `, ${unsure.toLocaleString("en")} unsure` : ""}`;
  }

  /** Say that a newer answer is awaited; the old one stays. */
  function wait() {
    clearTimeout(saying);
    root.setAttribute("aria-busy", "true");
    root.classList.add("stale");
    retry.hidden = true;
  }

  function settle() {
    root.removeAttribute("aria-busy");
    root.classList.remove("stale");
    retry.hidden = true;
    exports.root.hidden = false;
  }

  /** Say that there is no newer answer; what is shown is outdated. */
  function fail() {
    root.removeAttribute("aria-busy");
    status.textContent = answer ? "Not up to date" : "Not tagged";
    exports.root.hidden = true; // it would be of another text than the one that is there
    retry.hidden = false;
  }

  /** Show this instead of a result. */
  function clear(...content) {
    clearTimeout(saying);
    answer = null;
    settle();
    status.textContent = "";
    empty.replaceChildren(...content);
    empty.hidden = false;
    filled.hidden = true;
  }

  slid();
  return { root, show, wait, fail, clear };
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
