// A text as paragraphs with some stretches of it marked: spans, or tokens.

import { isolated } from "../direction.js";
import { element } from "../dom.js";
import { share } from "../share.js";
import { unitsOf } from "./offsets.js";
import { percent } from "./percent.js";

const LONG = 24; // characters of a label

/**
 * Cut a text into paragraphs, one a line, each with its own direction.
 *
 * `stretches` are in order and do not overlap; their `start` and `end` count code points. `make(stretch, text, last)`
 * returns the element for a stretch, or for the part of it on one line; `last` says whether that is its last part.
 */
export function paragraphs(text, stretches, make) {
  const unit = unitsOf(text);
  const made = [];
  let next = 0; // the first stretch that has not ended yet
  let begin = 0;
  for (const line of text.split("\n")) {
    const end = begin + line.length;
    const parts = [];
    let done = begin;
    for (; next < stretches.length && unit(stretches[next].start) < end; next++) {
      const start = Math.max(begin, unit(stretches[next].start));
      const stop = Math.min(end, unit(stretches[next].end));
      const last = unit(stretches[next].end) <= end;
      if (start > done) parts.push(text.slice(done, start));
      if (stop > start) parts.push(make(stretches[next], text.slice(start, stop), last));
      done = Math.max(done, stop);
      if (!last) break; // it goes on in the next line
    }
    if (done < end) parts.push(text.slice(done, end));
    made.push(element("p", { dir: "auto" }, parts.length ? parts : element("br")));
    begin = end + 1;
  }
  return made;
}

/** Return a text's paragraphs with its spans marked, each with its label and probability behind it. */
export function spanText(text, spans, color) {
  const inOrder = [...spans].sort((one, other) => one.start - other.start);
  return paragraphs(text, inOrder, (span, part, last) =>
    element(
      "mark",
      { class: `mark ${isolated(part)} ${color(span.label)}`, "data-tip": `${span.label}, ${percent(span.score)} sure` },
      part,
      last && labelOf(span),
    ),
  );
}

function labelOf({ label, score }) {
  const shown = element("span", { class: "share" }, share(score));
  const long = label.length > LONG ? " long" : ""; // may be broken, or it would not fit a phone
  return element("span", { class: `mark-label${long}`, dir: "ltr" }, element("bdi", {}, label), " ", shown);
}
