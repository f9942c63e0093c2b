// The Label view: one sentence after the other is corrected, accepted or skipped, with the mouse or with keys alone.

import { AcceptedList } from "./accepted.js";
import { request } from "./api.js";
import { confirmed, showKeys } from "./dialogs.js";
import { announce, clearProblem, showProblem } from "./dom.js";
import { Editor } from "./editor.js";
import { History } from "./history.js";
import { readText, sendText, takeDrops } from "./intake.js";
import { actionOf, explainKeys } from "./keys.js";
import { Panel } from "./panel.js";
import { Queue, putBack, save, sentence } from "./queue.js";
import { same, untagged } from "./spans.js";

const TO_CORRECT = "tagsmith-to-correct"; // where the Tag view leaves a text
const LOOK_AGAIN = 1000; // milliseconds, while the model scores the queue

/** Build the view in `place`. */
export async function start(place) {
  const view = new LabelView(place, await request("v1/labelling"));
  await view.begin();
  return view;
}

class LabelView {
  #turn = Promise.resolve(); // what is done is done in order, also what is typed while a sentence is being saved
  #round = 0; // goes up when something fails: what was typed after it is dropped
  #busy = 0;
  #done = []; // accepted and skipped sentences, to be undone: {id, status, history}
  #aside = new Map(); // unsaved histories of sentences that are not on screen, by id
  #timer = 0;

  constructor(place, state) {
    Object.assign(this, { place, state, sentence: null, history: null });
    this.queue = new Queue();
    this.editor = new Editor({ onchange: (spans, what) => this.#changed(spans, what), onselect: () => this.#render() });
    this.accepted = new AcceptedList((id) => this.do(() => this.#reopen(id)));
    this.panel = new Panel(this);
    place.replaceChildren(this.panel.box);
    takeDrops(place, (files) => this.addFiles(files));
    document.addEventListener("keydown", (event) => this.#pressed(event));
    addEventListener("beforeunload", (event) => {
      const unsaved = [this.history, ...this.#aside.values()].some((history) => history?.unsaved);
      if (this.#busy || unsaved) event.preventDefault();
    });
  }

  get undoable() {
    return this.#done.at(-1) ?? null;
  }

  /** Show the first sentence. */
  async begin() {
    await this.#takeHandedOver();
    if (!this.sentence) this.#show(await this.queue.next());
  }

  /** The view is on screen (again): perhaps with a text from the Tag view, perhaps there is a better model. */
  async shown() {
    this.do(() => this.#takeHandedOver());
    this.do(() => this.#look());
    this.do(() => this.place.contains(document.activeElement) || this.editor.focus());
  }

  /** Do something when all that came before is done; a failure is shown, and drops what was to come after it. */
  do(work) {
    const round = this.#round;
    this.#mark(1);
    this.#turn = this.#turn
      .then(() => (round === this.#round ? work() : undefined))
      .catch((error) => {
        this.#round += 1;
        this.panel.say("");
        if (error.status !== 401) showProblem(error);
      })
      .finally(() => this.#mark(-1));
    return this.#turn;
  }

  // Keys wait while something is being saved; a mouse that draws would change what is leaving.
  #mark(step) {
    this.#busy += step;
    this.editor.locked = this.#busy > 0;
  }

  // --- what is pressed

  /** Do what a key or button asks for. */
  act({ name, place, step, ...rest }) {
    const { editor } = this;
    const own = {
      accept: () => this.#accept(),
      skip: () => this.#skip(),
      undo: () => this.#undo(),
      undoDone: () => this.#undoDone(),
      redo: () => this.history?.redo() && this.#refreshed("redone"),
      help: () => showKeys(explainKeys(this.state.gives_spans)),
    };
    if (name in own) return own[name]();
    if (!this.sentence) return undefined;
    const edits = {
      label: () => place < this.state.labels.length && this.#label(this.state.labels[place]),
      remove: () => editor.remove() || this.#say(this.state.gives_spans ? "Select a span first." : "Each token needs a label."),
      moveEnd: () => editor.resize("last", step) || this.#say("Select a span first."),
      moveStart: () => editor.resize("first", step) || this.#say("Select a span first."),
      nextSpan: () => editor.toSpan(1),
      previousSpan: () => editor.toSpan(-1),
      clear: () => editor.clear(),
      move: () => editor.move({ step, ...rest }),
    };
    return edits[name]();
  }

  #pressed(event) {
    if (this.place.hidden || document.querySelector("dialog[open]")) return;
    const { rightToLeft, hasFocus } = this.editor;
    const action = actionOf(event, { rightToLeft, inSentence: hasFocus });
    if (!action) return;
    event.preventDefault();
    if (!event.repeat || action.name.startsWith("move")) this.do(() => this.act(action)); // nothing is accepted twice
  }

  #label(label) {
    if (!this.editor.label(label)) this.#say("Select a token first.");
  }

  #changed(spans, what) {
    if (this.history.push(spans)) this.#refreshed(what);
    else this.editor.update(this.history.present);
  }

  // The history has moved: show where it is.
  #refreshed(what) {
    this.editor.update(this.history.present);
    this.#say(what);
    this.#render();
  }

  // --- one sentence after the other

  async #accept() {
    if (!this.sentence) return;
    const { tokens, status } = this.sentence;
    const missing = this.state.gives_spans ? [] : untagged(this.history.present, tokens.length);
    if (missing.length) {
      this.editor.select(missing[0]);
      const words = missing.slice(0, 5).map((token) => tokens[token].text).join(" ");
      this.#say(`No label yet: ${words}${missing.length > 5 ? " …" : ""}`);
      return;
    }
    await this.#save("accepted", this.history.present);
    this.#remember("accepted", status);
    await this.#goOn("Accepted");
  }

  async #skip() {
    if (!this.sentence) return;
    if (this.sentence.status === "accepted") {
      await this.#goOn("Left as it was");
      return;
    }
    // What is still the model's word stays so: when the sentence comes back, a better model may have spoken.
    const own = this.history.unsaved || !this.sentence.suggested;
    await this.#save("skipped", own ? this.history.present : undefined);
    this.#remember("skipped");
    await this.#goOn("Skipped");
  }

  async #save(status, spans) {
    this.panel.say("Saving…");
    const saved = await save(this.sentence.id, status, spans);
    if (spans) this.history.saved(spans);
    this.sentence = saved.sentence;
    this.#count(saved.counts);
    clearProblem();
  }

  #remember(status) {
    const { id } = this.sentence;
    this.#done = this.#done.filter((own) => own.id !== id);
    this.#done.push({ id, status, history: this.history });
  }

  async #goOn(said) {
    this.#show(await this.queue.next(this.sentence?.id));
    const { waiting } = this.state.counts;
    this.#say(`${said}, ${waiting} left${this.sentence ? "" : ". That was all"}.`);
    this.accepted.update();
  }

  #undo() {
    if (this.history?.undo()) this.#refreshed("undone");
    else return this.#undoDone();
    return undefined;
  }

  async #undoDone() {
    const last = this.undoable;
    if (!last) return this.#say("Nothing to undo.");
    await this.#setAside();
    const saved = await save(last.id, "waiting");
    this.#done.pop();
    this.#count(saved.counts);
    this.#show(saved.sentence, last.history);
    this.accepted.update();
    return this.#say(`${last.status === "accepted" ? "Accept" : "Skip"} undone.`);
  }

  async #reopen(id) {
    const found = await sentence(id);
    if (id !== this.sentence?.id) await this.#setAside();
    this.#show(found, id === this.sentence?.id ? this.history : null);
    this.#say("Opened again.");
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
      const known = history ?? this.#aside.get(next.id);
      this.history = known && (known.unsaved || same(known.present, next.spans)) ? known : new History(next.spans);
      this.#aside.delete(next.id);
      this.editor.show(next, this.history.present, { colour: this.panel.colour, givesSpans: this.state.gives_spans });
      this.queue.lookAhead(next.id);
    }
    this.#render();
    if (next && !this.place.hidden) this.editor.focus();
    else if (focused) this.panel.nothing.focus(); // what had the focus is gone
  }

  // --- the queue

  /** Add a text to the queue, while labelling goes on; resolves to whether it worked. */
  async add(text, source) {
    this.#busy += 1; // the page should not be left
    try {
      const tell = (share) => this.panel.tellIntake(`Adding ${source}… ${Math.round(100 * share)}%`);
      const { added, known } = await sendText(text, source, tell);
      const told = `${source}: ${sentences(added)} added${known ? `, ${known} known already` : ""}.`;
      this.panel.tellIntake(told);
      announce(told);
      clearProblem();
      return true;
    } catch (error) {
      this.panel.tellIntake("");
      if (error.status !== 401) showProblem(error);
      return false;
    } finally {
      this.#busy -= 1;
      await this.do(() => this.#refill()); // also after a failure: some pieces may be there
    }
  }

  /** Add files of text to the queue. */
  async addFiles(files) {
    for (const file of files) {
      const text = await readText(file).catch(showProblem);
      if (text !== undefined) await this.add(text, file.name);
    }
  }

  // There may be more in the queue than before.
  async #refill() {
    await this.#look();
    this.queue.lookAhead(this.sentence?.id);
    if (!this.sentence) this.#show(await this.queue.next());
  }

  async #takeHandedOver() {
    const text = sessionStorage.getItem(TO_CORRECT);
    if (!text?.trim()) return;
    const { ids } = await sendText(text, "page");
    sessionStorage.removeItem(TO_CORRECT); // now it cannot be lost any more
    await this.#setAside();
    this.queue.putFirst(ids);
    await this.#look();
    this.#show(await this.queue.next());
    this.#say(`${ids.length} to correct.`);
  }

  /** Throw away all that waits, if the user is sure. */
  async emptyQueue() {
    const { waiting } = this.state.counts;
    if (!(await confirmed(`Throw away all ${waiting} waiting sentences? What was accepted stays.`, "Empty the queue"))) return;
    await this.do(async () => {
      const { removed } = await request("v1/labelling/sentences?status=waiting", { method: "DELETE" });
      this.#aside.clear();
      await this.#look();
      if (this.sentence?.status !== "accepted") this.#show(await this.queue.next());
      this.#say(`${removed} thrown away.`);
    });
  }

  /** Put all skipped sentences back into the queue. */
  putBack() {
    return this.do(async () => {
      const count = await putBack((done) => this.panel.say(`Putting back… ${done}`));
      this.#done = this.#done.filter(({ status }) => status !== "skipped");
      await this.#refill();
      this.#say(`${count} put back.`);
    });
  }

  /** Add a label; resolves to whether it worked. */
  async addLabel(label) {
    let worked = false;
    await this.do(async () => {
      this.#setState(await request("v1/labelling/labels", { method: "POST", body: { label } }));
      this.#say(`Label ${label} added.`);
      worked = true;
    });
    return worked;
  }

  // Ask how things stand; while the model scores the queue, ask again, as the order changes.
  async #look() {
    clearTimeout(this.#timer);
    const { state: before, sentence: shown } = this;
    const state = await request("v1/labelling");
    if (this.state !== before) return this.#watch(); // a save was quicker and knows better
    this.#setState(state);
    const isNew = state.model?.version !== before.model?.version;
    if (isNew || state.scored !== before.scored) this.queue.lookAhead(shown?.id);
    if (isNew && shown?.suggested) await this.#suggestAgain(shown);
    return this.#watch();
  }

  // There is a new model: an untouched sentence gets its suggestions.
  async #suggestAgain(shown) {
    const found = await sentence(shown.id);
    if (this.sentence === shown && !this.history.unsaved) this.#show(found);
  }

  #watch() {
    clearTimeout(this.#timer);
    const { model, scored, counts } = this.state;
    if (!model || scored >= counts.waiting || this.place.hidden) return;
    this.#timer = setTimeout(() => this.#look().catch(() => {}), LOOK_AGAIN); // what is wrong shows at the next step
  }

  #setState(state) {
    this.state = state;
    this.#render();
  }

  #count(counts) {
    this.state = { ...this.state, counts, scored: Math.min(this.state.scored, counts.waiting) };
    this.#watch();
  }

  #say(text) {
    this.panel.say(text);
    announce(text);
  }

  #render() {
    this.panel.render();
  }
}

function sentences(count) {
  return count === 1 ? "1 sentence" : `${count} sentences`;
}
