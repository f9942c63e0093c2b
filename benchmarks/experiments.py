"""What was tried: train with a changed recipe, score dev alone, append a line to ``results/experiments.jsonl``.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/experiments.py "row dropout for every word" \
        --changes '{"unknown_count": 1000000}' --corpora wnut17 wikigold --seeds 1 2 3

``benchmarks/results_table.py`` makes the table of ``results/README.md`` from these lines. Test sets play no part.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import tagsmith
from corpora import Files, corpora, vectors

RESULTS = Path(__file__).parent.parent / "results" / "experiments.jsonl"


def run(files: Files, most: int | None, preset: str, changes: dict[str, Any], seed: int, out: Path) -> dict[str, Any]:
    """Train once, on at most so many sentences, and return what dev says."""
    start = time.perf_counter()
    train: Any = files.train
    if most is not None:
        train = tagsmith.read_sentences(files.train, **files.options)
        random.Random(0).shuffle(train)
        train = train[:most]
    tagsmith.train(
        train,
        dev=files.dev,
        out=out,
        force=True,
        preset=preset,
        recipe=changes,
        seed=seed,
        vectors=vectors() if files.vectors else None,
        **files.options,
    )
    minutes = (time.perf_counter() - start) / 60
    history = [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]
    best = max((entry for entry in history if entry["best"]), key=lambda entry: entry["epoch"])
    measure = "accuracy" if best["measure"] == "accuracy" else "f1"
    return {
        "measure": measure,
        "dev": round(100 * best["dev"], 2),
        "best_epoch": best["epoch"],
        "epochs": len(history),
        "minutes": round(minutes, 1),
    }


def main() -> None:
    """Run one experiment on the chosen corpora and seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tried", help="what is tried, in words")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--changes", type=json.loads, default={}, help="recipe fields as a JSON object")
    parser.add_argument("--corpora", nargs="+", required=True)
    parser.add_argument("--sentences", type=int, help="train on so many sentences, drawn at random")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        available = corpora(Path(temporary))
        for name in arguments.corpora:
            for seed in arguments.seeds:
                facts = {"tried": arguments.tried, "preset": arguments.preset, "changes": arguments.changes}
                most, out = arguments.sentences, Path(temporary) / "model"
                scores = run(available[name], most, arguments.preset, arguments.changes, seed, out)
                corpus = name if most is None else f"{name}, {most} sentences"
                line = json.dumps({**facts, "corpus": corpus, "seed": seed, **scores}) + "\n"
                with arguments.results.open("a", encoding="utf-8") as stream:
                    stream.write(line)
                print(line, end="", flush=True)


if __name__ == "__main__":
    main()
