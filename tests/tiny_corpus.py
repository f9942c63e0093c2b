"""A little language with two kinds of names: learnt in a few epochs, and only by reading words and their neighbours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

FIRST = ("Anna", "Boris", "Chidi", "Dolores", "Emeka", "Fatima", "Goran", "Hana", "Ivan", "Jun")
LAST = ("Okafor", "Petrov", "Quispe", "Rossi", "Sato", "Tanaka", "Ueda", "Vidal", "Weber", "Xu")
PLACES = ("Lagos", "New York", "Oslo", "San Jose", "Turin", "Quito", "Kyiv", "Cape Town", "Lima", "Porto")
FRAMES = (
    "P lives in L .", "P moved from L to L .", "The road to L is long .", "P met P .", "In L it rains .",
    "Nothing happened today .", "P , who left L , called P .", "Have you seen P ?", "We like the old town of L !",
    "Then P wrote to P about L and the sea .",
)  # fmt: skip

Labelled = list[tuple[list[str], list[str]]]


def tiny_corpus(count: int, seed: int = 0) -> Labelled:
    """Sentences with IOB2 tags of PER and LOC."""
    rng = random.Random(seed)
    return [_sentence(rng) for _ in range(count)]


def _sentence(rng: random.Random) -> tuple[list[str], list[str]]:
    words: list[str] = []
    tags: list[str] = []
    for piece in rng.choice(FRAMES).split():
        if piece == "P":
            name, label = [rng.choice(FIRST), rng.choice(LAST)][: rng.randint(1, 2)], "PER"
        elif piece == "L":
            name, label = rng.choice(PLACES).split(), "LOC"
        else:
            name, label = [piece], ""
        words += name
        tags += ["O"] if not label else [f"{'BI'[place > 0]}-{label}" for place in range(len(name))]
    return words, tags


def write_conll(path: Path, sentences: Sequence[tuple[Sequence[str], Sequence[str]]]) -> Path:
    """Write the sentences as two columns."""
    blocks = ("".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)) for words, tags in sentences)
    path.write_text("\n".join(blocks), "utf-8")
    return path
