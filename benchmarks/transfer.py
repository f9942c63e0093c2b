"""Transfer: a model trained on one corpus is scored on another, with other texts and annotators, on the types of both.

That says more than the dev set, on which the best epoch is chosen, and whose texts are like those of training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tagsmith
from corpora import from_environment

Labeled = list[tuple[list[str], list[str]]]  # words and tags of each sentence
NAMES = {"PER": "PER", "LOC": "LOC", "ORG": "ORG"}
PEOPLE_AND_PLACES = {"PER": "PER", "LOC": "LOC", "person": "PER", "location": "LOC"}


@dataclass(frozen=True)
class Target:
    """Another corpus, and what the labels of both are called when they are compared; others count as no names."""

    name: str
    files: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=lambda: NAMES)
    columns: tuple[int, int] = (0, 1)  # of words and tags
    sentences: int | None = None  # the first ones


TARGETS = {
    "wikigold": Target("uner_ewt", ("english/uner_ewt/en_ewt-ud-train.iob2",), columns=(1, 2), sentences=6000),
    "uner_ewt": Target("wikigold", ("wikigold/wikigold.conll.txt",)),
    "wnut17": Target("btc", tuple(f"english/btc/{part}.conll" for part in "abefgh"), PEOPLE_AND_PLACES),
}


def transfer_f1(tagger: tagsmith.Tagger, target: Target) -> float:
    """Score a model on the other corpus; return its F1 in percent."""
    sentences = list(_sentences(target))[: target.sentences]
    gold = [_renamed(tags, target.labels) for _, tags in sentences]
    predicted = [
        _renamed(tagsmith.spans_to_tags(tagsmith.tags_to_spans(tags, tagger.scheme), len(tags), "IOB2"), target.labels)
        for tags in tagger.tag([words for words, _ in sentences])
    ]
    return round(100 * tagsmith.score_tags(gold, predicted, scheme="IOB2").f1, 2)


def _renamed(tags: list[str], labels: Mapping[str, str]) -> list[str]:
    return [tag[:2] + labels[tag[2:]] if tag[2:] in labels else "O" for tag in tags]


def _sentences(target: Target) -> Iterator[tuple[list[str], list[str]]]:
    data = from_environment("TAGSMITH_DATA")
    word, tag = target.columns
    for path in (Path(data, name) for name in target.files):
        for block in path.read_text("utf-8").split("\n\n"):
            lines = [line for line in block.split("\n") if line.strip() and not line.startswith(("# ", "-DOCSTART-"))]
            rows = [line.split("\t") if "\t" in line else line.split() for line in lines]
            if rows:
                yield [row[word] for row in rows], [row[tag] for row in rows]
