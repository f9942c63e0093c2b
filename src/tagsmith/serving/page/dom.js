// Making elements. Text only ever becomes text: nothing here, and nothing on the page, parses it as HTML.

/**
 * Make an element.
 *
 * Properties that begin with "on" are listeners; "class", "for", "role", "data-…" and "aria-…" are attributes; others
 * are properties of the element. Children are elements or text; null and false are left out.
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class" || key === "for" || key === "role" || key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Wrap a table that may be wider than a phone: it is scrolled by itself, with the keyboard too. */
export function scrollable(name, ...content) {
  return element("div", { class: "wide", role: "region", "aria-label": name, tabIndex: 0 }, ...content);
}

/** Let a screen reader say something. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}

/** Show a problem above the view until the next one, or until `clearProblem`. */
export function showProblem(error) {
  const place = document.getElementById("problem");
  place.replaceChildren(error.message, " ", element("button", { type: "button", onclick: clearProblem }, "Close"));
  place.hidden = false;
}

/** Take the problem away. */
export function clearProblem() {
  const place = document.getElementById("problem");
  place.hidden = true;
  place.replaceChildren();
}

/** Offer the user a file. */
export function download(name, content, type = "text/plain;charset=utf-8") {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
