// A server's answer as text: CoNLL columns, and JSON that people can read.

/** Write one token a line with a tag of each layer, and an empty line behind each sentence, as `tagsmith tag` does. */
export function toConll(answer) {
  const sentences = answer.documents.flatMap((document) => document.sentences);
  const write = ({ tokens, tags }) => `${tokens.map((token, number) => row(token, tags, number)).join("")}\n`;
  return sentences.map(write).join("");
}

function row(token, tags, number) {
  return [token.text, ...Object.values(tags).map((tagsOfLayer) => tagsOfLayer[number])].join("\t") + "\n";
}

/** Write JSON in which whatever holds only plain values, a token for instance, has one line. */
export function toJson(value, indent = "") {
  const values = value !== null && typeof value === "object" ? Object.values(value) : [];
  if (values.every((one) => one === null || typeof one !== "object")) return JSON.stringify(value);
  const inner = `${indent}  `;
  const lines = Array.isArray(value)
    ? value.map((one) => toJson(one, inner))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${toJson(one, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${lines.map((line) => inner + line).join(",\n")}\n${indent}${close}`;
}
