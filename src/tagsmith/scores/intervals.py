"""Bootstrap intervals: how much scores would vary with other sentences of the same kind (Efron 1979).

Sentences, or documents, are drawn with replacement, as many as there are. A resample is a row of weights, the number
of times that each one is drawn; its product with the counts of each sentence gives the counts of the resample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagsmith.scores.aligned import Aligned, Ints

Floats = NDArray[np.floating[Any]]
Interval = tuple[float, float]

CONFIDENCE = 0.95
RESAMPLES = 10_000
_DRAWS = 2**22  # at a time, to bound the memory
_MOST_DRAWS = 10**8  # with more sentences than 10,000, fewer resamples
_LEAST_RESAMPLES = 1_000
_EXACT = 2**24  # float32 holds all integers up to here


@dataclass(frozen=True, slots=True)
class Intervals:
    """Percentile intervals of the scores, as fractions of 1.

    ``scores`` are those of precision, recall, F1 and accuracy; ``types`` those of each type's precision, recall and F1.
    ``unit`` says what was drawn, ``units`` how many there are.
    """

    scores: Mapping[str, Interval]
    types: Mapping[str, Mapping[str, Interval]]
    unit: str
    units: int
    resamples: int
    confidence: float = CONFIDENCE

    def as_dict(self) -> dict[str, Any]:
        """Return the intervals as JSON-ready values."""
        types = {label: {name: list(pair) for name, pair in scores.items()} for label, scores in self.types.items()}
        about = {
            "unit": self.unit,
            "units": self.units,
            "resamples": self.resamples,
            "confidence": self.confidence,
        }
        return {**{name: list(pair) for name, pair in self.scores.items()}, "types": types, **about}


def score_intervals(
    aligned: Aligned, *, documents: Ints | None = None, resamples: int | None = None, seed: int = 0
) -> Intervals:
    """Resample the sentences and return the intervals of their scores.

    Parameters
    ----------
    documents
        The number of each sentence's document, shape (sentences,): draw documents in place of sentences.
    resamples
        How many; by default 10,000, and of more than 10,000 sentences fewer, 1,000 at least.
    seed
        Decides what is drawn.
    """
    counts = unit_counts(aligned, documents)
    drawn = resamples_for(len(counts), resamples)
    sums = np.concatenate(list(resampled_sums(counts, drawn, seed))) if len(counts) else np.zeros((1, counts.shape[1]))
    return intervals_of(sums, aligned.labels, documents is not None, len(counts))


def intervals_of(sums: Floats, labels: Sequence[str], documents: bool, units: int) -> Intervals:
    """Return the intervals of the sums of resamples, shape (resamples, 3 × labels + 2)."""
    spans = sums[:, :-2].reshape(len(sums), len(labels), 3)
    scores = rates(spans.sum(1))
    scores["accuracy"] = ratio(sums[:, -2], sums[:, -1])
    of_types = rates(spans)
    return Intervals(
        {name: interval(values) for name, values in scores.items()},
        {
            label: {name: interval(values[:, number]) for name, values in of_types.items()}
            for number, label in enumerate(labels)
        },
        "documents" if documents else "sentences",
        units,
        len(sums),
    )


def resamples_for(units: int, wanted: int | None) -> int:
    """Return how many resamples to draw of so many units."""
    if wanted is not None:
        return wanted
    return min(RESAMPLES, max(_LEAST_RESAMPLES, _MOST_DRAWS // max(units, 1)))


def unit_counts(aligned: Aligned, documents: Ints | None = None, labels: Sequence[str] | None = None) -> Ints:
    """Return what each unit counts, shape (units, 3 × labels + 2).

    The columns are the gold, predicted and correct spans of each label, then right and all tokens.
    """
    counts = aligned.counts(labels)
    flat = np.concatenate(
        [
            counts.reshape(len(counts), 3 * counts.shape[1]),
            np.stack([aligned.right, aligned.lengths], axis=1),
        ],
        axis=1,
    )
    if documents is None:
        return flat
    numbers, unit = np.unique(documents, return_inverse=True)
    sums = np.zeros((len(numbers), flat.shape[1]), np.int64)
    np.add.at(sums, unit, flat)
    return sums


def resampled_sums(counts: Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield blocks of the sums of resamples, shape (resamples of the block, columns), of counts (units, columns)."""
    units = len(counts)
    random = np.random.default_rng(seed)
    exact = counts.sum(0).max(initial=0) * 8 < _EXACT  # a resample's sum is hardly ever eight times as large
    columns = counts.astype(np.float32 if exact else np.float64)
    block = max(1, _DRAWS // units)
    for begin in range(0, resamples, block):
        rows = min(block, resamples - begin)
        drawn = random.integers(0, units, (rows, units)) + np.arange(rows)[:, None] * units
        weights = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        yield (weights.astype(columns.dtype) @ columns).astype(np.float64)


def rates(sums: Floats | Ints) -> dict[str, Floats]:
    """Return precision, recall and F1 of counts (…, 3) of gold, predicted and correct spans; 0.0 for 0 / 0."""
    gold, predicted, correct = sums[..., 0], sums[..., 1], sums[..., 2]
    return {
        "precision": ratio(correct, predicted),
        "recall": ratio(correct, gold),
        "f1": ratio(2 * correct, gold + predicted),
    }


def ratio(part: Floats | Ints, whole: Floats | Ints) -> Floats:
    """Divide; 0.0 where the denominator is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)


def interval(values: Floats) -> Interval:
    """Return the percentiles that hold the middle 95 % of values."""
    low, high = np.percentile(values, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]).tolist()
    return low, high
