"""Throughput, latency, start and memory of a model on the training set of UD English EWT.

    TAGSMITH_DATA=… python benchmarks/tagging_speed.py MODEL [--new-words 10000000]

Measures the same as ``tagsmith bench MODEL en_ewt-ud-train.conllu`` (204,577 words, mean sentence length 16.3) and
writes ``benchmarks/results/tagging_speed.json``. The published numbers are of a model with 17 tags (four types in
BIOES), which ``benchmarks/accuracy.py --corpora wikigold --models FOLDER`` trains.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from corpora import from_environment
from tagsmith.cli.speed import measure_speed
from tagsmith.corpus.sources import read_sentences
from tagsmith.tagging.batching import available_processors

RESULTS = Path(__file__).parent / "results" / "tagging_speed.json"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--new-words", type=int, default=0)
    arguments = parser.parse_args()
    corpus = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    sentences = [sentence.words for sentence in read_sentences(corpus, layer="upos")]
    speed = measure_speed(
        arguments.model,
        sentences,
        threads=available_processors(),
        rounds=arguments.rounds,
        new_tokens=arguments.new_words,
    )
    RESULTS.write_text(json.dumps(speed, indent=2) + "\n", "utf-8")
    print(json.dumps(speed, indent=2))


if __name__ == "__main__":
    main()
