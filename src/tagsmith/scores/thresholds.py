"""Thresholds for a precision: the least probability of each label at which enough of the predicted spans are right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054  # of a normal distribution, 95 % lie within so many standard deviations


@dataclass(frozen=True)
class LabelThreshold:
    """The threshold of one label, and what is left above it.

    ``threshold`` is None where no threshold reaches the precision; then ``precision``, ``found``, ``correct`` and
    ``recall`` are those at ``best``, the one that comes nearest. ``best`` is None if no span of the label is predicted.
    ``interval`` is the 95 % interval of the precision (Wilson 1927): how far chance can have moved it in so few spans.
    ``recall_without`` is the recall without a threshold. All are fractions of 1, or None where they are of no spans.
    """

    threshold: float | None
    best: float | None
    precision: float | None
    interval: tuple[float, float] | None
    recall: float | None
    recall_without: float | None
    support: int
    found: int
    correct: int


@dataclass(frozen=True)
class Thresholds:
    """The least thresholds that reach a precision on some data, by label."""

    precision: float
    labels: Mapping[str, LabelThreshold]

    def reached(self) -> dict[str, float]:
        """Return label → threshold of those that reach it, as the tagger takes them: ``tagger(text, threshold=…)``."""
        return {label: one.threshold for label, one in self.labels.items() if one.threshold is not None}

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values, as ``tagsmith evaluate --json`` writes them."""
        return {"precision": self.precision, "labels": {label: asdict(one) for label, one in self.labels.items()}}


def thresholds_for(
    precision: float,
    labels: Iterable[str],
    spans: npt.NDArray[Any],
    scores: npt.NDArray[np.float64],
    right: npt.NDArray[np.bool_],
    support: Mapping[str, int],
) -> Thresholds:
    """Choose thresholds given the label (n,), the probability (n,) and the rightness (n,) of n predicted spans.

    ``support`` counts the gold spans of each label.
    """
    chosen = {}
    for label in labels:
        own = spans == label
        chosen[label] = _threshold(precision, scores[own], right[own], support.get(label, 0))
    return Thresholds(precision, chosen)


def _threshold(
    least: float, scores: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], support: int
) -> LabelThreshold:
    if not len(scores):
        recall = 0.0 if support else None
        return LabelThreshold(None, None, None, None, recall, recall, support, 0, 0)
    order = np.argsort(-scores, kind="stable")
    scores, correct = scores[order], np.cumsum(right[order])
    lasts = np.flatnonzero(np.diff(scores, append=-1.0))  # spans of one probability pass together
    precisions = correct[lasts] / (lasts + 1)
    reached = np.flatnonzero(precisions >= least)
    # The most spans that reach it; or else the highest precision, of the most spans that have it.
    row = reached[-1] if len(reached) else len(precisions) - 1 - precisions[::-1].argmax()
    last = int(lasts[row])
    found, hits = last + 1, int(correct[last])
    threshold = _short_between(scores[found] if found < len(scores) else 0.0, scores[last], found == len(scores))
    return LabelThreshold(
        threshold if len(reached) else None,
        threshold,
        hits / found,
        wilson_interval(hits, found),
        hits / support if support else None,
        int(correct[-1]) / support if support else None,
        support,
        found,
        hits,
    )


def _short_between(below: float, top: float, is_all: bool) -> float:
    """The shortest decimal fraction above ``below`` and at most ``top``; 0 if all spans are to pass."""
    if is_all:
        return 0.0
    for digits in range(1, 16):
        short: float = round(math.floor(top * 10**digits) / 10**digits, digits)
        if below < short <= top:
            return short
    return float(top)


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, ``hits`` of ``count``, by Wilson's score.

    >>> [round(bound, 3) for bound in wilson_interval(19, 20)]
    [0.764, 0.991]
    """
    share, z2 = hits / count, Z95**2
    middle, width = share + z2 / (2 * count), Z95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    low, high = (middle - width) / (1 + z2 / count), (middle + width) / (1 + z2 / count)
    return low if hits else 0.0, high if hits < count else 1.0
