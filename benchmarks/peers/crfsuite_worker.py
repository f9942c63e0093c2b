"""CRFsuite, by python-crfsuite: a linear-chain CRF over words, affixes, shapes and neighbors.

Its features are computed for every token, as in python-crfsuite's own tutorial; with the option ``cached`` those of a
word form are remembered, which few users do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pycrfsuite  # type: ignore[import-not-found]
from worker import Arguments, Sentences, System, read_corpus, serve, train_once

SETTINGS = {"c1": 0.1, "c2": 0.1, "max_iterations": 100, "feature.possible_transitions": True}


def start(arguments: Arguments) -> System:
    """Train or load."""
    model = arguments.folder / "model.crfsuite"
    training = train_once(arguments.folder, lambda: _train(arguments.corpus, model))
    tagger = pycrfsuite.Tagger()
    tagger.open(str(model))

    own, neighbor = _own, _neighbor
    if "cached" in arguments.options:
        own, neighbor = lru_cache(maxsize=2**17)(_own), lru_cache(maxsize=2**19)(_neighbor)

    def tag(sentences: Sentences) -> Sentences:
        return [tagger.tag(_features(words, own, neighbor)) for words in sentences]

    return System(tag, ("python-crfsuite",), training)


def _train(corpus: Path, model: Path) -> dict[str, Any]:
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
    for words, tags in zip(*read_corpus(corpus / "train.conll"), strict=True):
        trainer.append(_features(words, _own, _neighbor), tags)
    trainer.train(str(model))
    return {"algorithm": "lbfgs", **SETTINGS}


def _features(
    words: list[str], own: Callable[[str], list[str]], neighbor: Callable[[str, str], list[str]]
) -> list[list[str]]:
    """Return the features of each word in its sentence, given functions of a word and of a neighbor and its place."""
    padded = ["", "", *words, "", ""]
    found = []
    for i, word in enumerate(words):
        before2, before, _, after, after2 = padded[i : i + 5]
        found.append(
            [
                "bias",
                *own(word),
                *(neighbor(before, "-1") if before else ["BOS"]),
                *(neighbor(before2, "-2") if before2 else []),
                *(neighbor(after, "+1") if after else ["EOS"]),
                *(neighbor(after2, "+2") if after2 else []),
            ]
        )
    return found


def _own(word: str) -> list[str]:
    lower = word.lower()
    return [
        f"word={word}",
        f"lower={lower}",
        *(f"prefix={lower[:n]}" for n in (2, 3, 4)),
        *(f"suffix={lower[-n:]}" for n in (2, 3, 4)),
        f"shape={_shape(word)}",
        f"digit={word.isdigit()}",
        f"title={word.istitle()}",
        f"upper={word.isupper()}",
    ]


def _neighbor(word: str, place: str) -> list[str]:
    return [
        f"{place}lower={word.lower()}",
        f"{place}shape={_shape(word)}",
        f"{place}title={word.istitle()}",
        f"{place}upper={word.isupper()}",
    ]


def _shape(word: str) -> str:
    """Return the word's shape, runs shortened: ``McDonald-42`` gives ``XxXx-d``."""
    classes = "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)
    return re.sub(r"(.)\1+", r"\1", classes)


if __name__ == "__main__":
    serve(start)
