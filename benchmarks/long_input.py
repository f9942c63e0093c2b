"""Long inputs: a sentence of 100,000 tokens, and a text of 10 MB without any sentence end.

    TAGSMITH_DATA=… python benchmarks/long_input.py MODEL

The words are those of UD English EWT in their order, without punctuation. A fresh process tags each input and measures
its time and its peak memory. It also tags the sentence in one piece, without windows, and compares the two. Writes
``benchmarks/results/long_input.json``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import tagsmith
from corpora import from_environment
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences
from tagsmith.tagging import batching

RESULTS = Path(__file__).parent / "results" / "long_input.json"
TOKENS, CHARACTERS = 100_000, 10_000_000
INPUTS = ("sentence, int8", "sentence, float32", "text")


def measured(what: str, model: str, words: list[str]) -> dict[str, Any]:
    """Tag one input in this process and measure it."""
    before = _most_megabytes()
    if what == "text":
        tagger = tagsmith.load(model)
        text = (" ".join(words) + " ") * (CHARACTERS // sum(len(word) + 1 for word in words) + 1)
        text = text[:CHARACTERS]
        start = time.perf_counter()
        document = tagger(text)
        seconds = time.perf_counter() - start
        tokens, sentences = sum(map(len, document.sentences)), len(document.sentences)
        assert all(text[token.start : token.end] == token.text for token in document.sentences[0].tokens[::1000])
        return _result(tokens, seconds, before) | {"sentences": sentences, "spans": len(document.spans)}
    tagger = tagsmith.load(model, precision="float32" if what.endswith("float32") else "int8")
    sentence = words[:TOKENS]
    start = time.perf_counter()
    (tags,) = tagger.tag([sentence])
    measurement = _result(len(tags), time.perf_counter() - start, before)
    batching.LONGEST_WHOLE = TOKENS  # now in one piece
    (whole,) = tagger.tag([sentence])
    return measurement | {"tags_unlike_the_whole": int(np.sum(np.array(tags) != np.array(whole)))}


def _result(tokens: int, seconds: float, before: float) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "seconds": round(seconds, 2),
        "tokens_per_second": round(tokens / seconds),
        "most_megabytes": round(_most_megabytes()),
        "megabytes_before_loading": round(before),
    }


def _most_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measure each input in its own process and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--only", choices=INPUTS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measured(arguments.only, arguments.model, json.load(sys.stdin))))
        return
    corpus = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    words = [word for sentence in read_sentences(corpus, layer="upos") for word in sentence.words if word.isalpha()]
    result: dict[str, Any] = {"machine": describe_machine()}
    for what in INPUTS:
        command = [sys.executable, __file__, arguments.model, "--only", what]
        done = subprocess.run(command, input=json.dumps(words), capture_output=True, text=True, check=True)
        result[what] = json.loads(done.stdout)
        print(what, json.dumps(result[what]), flush=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
