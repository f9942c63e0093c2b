"""CRFsuite, by python-crfsuite: a linear-chain CRF over words, affixes, shapes and neighbors.

It computes its features for every token, as in python-crfsuite's tutorial. With the option ``cached``, it caches the
features of each word form, which few users do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pycrfsuite
from worker import Arguments, Sentences, System, read_corpus, serve, train_once

SETTINGS = {"c1": 0.1, "c2": 0.1, "max_iterations": 100, "feature.possible_transitions": True}


def start(arguments: Arguments) -> System:
    """Train or load the model."""
    model = arguments.folder / "model.crfsuite"
    training = train_once(arguments.folder, lambda: _train(arguments.corpus, model))
    tagger = pycrfsuite.Tagger()
    tagger.open(str(model))

    of_word, neighbor = _word_features, _neighbor
    if "cached" in arguments.options:
        of_word, neighbor = lru_cache(maxsize=2**17)(_word_features), lru_cache(maxsize=2**19)(_neighbor)

    def tag(sentences: Sentences) -> Sentences:
        return [tagger.tag(_features(words, of_word, neighbor)) for words in sentences]

    return System(tag, ("python-crfsuite",), training)


def _train(corpus: Path, model: Path) -> dict[str, Any]:
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
    for words, tags in zip(*read_corpus(corpus / "train.conll"), strict=True):
        trainer.append(_features(words, _word_features, _neighbor), tags)
    trainer.train(str(model))
    return {"algorithm": "lbfgs", **SETTINGS}


def _features(
    words: list[str], of_word: Callable[[str], list[str]], neighbor: Callable[[str, str], list[str]]
) -> list[list[str]]:
    """Return the features of each word in its sentence, given one function for a word and one for a neighbor."""
    padded = ["", "", *words, "", ""]
    features = []
    for i, word in enumerate(words):
        before2, before, _, after, after2 = padded[i : i + 5]
        features.append(
            [
                "bias",
                *of_word(word),
                *(neighbor(before, "-1") if before else ["BOS"]),
                *(neighbor(before2, "-2") if before2 else []),
                *(neighbor(after, "+1") if after else ["EOS"]),
                *(neighbor(after2, "+2") if after2 else []),
            ]
        )
    return features


def _word_features(word: str) -> list[str]:
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
    """Return the word's shape with runs shortened: ``McDonald-42`` gives ``XxXx-d``."""
    classes = "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)
    return re.sub(r"(.)\1+", r"\1", classes)


if __name__ == "__main__":
    serve(start)
