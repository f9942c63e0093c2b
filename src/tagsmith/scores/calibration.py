"""Calibration: whether predictions of probability .9 are right nine times in ten.

A prediction is a confidence, the probability that a model gives it, and whether it is right. Bins of predictions of
like confidence show how far the two are apart. The expected calibration error (ECE; Naeini et al. 2015, Guo et al.
2017) is the mean distance between confidence and share of right ones in a bin, weighted by the size of the bin. Bins
of equal mass estimate it better than bins of equal width, most of which are nearly empty (Nixon et al. 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.errors import DataError

BINS = 10
COVERAGES = 20  # points of a risk–coverage curve
_Doubles = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]


class Bin(NamedTuple):
    """Predictions of like confidence: how many, their mean confidence, and the share that is right."""

    size: int
    confidence: float
    right: float


class Accepted(NamedTuple):
    """The predictions of at least a confidence: their share of all (coverage), and of these the wrong ones (risk)."""

    confidence: float
    coverage: float
    risk: float


@dataclass(frozen=True)
class Reliability:
    """How far the confidence of some predictions can be trusted.

    ``ece`` is over bins of equal mass and ``ece_equal_width`` over bins of equal width. ``chance`` is the ``ece`` that
    as many predictions would show on average if their confidences were exactly right: no smaller one means anything.
    ``beyond_chance`` is the root mean square distance in the bins of equal mass less what chance adds to it (Kumar,
    Liang & Ma 2019); 0 where that is all of it.
    ``brier`` is the mean squared distance between confidence and 0 or 1. ``curve`` is the risk–coverage curve, and
    ``risk_area`` the area under it, the mean risk over all coverages (El-Yaniv & Wiener 2010).
    """

    count: int
    confidence: float
    right: float
    ece: float
    ece_equal_width: float
    chance: float
    beyond_chance: float
    brier: float
    risk_area: float
    bins: tuple[Bin, ...]
    bins_equal_width: tuple[Bin, ...]
    curve: tuple[Accepted, ...]

    def as_dict(self, *, details: bool = True) -> dict[str, Any]:
        """Return the numbers as JSON-ready values; the bins and the curve are details."""
        lists = ("bins", "bins_equal_width", "curve")
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in lists}
        return values | ({name: [one._asdict() for one in getattr(self, name)] for name in lists} if details else {})


@dataclass(frozen=True)
class Calibration:
    """How far a layer's probabilities can be trusted, on some data.

    ``spans`` are the predicted spans, each right if the data have it with the same tokens and label. ``tokens`` are all
    tokens, each with the probability of the tag that it got (of spans, in the scheme BIOES). ``span_types`` and
    ``token_types`` are the same by predicted label, without the tokens that got ``O``. ``spans`` is None where there
    are none. ``before`` is that of the tagger without calibration: of what it predicts.
    """

    spans: Reliability | None
    tokens: Reliability
    span_types: Mapping[str, Reliability] = field(default_factory=dict)
    token_types: Mapping[str, Reliability] = field(default_factory=dict)
    before: Calibration | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values, as ``tagsmith evaluate --json`` writes them."""
        values: dict[str, Any] = {
            "spans": self.spans.as_dict() if self.spans else None,
            "tokens": self.tokens.as_dict(),
            "span_types": {label: one.as_dict(details=False) for label, one in self.span_types.items()},
            "token_types": {label: one.as_dict(details=False) for label, one in self.token_types.items()},
        }
        return {**values, "before": self.before.as_dict()} if self.before else values


def reliability(
    confidence: Sequence[float] | _Doubles, right: Sequence[bool] | _Bools, bins: int = BINS
) -> Reliability:
    """Compare the confidence (n,) of n predictions with which of them are right (n,).

    Raises DataError: there are no predictions, or not as many of both; a confidence is no probability; there is no bin.

    Examples
    --------
    >>> found = reliability([0.9] * 10, [True] * 8 + [False] * 2)
    >>> round(found.ece, 3), round(found.chance, 3)
    (0.1, 0.076)
    """
    p, hits = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if p.ndim != 1 or p.shape != hits.shape or not len(p):
        raise DataError(
            f"there are {p.size} confidences and {hits.size} that say whether they are right.",
            remedy="Give one of each for every prediction, and at least one prediction.",
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("a confidence is no probability.", remedy="It must be a number between 0 and 1.")
    if bins < 1:
        raise DataError(f"the number of bins is {bins}.", remedy="It must be at least 1.")
    order = np.argsort(p, kind="stable")
    p, hits = p[order], hits[order]
    starts, starts_equal_width = _equal_mass(p, bins), _equal_width(p, bins)
    by_mass, by_width = _bins(p, hits, starts), _bins(p, hits, starts_equal_width)
    curve = _risk_coverage(p, hits)
    sizes = np.diff(curve.counts, prepend=0)
    return Reliability(
        len(p),
        float(p.mean()),
        float(hits.mean()),
        _ece(by_mass),
        _ece(by_width),
        float(np.sqrt(2 / np.pi * np.add.reduceat(p * (1 - p), starts)).sum() / len(p)),
        _beyond_chance(by_mass),
        float(np.mean((p - hits) ** 2)),
        float(sizes @ curve.risks / len(p)),
        by_mass,
        by_width,
        curve.points(),
    )


def _equal_mass(p: _Doubles, bins: int) -> _Ints:
    """Where bins of about equally many of the sorted confidences begin; equal ones are in the same bin."""
    cuts = np.arange(bins) * len(p) // bins
    return np.unique(np.searchsorted(p, p[cuts]))


def _equal_width(p: _Doubles, bins: int) -> _Ints:
    """Where the bins (0, 1/bins], (1/bins, 2/bins], … begin that are not empty."""
    rows = np.maximum(np.ceil(p * bins), 1)
    return np.flatnonzero(np.diff(rows, prepend=0))


def _bins(p: _Doubles, hits: _Bools, starts: _Ints) -> tuple[Bin, ...]:
    counts = np.diff(starts, append=len(p))
    means = [np.add.reduceat(values.astype(np.float64), starts) / counts for values in (p, hits)]
    return tuple(Bin(*row) for row in zip(counts.tolist(), *(mean.tolist() for mean in means), strict=True))


def _ece(bins: Sequence[Bin]) -> float:
    return sum(one.size * abs(one.confidence - one.right) for one in bins) / sum(one.size for one in bins)


def _beyond_chance(bins: Sequence[Bin]) -> float:
    """The root of the mean squared distance; that of a bin is too large by the variance of its share of right ones."""
    squares = 0.0
    for size, confidence, right in bins:
        variance = right * (1 - right) / (size - 1) if size > 1 else 0.25
        squares += size * ((confidence - right) ** 2 - variance)
    return math.sqrt(max(0.0, squares / sum(one.size for one in bins)))


class _Curve(NamedTuple):
    """Each confidence that occurs, falling; how many predictions have at least that, and the share of wrong ones."""

    confidences: _Doubles
    counts: _Ints
    risks: _Doubles

    def points(self) -> tuple[Accepted, ...]:
        """Return a few points at about evenly spaced coverages, the last one of all predictions."""
        total = int(self.counts[-1])
        wanted = np.ceil(np.arange(1, COVERAGES + 1) * total / COVERAGES)
        rows = np.unique(np.searchsorted(self.counts, wanted))
        columns = (self.confidences[rows], self.counts[rows] / total, self.risks[rows])
        return tuple(Accepted(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def _risk_coverage(p: _Doubles, hits: _Bools) -> _Curve:
    """The curve of sorted confidences; predictions of the same one are accepted together."""
    falling, wrong = p[::-1], np.cumsum(~hits[::-1])
    lasts = np.flatnonzero(np.diff(falling, append=-1.0))
    return _Curve(falling[lasts], lasts + 1, wrong[lasts] / (lasts + 1))
