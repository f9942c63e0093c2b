// The mouse (or a finger, or a pen) on the sentence: click, drag over tokens, drag the ends of a span.

import { spanAt } from "./spans.js";

/** Let the pointer select tokens of an editor, and drag the ends of its spans. */
export function listenToPointer(editor) {
  let drag = null;
  const { box } = editor;

  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !editor.sentence || editor.locked) return;
    event.preventDefault(); // no selection of text, and the focus is set here
    drag = begin(editor, event);
    if (drag) box.setPointerCapture(event.pointerId);
  });

  box.addEventListener("pointermove", (event) => {
    const token = drag ? tokenUnder(box, event) : null;
    if (token === null || token === drag.token) return;
    drag.token = token;
    if (drag.span) editor.preview(drag.span, drag.end, token, drag.before);
    else editor.extend(token);
  });

  box.addEventListener("pointerup", () => {
    if (drag?.span) {
      editor.update(drag.before); // so that the whole drag is one step of undo
      if (drag.token !== null) editor.resizeTo(drag.span, drag.end, drag.token);
      editor.focus();
    }
    drag = null;
  });

  box.addEventListener("pointercancel", () => {
    if (drag?.span) editor.update(drag.before);
    drag = null;
  });
}

/** The token nearest below (step 1) or above (-1) a token, by where they are on screen; itself if there is no line. */
export function lineNeighbor(options, from, step) {
  const here = options[from].getBoundingClientRect();
  let [line, closest, nearest] = [null, from, Infinity];
  for (let token = from + step; options[token]; token += step) {
    const box = options[token].getBoundingClientRect();
    if (line === null && Math.abs(box.top - here.top) > here.height / 2) line = box.top;
    if (line === null) continue;
    if (Math.abs(box.top - line) > box.height / 2) break;
    const distance = Math.abs(box.left + box.right - here.left - here.right);
    if (distance < nearest) [closest, nearest] = [token, distance];
  }
  return closest;
}

function begin(editor, event) {
  const handle = event.target.closest(".handle");
  if (handle) {
    const span = spanAt(editor.spans, Number(handle.closest(".span").dataset.start));
    return { span, end: handle.dataset.end, before: editor.spans, token: null };
  }
  const chip = event.target.closest(".chip"); // a span's label stands for the span
  const token = chip ? Number(chip.closest(".span").dataset.start) : tokenUnder(editor.box, event);
  if (token === null) {
    editor.clear();
    return null;
  }
  if (event.shiftKey) editor.extend(token);
  else editor.select(token);
  return { token };
}

function tokenUnder(box, { clientX, clientY }) {
  const under = document.elementFromPoint(clientX, clientY);
  const token = under && box.contains(under) ? under.closest(".token") : null;
  return token ? Number(token.dataset.token) : null;
}
