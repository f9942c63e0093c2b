"""The table of all accuracy runs, for the README and for ``results/README.md``.

    python benchmarks/results_table.py

Reads ``results/runs.jsonl``, which ``benchmarks/accuracy.py`` writes. If a corpus, preset and seed were run twice, the
last run counts. Runs with changed recipe fields are left out. Minutes and speeds come from the runs on two cores, where
there are any. Writes ``results/README.md``, with the experiments of ``results/experiments.jsonl`` below the table, and
the part of the README between the two marks.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RUNS, EXPERIMENTS = ROOT / "results" / "runs.jsonl", ROOT / "results" / "experiments.jsonl"
PAGE, README = ROOT / "results" / "README.md", ROOT / "README.md"
BEGIN, END = "<!-- made by benchmarks/results_table.py -->\n", "<!-- end of the table -->\n"
INTRODUCTION = """# Results

Scores are means ± standard deviation over the seeds. Each test set was scored once, by the model of the epoch with the
best dev score. Minutes, speeds and sizes are medians. `runs.jsonl` holds every run; `benchmarks/accuracy.py` writes it.

¹ measured on one core, while the other one worked as well; expect about twice the speed.

"""
EXPERIMENTS_INTRODUCTION = """
## What was tried, on dev

The tables show the best dev scores as mean ± standard deviation, with the number of seeds in parentheses. The test
sets played no part. `experiments.jsonl` holds every run; `benchmarks/experiments.py` writes it.

"""
ROUNDS = {
    1: """Each row changes one thing in the balanced preset, which then had 20 epochs, a patience of 6 and averages over
2 epochs, or in the fast one, which then read a small corpus once in an epoch. From one seed to the next, scores on
these small dev sets move by about a point.

""",
    2: """
### Every word may be unknown

From here on, a column with an arrow is transfer: the F1 on another corpus, on the types of both
(`benchmarks/transfer.py`); no epoch was chosen by it. The balanced preset had 30 epochs then, one pass each, and only
words seen once were unknown at a rate of 0.3; "rows .3" is that rate for every word. All runs go to their last epoch;
the balanced ones on uner_ewt have 15 of them.

""",
    3: """
### From the new presets on

Here the presets are those of today, but for what a row changes: an epoch has at least 200 steps, and networks without
vectors have wide filters. To compare with: balanced has dev 81.84 ± 0.67, transfer 68.35 ± 0.15 on wikigold; 49.36 ±
0.23, 42.26 ± 0.08 on wnut17; 90.44 on ud_uyghur_udt; 77.20 on the larger dev set of uner_swedish; 61.34 on weibo_zh.

² the code was not kept.

""",
}
HEAD = (
    "corpus",
    "preset",
    "seeds",
    "measure",
    "dev",
    "test",
    "training minutes",
    "tokens/s in training",
    "words/s in tagging",
    "model MB",
)


def table(lines: str) -> str:
    """Return the table in Markdown, from runs as JSON lines."""
    groups: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for run in map(json.loads, lines.splitlines()):
        if not run["changes"]:
            groups.setdefault((run["corpus"], run["preset"]), {})[run["seed"]] = run
    rows = [HEAD, ("---",) * len(HEAD)]
    for (corpus, preset), runs in sorted(groups.items()):
        seeds = sorted(runs)
        on_two = [run for run in runs.values() if run["machine"].endswith(" 2 processors")]
        timed, mark = (on_two, "") if on_two else (list(runs.values()), " ¹")
        rows.append(
            (
                corpus,
                preset,
                ", ".join(map(str, seeds)),
                {"f1": "F1"}.get(runs[seeds[0]]["measure"], "accuracy"),
                *(_mean([run[part] for run in runs.values()]) for part in ("dev", "test")),
                f"{_median(timed, 'minutes'):.1f}{mark}",
                f"{_median(timed, 'training_tokens_per_second_after_first_epoch'):,.0f}{mark}",
                f"{_median(timed, 'tagging_words_per_second'):,.0f}{mark}",
                f"{_median(timed, 'model_megabytes'):.1f}",
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _mean(values: list[float]) -> str:
    """Mean ± standard deviation over the seeds."""
    mean = f"{statistics.mean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


def _median(runs: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(run[name] for run in runs))


def experiments_table(lines: str) -> str:
    """Return the experiments in Markdown: a row for each, with its dev scores in a column for each corpus."""
    groups: dict[str, dict[str, list[float]]] = {}
    for run in map(json.loads, lines.splitlines()):
        scores = {run["corpus"]: run["dev"]}
        scores |= {f"{run['corpus']} → {other}": score for other, score in run.get("transfer", {}).items()}
        for corpus, score in scores.items():
            groups.setdefault(run["tried"], {}).setdefault(corpus, []).append(score)
    corpora = sorted({corpus for scores in groups.values() for corpus in scores})
    rows = [("tried", *corpora), ("---",) * (len(corpora) + 1)]
    for tried, scores in groups.items():
        cells = (f"{_mean(scores[corpus])} ({len(scores[corpus])})" if corpus in scores else "" for corpus in corpora)
        rows.append((tried, *cells))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def experiments_tables(lines: str) -> str:
    """Return the experiments of each round in Markdown, with what was common to them."""
    by_round: dict[int, str] = dict.fromkeys(ROUNDS, "")
    for line in lines.splitlines(keepends=True):
        by_round[json.loads(line).get("round", 1)] += line
    return "".join(text + experiments_table(by_round[number]) for number, text in ROUNDS.items())


def main() -> None:
    """Write the table to both pages."""
    made = table(RUNS.read_text("utf-8"))
    experiments = experiments_tables(EXPERIMENTS.read_text("utf-8"))
    PAGE.write_text(INTRODUCTION + made + EXPERIMENTS_INTRODUCTION + experiments, "utf-8")
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    README.write_text(before + BEGIN + "\n" + made + "\n" + END + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
