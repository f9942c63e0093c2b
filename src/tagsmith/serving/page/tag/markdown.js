// The little Markdown that model cards have: headings, paragraphs, lists, tables, code. Text only ever becomes text.

import { element, scrollable } from "../dom.js";

const FENCE = /^```/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;
const TABLE_ROW = /^\s*\|.*\|\s*$/;
const TABLE_RULE = /^\s*\|[\s:|-]+\|\s*$/;
const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|\*(\S(?:.*?\S)?)\*|\[([^\]]+)\]\(([^()\s]+)\)|\\([\\`*[\]<|])/g;

/** Return the elements of a Markdown text; its first level of headings becomes `level`. */
export function fromMarkdown(text, level = 3) {
  const lines = text.split(/\r?\n/);
  const made = [];
  while (lines.length) {
    if (!lines[0].trim()) lines.shift();
    else made.push(block(lines, level));
  }
  return made;
}

/** Take the next block from the lines. */
function block(lines, level) {
  if (FENCE.test(lines[0])) return code(lines);
  const heading = HEADING.exec(lines[0]);
  if (heading) {
    lines.shift();
    return element(`h${Math.min(6, level + heading[1].length - 1)}`, {}, inline(heading[2]));
  }
  if (ITEM.test(lines[0])) return list(lines);
  if (TABLE_ROW.test(lines[0]) && TABLE_RULE.test(lines[1] ?? "")) return table(lines);
  const taken = [lines.shift()];
  while (lines.length && lines[0].trim() && !begins(lines)) taken.push(lines.shift());
  return element("p", {}, inline(taken.join(" ")));
}

function begins(lines) {
  return FENCE.test(lines[0]) || HEADING.test(lines[0]) || ITEM.test(lines[0]) || TABLE_ROW.test(lines[0]);
}

function code(lines) {
  lines.shift();
  const taken = takeWhile(lines, (line) => !FENCE.test(line));
  lines.shift();
  return element("pre", {}, element("code", {}, taken.join("\n")));
}

function list(lines) {
  const isOrdered = ITEM.exec(lines[0])[1] !== undefined;
  const items = [];
  while (lines.length && lines[0].trim()) {
    const item = ITEM.exec(lines[0]);
    if (!item && begins(lines)) break;
    lines[0] = item ? item[2] : `${items.pop()} ${lines[0].trim()}`; // a line without a bullet goes on
    items.push(lines.shift());
  }
  return element(isOrdered ? "ol" : "ul", {}, items.map((item) => element("li", {}, inline(item))));
}

function table(lines) {
  const [head, , ...rows] = takeWhile(lines, (line) => TABLE_ROW.test(line)).map(cells);
  const align = (cell) => (/^[-+]?[\d.,]+\s*%?$/.test(cell ?? "") ? "number" : null);
  const heading = (cell, n) => element("th", { scope: "col", class: align(rows[0]?.[n]) }, inline(cell));
  const make = (cell) => element("td", { class: align(cell) }, inline(cell));
  return scrollable(
    `Table: ${head.join(", ")}`,
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, head.map(heading))),
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map(make)))),
    ),
  );
}

function cells(line) {
  const inner = line.trim().slice(1, -1).replaceAll("\\|", "\0");
  return inner.split("|").map((cell) => cell.replaceAll("\0", "|").trim());
}

function takeWhile(lines, wanted) {
  const taken = [];
  while (lines.length && wanted(lines[0])) taken.push(lines.shift());
  return taken;
}

/** Cut a text into strings and elements for code, emphasis and links. */
function inline(text) {
  const made = [];
  let done = 0;
  for (const match of text.matchAll(INLINE)) {
    made.push(text.slice(done, match.index), inlineElement(match));
    done = match.index + match[0].length;
  }
  return [...made, text.slice(done)];
}

function inlineElement([whole, , code, strong, emphasis, link, address, escaped]) {
  if (escaped !== undefined) return escaped;
  if (code !== undefined) return element("code", {}, code);
  if (strong !== undefined) return element("strong", {}, strong);
  if (emphasis !== undefined) return element("em", {}, emphasis);
  // Only addresses of the web become links: "javascript:" in a card must not run.
  if (!/^https?:/i.test(address)) return whole;
  return element("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, link);
}
