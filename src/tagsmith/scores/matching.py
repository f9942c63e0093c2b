"""How predicted spans match gold spans: the four schemas of SemEval-2013 task 9, and one kind for each error.

The schemas are those of the task's scorer (Segura-Bedmar et al. 2013), with the categories of MUC-5 (Chinchor and
Sundheim 1993). A predicted span is compared with the gold spans that share a token with it:

=======  ========================  ==================================
schema   correct                   another overlap with a gold span
=======  ========================  ==================================
strict   same boundaries and type  incorrect
exact    same boundaries           incorrect
partial  same boundaries           partial: counts half
type     same type                 incorrect
=======  ========================  ==================================

Spans are taken from left to right, and each gold span is matched once. Of several correct gold spans a predicted one
takes that with the nearest boundaries; without any, the first that it overlaps. The scores of a type compare the spans
of that type alone. These are the rules of nervaluate 1.2.1, except that any shared token is an overlap, however long
the gold span.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from tagsmith.scores.aligned import Aligned, Spans, span_lists

Row = tuple[int, int, int]  # start, end, label
SCHEMAS = ("strict", "exact", "partial", "type")
KINDS = ("boundary", "type", "both", "missed", "spurious")


@dataclass(frozen=True, slots=True)
class Match:
    """How many spans match under a schema.

    ``possible`` is the number of gold spans, ``actual`` that of predicted spans; scores are fractions of 1.
    """

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int

    @property
    def possible(self) -> int:
        """The number of gold spans."""
        return self.correct + self.incorrect + self.partial + self.missed

    @property
    def actual(self) -> int:
        """The number of predicted spans."""
        return self.correct + self.incorrect + self.partial + self.spurious

    @property
    def precision(self) -> float:
        """The credit, in which a partial match counts half, over the predicted spans; 0.0 if there are none."""
        return (self.correct + self.partial / 2) / self.actual if self.actual else 0.0

    @property
    def recall(self) -> float:
        """The credit over the gold spans; 0.0 if there are none."""
        return (self.correct + self.partial / 2) / self.possible if self.possible else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        spans = self.possible + self.actual
        return (2 * self.correct + self.partial) / spans if spans else 0.0

    def as_dict(self) -> dict[str, float]:
        """Return the counts and the scores."""
        names = ("correct", "incorrect", "partial", "missed", "spurious", "possible", "actual")
        return {name: getattr(self, name) for name in (*names, "precision", "recall", "f1")}


@dataclass(frozen=True, slots=True)
class Matching:
    """The spans of all types, and those of each type alone, matched under one schema."""

    overall: Match
    types: Mapping[str, Match]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values."""
        return {**self.overall.as_dict(), "types": {label: match.as_dict() for label, match in self.types.items()}}


def match_spans(aligned: Aligned) -> dict[str, Matching]:
    """Match the spans under each schema: schema → :class:`Matching`.

    >>> from tagsmith.scores.aligned import align_tags
    >>> match = match_spans(align_tags([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]]))
    >>> match["strict"].overall.f1, match["partial"].overall.f1, match["type"].overall.f1
    (0.0, 0.5, 1.0)
    """
    wrong = aligned.differing()
    sides = aligned.gold, aligned.predicted
    if all(map(_is_flat, sides)):  # then the same span on both sides overlaps no other
        whole = aligned.gold.correct
        sides = sides[0].select(~sides[0].correct), sides[1].select(~sides[1].correct)
    else:
        whole = aligned.gold.correct & ~np.isin(aligned.gold.sentence, wrong)
    pairs = list(zip(*(span_lists(side, wrong) for side in sides), strict=True))
    right = np.bincount(aligned.gold.label[whole], minlength=len(aligned.labels))
    found: dict[str, Matching] = {}
    for schema in SCHEMAS:
        overall = np.zeros(5, np.int64)
        types = np.zeros((len(aligned.labels), 5), np.int64)
        for gold, predicted in pairs:
            overall += _match_sentence(gold, predicted, schema)
            for label in {span[2] for span in (*gold, *predicted)}:
                of_type = [[span for span in side if span[2] == label] for side in (gold, predicted)]
                types[label] += _match_sentence(of_type[0], of_type[1], schema)
        overall[0] += right.sum()
        types[:, 0] += right
        found[schema] = Matching(
            Match(*overall.tolist()),
            {label: Match(*counts) for label, counts in zip(aligned.labels, types.tolist(), strict=True)},
        )
    return found


def _is_flat(spans: Spans) -> bool:
    """Whether no two spans of a sentence overlap."""
    return not ((spans.sentence[1:] == spans.sentence[:-1]) & (spans.start[1:] < spans.end[:-1])).any()


def _match_sentence(gold: Sequence[Row], predicted: Sequence[Row], schema: str) -> tuple[int, int, int, int, int]:
    """Return how many spans of one sentence are correct, incorrect, partial, missed and spurious."""
    if not gold or not predicted:
        return 0, 0, 0, len(gold), len(predicted)
    free = [True] * len(gold)
    correct = overlapping = 0
    for span, overlaps in zip(predicted, _overlaps(gold, predicted), strict=True):
        candidates = [number for number in overlaps if free[number]]
        if not candidates:
            continue
        good = [number for number in candidates if _is_correct(gold[number], span, schema)]
        taken = min(good, key=lambda number: _distance(gold[number], span)) if good else candidates[0]
        free[taken] = False
        correct += bool(good)
        overlapping += not good
    missed, spurious = sum(free), len(predicted) - correct - overlapping
    if schema == "partial":
        return correct, 0, overlapping, missed, spurious
    return correct, overlapping, 0, missed, spurious


def _is_correct(gold: Row, predicted: Row, schema: str) -> bool:
    if schema == "strict":
        return gold == predicted
    return gold[2] == predicted[2] if schema == "type" else gold[:2] == predicted[:2]


def _distance(gold: Row, predicted: Row) -> int:
    return abs(gold[0] - predicted[0]) + abs(gold[1] - predicted[1])


def _overlaps(gold: Sequence[Row], predicted: Sequence[Row]) -> Iterator[list[int]]:
    """For each predicted span, the numbers of the gold spans that share a token with it; gold is sorted by start."""
    starts = [span[0] for span in gold]
    furthest = list(accumulate((span[1] for span in gold), max))
    for begin, end, _ in predicted:
        window = range(bisect_right(furthest, begin), bisect_left(starts, end))
        yield [number for number in window if gold[number][1] > begin]


# --------------------------------------------------------------------------------------------------- errors


@dataclass(frozen=True, slots=True)
class Errors:
    """Each span counted once, overall and by type; and which types are taken for which.

    ``boundary``: the right type, other boundaries. ``type``: the right boundaries, another type. ``both``: neither,
    but a shared token. ``missed``: a gold span without any predicted one; ``spurious``: the reverse. Spans are paired
    one to one: the same span first, then the same boundaries, then the same type, then any overlap, and the largest
    overlap before smaller ones. ``types`` counts by the gold type, spurious spans by their own.

    ``confusion`` has the shape (types + 1, types + 1): pairs by gold type (row) and predicted type (column). Its last
    column counts the missed spans, its last row the spurious ones.
    """

    overall: Mapping[str, int]
    types: Mapping[str, Mapping[str, int]]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the errors as JSON-ready values, without the confusion matrix."""
        return {**self.overall, "types": {label: dict(counts) for label, counts in self.types.items()}}

    def confusion_dict(self) -> dict[str, Any]:
        """Return the confusion matrix as JSON-ready values."""
        return {
            "gold": [*self.labels, "(spurious)"],
            "predicted": [*self.labels, "(missed)"],
            "counts": [list(row) for row in self.confusion],
        }


def count_errors(aligned: Aligned) -> Errors:
    """Give each error one kind, see :class:`Errors`.

    >>> from tagsmith.scores.aligned import align_tags
    >>> count_errors(align_tags([["B-PER", "I-PER", "O"]], [["B-PER", "O", "B-LOC"]])).overall
    {'correct': 0, 'boundary': 1, 'type': 0, 'both': 0, 'missed': 0, 'spurious': 1}
    """
    size = len(aligned.labels)
    confusion = np.zeros((size + 1, size + 1), np.int64)
    kinds = np.zeros((size, len(KINDS) + 1), np.int64)
    right = np.bincount(aligned.gold.label[aligned.gold.correct], minlength=size)
    confusion[np.arange(size), np.arange(size)] = right
    kinds[:, 0] = right
    wrong = aligned.differing()
    sides = (side.select(~side.correct) for side in (aligned.gold, aligned.predicted))
    for gold, predicted in zip(*(span_lists(side, wrong) for side in sides), strict=True):
        for kind, true, guess in pair_errors(gold, predicted):
            row, column = size if true is None else true[2], size if guess is None else guess[2]
            confusion[row, column] += 1
            kinds[row if true is not None else column, 1 + KINDS.index(kind)] += 1
    names = ("correct", *KINDS)
    return Errors(
        dict(zip(names, kinds.sum(0).tolist(), strict=True)),
        {label: dict(zip(names, row, strict=True)) for label, row in zip(aligned.labels, kinds.tolist(), strict=True)},
        aligned.labels,
        tuple(map(tuple, confusion.tolist())),
    )


def pair_errors(gold: Sequence[Row], predicted: Sequence[Row]) -> list[tuple[str, Row | None, Row | None]]:
    """Return the errors of a sentence: the kind of each, its gold and its predicted span."""
    same = set(gold) & set(predicted)
    gold = [span for span in gold if span not in same]
    predicted = [span for span in predicted if span not in same]
    pairs = []
    for guess, overlaps in zip(predicted, _overlaps(gold, predicted), strict=True):
        for true in (gold[number] for number in overlaps):
            shared = min(true[1], guess[1]) - max(true[0], guess[0])
            rank = 1 if true[:2] == guess[:2] else 0 if true[2] == guess[2] else 2
            pairs.append(((rank != 1, rank, -shared, true, guess), ("boundary", "type", "both")[rank], true, guess))
    errors: list[tuple[str, Row | None, Row | None]] = []
    free_gold, free_predicted = set(gold), set(predicted)
    for _, kind, true, guess in sorted(pairs):
        if true in free_gold and guess in free_predicted:
            free_gold.remove(true)
            free_predicted.remove(guess)
            errors.append((kind, true, guess))
    errors += [("missed", span, None) for span in gold if span in free_gold]
    errors += [("spurious", None, span) for span in predicted if span in free_predicted]
    return errors
