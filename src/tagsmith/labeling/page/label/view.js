// The Label view: one sentence after the other is corrected, accepted or skipped, with the mouse or with keys alone.

import { request } from "../api.js";
import { showKeys } from "../dialogs.js";
import { announce, clearProblem, element, showProblem } from "../dom.js";
import { acceptDrops } from "../text_file.js";
import { AcceptedList } from "./accepted.js";
import { Editor } from "./editor.js";
import { History } from "./history.js";
import { sendText } from "./intake.js";
import { actionOf, explainKeys } from "./keys.js";
import { Panel } from "./panel.js";
import { Queue, save, sentence } from "./queue.js";
import { changedBetween, same, untagged } from "./spans.js";
import { Stock } from "./stock.js";
import { Turns } from "./turns.js";

const TO_CORRECT = "tagsmith-to-correct"; // where the Tag view leaves a text
const LOW = matchMedia("(max-height: 30rem)"); // a page at 200 %, or a phone on its side: the buttons take most of it
const LOOK_AGAIN = 1000; // milliseconds, while the model scores the queue
const FAILED_IN_PEACE = () => {}; // what is wrong shows at the next step

/** Build the view in `place`. */
export async function start(place) {
  try {
    const view = new LabelView(place, await request("v1/labeling"));
    await view.begin();
    return view;
  } catch (error) {
    if (error.code !== "no_labeling") throw error;
    place.replaceChildren(element("p", { class: "card" }, error.message));
    return null;
  }
}

class LabelView {
  #done = []; // accepted and skipped sentences, to be undone: {id, status, history}
  #aside = new Map(); // histories of sentences that gave way to others, by id
  #proposed = new Map(); // labels of a file for sentences that were labeled differently before: {spans, name}, by id
  #timer = 0;

  constructor(place, state) {
    Object.assign(this, { place, state, sentence: null, history: null });
    this.queue = new Queue();
    this.stock = new Stock(this);
    this.editor = new Editor({ onchange: (spans, what) => this.#changed(spans, what), onselect: () => this.#render() });
    // Keys wait while something is being saved; a mouse that draws would change what is leaving.
    this.turns = new Turns((error) => this.#failed(error), (busy) => (this.editor.locked = busy));
    this.accepted = new AcceptedList((id) => this.do(() => this.#reopen(id)));
    this.panel = new Panel(this);
  }

  /** Show the first sentence. */
  async begin() {
    await this.#takeHandedOver();
    if (!this.sentence) this.#show(await this.queue.next());
    this.place.replaceChildren(this.panel.box);
    acceptDrops(
      window,
      (files) => this.stock.addFiles(files),
      (over) => this.place.classList.toggle("over", over),
      () => !this.place.hidden,
    );
    document.addEventListener("keydown", (event) => this.#pressed(event));
    addEventListener("beforeunload", (event) => {
      const unsaved = [this.history, ...this.#aside.values()].some((history) => history?.unsaved);
      if (this.turns.busy || this.stock.busy || unsaved || this.#proposed.size) event.preventDefault();
    });
  }

  /** The view is on screen (again): perhaps with a text from the Tag view, perhaps there is a better model. */
  shown() {
    this.do(() => this.#takeHandedOver());
    this.do(() => this.refill());
    this.do(() => this.place.contains(document.activeElement) || this.editor.focus());
    this.do(() => this.#reveal());
    this.accepted.update();
  }

  /** What Undo would bring back when the sentence on screen has nothing to undo; or null. */
  get undoable() {
    return this.#done.at(-1) ?? null;
  }

  /** Do something when all that came before is done. */
  do(work) {
    return this.turns.do(work);
  }

  #failed(error) {
    this.panel.say("");
    this.#render();
    if (error.status !== 401) showProblem(error);
  }

  // --- what is pressed

  /** Do what a key or button asks for. */
  act({ name, place, step, ...rest }) {
    const { editor } = this;
    const { labels, gives_spans: ofSpans } = this.state;
    const always = {
      undo: () => this.#undo(),
      undoDone: () => this.#undoDone(),
      redo: () => this.#stepped(() => this.history?.redo(), "redone"),
      help: () => showKeys(explainKeys(ofSpans)),
    };
    if (name in always) return always[name]();
    if (!this.sentence) return undefined;
    const noSpan = () => this.say(ofSpans ? "Select a span first." : "Each token needs a label.");
    const onSentence = {
      accept: () => this.#accept(),
      skip: () => this.#skip(),
      label: () => place < labels.length && (editor.label(labels[place]) || this.say("Select a token first.")),
      remove: () => editor.remove() || noSpan(),
      moveEnd: () => editor.resize("end", step) || noSpan(),
      moveStart: () => editor.resize("start", step) || noSpan(),
      nextSpan: () => editor.toSpan(1),
      previousSpan: () => editor.toSpan(-1),
      clear: () => editor.clear(),
      move: () => editor.move({ step, ...rest }),
    };
    return onSentence[name]();
  }

  #pressed(event) {
    if (this.place.hidden || document.querySelector("dialog[open]")) return;
    const { rightToLeft, hasFocus } = this.editor;
    const action = actionOf(event, { rightToLeft, inSentence: hasFocus });
    const moves = action?.name.startsWith("move");
    if (!action || (moves && !this.sentence)) return; // Alt ← goes back where nothing can be moved
    event.preventDefault();
    if (!event.repeat || moves) this.do(() => this.act(action)); // a key that is held accepts nothing twice
  }

  #changed(spans, what) {
    if (this.history.push(spans)) this.#refreshed(what);
    else this.editor.update(this.history.present);
  }

  // The history has moved: show where it is.
  #refreshed(what) {
    this.editor.update(this.history.present);
    this.say(what);
    this.#render();
  }

  // --- one sentence after the other

  async #accept() {
    const { tokens } = this.sentence;
    const missing = this.state.gives_spans ? [] : untagged(this.history.present, tokens.length);
    if (missing.length) {
      this.editor.select(missing[0]);
      const words = missing.slice(0, 5).map((token) => tokens[token].text);
      return this.say(`Not labeled yet: ${words.join(" ")}${missing.length > words.length ? " …" : ""}`);
    }
    await this.#save("accepted", this.history.present);
    this.#remember("accepted");
    return this.#goOn("Accepted");
  }

  async #skip() {
    if (this.sentence.status === "accepted") return this.#goOn("Kept as it was");
    // What is still the model's word stays so: when the sentence comes back, a better model may have spoken.
    const changed = this.history.unsaved || !this.sentence.suggested;
    await this.#save("skipped", changed ? this.history.present : undefined);
    this.#remember("skipped");
    return this.#goOn("Skipped");
  }

  async #save(status, spans) {
    this.panel.say("Saving…");
    const saved = await save(this.sentence.id, status, spans, this.sentence.revision).catch((error) => this.#refused(error));
    if (spans) this.history.saved(spans);
    this.sentence = saved.sentence;
    this.#count(saved.counts);
    clearProblem();
  }

  // Somebody else was quicker: show what they did, with this side's work one Undo away.
  async #refused(error) {
    if (error.code !== "changed_meanwhile") throw error;
    const latest = await sentence(this.sentence.id);
    const history = new History(this.history.present);
    history.push(latest.spans);
    history.saved(latest.spans);
    this.#show(latest, history);
    throw new Error(`${error.message} It is shown as it is now; Undo brings back what you made of it.`);
  }

  #remember(status) {
    const { id } = this.sentence;
    this.#done = this.#done.filter((entry) => entry.id !== id);
    this.#done.push({ id, status, history: this.history });
  }

  async #goOn(said) {
    this.#show(await this.queue.next(this.sentence.id));
    this.say(`${said}, ${this.state.counts.waiting} left.`);
    this.accepted.update();
  }

  #undo() {
    return this.#stepped(() => this.history?.undo(), "undone") || this.#undoDone();
  }

  // Go a step through the history, and select what that changed: the next key is for it. False if there was no step.
  #stepped(step, what) {
    const [before, near] = [this.history?.present, this.editor.span ?? this.editor.range];
    if (!step()) return false;
    this.#refreshed(what);
    const changed = changedBetween(before, this.history.present, near);
    if (changed) this.editor.selectTokens(changed);
    return true;
  }

  async #undoDone() {
    const last = this.undoable;
    if (!last) return this.say("Nothing to undo.");
    await this.#setAside();
    const saved = await save(last.id, "waiting");
    this.#done.pop();
    this.#count(saved.counts);
    this.#show(saved.sentence, last.history);
    this.accepted.update();
    return this.say(`${last.status === "accepted" ? "Accept" : "Skip"} undone.`);
  }

  async #reopen(id) {
    if (id !== this.sentence?.id) {
      const latest = await sentence(id);
      await this.#setAside();
      this.#show(latest);
    }
    this.say("Opened again.");
    this.place.scrollIntoView({ block: "start" });
  }

  // Another sentence comes in between: this one is next, with all that was done to it.
  async #setAside() {
    if (!this.sentence) return;
    const { id, status } = this.sentence;
    if (this.history.unsaved && status !== "accepted") await this.#save(status, this.history.present);
    this.#aside.set(id, this.history);
    this.queue.putFirst([id]);
  }

  #show(next, history = null) {
    const focused = this.place.contains(document.activeElement);
    this.sentence = next;
    this.history = null;
    if (next) {
      const known = history ?? this.#proposal(next) ?? this.#aside.get(next.id);
      this.history = known && (known.unsaved || same(known.present, next.spans)) ? known : new History(next.spans);
      this.#aside.delete(next.id);
      this.editor.show(next, this.history.present, { color: this.panel.color, givesSpans: this.state.gives_spans });
      this.queue.lookAhead(next.id);
    }
    this.#render();
    if (next && !this.place.hidden) this.editor.focus();
    else if (focused) this.panel.nothing.focus(); // what had the focus is gone
    this.#reveal();
  }

  #reveal() {
    if (this.sentence && LOW.matches && !this.place.hidden) this.editor.reveal();
  }

  // What a file says of a sentence: one step after what it has, so that both can be seen.
  #proposal(next) {
    const proposal = this.#proposed.get(next.id);
    if (!proposal) return null;
    this.#proposed.delete(next.id);
    const history = this.#aside.get(next.id) ?? new History(next.spans);
    if (history.push(proposal.spans)) history.proposed = proposal.name;
    return history;
  }

  // --- the queue

  /** A file came in: what is to be looked at comes next, and what is on screen may have changed. */
  async tookFile({ ids, to_check: toCheck, conflicts }, name) {
    for (const { id, spans } of conflicts) this.#proposed.set(id, { spans: spans.map((span) => ({ ...span, score: null })), name });
    this.queue.putFirst([...new Set([...conflicts.map(({ id }) => id), ...toCheck])]);
    const shown = this.sentence;
    if (shown && ids.includes(shown.id) && !this.history.unsaved) {
      const latest = await sentence(shown.id);
      const isDone = latest.status === "accepted" && shown.status !== "accepted" && !this.#proposed.has(shown.id);
      this.#show(isDone ? await this.queue.next(shown.id) : latest);
    }
    await this.refill();
    this.accepted.update();
  }

  /** There may be more in the queue than before. */
  async refill() {
    await this.look();
    this.queue.lookAhead(this.sentence?.id);
    if (!this.sentence) this.#show(await this.queue.next());
  }

  /** All that waited is gone. */
  async emptied() {
    this.#aside.clear();
    if (this.sentence?.status !== "accepted") this.#show(null);
    await this.refill();
  }

  async #takeHandedOver() {
    const text = sessionStorage.getItem(TO_CORRECT);
    if (!text?.trim()) return;
    const { ids } = await sendText(text, "page");
    sessionStorage.removeItem(TO_CORRECT); // it is safe on the server
    await this.#setAside();
    this.queue.putFirst(ids);
    await this.look();
    this.#show(await this.queue.next());
    this.say(`From the Tag view: ${ids.length} to correct.`);
  }

  /** Ask how things stand; while the model scores the queue, ask again, as the order changes. */
  async look() {
    clearTimeout(this.#timer);
    const before = this.state;
    const state = await request("v1/labeling");
    if (this.state !== before) return this.#watch(); // a save was quicker and knows better
    this.setState(state);
    const isNew = state.model?.version !== before.model?.version;
    if (isNew || state.scored !== before.scored) this.queue.lookAhead(this.sentence?.id);
    if (isNew && this.sentence?.suggested) await this.#suggestAgain(this.sentence);
    return this.#watch();
  }

  // There is a new model: an untouched sentence gets its suggestions.
  async #suggestAgain(shown) {
    const latest = await sentence(shown.id);
    if (this.sentence === shown && !this.history.unsaved) this.#show(latest);
  }

  #watch() {
    clearTimeout(this.#timer);
    const { model, scored, counts } = this.state;
    if (!model || scored >= counts.waiting || this.place.hidden) return;
    this.#timer = setTimeout(() => this.look().catch(FAILED_IN_PEACE), LOOK_AGAIN);
  }

  /** Show how things stand. */
  setState(state) {
    this.state = state;
    this.#render();
  }

  #count(counts) {
    this.state = { ...this.state, counts, scored: Math.min(this.state.scored, counts.waiting) };
    this.#watch();
  }

  /** Tell what happened, on screen and to screen readers. */
  say(text) {
    this.panel.say(text);
    announce(text);
  }

  #render() {
    this.panel.render();
  }
}
