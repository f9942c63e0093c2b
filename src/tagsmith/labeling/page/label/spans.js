// A sentence's spans as values: each function returns a new list, in the order of the tokens. A span is
// {first, last, label, score}, both tokens inclusive; what a person changed has no score any more.

/** The span that holds this token, or null. */
export function spanAt(spans, token) {
  return spans.find((span) => span.first <= token && token <= span.last) ?? null;
}

/** With one span more; those that it overlaps are gone. */
export function added(spans, { first, last }, label) {
  const others = spans.filter((span) => span.last < first || span.first > last);
  return ordered([...others, { first, last, label, score: null }]);
}

/** With this label for each token of a run (plain tags: each token is a span of its own). */
export function tagged(spans, { first, last }, label) {
  const others = spans.filter((span) => span.last < first || span.first > last);
  const own = Array.from({ length: last - first + 1 }, (_, place) => ({
    first: first + place, last: first + place, label, score: null,
  }));
  return ordered([...others, ...own]);
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
export function resized(spans, span, { first, last }) {
  const others = removed(spans, span).flatMap((other) => {
    if (other.last < first || other.first > last) return [other];
    const left = other.first < first ? [{ ...other, last: first - 1, score: null }] : [];
    const right = other.last > last ? [{ ...other, first: last + 1, score: null }] : [];
    return [...left, ...right];
  });
  return ordered([...others, { ...span, first, last, score: null }]);
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
  const close = changed.filter((span) => near && span.first <= near.last && near.first <= span.last);
  return close.find((span) => span.label === near.label) ?? close[0] ?? changed[0] ?? null;
}

/** As the server takes them: without scores. */
export function plain(spans) {
  return spans.map(({ first, last, label }) => ({ first, last, label }));
}

function ordered(spans) {
  return spans.sort((one, other) => one.first - other.first);
}
