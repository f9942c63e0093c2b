// Asking before something is lost.

import { element } from "./dom.js";

/** Ask in a dialog; resolves to whether the user said `verb`. Escape and "Keep it" say no. */
export function ask(question, verb) {
  const told = element("p", { id: "asked" }, question);
  const dialog = element("dialog", { class: "asking", "aria-labelledby": "asked" }, told);
  const close = (answer) => () => dialog.close(answer);
  dialog.append(
    element(
      "div",
      { class: "row" },
      element("button", { type: "button", onclick: close("no") }, "Keep it"),
      element("button", { type: "button", class: "main", onclick: close("yes") }, verb),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
