// Line charts of what changes from epoch to epoch, as SVG.

import { element } from "../dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg"; // a name, not an address: nothing is fetched
const WIDTH = 440;
const HEIGHT = 218;
const AREA = { left: 44, right: WIDTH - 16, top: 26, bottom: HEIGHT - 36 };
const MOST_DOTS = 60;

/**
 * A chart with a caption: `{ figure, draw }`.
 *
 * `draw(points, epochs, others)` shows points `{ epoch, value, best }` on an axis of so many epochs, and if there are any
 * a second, dashed line of `others`; `names` says what the two lines are. `bounds` gives the ends of the other axis that
 * are never passed (`low`, `high`) or always shown (`from`), and the `least` it spans; `format` writes a value.
 */
export function makeCurve({ title, kind, bounds, format, names = [] }) {
  const now = element("span", { class: "curve-now number" });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: `curve ${kind}` });
  const figure = element("figure", {}, element("figcaption", {}, title, " ", now), drawing);
  const draw = (given, epochs, others = []) => {
    const [points, second] = [given, others].map((own) => own.filter(({ value }) => Number.isFinite(value)));
    now.replaceChildren(...(points.length ? legend(points, second, names, format) : []));
    const told = describe(title, points, format);
    drawing.setAttribute("aria-label", second.length ? `${told}; ${describe(names[1], second, format)}` : told);
    drawing.replaceChildren(...(points.length ? chart(points, epochs, bounds, format, second) : waiting(epochs)));
  };
  draw([], 1);
  return { figure, draw };
}

/** Values from `low` to `high`, both included, at which a reader expects a tick: multiples of 1, 2 or 5 × 10ⁿ. */
export function ticks(low, high, most) {
  const step = niceStep((high - low) / most);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, place) => (first + place) * step);
}

/** The last values; where there are two lines, with what each of them is. */
function legend(points, second, names, format) {
  const last = format(points.at(-1).value);
  if (!second.length) return [last];
  const entry = (name, value, kind) =>
    element("span", { class: "curve-entry" }, element("span", { class: `curve-key ${kind}` }), `${name} ${value}`);
  return [entry(names[0], last, "first"), " ", entry(names[1], format(second.at(-1).value), "second")];
}

function chart(points, epochs, bounds, format, second) {
  const last = Math.max(2, epochs, points.at(-1).epoch);
  const [low, high] = valueRange([...points, ...second].map(({ value }) => value), bounds);
  const across = acrossUntil(last);
  const up = (value) => AREA.bottom - ((value - low) / (high - low)) * (AREA.bottom - AREA.top);
  const best = points.findLast((point) => point.best);
  return [
    ...valueAxis(low, high, up),
    ...epochAxis(last, across),
    ...(second.length ? [line("curve-line second", second, across, up)] : []),
    line("curve-line", points, across, up),
    ...(points.length <= MOST_DOTS ? points.map((point) => dot(point, across, up, format)) : []),
    ...(best ? bestMark(best, across, up, format) : []),
  ];
}

function valueRange(values, { low = -Infinity, high = Infinity, from = Infinity, least = 0 }) {
  let [bottom, top] = [Math.min(from, ...values), Math.max(...values)];
  const lacking = Math.max(0, least - (top - bottom)) / 2;
  [bottom, top] = [Math.max(low, bottom - lacking), Math.min(high, top + lacking)];
  if (top <= bottom) top = bottom + 1;
  const step = niceStep((top - bottom) / 5);
  return [Math.floor(bottom / step + 1e-9) * step, Math.ceil(top / step - 1e-9) * step];
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
}

function valueAxis(low, high, up) {
  const step = niceStep((high - low) / 5);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return ticks(low, high, 5).flatMap((value) => [
    svg("line", { class: "curve-grid", x1: AREA.left, x2: AREA.right, y1: up(value), y2: up(value) }),
    svg("text", { x: AREA.left - 8, y: up(value) + 4, "text-anchor": "end" }, value.toFixed(digits)),
  ]);
}

function epochAxis(last, across) {
  const step = Math.max(1, niceStep((last - 1) / 8));
  const marks = ticks(1, last, (last - 1) / step);
  if (marks[0] !== 1) marks.unshift(1);
  const numbers = marks.map((epoch) => {
    return svg("text", { x: across(epoch), y: AREA.bottom + 17, "text-anchor": "middle" }, `${epoch}`);
  });
  return [
    ...numbers,
    svg("text", { class: "curve-name", x: AREA.right, y: HEIGHT - 4, "text-anchor": "end" }, "epoch"),
    svg("line", { class: "curve-axis", x1: AREA.left, x2: AREA.right, y1: AREA.bottom, y2: AREA.bottom }),
  ];
}

function acrossUntil(last) {
  return (epoch) => AREA.left + ((epoch - 1) / (last - 1)) * (AREA.right - AREA.left);
}

function line(kind, points, across, up) {
  return svg("polyline", { class: kind, points: points.map((point) => place(point, across, up)).join(" ") });
}

function place({ epoch, value }, across, up) {
  return `${across(epoch).toFixed(1)},${up(value).toFixed(1)}`;
}

function dot(point, across, up, format) {
  const told = svg("title", {}, `epoch ${point.epoch}: ${format(point.value)}`);
  return svg("circle", { class: "curve-dot", cx: across(point.epoch), cy: up(point.value), r: 2.5 }, told);
}

function bestMark({ epoch, value }, across, up, format) {
  const [x, y] = [across(epoch), up(value)];
  const anchor = x < AREA.left + 40 ? "start" : x > AREA.right - 40 ? "end" : "middle";
  // Above the point there is nothing of the curve: it is the best.
  const told = { class: "curve-told", x, y: y - 11, "text-anchor": anchor };
  return [
    svg("line", { class: "curve-drop", x1: x, x2: x, y1: y, y2: AREA.bottom }),
    svg("circle", { class: "curve-best", cx: x, cy: y, r: 5.5 }),
    svg("text", told, `best ${format(value)}`),
  ];
}

function waiting(epochs) {
  const last = Math.max(2, epochs);
  const middle = { x: (AREA.left + AREA.right) / 2, y: (AREA.top + AREA.bottom) / 2, "text-anchor": "middle" };
  return [...epochAxis(last, acrossUntil(last)), svg("text", middle, "begins after the first epoch")];
}

function describe(title, points, format) {
  if (!points.length) return `${title}: no epoch has ended yet`;
  const best = points.findLast((point) => point.best);
  const end = points.at(-1);
  const ends = [points[0], end].map(({ epoch, value }) => `${format(value)} after epoch ${epoch}`);
  const told = `${title}: ${ends.join(", ")}`;
  return best ? `${told}; best ${format(best.value)} after epoch ${best.epoch}` : told;
}

function svg(name, attributes, ...children) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
