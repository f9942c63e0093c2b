"""The process that trains: ``python -m tagsmith.labeling.training_process``.

It reads its job, one line of JSON, from standard input, and reports on standard output, a JSON object a line. When
its standard input closes, the server has died or has canceled the run: then the process deletes what it wrote and ends.
Its status is 0 unless something failed that it could not report.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, NoReturn

import tagsmith
from tagsmith import Document, Sentence, Span
from tagsmith.errors import TagsmithError
from tagsmith.labeling.comparing import LabeledWords, compare, layer_in, words_digest

STEP_SECONDS = 0.2  # between two lines of progress
FEW_TOKENS = 6000  # a small training set has fewer
NICENESS = 10  # tagging goes first
PredictedWords = tuple[Sequence[str], Sequence[Any]]  # words; spans: start and end in tokens, label, probability
SCRATCH, LOG = "scratch", "log.txt"  # in the run's folder: all that training writes; what libraries print
DELETE = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"
_reports = sys.stdout
_folder = Path()  # the run's


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What to train."""

    train: list[LabeledWords]
    dev: list[LabeledWords]
    folder: str  # the run's folder, which is deleted if the server dies
    start: str | None  # the model to go on from
    before: str | None = None  # the model in service, to compare with
    keep: list[str] = field(default_factory=list)  # its layers that the new model has
    layer: str  # the name of the labels' layer
    gives_spans: bool  # whether its tags write spans
    predicted: list[PredictedWords] = field(default_factory=list)  # to learn from as well
    corpus: list[str] = field(default_factory=list)  # labeled files to train on as well
    dev_files: list[str] = field(default_factory=list)  # labeled files to score on as well
    seen: list[str] = field(default_factory=list)  # digests of the sentences that earlier versions were trained on
    vectors: str | None = None  # pretrained ones, without ``start``
    epochs: int | None = None  # by default as many as the number of sentences needs

    @property
    def out(self) -> Path:
        """The model folder to write, with whatever training keeps beside it."""
        return Path(self.folder, SCRATCH, "model")

    def as_line(self) -> bytes:
        """Return the line that the process reads."""
        return json.dumps(asdict(self)).encode() + b"\n"


class _Reporter:
    """A training display that reports on standard output."""

    def __init__(self, epochs: int, scratch: Path) -> None:
        self.epochs, self.scratch = epochs, str(scratch)
        self.steps, self.last = 0, 0.0

    def message(self, text: str) -> None:
        if self.scratch not in text:  # no file stays there
            report("message", text=text)

    def step(self, epoch: int, done: int, loss: float, speed: float) -> None:
        self.steps = max(self.steps, done)
        if time.monotonic() - self.last > STEP_SECONDS:
            self.last = time.monotonic()
            share = (epoch - 1 + done / self.steps) / self.epochs
            report("progress", progress=min(1.0, share), epoch=epoch, loss=loss, tokens_per_second=speed)

    def epoch(self, entry: dict[str, Any]) -> None:
        report("progress", progress=entry["epoch"] / self.epochs, epoch=entry["epoch"])
        shown = ("epoch", "loss", "dev_loss", "dev", "best", "seconds")
        report("epoch", **{name: entry[name] for name in shown})


def report(event: str, **data: Any) -> None:
    """Write an event; the data of ``state`` are fields of :class:`tagsmith.labeling.schema.RunAnswer`."""
    try:
        _reports.write(json.dumps({"event": event, **data}) + "\n")
        _reports.flush()
    except OSError:  # nobody reads: the server has died
        _leave()


def run(job: TrainingJob) -> None:
    """Train, and compare with the model before."""
    train: list[LabeledWords | str] = [*job.train, *job.corpus]
    dev: list[LabeledWords | str] = [*job.dev, *job.dev_files]
    corpus = tagsmith.read_sentences(job.corpus, layer=job.layer)
    dev_corpus = tagsmith.read_sentences(job.dev_files, layer=job.layer)
    report("state", train=len(job.train), dev=len(job.dev) + len(dev_corpus), corpus=len(corpus))
    before = tagsmith.load(job.before) if job.before else None
    tokens = sum(len(words) for words, _ in [*job.train, *job.predicted]) + sum(map(len, corpus))
    recipe = recipe_for(tokens, from_nothing=job.start is None, is_first=before is None, epochs=job.epochs)
    report("state", of_epochs=recipe["epochs"], measure="F1" if job.gives_spans else "accuracy")
    choices: dict[str, Any] = {
        "dev": dev,
        "out": job.out,
        "preset": "fast",
        "recipe": recipe,
        "vectors": None if job.start else job.vectors,
        "start": job.start,
        "keep": job.keep if job.start else None,
        "layer": job.layer,
        "display": _Reporter(recipe["epochs"], job.out.parent),
    }
    if job.predicted:
        documents = [_document(words, spans) for words, spans in job.predicted]
        tagger = tagsmith.distill(documents, train=train, **choices)
    else:
        # People have looked for every label.
        tagger = tagsmith.train(train, partial=False if job.start else None, **choices)
    if before is None:
        report("state", after=tagger.model.scores["dev"])
        return
    learned = [words for words, _ in [*job.train, *job.predicted]]
    seen = {*job.seen, *map(words_digest, [*learned, *(sentence.words for sentence in corpus)])}
    scores = compare(before, tagger, dev, seen, job.layer)
    if scores is None:  # all that there is was trained on: it says nothing about others
        scores = {
            name: one.evaluate(dev, layer=layer_in(one, job.layer), resamples=0).as_dict()
            for name, one in (("before", before), ("after", tagger))
        }
    report("state", **scores)


def _document(words: Sequence[str], spans: Sequence[Any]) -> Document:
    """A predicted sentence as :func:`tagsmith.distill` takes it."""
    starts = tuple(accumulate((len(word) + 1 for word in words[:-1]), initial=0))
    scored = (
        Span(starts[first], starts[after - 1] + len(words[after - 1]), label, score=score)
        for first, after, label, score in spans
    )
    return Document(" ".join(words), (Sentence(tuple(words), starts),), tuple(scored))


def recipe_for(tokens: int, *, from_nothing: bool, is_first: bool, epochs: int | None) -> dict[str, Any]:
    """How to train on so many tokens: on few in many small steps; longer if no model knows the labels yet."""
    recipe: dict[str, Any] = {"epochs": 12}
    if is_first and not from_nothing:
        recipe["least_steps"] = 100  # what goes on from a model has few steps otherwise
    if tokens < FEW_TOKENS:
        recipe = {"epochs": 60 if is_first else 30, "batch_tokens": 64, "least_steps": 1}
        if from_nothing:
            recipe["learning_rate"] = 0.01
    return recipe | ({"epochs": epochs} if epochs else {})


def _wait_for_the_end() -> None:
    # Not through sys.stdin: Python aborts at exit if a thread is inside one of its buffered streams.
    while os.read(0, 1 << 16):
        pass
    _leave()


def _leave() -> NoReturn:
    """Delete all that was written, and end at once: the server is gone, or wants nothing of it.

    Another program takes this one's place and does it: so no thread goes on writing meanwhile.
    """
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", DELETE, str(_folder)])
    os._exit(0)


def main() -> int:
    """Run the job on standard input."""
    global _folder, _reports  # what libraries print goes to the log
    _reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):  # the end came before the job
        return 0
    job = TrainingJob(**json.loads(line))
    _folder = Path(job.folder)
    threading.Thread(target=_wait_for_the_end, daemon=True).start()
    if hasattr(os, "nice"):  # on Windows the server starts the process with low priority
        os.nice(NICENESS)
    try:
        run(job)
    except TagsmithError as error:
        report("state", problem=str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
