"""What distillation brings: few labeled sentences, and the rest of a training set without its labels.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/distillation.py [--corpora snips bc5cdr] [--labeled 500]

Three teachers are trained on the labeled sentences with seeds 1, 2 and 3. A student of the same preset learns from
them on the same sentences and on up to 20,000 others, whose labels it does not see. The test set is scored once by each
teacher, by the mean of their probabilities (the best legal sequence), and by the student.

Writes ``benchmarks/results/distillation.json``.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tagsmith
from corpora import Files, corpora, vectors
from tagsmith.cli.speed import describe_machine
from tagsmith.tagging.chain import constrained_chain
from tagsmith.tagging.decode import viterbi

RESULTS = Path(__file__).parent / "results" / "distillation.json"
TEACHERS, MOST_UNLABELED = 3, 20_000


def measure(files: Files, count: int, preset: str, folder: Path) -> dict[str, Any]:
    """Train the teachers and the student; return the F1 of each on test."""
    sentences = tagsmith.read_sentences(files.train, **files.options)
    random.Random(0).shuffle(sentences)
    labeled, rest = sentences[:count], sentences[count : count + MOST_UNLABELED]
    shared: dict[str, Any] = {
        "dev": files.dev,
        "preset": preset,
        "vectors": vectors() if files.vectors else None,
        "force": True,
    }
    teachers = [
        tagsmith.train(labeled, out=folder / f"teacher{seed}", seed=seed, **shared, **files.options)
        for seed in range(1, TEACHERS + 1)
    ]
    start = time.perf_counter()
    student = tagsmith.distill(
        teachers, train=labeled, unlabeled=rest, out=folder / "student", seed=1, **shared, **files.options
    )
    minutes = (time.perf_counter() - start) / 60
    test = tagsmith.read_sentences(files.test, **files.options)
    words, gold = [s.words for s in test], [next(iter(s.layers.values())) for s in test]
    alone = [100 * teacher.evaluate(files.test, **files.options).f1 for teacher in teachers]
    layer = teachers[0].layer()
    written = together(teachers, words)
    return {
        "labeled": count,
        "unlabeled": len(rest),
        "preset": preset,
        "teachers": [round(score, 2) for score in alone],
        "mean of the teachers": round(statistics.mean(alone), 2),
        "ensemble": round(100 * tagsmith.score_tags(gold, written, scheme=layer.scheme).f1, 2),
        "student": round(100 * student.evaluate(files.test, **files.options).f1, 2),
        "minutes to distill": round(minutes, 1),
    }


def together(teachers: Sequence[tagsmith.Tagger], sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """Tag with several models: the legal sequence of the highest product of their mean probabilities."""
    layer = teachers[0].layer()
    chain = constrained_chain(layer.transitions)
    rows = []
    for each in zip(*(one.tag_marginals(sentences) for one in teachers), strict=True):
        scores = np.log(np.maximum(np.mean(each, axis=0), 1e-12)).astype(np.float32)
        rows.append(viterbi(scores[:, None], np.array([len(scores)]), chain)[:, 0])
    return list(layer.write_tags(np.concatenate(rows), [len(row) for row in rows]))


def main() -> None:
    """Measure the chosen corpora."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", default=["snips", "bc5cdr", "fewnerd"])
    parser.add_argument("--labeled", type=int, default=500)
    parser.add_argument("--preset", default="fast")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        available = corpora(Path(name))
        for corpus in options.corpora:
            results[corpus] = measure(available[corpus], options.labeled, options.preset, Path(name))
            results["machine"] = describe_machine()
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            print(corpus, json.dumps(results[corpus]), flush=True)


if __name__ == "__main__":
    main()
