// The page: three views, one at a time, named by the address's #fragment; and the form for the API key.

import { keepKey, request } from "./api.js";
import { clearProblem, element, showProblem } from "./dom.js";

const VIEWS = ["tag", "label", "train"]; // the last two belong to labeling
const started = new Map(); // name → what the view's start() returned

async function show() {
  const [wanted] = location.hash.slice(1).split("?");
  const name = VIEWS.includes(wanted) ? wanted : "tag";
  clearProblem();
  for (const other of VIEWS) document.getElementById(`view-${other}`).hidden = other !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `tagsmith: ${name}`;
  try {
    // A view builds itself once, when it is first shown; `shown` is called each time.
    if (!started.has(name)) started.set(name, start(name));
    (await started.get(name))?.shown?.();
  } catch (error) {
    started.delete(name);
    document.getElementById(`view-${name}`).replaceChildren();
    if (error.status !== 401) showProblem(error);
  }
}

/** Load a view with its style sheet, and build it. A server without labeling has only the first. */
async function start(name) {
  let view;
  try {
    view = await import(`./${name}/view.js`);
    await addStyle(`page/${name}/style.css`);
  } catch {
    throw new Error("This view cannot be loaded: the server only tags, or it has stopped.");
  }
  return view.start(document.getElementById(`view-${name}`));
}

function addStyle(href) {
  return new Promise((resolve, reject) => {
    document.head.append(element("link", { rel: "stylesheet", href, onload: resolve, onerror: reject }));
  });
}

function askForKey() {
  const place = document.getElementById("key");
  if (!place.hidden) return;
  const field = element("input", { id: "key-field", type: "password", autocomplete: "off", required: true });
  const told = element("p", { id: "key-told", role: "alert" });
  const form = element(
    "form",
    {
      class: "key",
      onsubmit: async (event) => {
        event.preventDefault();
        keepKey(field.value);
        try {
          await request("v1/models");
          place.hidden = true;
          show();
        } catch (error) {
          told.textContent = error.status === 401 ? "This is not the API key." : error.message;
          field.select();
        }
      },
    },
    element("h2", { id: "key-title" }, "API key"),
    element("label", { for: "key-field" }, "This server needs an API key."),
    field,
    element("button", { class: "main" }, "Use it"),
    told,
  );
  place.replaceChildren(form);
  place.hidden = false;
  field.focus();
}

// A file that is dropped beside its place must not be opened by the browser in the page's place.
for (const name of ["dragover", "drop"]) {
  addEventListener(name, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}
document.addEventListener("key-wanted", askForKey);
addEventListener("hashchange", show);
show();
