"""Make the folder that tagsmith ships of a trained English model: what is seldom needed is left out.

    TAGSMITH_DATA=… python models/en/pack.py MODEL OUT [--least 8] [--without CORPUS …]

Words that training has seen often enough keep their trained vectors; others are to the network what unseen words are,
which it has learned to read. Vectors take half a byte a number (:mod:`few_vectors`), other weights two bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from english_corpora import UNSEEN, data_folder, read, word_counts
from few_vectors import four_bits
from tagsmith.model.folder import Model, ModelFile, read_model, write_model
from tagsmith.model.weights import TRAINED, TRAINED_SCALES, packed

LEFT_OUT = (ModelFile.LEARNING_CURVE,)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--least", type=int, default=8, metavar="N", help="occurrences of a word with a trained vector")
    parser.add_argument(
        "--without", nargs="*", default=UNSEEN, metavar="CORPUS", help="corpora that it was not trained on"
    )
    given = parser.parse_args()
    small = smaller(read_model(given.model), word_counts(read(data_folder(), given.without)), given.least)
    write_model(small, given.out)
    size = sum(path.stat().st_size for path in given.out.iterdir())
    print(f"{given.out}: {size / 1e6:.2f} MB, {len(small.vocabulary.pretrained):,} pretrained vectors, "
          f"{len(small.vocabulary.words):,} trained ones")  # fmt: skip


def smaller(model: Model, counts: Mapping[str, int], least: int) -> Model:
    """Return a model without the trained vectors of words that training had less than ``least`` times.

    ``counts`` says how often it had each word, in lower case.
    """
    vocabulary, weights = model.vocabulary, dict(model.weights)
    kept = [number for number, word in enumerate(vocabulary.words) if counts[word.lower()] >= least]
    trained = weights[TRAINED][[0, 1, *(number + 2 for number in kept)]].astype(np.float32)
    for name, scales, table in (
        (TRAINED, TRAINED_SCALES, trained),
        ("word/pretrained", "word/scales", weights["word/pretrained"] * weights["word/scales"]),
    ):
        levels, weights[scales] = four_bits(table)
        weights[name] = packed(levels)
    stored = {name: array if name.startswith("crf/") else as_half(array) for name, array in weights.items()}
    words = tuple(vocabulary.words[number] for number in kept)
    extras = {name: content for name, content in model.extras.items() if name not in LEFT_OUT}
    return replace(model, vocabulary=replace(vocabulary, words=words), weights=stored, extras=extras)


def as_half(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers of four bytes as numbers of two."""
    return array.astype(np.float16) if array.dtype == np.float32 else array


if __name__ == "__main__":
    main()
