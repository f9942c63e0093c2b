// What comes into the queue and goes out of it otherwise than by labeling; and labels that are added.

import { request } from "../api.js";
import { confirmed } from "../dialogs.js";
import { announce, clearProblem, element, showProblem } from "../dom.js";
import { readText } from "../text_file.js";
import { sendFile, sendText } from "./intake.js";
import { putBack } from "./queue.js";
import { failure, report, sentences } from "./report.js";

/** Adds text and labels, empties the queue, and fills it again; `view` shows what comes of it. */
export class Stock {
  #sending = 0;

  constructor(view) {
    this.view = view;
  }

  /** Whether text is on its way. */
  get busy() {
    return this.#sending > 0;
  }

  /** Add a text while labeling goes on; resolves to whether it worked. */
  async add(text, source) {
    clearProblem();
    return this.#add(text, source);
  }

  /** Add files, one after the other: of text, or of labeled sentences. */
  async addFiles(files) {
    clearProblem();
    const reports = [];
    for (const file of files) {
      this.#sending += 1;
      try {
        reports.push(...(await this.#addFile(file, (...parts) => this.view.panel.tellIntake(...reports, ...parts))));
      } catch (error) {
        reports.push(failure(file.name, error));
        if (error.status !== 401) showProblem(error);
      } finally {
        this.#sending -= 1;
      }
      this.view.panel.tellIntake(...reports);
    }
    announce(reports.map((own) => own.firstChild.textContent).join(" "));
    if (reports.some((own) => own.childElementCount > 1)) this.view.panel.told.scrollIntoView({ block: "nearest" });
  }

  // Returns what there is to tell of the file.
  async #addFile(file, tell) {
    const { view } = this;
    const text = await readText(file);
    const answer = await sendFile(text, file.name, (share) => {
      tell(element("p", {}, `Adding ${file.name}… ${Math.round(100 * share)}%`));
      if (share && !view.sentence) view.do(() => view.refill()); // begin with the first piece
    });
    await view.do(() => view.tookFile(answer, file.name));
    if (!answer.problem) return [report(file.name, answer)];
    if (answer.problem.status !== 401) showProblem(new Error(`“${file.name}”: ${answer.problem.message}`));
    const begun = answer.format === null ? [] : [report(file.name, answer)];
    return [...begun, failure(file.name, answer.problem)];
  }

  async #add(text, source) {
    const { panel } = this.view;
    const name = source === "page" ? "Your text" : source;
    const refill = () => this.view.do(() => this.view.refill());
    this.#sending += 1;
    try {
      const { added, known } = await sendText(text, source, (share) => {
        panel.tellIntake(element("p", {}, `Adding ${name}… ${Math.round(100 * share)}%`));
        if (share && !this.view.sentence) refill(); // begin with the first piece
      });
      const told = `${name}: ${sentences(added)} added${known ? `, ${known} known already` : ""}.`;
      panel.tellIntake(element("p", {}, told));
      announce(told);
      await refill();
      return true;
    } catch (error) {
      panel.tellIntake();
      if (error.status !== 401) showProblem(error);
      await this.view.look().catch(() => {}); // some pieces may be there
      return false;
    } finally {
      this.#sending -= 1;
    }
  }

  /** Delete all that waits, if the user is sure. */
  async empty() {
    const { view } = this;
    const { waiting } = view.state.counts;
    const question = `Delete ${waiting === 1 ? "the waiting sentence" : `all ${waiting} waiting sentences`}?`;
    if (!(await confirmed(`${question} What was accepted stays.`, "Empty the queue", "Cancel"))) return;
    await view.do(async () => {
      const { removed } = await request("v1/labeling/sentences?status=waiting", { method: "DELETE" });
      await view.emptied();
      view.say(`${sentences(removed)} deleted.`);
    });
  }

  /** Put all skipped sentences back into the queue. */
  putBack() {
    const { view } = this;
    return view.do(async () => {
      const count = await putBack((done) => view.panel.say(`Putting back… ${done}`));
      await view.refill();
      view.say(`${sentences(count)} put back.`);
    });
  }

  /** Add a label; resolves to whether it worked. */
  addLabel(label) {
    const { view } = this;
    return view.do(async () => {
      view.setState(await request("v1/labeling/labels", { method: "POST", body: { label } }));
      view.say(`Label ${label} added.`);
    });
  }
}
