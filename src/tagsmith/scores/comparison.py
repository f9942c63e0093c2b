"""Two systems compared on the same sentences, and whether their difference is more than chance.

The p-value is that of paired approximate randomization (Noreen 1989; Yeh 2000). If the two systems were alike, it would
not matter which of them gave which of the two answers to a sentence. So each shuffle swaps the answers to each sentence
with probability 1/2 and computes the difference again. Of n shuffles, r are at least as far from 0 as the real one, in
either direction: p = (r + 1) / (n + 1). The interval of the difference is that of a paired bootstrap: both systems are
scored on the same resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tagsmith.errors import DataError
from tagsmith.scores.aligned import Aligned, Bools, Ints, align_tags
from tagsmith.scores.counts import Tags
from tagsmith.scores.intervals import (
    Floats,
    Interval,
    Intervals,
    interval,
    intervals_of,
    rates,
    ratio,
    resampled_sums,
    resamples_for,
    unit_counts,
)
from tagsmith.scores.scores import Mode, Scores, score_tags
from tagsmith.text.schemes import Scheme

SHUFFLES = 10_000
SIGNIFICANT = 0.05  # a smaller p-value is no chance
_CELLS = 2**22  # of a matrix of swaps at a time, to bound the memory
_TINY = 1e-12  # differences that only rounding tells apart are equal
MEASURES = ("precision", "recall", "f1", "accuracy")


@dataclass(frozen=True, slots=True)
class Difference:
    """The score of B minus that of A, a fraction of 1; its interval; and the p-value."""

    value: float
    interval: Interval
    p: float

    @property
    def is_clear(self) -> bool:
        """Whether B can be told to be better or worse: chance hardly explains the difference, by both tests.

        With few sentences an interval can leave out 0 although the p-value is large.
        """
        low, high = self.interval
        return self.p < SIGNIFICANT and not low <= 0 <= high


@dataclass(frozen=True, slots=True)
class System:
    """One of the two systems: its scores and their intervals."""

    scores: Scores
    intervals: Intervals


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems compared.

    ``differences`` holds that of precision, recall, F1 and accuracy, ``types`` those of each type's precision, recall
    and F1. ``errors`` holds the wrong spans of A and of B in each sentence: missed and spurious ones, a span with
    other boundaries or another type being both. ``better`` and ``worse`` are the numbers of the sentences, from 0, in
    which B has fewer and more errors; ``changed`` those in which it has as many errors, but other tags.
    """

    a: System
    b: System
    differences: Mapping[str, Difference]
    types: Mapping[str, Mapping[str, Difference]]
    errors: tuple[tuple[int, int], ...]
    better: tuple[int, ...]
    worse: tuple[int, ...]
    changed: tuple[int, ...]
    unit: str
    units: int
    resamples: int
    shuffles: int

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values; sentences are counted from 1."""

        def written(differences: Mapping[str, Difference]) -> dict[str, Any]:
            return {name: asdict(one) for name, one in differences.items()}

        return {
            **{
                name: {**one.scores.as_dict(), "intervals": one.intervals.as_dict()}
                for name, one in (("a", self.a), ("b", self.b))
            },
            "difference": {
                **written(self.differences),
                "types": {label: written(differences) for label, differences in self.types.items()},
            },
            "sentences": {
                name: [number + 1 for number in getattr(self, name)] for name in ("better", "worse", "changed")
            },
            "unit": self.unit,
            "units": self.units,
            "resamples": self.resamples,
            "shuffles": self.shuffles,
        }


def compare_tags(
    gold: Tags,
    a: Tags,
    b: Tags,
    *,
    mode: Mode = "conlleval",
    scheme: Scheme | str | None = None,
    documents: Ints | None = None,
    resamples: int | None = None,
    shuffles: int = SHUFFLES,
    seed: int = 0,
) -> Comparison:
    """Compare the tags that A and B give to the same sentences.

    Parameters
    ----------
    mode, scheme
        As for :func:`~tagsmith.scores.scores.score_tags`.
    documents, resamples
        As for :func:`~tagsmith.scores.intervals.score_intervals`; shuffles swap documents too.
    shuffles
        How many; the least p-value that can be found is 1 / (shuffles + 1).
    seed
        Decides everything random.

    Raises
    ------
    DataError
        As ``score_tags``, for A and for B; there are no sentences.

    Examples
    --------
    >>> gold = [["B-PER", "O"]] * 6
    >>> result = compare_tags(gold, [["O", "O"]] * 6, gold)
    >>> result.differences["f1"].value, result.better
    (1.0, (0, 1, 2, 3, 4, 5))
    """
    if not gold:
        raise DataError("There are no sentences to compare on.", remedy="Give at least one labeled sentence.")
    first, second = (align_tags(gold, tags, mode=mode, scheme=scheme) for tags in (a, b))
    labels = tuple(sorted({*first.labels, *second.labels}))
    counts = [unit_counts(side, documents, labels) for side in (first, second)]
    units, width = counts[0].shape
    drawn = resamples_for(units, resamples)
    both = np.concatenate(list(resampled_sums(np.concatenate(counts, axis=1), drawn, seed)))
    sums = both[:, :width], both[:, width:]
    systems = [
        System(
            score_tags(gold, tags, mode=mode, scheme=scheme), intervals_of(side, labels, documents is not None, units)
        )
        for tags, side in ((a, sums[0]), (b, sums[1]))
    ]
    observed = _differences(*(one.sum(0, keepdims=True) for one in counts))[0]
    resampled = _differences(*sums)
    p = p_values(counts[0], counts[1], shuffles, seed)

    def differences(row: int, names: Sequence[str]) -> dict[str, Difference]:
        return {
            name: Difference(float(observed[row, column]), interval(resampled[:, row, column]), float(p[row, column]))
            for column, name in enumerate(names)
        }

    errors = np.stack([_errors(first), _errors(second)], axis=1)
    fewer, more = errors[:, 1] < errors[:, 0], errors[:, 1] > errors[:, 0]
    others = np.array([tuple(one) != tuple(other) for one, other in zip(a, b, strict=True)])
    better, worse, changed = (tuple(np.flatnonzero(where).tolist()) for where in (fewer, more, others & ~fewer & ~more))
    return Comparison(
        a=systems[0],
        b=systems[1],
        differences=differences(len(labels), MEASURES),
        types={label: differences(row, MEASURES[:3]) for row, label in enumerate(labels)},
        errors=tuple((one, other) for one, other in errors.tolist()),
        better=better,
        worse=worse,
        changed=changed,
        unit=systems[0].intervals.unit,
        units=units,
        resamples=drawn,
        shuffles=shuffles,
    )


def p_values(a: Ints, b: Ints, shuffles: int, seed: int) -> Floats:
    """Return the p-value of each measure, shape (labels + 1, 4), of counts (units, columns) of both systems.

    The columns are gold, predicted and correct spans of each label, and right and all tokens; the last row is that of
    all labels.
    """
    observed = np.abs(_differences(a.sum(0, keepdims=True), b.sum(0, keepdims=True))[0])
    extreme = np.zeros(observed.shape, np.int64)
    for sums in shuffled_sums(a, b, shuffles, seed):
        extreme += (np.abs(_differences(*sums)) >= observed - _TINY).sum(0)
    return (extreme + 1) / (shuffles + 1)


def shuffled_sums(a: Ints, b: Ints, shuffles: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield blocks of the sums (shuffles of the block, columns) of both systems, their answers swapped at random.

    Units that both count alike need no swap.
    """
    differ = (a != b).any(1)
    change = (b - a)[differ].astype(np.float64)
    random = np.random.default_rng(seed)
    block = max(1, _CELLS // max(len(change), 1))
    for begin in range(0, shuffles, block):
        swaps = swaps_of(random, min(block, shuffles - begin), len(change))
        moved = swaps.astype(np.float64) @ change
        yield a.sum(0) + moved, b.sum(0) - moved


def swaps_of(random: np.random.Generator, shuffles: int, units: int) -> Bools:
    """Draw which units are swapped, shape (shuffles, units)."""
    packed = random.integers(0, 256, (shuffles, (units + 7) // 8), np.uint8)
    return np.unpackbits(packed, axis=1)[:, :units].astype(bool)


def _differences(a: Floats | Ints, b: Floats | Ints) -> Floats:
    """Return the scores of B minus those of A, shape (rows, labels + 1, 4), of sums (rows, columns)."""
    found = []
    for sums in (a, b):
        spans = sums[:, :-2].reshape(len(sums), (sums.shape[1] - 2) // 3, 3)
        scores = rates(np.concatenate([spans, spans.sum(1, keepdims=True)], axis=1))
        accuracy = ratio(sums[:, -2], sums[:, -1])[:, None]
        columns = [*scores.values(), np.broadcast_to(accuracy, scores["f1"].shape)]
        found.append(np.stack(columns, axis=-1))
    difference: Floats = found[1] - found[0]
    return difference


def _errors(aligned: Aligned) -> Ints:
    """Count the missed and the spurious spans of each sentence, shape (sentences,)."""
    errors = np.zeros(len(aligned.lengths), np.int64)
    for spans in (aligned.gold, aligned.predicted):
        np.add.at(errors, spans.sentence[~spans.correct], 1)
    return errors
