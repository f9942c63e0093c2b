// Which color a label has: the same one everywhere on the page, by its place among the model's labels.

export const COLORS = 12; // .color-0 to .color-11 in style.css

/** Return a function from a label to the class of its color. */
export function colorOf(labels) {
  const places = new Map(labels.map((label, place) => [label, place % COLORS]));
  return (label) => `color-${places.get(label) ?? 0}`;
}
