// Text out of files that are dropped or chosen.

/** Return a file's text; throws an Error, in words for the user, if it is none or larger than `largest` bytes. */
export async function readText(file, largest = Infinity) {
  if (file.size > largest) {
    const size = (file.size / (1 << 20)).toFixed(1);
    throw new Error(`“${file.name}” is too large: ${size} MiB; the limit is ${largest >> 20} MiB.`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const encoding = { "255,254": "utf-16le", "254,255": "utf-16be" }[bytes.slice(0, 2)] ?? "utf-8";
  let text;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    const where = encoding === "utf-8" ? ` See line ${badLine(bytes)}, and save it as UTF-8.` : "";
    throw new Error(`“${file.name}” is no text in UTF-8.${where}`);
  }
  if (text.includes("\0")) throw new Error(`“${file.name}” is no text: it holds zero bytes.`);
  return text;
}

// The number of the first line that cannot be decoded.
function badLine(bytes) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [line, start] = [1, 0];
  for (;;) {
    const end = bytes.indexOf(10, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    [line, start] = [line + 1, end + 1];
  }
}

/**
 * Let files be dropped on a place, or on the whole window.
 *
 * `take(files)` gets them, `emphasize(true)` is told while some hover; neither is called while `wanted()` is false.
 */
export function acceptDrops(place, take, emphasize, wanted = () => true) {
  // Text that is dragged is the browser's business.
  const isOurs = (event) => wanted() && event.dataTransfer?.types.includes("Files");
  const isInside = (node) => node && (place === window || place.contains(node));
  place.addEventListener("dragover", (event) => {
    if (!isOurs(event)) return;
    event.preventDefault(); // or the browser would show the file in the page's place
    emphasize(true);
  });
  place.addEventListener("dragleave", (event) => {
    if (!isInside(event.relatedTarget)) emphasize(false);
  });
  place.addEventListener("drop", (event) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    emphasize(false);
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
}
