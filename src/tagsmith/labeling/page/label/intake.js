// Text comes in: the form for it, and the way to the server, where long text goes in pieces.

import { request } from "../api.js";
import { element } from "../dom.js";

export const PIECE = 1_000_000; // characters in one request; the server takes bodies of 4 MiB
const FILE_PIECE = 250_000; // labeled sentences take the server longer
const CSV_HEADER = /^[^\n]*\bsentence\b[^\n]*[,;\t|][^\n]*\b(word|token)/i;
const BLANK_LINE = /\n[ \t\r]*\n/y;

/** Cut a text where lines end, if it can be at an empty line, into pieces of at most `size` characters. */
export function cutIntoPieces(text, size = PIECE) {
  return pieces(text, (start) => cutBefore(text, start, start + size), size).filter((piece) => piece.trim());
}

function pieces(text, endOf, size) {
  const all = [];
  let start = 0;
  while (text.length - start > size) {
    const end = endOf(start);
    all.push(text.slice(start, end));
    start = end;
  }
  return [...all, text.slice(start)];
}

// Where a file can be cut depends on its format: JSON lines after each, columns and text after an empty line. A table
// needs its header everywhere, and one array is cut nowhere.
function cutFile(text, name, size) {
  if (/\.csv$/i.test(name) || /^\s*\[/.test(text) || CSV_HEADER.test(text)) return [text];
  if (/^\s*\{/.test(text)) return pieces(text, (start) => (text.indexOf("\n", start + size) + 1 || text.length), size);
  return pieces(text, (start) => cutBefore(text, start, start + size), size);
}

/**
 * Send a file to the server, with its labels if it has some; `tell(share)` hears how much is there.
 *
 * Returns the server's answers added up. If a part is refused, those before it are in, and `problem` says why.
 */
export async function sendFile(text, name, tell = () => {}, size = FILE_PIECE) {
  const lists = { ids: [], to_check: [], new_labels: [], refused: [], changed: [], conflicts: [] };
  const all = { format: null, accepted: 0, predicted: 0, added: 0, known: 0, problem: null, ...lists };
  const parts = cutFile(text, name, size);
  let line = 1;
  for (const [place, content] of parts.entries()) {
    tell(place / parts.length);
    const body = { content, name: name.slice(-500), first_line: line, format: all.format };
    line += content.split("\n").length - 1;
    if (!content.trim()) continue;
    try {
      const answer = await request("v1/labeling/files", { method: "POST", body });
      all.format = answer.format;
      for (const key of ["accepted", "predicted", "added", "known"]) all[key] += answer[key];
      for (const key of Object.keys(lists)) all[key] = all[key].concat(answer[key]);
    } catch (error) {
      all.problem = error;
      break;
    }
  }
  return all;
}

/** Send a text to the server; `tell(share)` hears how much is there. Returns {ids, added, known}. */
export async function sendText(text, source, tell = () => {}) {
  const all = { ids: [], added: 0, known: 0 };
  const pieces = cutIntoPieces(text);
  for (const [place, piece] of pieces.entries()) {
    tell(place / pieces.length);
    const { ids, added, known } = await request("v1/labeling/sentences", {
      method: "POST",
      body: { text: piece, source: source.slice(0, 500) },
    });
    all.ids = all.ids.concat(ids);
    all.added += added;
    all.known += known;
  }
  return all;
}

/** The form to add text; `add(text, source)` takes what is pasted, `addFiles(files)` what is chosen. */
export function intakeForm(add, addFiles, told) {
  const area = element("textarea", { id: "label-text", rows: 4, placeholder: "Paste text here", dir: "auto" });
  const files = element("input", {
    type: "file", id: "label-files", class: "unseen", multiple: true,
    onchange: async () => {
      await addFiles([...files.files]);
      files.value = ""; // so that the same file can be chosen again
    },
  });
  return element(
    "form",
    {
      class: "intake",
      onsubmit: async (event) => {
        event.preventDefault();
        if (area.value.trim() && (await add(area.value, "page"))) area.value = "";
      },
    },
    element("label", { for: "label-text" }, "Add text"),
    area,
    element(
      "div",
      { class: "row" },
      element("button", {}, "Add"),
      files,
      element("label", { for: "label-files", class: "button" }, "Choose files…"),
      element("span", { class: "quiet" }, "or drop files of text, of labeled sentences or of predictions anywhere on this page"),
    ),
    told,
  );
}

// Where to cut: after an empty line, a line, a word, or in a word; never within a character.
function cutBefore(text, start, end) {
  for (let place = text.lastIndexOf("\n", end - 2); place > (start + end) / 2; place = text.lastIndexOf("\n", place - 1)) {
    BLANK_LINE.lastIndex = place;
    if (BLANK_LINE.test(text) && BLANK_LINE.lastIndex <= end) return BLANK_LINE.lastIndex;
  }
  for (const mark of ["\n", " "]) {
    const place = text.lastIndexOf(mark, end - 1);
    if (place > start) return place + 1;
  }
  return /[\uDC00-\uDFFF]/.test(text[end]) ? end - 1 : end;
}
