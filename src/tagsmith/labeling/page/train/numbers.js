// Numbers as people read them: percentages, differences, counts, times.

const GROUPED = new Intl.NumberFormat("en");
const WORDS = { better: "better", worse: "worse", same: "the same", unclear: "unclear" };
const SIGNS = { better: "+", worse: "−", same: "±" };

/** "1 sentence", "1,200 sentences". */
export function counted(number, noun) {
  return `${GROUPED.format(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** "9,000". */
export function grouped(number) {
  return GROUPED.format(Math.round(number));
}

/** A fraction of 1 in percent, "81.5"; a dash for what is not known. */
export function percent(fraction) {
  return isKnown(fraction) ? (tenths(fraction) / 10).toFixed(1) : "–";
}

/**
 * What became of a score: `{ kind, points, signed, word }`, such as `better`, "18.5", "+18.5", "better"; null if one is
 * not known. It is the difference of the numbers as they are shown, so that a reader can check it. With the server's
 * `difference`, it is `unclear` unless it can be told from chance.
 */
export function change(before, after, difference) {
  if (!isKnown(before) || !isKnown(after)) return null;
  const shown = tenths(after) - tenths(before);
  const direction = shown > 0 ? "better" : shown < 0 ? "worse" : "same";
  const kind = difference && !difference.clear && direction !== "same" ? "unclear" : direction;
  const points = (Math.abs(shown) / 10).toFixed(1);
  return { kind, points, signed: SIGNS[direction] + points, word: WORDS[kind] };
}

/** A difference of fractions in points, with its sign: "+1.2", "−0.3", "0.0". */
export function signed(fraction) {
  const points = (Math.abs(tenths(fraction)) / 10).toFixed(1);
  return `${tenths(fraction) > 0 ? "+" : tenths(fraction) < 0 ? "−" : ""}${points}`;
}

/** What is measured, as a title: "F1", "Accuracy". */
export function titled(measure) {
  return measure[0].toUpperCase() + measure.slice(1);
}

/** "0.312", "12.4": three figures that matter. */
export function loss(number) {
  return Number.isFinite(number) ? number.toFixed(Math.abs(number) < 1 ? 3 : Math.abs(number) < 10 ? 2 : 1) : "–";
}

/** "45 s", "3 min 05 s", "1 h 02 min". */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** "2026-11-25 14:00" in the user's own time zone. */
export function moment(iso) {
  // Swedish writes dates as ISO does.
  return new Date(iso).toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "short" });
}

function isKnown(fraction) {
  return fraction !== null && fraction !== undefined;
}

function tenths(fraction) {
  return Math.round(fraction * 1000);
}
