"""Bootstrap intervals: how much scores would vary with other sentences of the same kind (Efron 1979).

Sentences, or documents, are drawn with replacement, as many as there are. A resample is a row of weights, the number
of times that each one is drawn; its product with the counts of each sentence gives the counts of the resample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagsmith.scores.aligned import Aligned, Ints

Floats = NDArray[np.floating[Any]]
Interval = tuple[float, float]

INTERVALS = ("precision", "recall", "f1", "accuracy", "macro_precision", "macro_recall", "macro_f1")
CONFIDENCE = 0.95
RESAMPLES = 10_000
_DRAWS = 2**22  # at a time, to bound the memory
_MOST_DRAWS = 10**8  # with more sentences than 10,000, fewer resamples
_LEAST_RESAMPLES = 1_000
_EXACT = 2**24  # float32 holds all integers up to here


@dataclass(frozen=True, slots=True)
class Intervals:
    """Percentile intervals of the scores, as fractions of 1.

    ``scores`` are those of precision, recall, F1 and accuracy, and of the macro averages; ``types`` those of each
    type's precision, recall and F1, and ``buckets`` those of each bucket. ``unit`` says what was drawn, ``units`` how
    many there are.
    """

    scores: Mapping[str, Interval]
    types: Mapping[str, Mapping[str, Interval]]
    unit: str
    units: int
    resamples: int
    confidence: float = CONFIDENCE
    buckets: Mapping[str, Mapping[str, Mapping[str, Interval]]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the intervals as JSON-ready values."""
        buckets = {by: _written(groups) for by, groups in self.buckets.items()}
        return {
            **{name: list(pair) for name, pair in self.scores.items()},
            "types": _written(self.types),
            **({"buckets": buckets} if buckets else {}),
            "unit": self.unit,
            "units": self.units,
            "resamples": self.resamples,
            "confidence": self.confidence,
        }


def intervals_from_dict(values: Mapping[str, Any]) -> Intervals:
    """Rebuild :class:`Intervals` from :meth:`Intervals.as_dict`."""

    def pairs(scores: Mapping[str, Sequence[float]]) -> dict[str, Interval]:
        return {name: (low, high) for name, (low, high) in scores.items()}

    buckets = {
        by: {group: pairs(scores) for group, scores in groups.items()}
        for by, groups in values.get("buckets", {}).items()
    }
    return Intervals(
        pairs({name: values[name] for name in INTERVALS}),
        {label: pairs(scores) for label, scores in values["types"].items()},
        **{name: values[name] for name in ("unit", "units", "resamples", "confidence")},
        buckets=buckets,
    )


def _written(groups: Mapping[str, Mapping[str, Interval]]) -> dict[str, dict[str, list[float]]]:
    return {group: {name: list(pair) for name, pair in scores.items()} for group, scores in groups.items()}


def score_intervals(
    aligned: Aligned,
    *,
    documents: Ints | None = None,
    resamples: int | None = None,
    seed: int = 0,
    buckets: Mapping[str, tuple[Sequence[str], Ints]] | None = None,
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
    buckets
        What spans are split by → the names of n buckets, and the gold, predicted and correct spans of each in each
        sentence, shape (sentences, n, 3). They are scored on the same resamples.
    """
    whole = unit_counts(aligned, documents)
    buckets = buckets or {}
    parts = [whole, *(_by_unit(counts.reshape(len(counts), -1), documents) for _, counts in buckets.values())]
    counts = np.concatenate(parts, axis=1)
    drawn = resamples_for(len(counts), resamples)
    sums = np.concatenate(list(resampled_sums(counts, drawn, seed))) if len(counts) else np.zeros((1, counts.shape[1]))
    own, *others = np.split(sums, np.cumsum([part.shape[1] for part in parts])[:-1], axis=1)
    found = {
        by: _intervals_of_groups(of_groups.reshape(len(sums), len(names), 3), names)
        for (by, (names, _)), of_groups in zip(buckets.items(), others, strict=True)
    }
    return replace(intervals_of(own, aligned.labels, documents is not None, len(counts)), buckets=found)


def intervals_of(sums: Floats, labels: Sequence[str], documents: bool, units: int) -> Intervals:
    """Return the intervals of the sums of resamples, shape (resamples, 3 × labels + 2).

    The macro averages of a resample are, as elsewhere, the means over the labels that occur in it.
    """
    spans = sums[:, :-2].reshape(len(sums), len(labels), 3)
    scores = rates(spans.sum(1))
    scores["accuracy"] = ratio(sums[:, -2], sums[:, -1])
    occurring = (spans > 0).any(2).sum(1)
    scores |= {f"macro_{name}": ratio(values.sum(1), occurring) for name, values in rates(spans).items()}
    return Intervals(
        {name: interval(values) for name, values in scores.items()},
        _intervals_of_groups(spans, labels),
        "documents" if documents else "sentences",
        units,
        len(sums),
    )


def _intervals_of_groups(spans: Floats, names: Sequence[str]) -> dict[str, dict[str, Interval]]:
    """Return the intervals of groups of spans, given their sums (resamples, groups, 3)."""
    scores = rates(spans)
    return {
        group: {name: interval(values[:, number]) for name, values in scores.items()}
        for number, group in enumerate(names)
    }


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
    return _by_unit(flat, documents)


def _by_unit(counts: Ints, documents: Ints | None) -> Ints:
    """Add up the counts of sentences, shape (sentences, columns), by document, if documents are drawn."""
    if documents is None:
        return counts
    numbers, unit = np.unique(documents, return_inverse=True)
    sums = np.zeros((len(numbers), counts.shape[1]), np.int64)
    np.add.at(sums, unit, counts)
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


def interval_text(pair: Sequence[float]) -> str:
    """Write an interval in percent.

    >>> interval_text((0.7412, 0.83))
    '74.1–83.0'
    """
    return "–".join(f"{100 * fraction:.1f}" for fraction in pair)
