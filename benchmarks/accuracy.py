"""Scores on every corpus: train, then score the test set once.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/accuracy.py [--corpora wnut17 …] [--seeds 0]

The settings are those of the preset, which were chosen on dev sets. English corpora use GloVe 6B 100d vectors. Each run
appends a line to ``results/runs.jsonl``, from which ``benchmarks/results_table.py`` makes the table of the README. The
line also has the recipe fields that were changed (``--changes '{"epochs": 8}'``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import tagsmith
from corpora import Files, corpora, vectors

RESULTS = Path(__file__).parent.parent / "results" / "runs.jsonl"


def run(name: str, files: Files, preset: str, changes: dict[str, Any], seed: int, folder: Path) -> dict[str, Any]:
    """Train once and return the run's numbers."""
    start = time.perf_counter()
    out = folder / name.replace("/", "-")
    tagsmith.train(
        files.train,
        dev=files.dev,
        test=files.test,
        out=out,
        force=True,
        preset=preset,
        recipe=changes,
        seed=seed,
        vectors=vectors() if files.vectors else None,
        **files.options,
    )
    seconds = time.perf_counter() - start
    config = json.loads((out / "config.json").read_text("utf-8"))
    history = [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]
    measure = "accuracy" if history[0]["measure"] == "accuracy" else "f1"
    later = [entry["tokens_per_second"] for entry in history[1:]]
    return {
        "corpus": name,
        "preset": preset,
        "changes": changes,
        "seed": seed,
        "measure": measure,
        "dev": round(100 * config["scores"]["dev"][measure], 2),
        "test": round(100 * config["scores"]["test"][measure], 2),
        "epochs": len(history),
        "best_epoch": max(entry["epoch"] for entry in history if entry["best"]),
        "minutes": round(seconds / 60, 2),
        "training_tokens_per_second_after_first_epoch": round(statistics.median(later)) if later else None,
        "tagging_words_per_second": tagging_speed(out, files),
        "precision": config["precision"],
        "model_megabytes": round(sum(file.stat().st_size for file in out.iterdir()) / 1e6, 1),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} processors",
        "versions": {"tagsmith": tagsmith.__version__, "python": platform.python_version()},
    }


def tagging_speed(model: Path, files: Files) -> int:
    """Measure the words a second on the test set, with a warm word table; the median of five."""
    tagger = tagsmith.load(model)
    sentences = [sentence.words for sentence in tagsmith.read_sentences(files.test, **files.options)]
    tagger.tag(sentences)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        tagger.tag(sentences)
        times.append(time.perf_counter() - start)
    return round(sum(map(len, sentences)) / statistics.median(times))


def main() -> None:
    """Run the chosen corpora and seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="*")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--changes", type=json.loads, default={}, help="recipe fields as a JSON object")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--models", type=Path, help="folder to keep the models in (default: they are deleted)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        available = corpora(Path(temporary))
        models = arguments.models or Path(temporary)
        for name in arguments.corpora or available:
            for seed in arguments.seeds:
                result = run(name, available[name], arguments.preset, arguments.changes, seed, models)
                arguments.results.parent.mkdir(exist_ok=True)
                with arguments.results.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(result) + "\n")
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
