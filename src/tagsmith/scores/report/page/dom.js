// Elements, and a list of sentences that draws fifty at a time.

const STEP = 50;

/** Make an element. Text only ever becomes text; attributes that are null or false are left out. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat());
  return made;
}

/** A control under its name; the control comes last. */
function labeled(name, control) {
  return element("label", {}, name, control);
}

/** An SVG element. */
function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

const listsOfThePage = [];

/** A list whose items `draw` makes. `show(items)` begins anew; all of them are drawn for paper. */
function lazyList(draw) {
  const list = element("ol", { class: "sentences" });
  const more = element("button", { type: "button", class: "plain more", hidden: true });
  let items = [];

  function add(count) {
    const from = list.children.length;
    list.append(...items.slice(from, from + count).map(draw));
    const left = items.length - list.children.length;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(STEP, left)} more of ${left.toLocaleString("en")}`;
    return list.children[from];
  }

  more.addEventListener("click", () => {
    const first = add(STEP);
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  });
  listsOfThePage.push({ expand: () => add(Infinity), restore: () => show(items) });

  function show(wanted) {
    items = wanted;
    list.replaceChildren();
    add(STEP);
  }
  return { parts: [list, more], show };
}
