"""How many pre-split words a second a model tags.

    TAGSMITH_DATA=… python benchmarks/tagging_speed.py MODEL

Tags the training sentences of UD English EWT (204,577 words, mean sentence length 16.3) with int8 and float32
kernels in turn, seven rounds, on two threads and on one; reports medians. "Cold" is the first call of a new tagger,
in which every word form is encoded for the first time. Writes ``benchmarks/results/tagging_speed.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections import defaultdict
from pathlib import Path

import onnxruntime

import tagsmith
from corpora import from_environment
from tagsmith.data.corpus import read_sentences
from tagsmith.runtime.model_folder import Precision

RESULTS = Path(__file__).parent / "results" / "tagging_speed.json"
ROUNDS = 7


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    arguments = parser.parse_args()
    corpus = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    sentences = [sentence.words for sentence in read_sentences(corpus, layer="upos")]
    tokens = sum(map(len, sentences))
    precisions: tuple[Precision, ...] = ("int8", "float32")
    taggers = {}
    speeds: dict[str, list[float]] = defaultdict(list)
    for precision in precisions:
        for threads in (1, 2):
            tagger = tagsmith.load(arguments.model, precision=precision, threads=threads)
            start = time.perf_counter()
            tagger.tag(sentences)
            speeds[f"{precision}, {threads} threads, cold"].append(tokens / (time.perf_counter() - start))
            taggers[f"{precision}, {threads} threads, warm"] = tagger
    for _ in range(ROUNDS):
        for name, tagger in taggers.items():
            start = time.perf_counter()
            tagger.tag(sentences)
            speeds[name].append(tokens / (time.perf_counter() - start))
    config = json.loads((arguments.model / "config.json").read_text("utf-8"))
    result = {
        "tokens": tokens,
        "sentences": len(sentences),
        "tags": len(config["tags"]),
        "architecture": config["architecture"],
        "tokens_per_second": {
            name: {
                "median": round(statistics.median(v)),
                "min": round(min(v)),
                "max": round(max(v)),
                "rounds": len(v),
            }
            for name, v in speeds.items()
        },
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} processors",
        "versions": {"python": platform.python_version(), "onnxruntime": onnxruntime.__version__},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result["tokens_per_second"], indent=2))


if __name__ == "__main__":
    main()
