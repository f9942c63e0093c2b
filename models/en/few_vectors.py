"""Pretrained vectors in half a byte a number: the vectors that the packaged model is trained with, and keeps.

The network learns from vectors rounded as it will have them, so that rounding costs it little.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tagsmith.model.vectors import load_vectors
from tagsmith.model.weights import MOST_IN_FOUR_BITS

Floats = npt.NDArray[np.float32]
LEAST = 2  # occurrences in training of a word that keeps its vector however far behind it stands in the file
CUTS = (2.0, 2.3, 2.6, 3.0, 3.5)  # standard deviations at which a row may be cut off
PEAKS = (4, 5, 6, 7)  # what a row's largest number may become, if it was rounded before


def write_few_vectors(source: Path, out: Path, counts: Mapping[str, int], most: int) -> None:
    """Write ``most`` vectors of a file, rounded, as text: those of words that training has, and then the first ones."""
    vectors = load_vectors(source)
    seen = [row for row, word in enumerate(vectors.words) if counts[word.lower()] >= LEAST]
    others = sorted(set(range(len(vectors.words))) - set(seen))
    rows = sorted((seen + others)[:most])
    levels, scales = four_bits(vectors.matrix[rows])
    with out.open("w", encoding="utf-8") as stream:
        for row, numbers in zip(rows, levels * scales, strict=True):
            stream.write(f"{vectors.words[row]} {' '.join(f'{number:.6g}' for number in numbers)}\n")


def four_bits(matrix: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Round each row of a matrix (n, d) to whole numbers from -7 to 7 and a scale → int8 (n, d), float32 (n, 1).

    The scale is the one of several with the least squared error; a row that was rounded before comes out as it was.
    """
    largest = np.abs(matrix).max(axis=1, keepdims=True, initial=0.0) + np.float32(1e-9)
    deviations = matrix.std(axis=1, keepdims=True) + np.float32(1e-9)
    candidates = [largest / peak for peak in PEAKS] + [cut * deviations / MOST_IN_FOUR_BITS for cut in CUTS]
    best_levels = np.zeros(matrix.shape, np.int8)
    best_scales = np.ones_like(largest)
    least = np.full_like(largest, np.inf)
    for scales in candidates:
        levels = np.clip(np.rint(matrix / scales), -MOST_IN_FOUR_BITS, MOST_IN_FOUR_BITS)
        errors = np.square(levels * scales - matrix).sum(axis=1, keepdims=True)
        better = errors < least
        best_levels = np.where(better, levels, best_levels).astype(np.int8)
        best_scales, least = np.where(better, scales, best_scales), np.where(better, errors, least)
    return best_levels, best_scales.astype(np.float32)
