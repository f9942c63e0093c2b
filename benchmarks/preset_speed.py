"""Words a second of several models in one run, from words to tags and from text to spans.

    TAGSMITH_DATA=… python benchmarks/preset_speed.py MODEL MODEL…

The models take turns, and every rate is also given as a multiple of the first model's. The published numbers are of
the balanced and the fast preset, as ``benchmarks/accuracy.py --corpora wikigold --models FOLDER`` trains them. The
sentences are the training set of UD English EWT (204,577 words), with one space between words for the texts. Writes
``benchmarks/results/preset_speed.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tagsmith
from corpora import from_environment
from tagsmith.cli.speed import describe_machine
from tagsmith.tagging.batching import available_processors

RESULTS = Path(__file__).parent / "results" / "preset_speed.json"


def rate(words: int, call: Callable[[], Any]) -> float:
    """Return the words a second of one call."""
    start = time.perf_counter()
    call()
    return words / (time.perf_counter() - start)


def _spans(tagger: tagsmith.Tagger, texts: list[str]) -> list[tagsmith.Document]:
    return list(tagger.tag_texts(texts))


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    corpus = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    sentences = [sentence.words for sentence in tagsmith.read_sentences(corpus, layer="upos")]
    texts = [" ".join(words) for words in sentences]
    count = sum(map(len, sentences))
    taggers = [tagsmith.load(path, threads=available_processors()) for path in arguments.models]
    rates: list[dict[str, list[float]]] = [{"words to tags": [], "text to spans": []} for _ in taggers]
    for round_number in range(arguments.rounds + 1):  # the first fills the word tables
        for tagger, own in zip(taggers, rates, strict=True):
            to_tags = rate(count, partial(tagger.tag, sentences))
            to_spans = rate(count, partial(_spans, tagger, texts))
            if round_number:
                own["words to tags"].append(to_tags)
                own["text to spans"].append(to_spans)
    results: dict[str, Any] = {"machine": describe_machine(), "threads": available_processors(), "models": []}
    for tagger, own in zip(taggers, rates, strict=True):
        shape = tagger.model.architecture
        row: dict[str, Any] = {"layers": shape.layers, "units": shape.units, "tags": len(tagger.layer().tags)}
        for name, measured in own.items():
            times = [one / first for one, first in zip(measured, rates[0][name], strict=True)]
            row[name] = {"words/s": round(statistics.median(measured)), "times": round(statistics.median(times), 2)}
        results["models"].append(row)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
