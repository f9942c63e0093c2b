"""Make one table of all accuracy runs and put it where it is shown.

    python benchmarks/results_table.py

Reads ``results/runs.jsonl``, which ``benchmarks/accuracy.py`` writes; of the same corpus, preset and seed the last run
counts, and runs with changed recipe fields are left out. Writes ``results/README.md`` and the part of the README
between the two marks.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RUNS, PAGE, README = ROOT / "results" / "runs.jsonl", ROOT / "results" / "README.md", ROOT / "README.md"
BEGIN, END = "<!-- made by benchmarks/results_table.py -->\n", "<!-- end of the table -->\n"
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
        rows.append(
            (
                corpus,
                preset,
                ", ".join(map(str, seeds)),
                {"f1": "F1"}.get(runs[seeds[0]]["measure"], "accuracy"),
                *(_mean([run[part] for run in runs.values()]) for part in ("dev", "test")),
                f"{_median(runs, 'minutes'):.1f}",
                f"{_median(runs, 'training_tokens_per_second_after_first_epoch'):,.0f}",
                f"{_median(runs, 'tagging_words_per_second'):,.0f}",
                f"{_median(runs, 'model_megabytes'):.1f}",
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _mean(values: list[float]) -> str:
    """Mean ± standard deviation over the seeds."""
    mean = f"{statistics.mean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


def _median(runs: dict[int, dict[str, Any]], name: str) -> float:
    return float(statistics.median(run[name] for run in runs.values()))


def main() -> None:
    """Write the table into both pages."""
    made = table(RUNS.read_text("utf-8"))
    PAGE.write_text(
        "# Results\n\n"
        "Mean ± standard deviation over the seeds; each test set scored once, by the model of the epoch that "
        "was best on dev. Medians of minutes, speeds and size. `runs.jsonl` holds every run. "
        "Runs of seed 1 shared their two cores with other work, which shows in their minutes and speeds, not in their "
        "scores.\n\n" + made,
        "utf-8",
    )
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    README.write_text(before + BEGIN + "\n" + made + "\n" + END + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
