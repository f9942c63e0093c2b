// What is around the sentence: counts, certainty, labels, buttons, and the forms below.

import { colorOf } from "../colors.js";
import { element } from "../dom.js";
import { intakeForm } from "./intake.js";
import { labelKey } from "./keys.js";

const ENOUGH = 10; // accepted sentences, to train on
const SURE = [[0.2, "very unsure"], [0.5, "unsure"], [0.8, "fairly sure"], [0.95, "sure"], [Infinity, "very sure"]];

/** Builds the view's elements once; `render` shows in them how the view stands. */
export class Panel {
  #labels = null; // those that the buttons are of

  constructor(view) {
    this.view = view;
    this.counts = element("p", { class: "counts" });
    this.note = element("p", { class: "note" });
    this.meta = element("p", { class: "meta quiet" });
    this.said = element("p", { class: "said" });
    this.palette = element("div", { class: "palette", role: "group", "aria-label": "Labels" });
    this.acts = element("div", { class: "row acts" });
    this.empty = element("div");
    this.nothing = element("div", { class: "card nothing", tabIndex: -1 }, this.empty);
    this.told = element("div", { class: "told" });
    this.buttons = this.#makeButtons();
    this.newLabel = this.#newLabelForm();
    this.labels = element("div", { class: "labels" }, this.palette, this.newLabel);
    this.work = this.#makeWork();
    this.manage = this.#makeManage();
    const status = element("div", { class: "row status" }, this.counts, this.buttons.help);
    const intake = intakeForm((...texts) => view.stock.add(...texts), (files) => view.stock.addFiles(files), this.told);
    this.intake = element("div", { class: "card" }, intake);
    const below = element("div", { class: "below" }, this.intake, element("div", {}, view.accepted.box, this.manage));
    this.box = element("div", { class: "label" }, status, this.note, this.nothing, this.work, below);
  }

  /** A label's color class. */
  get color() {
    return colorOf(this.view.state.labels);
  }

  /** Tell below the sentence what happened. */
  say(text) {
    this.said.textContent = text;
  }

  /** Tell at the form for text how far it is, and what came in. */
  tellIntake(...parts) {
    this.told.replaceChildren(...parts);
  }

  /** Show how the view stands. */
  render() {
    const { state, sentence } = this.view;
    const given = JSON.stringify([state.labels, state.gives_spans]);
    if (this.#labels !== given) this.#renderLabels();
    this.#labels = given;
    this.#renderCounts();
    this.#renderNote();
    this.work.hidden = !sentence;
    this.nothing.hidden = Boolean(sentence);
    if (sentence) this.#renderSentence();
    else this.#renderNothing();
    this.#placeShared(Boolean(sentence));
    this.#renderButtons();
  }

  #renderLabels() {
    const { state, editor, sentence } = this.view;
    const { color } = this;
    const buttons = state.labels.map((label, place) => {
      const key = labelKey(place);
      return element(
        "button",
        {
          type: "button", class: `one ${color(label)}`, "data-label": label, "aria-keyshortcuts": key || null,
          onclick: (event) => this.#act({ name: "label", place }, event),
        },
        key && element("kbd", { "aria-hidden": "true" }, key.toUpperCase()),
        element("bdi", {}, label),
      );
    });
    this.palette.replaceChildren(...buttons);
    this.newLabel.hidden = !state.gives_spans;
    if (sentence) editor.update(editor.spans, color); // a label more can change no color, a new model can
  }

  #renderCounts() {
    const { counts, scored, model } = this.view.state;
    const parts = [[counts.waiting, "waiting"], [counts.accepted, "accepted"], [counts.skipped, "skipped"]];
    const shown = parts.map(([count, what]) => element("span", {}, element("b", {}, String(count)), ` ${what}`));
    const done = scored >= counts.waiting;
    const looked = done ? "all scored" : `${scored} of ${counts.waiting} scored`;
    if (model && counts.waiting) shown.push(element("span", { class: done ? "quiet" : "scoring" }, looked));
    this.counts.replaceChildren(...shown);
  }

  #renderNote() {
    const { model, counts, layer, other_layers: others, borrowed } = this.view.state;
    const enough = counts.accepted >= ENOUGH;
    const link = element("a", { href: "#train" }, "train a model");
    this.note.hidden = model !== null && !others.length && !borrowed.length;
    if (others.length) {
      const lost = `a version that is trained here does not have ${others.join(" and ")}.`;
      this.note.replaceChildren("You label the layer ", element("bdi", {}, layer), `; ${lost}`);
    } else if (borrowed.length && !enough) {
      const begin = `label some sentences (at least ${ENOUGH}), then train.`;
      this.note.replaceChildren(`Until there is a model of your own, ${model.name} suggests ${borrowed.join(" and ")}: ${begin}`);
    } else if (enough) this.note.replaceChildren("There is no model yet. You have enough sentences to begin: ", link, ".");
    else this.note.replaceChildren(`There is no model yet: label some sentences (at least ${ENOUGH}), then train.`);
  }

  #renderSentence() {
    const { sentence, history, queue, state } = this.view;
    const [, words] = SURE.find(([limit]) => (sentence.certainty ?? 0) < limit);
    const isModels = sentence.suggested && !history.canUndo;
    const lender = state.borrowed.length ? state.model.name : "";
    const models = lender ? `Suggested by ${lender}` : state.model ? "The model’s suggestion" : "Not labeled yet";
    const suggestion = sentence.predicted_by === null ? models : `Predicted by ${sentence.predicted_by || "a file"}`;
    const whose = isModels ? suggestion : "Your draft";
    const badge = sentence.status === "accepted" ? (history.unsaved ? "Accepted, changed" : "Accepted") : whose;
    const isScored = state.model && sentence.certainty !== null && sentence.predicted_by === null;
    const sure = isScored && `${lender || "the model"} is ${words} (${sentence.certainty.toFixed(2)})`;
    const from = sentence.source && sentence.source !== sentence.predicted_by && `from ${sentence.source === "page" ? "the page" : sentence.source}`;
    const more = queue.before && `${queue.before} more set ahead`;
    this.meta.replaceChildren(element("span", { class: isModels ? "whose" : "whose own" }, badge));
    const proposed = history.proposed && history.canUndo && `labels of ${history.proposed}; undo brings back the old ones`;
    for (const part of [proposed, sure, from, more].filter(Boolean)) this.meta.append(element("span", {}, part));
  }

  #renderNothing() {
    const { counts } = this.view.state;
    const begun = counts.accepted + counts.skipped > 0;
    const link = element("a", { href: "#train" }, "Train on what you accepted");
    this.empty.replaceChildren(
      element("h2", {}, begun ? "Nothing is left to label." : "Nothing to label yet."),
      element("p", {}, "Drop files on this page, or paste text below. Text is cut into sentences for you; labels of a file come in with it."),
      element("p", { class: "quiet" }, "Leave an empty line between texts that have no period."),
    );
    if (counts.accepted >= ENOUGH) this.empty.append(element("p", {}, link));
  }

  // What happened, and how to undo it, is said at the sentence; or where it was, after the last.
  #placeShared(atSentence) {
    const { undoDone } = this.buttons;
    if (this.said.parentNode === (atSentence ? this.dock : this.nothing)) return; // a move would lose the focus
    if (atSentence) {
      this.labels.before(this.said);
      this.acts.append(undoDone);
    } else {
      this.nothing.append(this.said, undoDone);
    }
  }

  #renderButtons() {
    const { sentence, history, editor, state, undoable } = this.view;
    const { accept, skip, undo, redo, undoDone, remove, empty, putBack } = this.buttons;
    for (const button of [accept, skip]) button.disabled = !sentence;
    const label = sentence?.status === "accepted" ? "Keep it as it was" : "Skip";
    skip.lastChild.textContent = label;
    undo.disabled = !history?.canUndo;
    redo.disabled = !history?.canRedo;
    remove.disabled = !editor.span;
    remove.hidden = !state.gives_spans;
    undoDone.hidden = !undoable;
    undoDone.textContent = `Undo ${undoable?.status === "skipped" ? "skip" : "accept"}`;
    empty.disabled = !state.counts.waiting;
    putBack.hidden = !state.counts.skipped;
    putBack.textContent = `Put ${state.counts.skipped} skipped back`;
    const current = sentence && editor.span?.label;
    for (const button of this.palette.children) {
      if (button.dataset.label === current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  // After a click the keys go to the sentence again; who pressed the button with a key stays on it.
  #act(action, event) {
    const { view } = this;
    view.do(() => view.act(action)).then(() => event.detail && action.name !== "help" && view.editor.focus());
  }

  #makeButtons() {
    const button = (text, key, properties) =>
      element("button", { type: "button", ...properties }, key && element("kbd", { "aria-hidden": "true" }, key), text);
    const acting = (name) => ({ onclick: (event) => this.#act({ name }, event) });
    return {
      accept: button("Accept", "Enter", { class: "main", "aria-keyshortcuts": "Enter", ...acting("accept") }),
      skip: button("Skip", "S", { "aria-keyshortcuts": "s", ...acting("skip") }),
      remove: button("Remove span", "Del", { "aria-keyshortcuts": "Delete", ...acting("remove") }),
      undo: button("Undo", "", { title: "Ctrl Z", "aria-keyshortcuts": "Control+Z", ...acting("undo") }),
      redo: button("Redo", "", { title: "Ctrl Y", "aria-keyshortcuts": "Control+Y", ...acting("redo") }),
      undoDone: button("Undo accept", "", acting("undoDone")),
      help: button("All keys", "?", { "aria-keyshortcuts": "?", ...acting("help") }),
      empty: button("Empty the queue…", "", { onclick: () => this.view.stock.empty() }),
      putBack: button("Put back", "", { onclick: () => this.view.stock.putBack() }),
    };
  }

  #makeWork() {
    const { accept, skip, remove, undo, redo } = this.buttons;
    this.acts.append(accept, skip, remove, undo, redo);
    const ofSpans = this.view.state.gives_spans;
    const keys = (text, ...names) => element("span", {}, names.map((key) => element("kbd", {}, key)), ` ${text}`);
    this.dock = element("div", { class: "dock" }, this.labels, this.acts);
    return element(
      "div",
      { class: "card work" },
      this.meta,
      this.view.editor.box,
      this.dock,
      element(
        "p",
        { class: "legend quiet" },
        keys("tokens", "←", "→"),
        keys("select", "Shift", "→"),
        ofSpans && [keys("span’s end", "Alt", "→"), keys("its start", "Shift", "Alt", "→")],
        keys("undo", "Ctrl", "Z"),
      ),
    );
  }

  #newLabelForm() {
    const field = element("input", {
      type: "text", "aria-label": "New label", placeholder: "New label", size: 12, maxLength: 100, required: true,
    });
    const onsubmit = async (event) => {
      event.preventDefault();
      if (await this.view.stock.addLabel(field.value.trim())) field.value = "";
    };
    return element("form", { class: "new", onsubmit }, field, element("button", {}, "Add label"));
  }

  #makeManage() {
    const { empty, putBack } = this.buttons;
    return element("div", { class: "row" }, putBack, empty);
  }
}
