"""The parts that all workers share: arguments, the training corpus, and the loop that answers requests.

``run.py`` starts a worker in the environment of its system. The worker trains its model or loads a saved one, and
describes itself in one line of JSON on stdout. Then it answers each line of stdin, a JSON list of sentences (lists of
words), with a line ``{"seconds": …, "tags": …}``. Between requests it blocks and costs the others nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

Sentences = list[list[str]]


@dataclass(frozen=True)
class Arguments:
    """The arguments of a worker."""

    folder: Path  # for the system's model
    corpus: Path  # holds train.conll and dev.conll: word TAB tag, in IOB2
    vectors: Path  # GloVe, gzipped text
    threads: int
    options: list[str]


@dataclass(frozen=True)
class System:
    """A system that is ready to tag."""

    tag: Callable[[Sentences], Sentences]
    packages: tuple[str, ...]  # to report versions of
    training: dict[str, Any]


def serve(start: Callable[[Arguments], System]) -> None:
    """Start the system and answer requests until stdin ends."""
    answers = take_stdout()
    system = start(_arguments())
    versions = {package: version(package) for package in system.packages}
    print(json.dumps({"versions": versions, "training": system.training}), file=answers, flush=True)
    for line in sys.stdin:
        sentences = json.loads(line)
        gc.collect()  # so that the system does not pay for garbage of the request
        begin = time.perf_counter()
        tags = system.tag(sentences)
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "tags": tags}), file=answers, flush=True)


def train_once(folder: Path, train: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Call ``train`` unless an earlier run did; return its notes and the minutes it took."""
    notes = folder / "training.json"
    if not notes.exists():
        folder.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        training = train()
        minutes = round((time.perf_counter() - begin) / 60, 2)
        notes.write_text(json.dumps({**training, "minutes": minutes}) + "\n", "utf-8")
    kept: dict[str, Any] = json.loads(notes.read_text("utf-8"))
    return kept


def read_corpus(path: Path) -> tuple[Sentences, Sentences]:
    """Return the words and the tags of each sentence."""
    blocks = [block.splitlines() for block in path.read_text("utf-8").strip().split("\n\n")]
    pairs = [[line.split("\t") for line in block] for block in blocks]
    return [[word for word, _ in sentence] for sentence in pairs], [[tag for _, tag in sentence] for sentence in pairs]


def _arguments() -> Arguments:
    parser = argparse.ArgumentParser()
    for name in ("folder", "corpus", "vectors"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("options", nargs="*")
    return Arguments(**vars(parser.parse_args()))


def take_stdout() -> TextIO:
    """Return a stream to stdout, and redirect what libraries print there to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers
