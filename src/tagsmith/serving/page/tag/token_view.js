// Tags of single tokens, such as parts of speech: below the running text, and in a table.

import { element } from "../dom.js";
import { paragraphs } from "./highlight.js";
import { percent } from "./percent.js";

const LONG = 24; // characters: such a token may be broken in two, or it would not fit a phone
const MANY = 3000; // tokens: laying out tags below so many takes a browser seconds
const ROWS = 300; // in the table at first: thousands of them make typing slow

/** Return the tokens of a layer, sentence by sentence: text, place, tag, and the next best tag, with probabilities. */
export function readTokens(document, layer) {
  return document.sentences.map((sentence) => {
    const { tags, probabilities } = sentence.marginals[layer];
    const places = new Map(tags.map((tag, place) => [tag, place]));
    return sentence.tokens.map((token, number) => {
      const tag = sentence.tags[layer][number];
      const row = probabilities[number];
      const chosen = places.get(tag);
      let other = -1;
      row.forEach((share, place) => {
        if (place !== chosen && (other < 0 || share > row[other])) other = place;
      });
      const next = other < 0 ? null : { tag: tags[other], probability: row[other] };
      return { ...token, tag, probability: row[chosen] ?? 0, next };
    });
  });
}

/**
 * Return a text's paragraphs with the tag under each token; `isUnsure(token)` and `isShown(tag)` say how.
 *
 * In a very long text tokens have their color and their tip only.
 */
export function tokenText(text, sentences, { color, isUnsure, isShown }) {
  const tokens = sentences.flat();
  const isLong = tokens.length > MANY;
  return paragraphs(text, tokens, (token, part) => {
    if (!isShown(token.tag)) return element("span", {}, part);
    const unsure = isUnsure(token);
    const names = ["token", color(token.tag), unsure && "unsure", part.length > LONG && "long"];
    const properties = { class: names.filter(Boolean).join(" "), "data-tip": tip(token, unsure) };
    if (isLong) return element("span", properties, part);
    return element("ruby", properties, part, element("rt", { dir: "ltr" }, token.tag, unsure && "?"));
  });
}

function tip(token, unsure) {
  const next = token.next ? `; else ${token.next.tag}, ${percent(token.next.probability)}` : "";
  return `${unsure ? "Unsure: " : ""}${token.tag}, ${percent(token.probability)}${next}`;
}

/** Return the table of tokens, and a button for the rest of it if it is long. */
export function tokenTable(sentences, { color, isUnsure, isShown }, rows = ROWS) {
  const total = sentences.flat().filter((token) => isShown(token.tag)).length;
  const nextBest = element("th", { scope: "colgroup", colSpan: 2 }, "Next best");
  const head = [heading("Token"), heading("Tag"), heading("Probability", "number"), nextBest];
  const table = element(
    "table",
    { class: "tokens" },
    element("caption", { class: "unseen" }, "Tokens with their tags and probabilities"),
    element("thead", {}, element("tr", {}, head)),
  );
  let left = rows;
  for (const sentence of sentences) {
    const shown = sentence.filter((token) => isShown(token.tag)).slice(0, left);
    left -= shown.length;
    if (shown.length) table.append(element("tbody", {}, shown.map((token) => row(token, color, isUnsure(token)))));
  }
  if (total <= rows) return [table];
  const showAll = () => {
    const [whole] = tokenTable(sentences, { color, isUnsure, isShown }, total);
    table.replaceWith(whole);
    more.remove();
  };
  const more = element("button", { type: "button", onclick: showAll }, `Show all ${total.toLocaleString("en")} tokens`);
  return [table, more];
}

function heading(text, name = null) {
  return element("th", { scope: "col", class: name }, text);
}

function row(token, color, unsure) {
  const note = element("span", { class: "note" }, "unsure ");
  return element(
    "tr",
    { class: unsure ? "unsure" : null },
    element("th", { scope: "row", dir: "auto" }, token.text),
    element("td", {}, element("span", { class: `tag ${color(token.tag)}` }, token.tag)),
    element("td", { class: "number" }, unsure && note, percent(token.probability)),
    element("td", {}, token.next?.tag ?? ""),
    element("td", { class: "number" }, token.next ? percent(token.next.probability) : ""),
  );
}
