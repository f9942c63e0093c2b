"""Going on from a model with a few new sentences, compared with training on them from scratch.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/fine_tuning.py [--tasks disease wnut17] [--seeds 1 2 3]

Task ``disease``: the model knows the chemicals of one half of bc5cdr's training set. The new data are 300 sentences of
the other half, with only their diseases labeled. Task ``wnut17``: the model has seen one half of the training set, and
the new data are 300 sentences of the other half, with the same labels. A tenth of the 300 decides when to stop.

The ways: "before" is the model as it was. "scratch" trains on the new data alone. "from" goes on at each of several
learning rates, and the model pseudo-labels the new data. At the default rate there are also "unknown"
(``partial=True``) and "absent" (``partial=False``). Fast preset; runs on new data have 40 epochs; GloVe 6B 100d. The
default rate was chosen on the dev sets, which are scored like the test sets. Writes
``benchmarks/results/fine_tuning.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tagsmith
from corpora import Files, corpora, vectors
from partial_labels import scored, write_labels
from tagsmith.corpus.sources import read_sentences
from tagsmith.text.schemes import Scheme, split_label
from tagsmith.training.fine_tuning import LEARNING_RATE

RESULTS = Path(__file__).parent / "results" / "fine_tuning.json"
NEW = 300  # sentences
RATES = (3e-4, 5e-4, 1e-3, 2e-3)
LONGER = {"epochs": 40}


@dataclass(frozen=True)
class Setting:
    """The first training data, the new data, and the data to score on."""

    first: Path
    first_dev: Path
    new: Path
    dev: Path
    test: Path


def _settings(available: Mapping[str, Files], folder: Path) -> dict[str, Setting]:
    settings = {}
    for task, name, known, unknown in (
        ("disease", "bc5cdr", ["Chemical"], ["Disease"]),
        ("wnut17", "wnut17", None, None),
    ):
        files = available[name]
        sentences = read_sentences(files.train)
        middle = len(sentences) // 2
        dev = read_sentences(files.dev)
        settings[task] = Setting(
            write_labels(folder / f"{task}-first.conll", sentences[:middle], known),
            write_labels(folder / f"{task}-first-dev.conll", dev, known),
            write_labels(folder / f"{task}-new.conll", sentences[middle : middle + NEW], unknown),
            write_labels(folder / f"{task}-dev.conll", dev),
            write_labels(folder / f"{task}-test.conll", read_sentences(files.test)),
        )
    return settings


def run(setting: Setting, seed: int, folder: Path) -> dict[str, Any]:
    """Train in every way and score each."""
    options: dict[str, Any] = {"preset": "fast", "seed": seed, "force": True}
    before = tagsmith.train(setting.first, dev=setting.first_dev, out=folder / "before", vectors=vectors(), **options)
    ways = {"before": before}
    ways["scratch"] = tagsmith.train(setting.new, out=folder / "scratch", vectors=vectors(), recipe=LONGER, **options)
    options |= {"start": folder / "before"}
    for rate in RATES:
        changes = {**LONGER, "learning_rate": rate}
        ways[f"from {rate}"] = tagsmith.train(setting.new, out=folder / "new", recipe=changes, **options)
    for way, partial in (("unknown", True), ("absent", False)):
        tags = {tag for sentence in read_sentences(setting.new) for tag in sentence.layers["tags"]}
        if set(before.labels) - {split_label(tag, Scheme.IOB2) for tag in tags}:  # otherwise no label is missing
            ways[way] = tagsmith.train(setting.new, out=folder / "new", recipe=LONGER, partial=partial, **options)
    return {
        way: {part: scored(tagger, getattr(setting, part)) for part in ("dev", "test")} for way, tagger in ways.items()
    }


def main() -> None:
    """Run the chosen tasks and seeds; each run replaces the same run in the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", default=["disease", "wnut17"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        settings = _settings(corpora(Path(temporary)), Path(temporary))
        for seed in arguments.seeds:
            for task in arguments.tasks:
                identity = {"task": task, "seed": seed, "default_rate": LEARNING_RATE}
                ways = run(settings[task], seed, Path(temporary))
                before = json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else []
                kept = [entry for entry in before if (entry["task"], entry["seed"]) != (task, seed)]
                arguments.results.write_text(json.dumps([*kept, {**identity, "ways": ways}], indent=1) + "\n", "utf-8")
                for way, parts in ways.items():
                    labels = {label: values["f1"] for label, values in parts["test"]["labels"].items()}
                    print(task, seed, way, parts["dev"]["f1"], parts["test"]["f1"], labels, flush=True)


if __name__ == "__main__":
    main()
