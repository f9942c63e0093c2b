// Which key does what. Letters that nothing else uses are keys of labels, after the digits.

const LABEL_KEYS = [..."1234567890qwertyuiopadfghjklzxcvbnm"]; // without S, which skips
const COMMANDS = {
  Enter: "accept", Escape: "clear", Delete: "remove", Backspace: "remove", "?": "help", ".": "nextSpan",
  ",": "previousSpan",
};
const MOVES = { ArrowUp: "up", ArrowDown: "down", Home: "home", End: "end" };

/** The key of a label, by its place; "" if there are more labels than keys. */
export function labelKey(place) {
  return LABEL_KEYS[place] ?? "";
}

/** What the keys do, for people: [keys, what]. */
export function explainKeys(givesSpans) {
  const spans = [
    [["Delete"], "Remove the span"],
    [["Alt ←", "Alt →"], "Move the span’s end"],
    [["Shift Alt ←", "Shift Alt →"], "Move the span’s start"],
    [[",", "."], "Go to the previous or next span"],
  ];
  return [
    [["←", "→", "↑", "↓", "Home", "End"], "Go from token to token"],
    [["Shift ←", "Shift →"], "Select several tokens"],
    [["1", "2", "…"], givesSpans ? "Label the selection; relabel a span" : "Label the selection, go on"],
    ...(givesSpans ? spans : []),
    [["Esc"], "Clear the selection"],
    [["Enter"], "Accept, and go on to the next sentence"],
    [["S"], "Skip the sentence"],
    [["Ctrl Z"], "Undo; then undo the last accept or skip"],
    [["Ctrl Y", "Ctrl Shift Z"], "Redo"],
    [["?"], "Show all keys"],
  ];
}

/**
 * What a key press asks for: {name, …}, or null if it is not for this view.
 *
 * `rightToLeft`: the sentence's direction, as → goes right on the screen; `inSentence`: whether the focus is there.
 */
export function actionOf(event, { rightToLeft, inSentence }) {
  if (event.defaultPrevented || event.isComposing || isTaken(event)) return null;
  const { key, altKey: alt, shiftKey: shift } = event;
  const command = event.ctrlKey || event.metaKey;
  if (key === "ArrowLeft" || key === "ArrowRight") {
    if (command) return null;
    const step = (key === "ArrowRight") === !rightToLeft ? 1 : -1;
    return alt ? { name: shift ? "moveStart" : "moveEnd", step } : { name: "move", step, shift };
  }
  if (command) return alt ? null : undoOf(key.toLowerCase(), shift);
  if (alt) return null;
  if (key in MOVES) return inSentence ? { name: "move", to: MOVES[key], shift } : null;
  if (key in COMMANDS) return { name: COMMANDS[key] };
  const plain = shift && /\p{L}/u.test(key) ? "" : key.toLowerCase();
  if (plain === "s") return { name: "skip" };
  const place = LABEL_KEYS.indexOf(plain);
  return place < 0 ? null : { name: "label", place };
}

function undoOf(key, shift) {
  if (key === "z") return { name: shift ? "redo" : "undo" };
  return key === "y" && !shift ? { name: "redo" } : null;
}

// Whether what has the focus wants the key itself.
function isTaken({ key, target }) {
  if (target.closest("input, textarea, select, dialog")) return true;
  return key === "Enter" && target.closest("button, a, summary") !== null;
}
