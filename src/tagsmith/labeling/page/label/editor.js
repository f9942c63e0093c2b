// The sentence on screen: its tokens in their text, the spans over them, and what of it is selected.

import { isolated } from "../direction.js";
import { element } from "../dom.js";
import { share } from "../share.js";
import { lineNeighbor, listenToPointer } from "./pointer.js";
import { added, relabeled, removed, resized, spanAt, tagged } from "./spans.js";

const LONG = 24; // characters of a label

/**
 * Shows and changes the spans of a sentence.
 *
 * `onchange(spans, what)` is called for each change, with words for it; `onselect()` when something else is selected.
 */
export class Editor {
  #options = []; // an element for each token; they stay the same while the sentence does
  #anchor = null; // where the selection began; null: nothing is selected
  #cursor = 0; // where it ends, and the token that has the focus

  constructor({ onchange, onselect }) {
    this.onchange = onchange;
    this.onselect = onselect;
    this.sentence = null;
    this.locked = false; // while true, the mouse changes nothing
    this.spans = [];
    this.box = element("div", {
      class: "sentence", role: "listbox", "aria-label": "Sentence", "aria-multiselectable": "true", dir: "auto",
    });
    listenToPointer(this);
  }

  /** Show a sentence. */
  show(sentence, spans, { color, givesSpans }) {
    Object.assign(this, { sentence, color, givesSpans });
    this.#options = sentence.tokens.map(({ text }, token) =>
      element("span", { class: "token", role: "option", tabIndex: -1, "data-token": token }, text),
    );
    this.#cursor = this.#anchor = 0;
    this.update(spans);
  }

  /** Show other spans of the same sentence. */
  update(spans, color = this.color) {
    this.spans = spans;
    this.color = color;
    const focused = this.hasFocus;
    this.box.replaceChildren(this.#arranged());
    this.#paint();
    if (focused) this.focus();
  }

  get hasFocus() {
    return this.box.contains(document.activeElement);
  }

  get rightToLeft() {
    return getComputedStyle(this.box).direction === "rtl";
  }

  /** The tokens that are selected, {start, end} without the one at `end`, or null. */
  get range() {
    if (this.#anchor === null) return null;
    return { start: Math.min(this.#anchor, this.#cursor), end: Math.max(this.#anchor, this.#cursor) + 1 };
  }

  /** The span that is selected as a whole, or null. */
  get span() {
    const range = this.range;
    const span = range && this.givesSpans ? spanAt(this.spans, range.start) : null;
    if (!span) return null;
    const isWhole = span.start === range.start && span.end === range.end;
    return isWhole || range.end - range.start === 1 ? span : null;
  }

  /** Give the focus to the token where it was last. */
  focus() {
    this.#options[this.#cursor]?.focus({ preventScroll: true });
  }

  /** Scroll so that the token where the focus was last can be seen. */
  reveal() {
    this.#options[this.#cursor]?.scrollIntoView({ block: "nearest" });
  }

  /** Select from `anchor` (by default the same token) to a token. */
  select(cursor, anchor = cursor) {
    this.#cursor = Math.max(0, Math.min(cursor, this.#options.length - 1));
    this.#anchor = anchor;
    this.#paint();
    this.focus();
    this.reveal();
    this.onselect();
  }

  /** Select tokens, and leave the focus where it is, if that is not here. */
  selectTokens({ start, end }) {
    this.#anchor = start;
    this.#cursor = end - 1;
    this.#paint();
    if (this.hasFocus) this.focus();
    this.onselect();
  }

  /** Extend the selection to a token. */
  extend(cursor) {
    this.select(cursor, this.#anchor ?? this.#cursor);
  }

  /** Clear the selection. */
  clear() {
    this.#anchor = null;
    this.#paint();
    this.onselect();
  }

  /** Move by `step` tokens, or `to` "up", "down", "home" or "end"; with `shift`, extend the selection. */
  move({ step, to, shift }) {
    const target = step ? this.#cursor + step : this.#destination(to);
    const cursor = Math.max(0, Math.min(target, this.#options.length - 1));
    if (shift) this.extend(cursor);
    else this.select(cursor);
  }

  /** Select the next span after the cursor (step 1), or the one before it (-1). */
  toSpan(step) {
    const here = this.#cursor;
    const after = this.spans.find((span) => span.start > here);
    const span = step > 0 ? after : this.spans.findLast((span) => span.end <= here);
    if (span) this.select(span.start);
    return Boolean(span);
  }

  /** Label what is selected; false if nothing is. */
  label(label) {
    const { span, range } = this;
    if (!range) return false;
    if (!this.givesSpans) {
      this.onchange(tagged(this.spans, range, label), `${label}: ${this.textOf(range)}`);
      if (range.end - range.start === 1 && range.end < this.#options.length) this.select(range.end);
    } else if (span) {
      this.onchange(relabeled(this.spans, span, label), `now ${label}: ${this.textOf(span)}`);
    } else {
      this.onchange(added(this.spans, range, label), `${label} added: ${this.textOf(range)}`);
    }
    return true;
  }

  /** Remove the span that is selected; false if none is. */
  remove() {
    const span = this.span;
    if (!span) return false;
    this.onchange(removed(this.spans, span), `${span.label} removed: ${this.textOf(span)}`);
    return true;
  }

  /** Move one end of the selected span by a token; false if none is selected. */
  resize(end, step) {
    const span = this.span;
    if (!span) return false;
    this.resizeTo(span, end, (end === "start" ? span.start : span.end - 1) + step);
    return true;
  }

  /** Let a span start or end ("start" or "end") with a token. */
  resizeTo(span, end, token) {
    const ends = this.#endsOf(span, end, token);
    this.onchange(resized(this.spans, span, ends), `${span.label}: ${this.textOf(ends)}`);
  }

  /** Show how the spans `before` would be with another end of one of them, without a change yet. */
  preview(span, end, token, before) {
    this.update(resized(before, span, this.#endsOf(span, end, token)));
  }

  /** The sentence's text from one token to another. */
  textOf({ start, end }) {
    const { text, tokens } = this.sentence;
    return Array.from(text).slice(tokens[start].start, tokens[end - 1].end).join("");
  }

  // A span's ends with one of them elsewhere; there the cursor goes, so that the span stays selected.
  #endsOf(span, end, token) {
    const [low, high] = end === "start" ? [0, span.end - 1] : [span.start, this.#options.length - 1];
    const place = Math.max(low, Math.min(token, high));
    this.#cursor = this.#anchor = place;
    return end === "start" ? { start: place, end: span.end } : { start: span.start, end: place + 1 };
  }

  #destination(to) {
    if (to === "home") return 0;
    if (to === "end") return this.#options.length - 1;
    return lineNeighbor(this.#options, this.#cursor, to === "down" ? 1 : -1);
  }

  // The text with its tokens in it, those of a span in an element of their own. Offsets count code points.
  #arranged() {
    const points = Array.from(this.sentence.text);
    const all = document.createDocumentFragment();
    let [holder, end] = [all, 0];
    for (const [token, { start, end: next }] of this.sentence.tokens.entries()) {
      const span = spanAt(this.spans, token);
      if (!span || span.start === token) holder = all;
      holder.append(points.slice(end, start).join(""));
      if (span?.start === token) all.append((holder = this.#startSpan(span)));
      holder.append(this.#options[token]);
      if (span?.end === token + 1) this.#endSpan(span, holder);
      end = next;
    }
    all.append(points.slice(end).join(""));
    return all;
  }

  #startSpan(span) {
    // Tags of single tokens are not isolated, as that would turn a foreign name's words around.
    const apart = this.givesSpans ? isolated(this.textOf(span)) : "";
    const made = element("span", { class: `span ${apart} ${this.color(span.label)}`, "data-start": span.start });
    if (this.givesSpans) made.append(element("span", { class: "handle", "data-end": "start", "aria-hidden": "true" }));
    return made;
  }

  #endSpan(span, holder) {
    if (this.givesSpans) holder.append(element("span", { class: "handle", "data-end": "end", "aria-hidden": "true" }));
    const score = scoreOf(span);
    const long = span.label.length > LONG ? " long" : ""; // may be broken, or it would not fit a phone
    const chip = { class: `chip${long}`, dir: "ltr", "aria-hidden": "true" }; // each token's name has it too
    holder.append(element("span", chip, element("bdi", {}, span.label), score && element("span", { class: "share" }, score)));
  }

  #paint() {
    const { range, span } = this;
    const { start, end } = span ?? range ?? { start: 0, end: 0 };
    for (const [token, option] of this.#options.entries()) {
      const own = spanAt(this.spans, token);
      const score = own?.start === token ? scoreOf(own) : "";
      option.setAttribute("aria-selected", String(start <= token && token < end));
      option.setAttribute("aria-label", [option.textContent, own?.label, score].filter(Boolean).join(", "));
      option.tabIndex = token === this.#cursor ? 0 : -1;
    }
    for (const holder of this.box.querySelectorAll(".span")) {
      holder.classList.toggle("chosen", span !== null && Number(holder.dataset.start) === span.start);
    }
  }
}

// How sure the model is of a span; empty if a person made it.
function scoreOf({ score }) {
  return score === null || score === undefined ? "" : share(score);
}
