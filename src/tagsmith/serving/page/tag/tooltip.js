// A visible tip beside whatever has data-tip in a region: under the pointer, and at the keyboard's focus.

import { element } from "../dom.js";

const STAY = 150; // milliseconds, in which the pointer may move from the mark into the tip

/**
 * Give a region tips, and one stop for the Tab key: arrow keys go from mark to mark, Escape takes the tip away.
 *
 * Returns `refresh`, to be called when the region's content was replaced.
 */
export function addTips(region, id) {
  const tip = element("div", { id, class: "tip", role: "tooltip", hidden: true });
  region.after(tip);
  let owner = null;
  let leaving = 0;

  const marks = () => [...region.querySelectorAll("[data-tip]")];
  const markOf = (event) => (event.target instanceof Element ? event.target.closest("[data-tip]") : null);

  function show(mark) {
    clearTimeout(leaving);
    hide();
    owner = mark;
    owner.setAttribute("aria-describedby", id);
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    place(tip, mark);
  }

  function hide() {
    clearTimeout(leaving);
    owner?.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  }

  function leave() {
    clearTimeout(leaving);
    // What has the focus keeps its tip when the pointer goes.
    leaving = setTimeout(() => {
      const focused = region.contains(document.activeElement) && document.activeElement.closest("[data-tip]");
      if (focused) show(focused);
      else hide();
    }, STAY);
  }

  function move(event) {
    const all = marks();
    const at = all.indexOf(document.activeElement);
    if (at < 0) return;
    const step = steps(event.key, all[at], all.length);
    if (step === null) return;
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    all[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  region.addEventListener("pointerover", (event) => markOf(event) && show(markOf(event)));
  region.addEventListener("pointerout", leave);
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  region.addEventListener("focusin", (event) => markOf(event) && show(markOf(event)));
  region.addEventListener("focusout", hide);
  region.addEventListener("keydown", move);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  return () => {
    hide();
    marks().forEach((mark, number) => (mark.tabIndex = number ? -1 : 0));
  };
}

/** How far a key goes; null if it goes nowhere. In right-to-left text, left is forward. */
function steps(key, mark, count) {
  const forward = getComputedStyle(mark).direction === "rtl" ? -1 : 1;
  const known = { ArrowRight: forward, ArrowLeft: -forward, ArrowDown: 1, ArrowUp: -1, Home: -count, End: count };
  return known[key] ?? null;
}

/** Put the tip above the mark's first line, or below it where there is no room, within the region's width. */
function place(tip, mark) {
  const around = tip.offsetParent.getBoundingClientRect();
  const [line] = mark.getClientRects();
  const above = line.top - tip.offsetHeight - 6;
  const top = above >= 0 ? above : mark.getBoundingClientRect().bottom + 6;
  const left = Math.min(Math.max(line.left, around.left), around.right - tip.offsetWidth);
  tip.style.top = `${top - around.top}px`;
  tip.style.left = `${Math.max(0, left - around.left)}px`;
}
