/** Write a probability as a percentage that never says 100 or 0 where it is not. */
export function percent(probability) {
  if (probability < 1 && probability >= 0.9995) return ">\u00a099.9\u00a0%";
  if (probability > 0 && probability < 0.0005) return "<\u00a00.1\u00a0%";
  return `${(100 * probability).toFixed(1)}\u00a0%`;
}
