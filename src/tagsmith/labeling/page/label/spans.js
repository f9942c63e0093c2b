// A sentence's spans as values: each function returns a new list, in the order of the tokens. A span is
// {start, end, label, score}, in tokens, without the one at `end`; what a person changed has no score any more.

/** The span that holds this token, or null. */
export function spanAt(spans, token) {
  return spans.find((span) => span.start <= token && token < span.end) ?? null;
}

/** With one span more; those that it overlaps are gone. */
export function added(spans, { start, end }, label) {
  const others = spans.filter((span) => span.end <= start || span.start >= end);
  return ordered([...others, { start, end, label, score: null }]);
}

/** With this label for each token of a run (plain tags: each token is a span of its own). */
export function tagged(spans, { start, end }, label) {
  const others = spans.filter((span) => span.end <= start || span.start >= end);
  const tokens = Array.from({ length: end - start }, (_, place) => ({
    start: start + place, end: start + place + 1, label, score: null,
  }));
  return ordered([...others, ...tokens]);
}

/** With another label for one span. */
export function relabeled(spans, span, label) {
  return spans.map((other) => (other === span ? { ...span, label, score: null } : other));
}

/** Without one span. */
export function removed(spans, span) {
  return spans.filter((other) => other !== span);
}

/** With other ends for one span; what it grows over, others lose. */
export function resized(spans, span, { start, end }) {
  const others = removed(spans, span).flatMap((other) => {
    if (other.end <= start || other.start >= end) return [other];
    const left = other.start < start ? [{ ...other, end: start, score: null }] : [];
    const right = other.end > end ? [{ ...other, start: end, score: null }] : [];
    return [...left, ...right];
  });
  return ordered([...others, { ...span, start, end, score: null }]);
}

/** The tokens that no span holds. */
export function untagged(spans, count) {
  return Array.from({ length: count }, (_, token) => token).filter((token) => !spanAt(spans, token));
}

/** Whether two lists say the same, whatever their scores. */
export function same(one, other) {
  return JSON.stringify(plain(one)) === JSON.stringify(plain(other));
}

/** What a step from one list to another changed: the span that is new, or else gone; if several, the one `near` another. */
export function changedBetween(before, after, near) {
  const without = (spans, others) => spans.filter((span) => !others.some((other) => same([span], [other])));
  const fresh = without(after, before);
  const changed = fresh.length ? fresh : without(before, after);
  const close = changed.filter((span) => near && span.start < near.end && near.start < span.end);
  return close.find((span) => span.label === near.label) ?? close[0] ?? changed[0] ?? null;
}

/** As the server takes them: without scores. */
export function plain(spans) {
  return spans.map(({ start, end, label }) => ({ start, end, label }));
}

function ordered(spans) {
  return spans.sort((one, other) => one.start - other.start);
}
