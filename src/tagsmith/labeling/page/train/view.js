// The view "train": train on the accepted sentences, see what it brought, and decide what is in service.

import { request } from "../api.js";
import { confirmed } from "../dialogs.js";
import { announce, clearProblem, element, showProblem } from "../dom.js";
import { makeExport } from "./export.js";
import { follow } from "./following.js";
import { makeMaterial } from "./material.js";
import { RunCard } from "./run.js";
import { makeVersions, versionName } from "./versions.js";

const LOST = "The server restarted, so the run in progress was lost.";

/** Build the view in `place`. */
export function start(place) {
  const view = new TrainView(place);
  return { shown: () => view.refresh() };
}

class TrainView {
  #place;
  #labeling = null;
  #training = null;
  #seen = "";
  #following = false;
  #completing = false;

  constructor(place) {
    this.#place = place;
    const putInService = (number) => this.#putInService(number);
    const deleteVersion = (number) => this.#deleteVersion(number);
    this.material = makeMaterial({ train: (options) => this.#train(options) });
    this.run = new RunCard({ cancel: () => this.#cancel(), putInService, deleteVersion });
    this.versions = makeVersions({ putInService, deleteVersion });
    this.files = makeExport();
    this.parts = [
      this.material.card,
      this.run.card,
      this.versions.card,
      this.files.card,
    ];
    // Another tab may have trained meanwhile.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.run.card.isConnected && place.checkVisibility()) this.refresh().catch(() => {});
    });
  }

  /** Ask for everything anew. */
  async refresh() {
    try {
      const [labeling, training] = await Promise.all([request("v1/labeling"), request("v1/training")]);
      this.#labeling = labeling;
      this.#show(training);
    } catch (error) {
      if (error.code === "no_labeling") this.#showImpossible(error);
      else if (!this.#following) throw error; // else the run's card tells it
    }
  }

  #show(training) {
    const seen = JSON.stringify([this.#labeling, training]);
    if (seen === this.#seen && this.#place.contains(this.run.card)) return; // an open <details> stays open
    this.#seen = seen;
    if (this.#training?.run?.state === "running" && training.run === null) showProblem(new Error(LOST));
    this.#training = training;
    if (this.#place.firstChild !== this.parts[0]) this.#place.replaceChildren(...this.parts);
    const measure = this.#labeling.gives_spans ? "F1" : "accuracy";
    this.material.show(this.#labeling, training);
    this.versions.show(training, measure);
    this.files.show(this.#labeling);
    this.run.show(training);
    if (training.run?.state === "running") this.#follow();
  }

  #showImpossible({ message }) {
    const title = element("h2", {}, "No training here");
    this.#place.replaceChildren(element("div", { class: "card" }, title, element("p", {}, message)));
  }

  async #follow() {
    if (this.#following) return;
    this.#following = true;
    try {
      await follow("v1/training/events", (name, data) => this.#hear(name, data), (error) => this.run.lost(error));
    } catch (error) {
      if (error.status !== 401) showProblem(error);
    } finally {
      this.#following = false;
    }
  }

  #hear(name, data) {
    if (name === "state" || name === "end") this.#show(data);
    else {
      this.run.hear(name, data);
      this.#complete();
    }
  }

  /** The state that begins a stream may be older than the run's process, and know no number of epochs yet. */
  async #complete() {
    if (this.#completing || (this.#training.run?.of_epochs ?? 1) > 0) return;
    this.#completing = true;
    try {
      const { run } = await request("v1/training");
      if (run?.of_epochs) {
        this.#training.run.of_epochs = run.of_epochs;
        this.run.know(run);
      }
    } catch {
      // The next event is the next occasion.
    } finally {
      this.#completing = false;
    }
  }

  async #train(options) {
    this.material.busy(true);
    const begun = await this.#ask("v1/training", { method: "POST", body: options });
    this.material.busy(false);
    if (!begun) return;
    announce("The training has started.");
    this.run.focus();
  }

  async #cancel() {
    await this.#ask("v1/training/cancel", { method: "POST" });
  }

  async #putInService(number) {
    const name = this.#nameOf(number);
    if (!(await this.#ask(`v1/versions/${number}`, { method: "POST" }))) return;
    announce(`Now in service: ${name}.`);
    this.versions.focus();
  }

  async #deleteVersion(number) {
    const name = this.#nameOf(number);
    if (!(await confirmed(`Delete ${name}? This cannot be undone.`, "Delete it"))) return;
    if (!(await this.#ask(`v1/versions/${number}`, { method: "DELETE" }))) return;
    announce(`Deleted: ${name}.`);
    this.versions.focus();
  }

  #nameOf(number) {
    return versionName(this.#training.versions.find((version) => version.number === number) ?? { number });
  }

  /** Ask the server for a change and show what it made; false, with the problem shown, if it refused. */
  async #ask(path, options) {
    clearProblem();
    try {
      this.#show(await request(path, options));
      return true;
    } catch (error) {
      if (error.status !== 401) showProblem(error);
      // What is shown was wrong: see what there is.
      await this.refresh().catch(() => {});
      return false;
    }
  }
}
