// What comes into the queue and goes out of it otherwise than by labeling; and labels that are added.

import { request } from "../api.js";
import { confirmed } from "../dialogs.js";
import { announce, clearProblem, showProblem } from "../dom.js";
import { readText } from "../text_file.js";
import { sendText } from "./intake.js";
import { putBack } from "./queue.js";

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

  /** Add files of text. */
  async addFiles(files) {
    clearProblem();
    for (const file of files) {
      const text = await readText(file).catch(showProblem);
      if (text !== undefined) await this.#add(text, file.name);
    }
  }

  async #add(text, source) {
    const { panel } = this.view;
    const name = source === "page" ? "Your text" : source;
    const refill = () => this.view.do(() => this.view.refill());
    this.#sending += 1;
    try {
      const { added, known } = await sendText(text, source, (share) => {
        panel.tellIntake(`Adding ${name}… ${Math.round(100 * share)}%`);
        if (share && !this.view.sentence) refill(); // begin with the first piece
      });
      const told = `${name}: ${sentences(added)} added${known ? `, ${known} known already` : ""}.`;
      panel.tellIntake(told);
      announce(told);
      await refill();
      return true;
    } catch (error) {
      panel.tellIntake("");
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

function sentences(count) {
  return count === 1 ? "1 sentence" : `${count} sentences`;
}
