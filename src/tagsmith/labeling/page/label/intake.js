// Text comes in: the form for it, and the way to the server, where long text goes in pieces.

import { request } from "../api.js";
import { element } from "../dom.js";

export const PIECE = 1_000_000; // characters in one request; the server takes bodies of 4 MiB

/** Cut a text where lines end, if it can be at an empty line, into pieces of at most `size` characters. */
export function cutIntoPieces(text, size = PIECE) {
  const pieces = [];
  let start = 0;
  while (text.length - start > size) {
    const end = cutBefore(text, start, start + size);
    pieces.push(text.slice(start, end));
    start = end;
  }
  pieces.push(text.slice(start));
  return pieces.filter((piece) => piece.trim());
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
    type: "file", id: "label-files", class: "unseen", multiple: true, accept: ".txt,.text,.md,text/plain",
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
      element("span", { class: "quiet" }, "or drop text files anywhere on this page"),
    ),
    told,
  );
}

// Where to cut: after an empty line, a line, a word, or in a word; never within a character.
function cutBefore(text, start, end) {
  for (const mark of ["\n\n", "\n", " "]) {
    const place = text.lastIndexOf(mark, end - mark.length);
    if (place > start + (mark === "\n\n" ? (end - start) / 2 : 0)) return place + mark.length;
  }
  return /[\uDC00-\uDFFF]/.test(text[end]) ? end - 1 : end;
}
