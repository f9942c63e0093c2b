// The server counts code points; JavaScript's strings count UTF-16 units, two for an emoji.

/** Return a function from a place in `text` counted in code points to the same place in UTF-16 units. */
export function unitsOf(text) {
  const places = [];
  let unit = 0;
  let wide = false;
  for (const character of text) {
    places.push(unit);
    unit += character.length;
    wide ||= character.length > 1;
  }
  if (!wide) return (point) => point;
  places.push(unit);
  return (point) => places[point];
}
