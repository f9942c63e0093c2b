// Text out of a file that was dropped or chosen.

const LARGEST = 4 << 20; // bytes: the server takes no more in a request

/** Return a file's text; throws an Error, in words for the user, if it is none or too large. */
export async function readText(file) {
  if (file.size > LARGEST) {
    const size = (file.size / (1 << 20)).toFixed(1);
    throw new Error(`“${file.name}” is too large: ${size} MiB; the limit is ${LARGEST >> 20} MiB.`);
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error(`“${file.name}” is no text in UTF-8.`);
  }
  if (text.includes("\0")) throw new Error(`“${file.name}” is no text: it holds zero bytes.`);
  return text;
}

/** Let files be dropped on a place; `take(file)` gets the first, `emphasise(true)` is told while one hovers. */
export function acceptDrops(place, take, emphasise) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  place.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return; // text that is dragged is the browser's business
    event.preventDefault();
    emphasise(true);
  });
  place.addEventListener("dragleave", (event) => place.contains(event.relatedTarget) || emphasise(false));
  place.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    emphasise(false);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}
