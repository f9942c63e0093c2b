"""The process that trains: ``python -m tagsmith.labeling.worker JOB``.

It tells what it does on standard output, a JSON object a line, and ends when its standard input does: so it never
outlives the server.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import InputError, TagsmithError
from tagsmith.formats import conll
from tagsmith.formats.options import WriteOptions
from tagsmith.labeling.job import Job, read_job
from tagsmith.scores.scores import Scores, TypeScores
from tagsmith.tagging.tagger import Tagger, load
from tagsmith.text.document import Document, Sentence
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, convert_tags, detect_scheme
from tagsmith.training.train import train

STEP_SECONDS = 0.2  # between two lines of progress
FEW_TOKENS = 6000  # of training sentences that are few
NICENESS = 10  # tagging goes first
_told = sys.stdout


class Telling:
    """A training display that writes events."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.steps, self.last = epochs, 0, 0.0

    def message(self, text: str) -> None:
        """Tell it."""
        tell("message", text=text)

    def step(self, epoch: int, done: int, loss: float, speed: float) -> None:
        """Tell how far it is, a few times a second."""
        self.steps = max(self.steps, done)
        if time.monotonic() - self.last > STEP_SECONDS:
            self.last = time.monotonic()
            share = (epoch - 1 + done / self.steps) / self.epochs
            tell("progress", progress=min(1.0, share), epoch=epoch, loss=loss, tokens_per_second=speed)

    def epoch(self, entry: dict[str, Any]) -> None:
        """Tell its numbers."""
        tell("progress", progress=entry["epoch"] / self.epochs, epoch=entry["epoch"])
        tell("epoch", **{name: entry[name] for name in ("epoch", "loss", "dev", "best", "seconds")})


def tell(event: str, **data: Any) -> None:
    """Write an event."""
    _told.write(json.dumps({"event": event, **data}) + "\n")
    _told.flush()


def run(job: Job) -> None:
    """Train, and compare with the model before.

    Raises
    ------
    TagsmithError
        The corpus, the vectors or the labeled sentences cannot be trained on.
    """
    folder, scheme = Path(job.folder), Scheme(job.scheme)
    own = read_sentences(folder / "train.conll", layer=job.layer)
    held = read_sentences(folder / "dev.conll", layer=job.layer)
    corpus = [sentence for path in job.corpus for sentence in _in_scheme(path, job.layer, scheme)]
    dev = [*held, *(sentence for path in job.dev for sentence in _in_scheme(path, job.layer, scheme))]
    _write(folder / "all.conll", [*own, *corpus], job.layer)
    _write(folder / "dev.conll", dev, job.layer)
    tell("corpus", train=len(own), dev=len(dev), corpus=len(corpus))
    before = load(job.start) if job.start else None
    if before:
        tell("before", scores=as_fractions(before.evaluate(dev)))
    recipe = recipe_for([*own, *corpus], from_nothing=before is None, epochs=job.epochs)
    tell("start", epochs=recipe["epochs"], measure="F1" if scheme is not Scheme.PLAIN else "accuracy")
    tagger: Tagger = train(
        folder / "all.conll",
        dev=folder / "dev.conll",
        out=job.out,
        preset="fast",
        recipe=recipe,
        vectors=None if job.start else job.vectors,
        start=job.start,
        partial=False if job.start else None,  # people have looked for every label
        layer=job.layer,
        display=Telling(recipe["epochs"]),
    )
    tell("after", scores=as_fractions(tagger.evaluate(dev)))


def recipe_for(sentences: Sequence[Sentence], *, from_nothing: bool, epochs: int | None) -> dict[str, Any]:
    """How to train on so many sentences: on few in many small steps, as a handful of dev sentences stops too early."""
    recipe: dict[str, Any] = {"epochs": 12, "patience": 4}
    if sum(map(len, sentences)) < FEW_TOKENS:
        recipe = {"epochs": 60 if from_nothing else 30, "patience": 60, "batch_tokens": 64}
        if from_nothing:
            recipe["learning_rate"] = 0.01
    return recipe | ({"epochs": epochs} if epochs else {})


def as_fractions(scores: Scores) -> dict[str, Any]:
    """Scores as they are told, see :class:`tagsmith.labeling.training_schema.ScoresAnswer`."""

    def four(own: Scores | TypeScores) -> dict[str, Any]:
        return {"precision": own.precision, "recall": own.recall, "f1": own.f1, "support": own.support}

    types = {label: four(own) for label, own in scores.types.items()}
    return {**four(scores), "accuracy": scores.accuracy, "types": types}


def _in_scheme(path: str, layer: str, scheme: Scheme) -> Iterable[Sentence]:
    """Read a labeled file and write its tags as those of the labeled sentences are."""
    sentences = read_sentences(path, layer=layer)
    source = detect_scheme(sentence.layers[layer] for sentence in sentences)
    if source is scheme:
        return sentences
    return [own.with_layer(layer, convert_tags(own.layers[layer], source, scheme)) for own in sentences]


def _write(path: Path, sentences: Iterable[Sentence], layer: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for sentence in sentences:
            plain = Sentence(sentence.words, sentence.starts, {layer: sentence.layers[layer]})
            conll.write(
                [Document("", (plain,))], stream, WriteOptions(layers=(Layer(layer, Scheme.IOB2),), separator="\t")
            )


def _end_with_the_server() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def main(path: str) -> int:
    """Run the job in a file."""
    global _told  # what libraries print goes to the log
    _told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    os.nice(NICENESS)
    job = read_job(Path(path))
    try:
        run(job)
    except TagsmithError as error:
        tell("failed", problem=str(error))
        return 2 if isinstance(error, InputError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
