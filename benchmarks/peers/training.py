"""The training speed of tagsmith and Flair, on the same corpus and the same two threads, in turn.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/peers/training.py --work FOLDER [--rounds 5]

UD English EWT, parts of speech, GloVe 100d. tagsmith trains whole epochs of its balanced preset. Flair would take
minutes for one, so it trains epochs over the first ``FLAIR_SENTENCES`` sentences. The first epoch of each compiles or
warms up and does not count. ``FOLDER`` is the work folder of ``run.py``. Writes ``training.json`` beside this script.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from run import HERE, THREADS, make_environment

from corpora import corpora, vectors  # type: ignore[import-not-found, unused-ignore]
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.corpus import read_corpus
from tagsmith.training.display import Silent
from tagsmith.training.loop import TrainingRun
from tagsmith.training.recipe import make_recipe
from tagsmith.training.task import prepare

RESULTS = HERE / "training.json"
FLAIR_SENTENCES = 1500


def main() -> None:
    """Measure in turn and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder to keep environments in")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    python = make_environment("flair", arguments.work / "environments")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = corpora(folder)["ud_english_ewt"]
        corpus = read_corpus(files.train, files.dev, None, **files.options)
        sentences = [[sentence.words, sentence.layers["upos"]] for sentence in list(corpus.train)[:FLAIR_SENTENCES]]
        (folder / "sentences.jsonl").write_text("".join(json.dumps(sentence) + "\n" for sentence in sentences), "utf-8")
        recipe = make_recipe("balanced")
        run = TrainingRun(prepare(corpus, recipe, vectors(), 0), recipe, 0, folder / "model")
        command = [python, HERE / "flair_training_worker.py", folder / "sentences.jsonl", vectors(), THREADS]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(list(map(str, command)), **pipes) as flair:
            result = _measure(run, flair, arguments.rounds)
            assert flair.stdin is not None
            flair.stdin.close()
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))


def _measure(run: TrainingRun, flair: subprocess.Popen[str], rounds: int) -> dict[str, Any]:
    assert flair.stdin is not None
    assert flair.stdout is not None
    versions = json.loads(flair.stdout.readline())["versions"]
    rates: dict[str, list[float]] = {"tagsmith": [], "flair": []}
    for number in range(rounds + 1):
        entry = run._train_epoch(number + 1, Silent())
        rates["tagsmith"].append(entry["tokens_per_second"])
        flair.stdin.write("\n")
        flair.stdin.flush()
        epoch = json.loads(flair.stdout.readline())
        rates["flair"].append(round(epoch["tokens"] / epoch["seconds"]))
        print(number, rates["tagsmith"][-1], rates["flair"][-1], flush=True)
    counted = {name: by_round[1:] for name, by_round in rates.items()}
    ratios = [ours / theirs for ours, theirs in zip(counted["tagsmith"], counted["flair"], strict=True)]
    return {
        "machine": describe_machine(),
        "versions": versions,
        "threads": THREADS,
        "tokens_per_second": counted,
        "medians": {name: statistics.median(by_round) for name, by_round in counted.items()},
        "tagsmith_to_flair": round(statistics.median(ratios), 2),
    }


if __name__ == "__main__":
    main()
