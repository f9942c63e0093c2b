// The last run: how far it is, its curves, and what came of it.

import { announce, element } from "../dom.js";
import { compare, outcome } from "./comparison.js";
import { makeCurve } from "./curves.js";
import { counted, duration, grouped, loss, percent, titled } from "./numbers.js";
import { reportLink } from "./reports.js";

const LAST_MESSAGES = 4;
const KEPT_MESSAGES = 50;
const QUIET_SECONDS = 5; // between two announcements of epochs

/** The card of the last run; `actions` are `cancel()`, `putInService(number)` and `deleteVersion(number)`. */
export class RunCard {
  #actions;
  #run = null;
  #since = 0; // when #run.seconds was true
  #now = {}; // the last event "progress"
  #announced = -Infinity;
  #ticking = null;

  constructor(actions) {
    this.#actions = actions;
    this.title = element("h2", { id: "run-title", tabIndex: -1 });
    this.lostPlace = element("div", { class: "problem", role: "alert", hidden: true });
    this.bar = element("progress", { max: 1, "aria-label": "Progress of the training" });
    this.facts = element("dl", { class: "facts live" });
    this.cancel = element("button", { type: "button", onclick: () => this.#cancel() }, "Cancel");
    this.messages = element("ul", { class: "messages quiet", "aria-label": "Messages" });
    const head = element("div", { class: "row meter" }, this.bar, this.cancel);
    this.live = element("div", {}, head, this.facts, this.messages);
    this.result = element("div");
    this.curves = element("div", { class: "curves" });
    this.rows = element("tbody");
    this.numbers = element("details");
    this.card = element(
      "section",
      { class: "card run", "aria-labelledby": "run-title", hidden: true },
      this.title, this.lostPlace, this.live, this.result, this.curves, this.numbers,
    );
  }

  /** Show a training's run as a whole. */
  show(training) {
    const before = this.#run;
    const { run } = training;
    this.card.hidden = run === null;
    if (run === null) return;
    const running = run.state === "running";
    const held = this.card.contains(document.activeElement);
    if (before?.number !== run.number) this.#now = {};
    if (before?.number !== run.number || before.measure !== run.measure) this.#makeCurves(run);
    this.#run = { ...run, epochs: [...run.epochs], messages: [...run.messages] };
    this.#since = performance.now();
    this.title.replaceChildren(`Run ${run.number} `, element("span", { class: `badge ${run.state}` }, run.state));
    this.live.hidden = !running;
    this.result.replaceChildren(...(running ? [] : this.#outcome(training)));
    this.#showProgress();
    this.#showMessages();
    this.#drawCurves();
    this.#tick(running);
    // Whoever was on a button that is gone goes on from the heading.
    if (held && !(this.card.contains(document.activeElement) && isShown(document.activeElement))) this.focus();
    if (before?.number === run.number && before.state === "running" && !running) announce(ended(run));
  }

  /** Take in an event of the run: "progress", "epoch" or "message". */
  hear(name, data) {
    if (this.#run === null) return;
    if (name === "progress") {
      this.#now = { ...this.#now, ...data };
      this.#run.progress = data.progress;
      this.#showProgress();
    } else if (name === "epoch") {
      this.#run.epochs = [...this.#run.epochs.filter(({ epoch }) => epoch !== data.epoch), data];
      this.#showProgress();
      this.#drawCurves();
      this.#announceEpoch(data);
    } else if (name === "message") {
      this.#run.messages = [...this.#run.messages, data.text].slice(-KEPT_MESSAGES);
      this.#showMessages();
    }
  }

  /** Take in what is known of the run only once its process has begun: its number of epochs, and what it measures. */
  know({ number, of_epochs: most, measure }) {
    if (this.#run?.number !== number) return;
    if (this.#run.measure !== measure) this.#makeCurves({ measure });
    this.#run = { ...this.#run, of_epochs: most, measure };
    this.#showProgress();
    this.#drawCurves();
  }

  /** Tell that the server is gone, or with null that it is there again. */
  lost(error) {
    if (this.lostPlace.hidden === (error === null)) return;
    this.lostPlace.hidden = error === null;
    this.lostPlace.textContent = error
      ? "The server does not answer, so this may be out of date. Trying again…"
      : "";
    if (error === null) announce("The server answers again.");
  }

  /** Put the focus on the card. */
  focus() {
    this.title.focus();
  }

  async #cancel() {
    if (this.cancel.ariaDisabled) return; // not disabled: it would lose the focus
    this.#offerCancel(false);
    await this.#actions.cancel();
    this.#offerCancel(true);
  }

  #offerCancel(is) {
    this.cancel.ariaDisabled = is ? null : "true";
    this.cancel.textContent = is ? "Cancel" : "Cancelling…";
  }

  #tick(running) {
    clearInterval(this.#ticking);
    if (running) this.#ticking = setInterval(() => this.#showProgress(), 1000);
  }

  #showProgress() {
    const { epochs, of_epochs: most, progress, seconds, state } = this.#run;
    if (state !== "running") return;
    const { loss: current, tokens_per_second: speed } = this.#now;
    const epoch = Math.max(this.#now.epoch ?? 0, epochs.length);
    const elapsed = seconds + (performance.now() - this.#since) / 1000;
    if (epoch) this.bar.value = progress;
    else this.bar.removeAttribute("value"); // it prepares: nobody knows how long
    this.facts.replaceChildren(
      fact("Epoch", !epoch ? "preparing" : most ? `${epoch} of ${most}` : `${epoch}`),
      fact("Loss", loss(current ?? epochs.at(-1)?.loss)),
      fact("Speed", speed ? `${grouped(speed)} tokens/s` : "–"),
      fact("Time", duration(elapsed)),
    );
  }

  #showMessages() {
    const last = this.#run.messages.slice(-LAST_MESSAGES);
    this.messages.hidden = last.length === 0;
    this.messages.replaceChildren(...last.map((text) => element("li", {}, text)));
  }

  #makeCurves({ measure }) {
    const names = ["training", "dev"];
    const lossCurve = makeCurve({ title: "Loss", kind: "loss", bounds: { from: 0 }, format: loss, names });
    const devCurve = makeCurve({
      title: `${titled(measure)} on the dev set, in percent`, kind: "dev", bounds: { low: 0, high: 100, least: 20 },
      format: (value) => percent(value / 100),
    });
    this.draw = (epochs, most) => {
      const losses = (key) => epochs.map((entry) => ({ epoch: entry.epoch, value: entry[key] }));
      lossCurve.draw(losses("loss"), most, losses("dev_loss"));
      devCurve.draw(epochs.map((entry) => ({ epoch: entry.epoch, value: entry.dev * 100, best: entry.best })), most);
    };
    this.curves.replaceChildren(lossCurve.figure, devCurve.figure);
    const heads = ["Epoch", "Loss", "Dev loss", titled(measure), "Seconds"].map((name) => {
      return element("th", { scope: "col", class: "number" }, name);
    });
    const table = element("table", {}, element("thead", {}, element("tr", {}, heads)), this.rows);
    const scroll = element("div", { class: "scroll tall", role: "region", tabIndex: 0, "aria-label": "Epochs" }, table);
    this.numbers.replaceChildren(element("summary", {}, "The curves as numbers"), scroll);
  }

  #drawCurves() {
    const { epochs, of_epochs: most, state } = this.#run;
    const ended = state !== "running";
    this.curves.hidden = this.numbers.hidden = ended && epochs.length === 0;
    this.draw(epochs, ended ? epochs.length : most);
    const best = epochs.findLast((entry) => entry.best);
    this.rows.replaceChildren(...epochs.map((entry) => epochRow(entry, entry === best)));
  }

  #announceEpoch({ epoch, dev }) {
    if (performance.now() - this.#announced < QUIET_SECONDS * 1000 || !isShown(this.card)) return;
    this.#announced = performance.now();
    const { of_epochs: most, measure } = this.#run;
    announce(`Epoch ${epoch}${most ? ` of ${most}` : ""}: ${measure} ${percent(dev)} percent.`);
  }

  #outcome(training) {
    const { run } = training;
    const log = run.messages.length ? [said(run)] : [];
    if (run.state === "canceled") return [element("p", {}, "The run was canceled, and nothing of it was kept."), ...log];
    if (run.state === "failed") {
      return [element("p", { class: "problem" }, run.problem || "The training failed without saying why."), ...log];
    }
    const comparison = run.after ? [compare(run)] : [];
    return [element("p", { class: "quiet" }, summary(run)), ...comparison, this.#decision(training), ...log];
  }

  #decision({ run, versions, in_service: inService }) {
    const { putInService, deleteVersion } = this.#actions;
    const waits = versions.some(({ number }) => number === run.number);
    const report = reportLink("Report", `version ${run.number}`, run.number);
    if (run.number === inService) {
      return element("div", { class: "row" }, element("p", { class: "decided" }, `Version ${run.number} is in service.`), report);
    }
    if (!waits) return element("p", { class: "decided" }, `Version ${run.number} was deleted.`);
    const take = { type: "button", class: "main", onclick: () => putInService(run.number) };
    const drop = { type: "button", onclick: () => deleteVersion(run.number) };
    const buttons = [element("button", take, "Put it in service"), element("button", drop, "Delete it")];
    return element("div", { class: "row" }, buttons, report);
  }
}

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", { class: "number" }, value));
}

function epochRow({ epoch, loss: lost, dev_loss: devLoss, dev, seconds }, isBest) {
  return element(
    "tr",
    { class: isBest ? "best" : null },
    element("th", { scope: "row", class: "number" }, `${epoch}`, isBest && " (best)"),
    [loss(lost), loss(devLoss), percent(dev), seconds.toFixed(1)].map((text) => element("td", { class: "number" }, text)),
  );
}

function said({ messages, state }) {
  const lines = element("ol", { class: "messages" }, messages.map((text) => element("li", {}, text)));
  return element("details", { open: state === "failed" }, element("summary", {}, "Training log"), lines);
}

function summary({ train, predicted, corpus, epochs, seconds }) {
  const parts = [
    counted(train, "corrected sentence"),
    predicted && counted(predicted, "predicted one"),
    corpus && `${grouped(corpus)} of the original corpus`,
  ].filter(Boolean);
  const on = parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : parts[0];
  return `Trained on ${on}: ${counted(epochs.length, "epoch")} in ${duration(seconds)}.`;
}

function ended(run) {
  if (run.state === "canceled") return "The training was canceled.";
  if (run.state === "failed") return `The training failed. ${run.problem}`;
  return `The training is done: ${outcome(run)}.`;
}

function isShown(one) {
  return one.checkVisibility();
}
