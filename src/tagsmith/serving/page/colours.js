// Which colour a label has: the same one everywhere on the page, by its place among the model's labels.

export const COLOURS = 12; // .colour-0 to .colour-11 in style.css

/** Return a function from a label to the class of its colour. */
export function colourOf(labels) {
  const places = new Map(labels.map((label, place) => [label, place % COLOURS]));
  return (label) => `colour-${places.get(label) ?? 0}`;
}
