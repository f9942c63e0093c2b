// A probability in a few characters, for beside a label.

/** Write a probability as a whole percentage that never says 100 or 0 where it is not. */
export function share(probability) {
  const percent = Math.round(100 * probability);
  if (percent === 100 && probability < 1) return ">99%";
  if (percent === 0 && probability > 0) return "<1%";
  return `${percent}%`;
}
