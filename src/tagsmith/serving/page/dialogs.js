// Questions and help in front of the page.

import { element } from "./dom.js";

/** Ask whether to do something that cannot be undone; resolves to true or false. Escape is `no`. */
export function confirmed(question, yes, no = "Keep it") {
  return new Promise((resolve) => {
    const dialog = open(
      element("p", { id: "dialog-title" }, question),
      element("button", { value: "no", autofocus: true }, no),
      element("button", { class: "main", value: "yes" }, yes),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}

/** Show what the keys do; `rows` are [keys, what]. */
export function showKeys(rows) {
  const cells = ([keys, what]) => [
    element("td", {}, keys.flatMap((key) => [element("kbd", {}, key), " "])),
    element("td", {}, what),
  ];
  const table = element("table", {}, rows.map((row) => element("tr", {}, cells(row))));
  const close = element("button", { value: "close", autofocus: true }, "Close");
  open(element("h2", { id: "dialog-title" }, "Keys"), table, close);
}

function open(title, ...parts) {
  const before = document.activeElement;
  const buttons = parts.filter((part) => part.localName === "button");
  const rest = parts.filter((part) => part.localName !== "button");
  const form = element("form", { method: "dialog" }, title, rest, element("div", { class: "row" }, buttons));
  const dialog = element("dialog", { class: "asked", "aria-labelledby": "dialog-title" }, form);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
