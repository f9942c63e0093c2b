"""What a report is made of: the scores of a layer, and each of its errors in the sentence where it stands.

The sentences go into the page as JSON, as short as can be:

=====  ==========================================================================================
``n``  the number of the sentence, from 1
``f``  the number of its file among ``files``, and its line, if known
``w``  its words; a number stands for so many words left out of a very long sentence
``g``  gold spans: start, end, number of the label, probability × 10,000 (-1: unknown)
``p``  predicted spans, likewise
``o``  of a sentence that the other model tags otherwise: that model's spans, likewise
``e``  errors: number of the kind, and the places in ``g`` and ``p`` of its spans (-1: none)
``d``  of a sentence that changed: the numbers of wrong spans before and now
=====  ==========================================================================================
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tagsmith.scores.aligned import Aligned, Spans
from tagsmith.scores.calibration import Calibration
from tagsmith.scores.comparison import Comparison
from tagsmith.scores.evaluation import Evaluation
from tagsmith.scores.intervals import Floats
from tagsmith.scores.matching import KINDS, Row, pair_errors

MOST_BYTES = 4_000_000  # of the sentences of a page
LONG, AROUND = 120, 25  # tokens of a sentence that is cut; kept on each side of what is wrong
UNITS = 10_000  # that a probability of 1 has
COMMON = 12  # spans of the lists of the commonest errors

Words = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Other:
    """Another system on the same sentences: its name, its spans, and the comparison, in which it is A."""

    name: str
    aligned: Aligned
    comparison: Comparison


@dataclass(frozen=True)
class LayerFindings:
    """What is known of one layer.

    ``predicted_scores`` and ``gold_scores`` are the probabilities of the spans of ``aligned``, in their order; NaN
    where one is unknown.
    """

    name: str
    evaluation: Evaluation
    aligned: Aligned
    predicted_scores: Floats
    gold_scores: Floats
    calibration: Calibration | None = None
    other: Other | None = None

    @property
    def labels(self) -> list[str]:
        """The labels of gold, of the predictions and of the other system; the page counts them."""
        more = self.other.aligned.labels if self.other else ()
        return [*self.aligned.labels, *sorted(set(more) - set(self.aligned.labels))]


def layer_data(findings: LayerFindings, words: Words, places: Sequence[tuple[int, int]], budget: int) -> dict[str, Any]:
    """Return what the page's script needs of a layer, with the worst sentences that fit into ``budget`` bytes.

    ``places`` are the number of the file and the line of each sentence.
    """
    wrong = set(findings.aligned.differing().tolist())
    comparison = findings.other.comparison if findings.other else None
    changed = {*comparison.better, *comparison.worse, *comparison.changed} if comparison else set()
    reader = _Reader(findings)
    made = [reader.sentence(number, words[number], places[number], number in changed) for number in wrong | changed]
    made.sort(key=lambda one: (-len(one["e"]), one["n"]))
    kept = list(_within(made, budget))
    return {
        "name": findings.name,
        "plain": findings.aligned.plain,
        "labels": findings.labels,
        "kinds": list(KINDS),
        "sentences": kept,
        "leftOut": len(made) - len(kept),
        "curve": {} if findings.aligned.plain else curve_data(findings),
    }


def _within(sentences: Sequence[dict[str, Any]], budget: int) -> Iterator[dict[str, Any]]:
    for one in sentences:
        budget -= len(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
        if budget < 0:
            return
        yield one


def curve_data(findings: LayerFindings) -> dict[str, Any]:
    """Return label → its number of gold spans, and the probabilities × 10,000 of its right and its wrong spans.

    They are rounded down, so that a threshold of whole hundredths keeps the same spans as in the tagger.
    """
    aligned = findings.aligned
    units = np.floor(findings.predicted_scores * UNITS + 1e-6).astype(np.int64)
    support = np.bincount(aligned.gold.label, minlength=len(aligned.labels))
    return {
        label: {
            "support": int(support[number]),
            "right": np.sort(units[own & aligned.predicted.correct]).tolist(),
            "wrong": np.sort(units[own & ~aligned.predicted.correct]).tolist(),
        }
        for number, label in enumerate(aligned.labels)
        if (own := aligned.predicted.label == number).any() or support[number]
    }


class _Reader:
    """Makes the data of one sentence after another."""

    def __init__(self, findings: LayerFindings) -> None:
        aligned = findings.aligned
        self._plain = aligned.plain
        own = range(len(aligned.labels))
        self._gold = _Side(aligned.gold, findings.gold_scores, own)
        self._predicted = _Side(aligned.predicted, findings.predicted_scores, own)
        self._other: _Side | None = None
        self._errors: Sequence[tuple[int, int]] = ()
        if findings.other:
            other, numbers = findings.other.aligned, {label: n for n, label in enumerate(findings.labels)}
            unknown = np.full(len(other.predicted.label), np.nan)
            self._other = _Side(other.predicted, unknown, [numbers[label] for label in other.labels])
            self._errors = findings.other.comparison.errors

    def sentence(self, number: int, words: Sequence[str], place: tuple[int, int], changed: bool) -> dict[str, Any]:
        """Return the data of a sentence, counted from 0."""
        gold, predicted = self._gold.of(number), self._predicted.of(number)
        other = self._other.of(number) if self._other and changed else gold
        errors = pair_errors(list(gold), list(predicted))
        around = [*(gold.keys() ^ predicted.keys()), *(gold.keys() ^ other.keys())]
        # Of plain tags nearly all are right, which need not be said.
        right = gold.keys() & predicted.keys() & other.keys() if self._plain else set()
        shown, moved = _shortened(words, around)

        def kept(side: Mapping[Row, int]) -> dict[Row, int]:
            return {
                row: units for row, units in side.items() if row not in right and {row[0], row[1] - 1} <= moved.keys()
            }

        sides = [kept(side) for side in (gold, predicted, other)]
        at = [{row: place for place, row in enumerate(side)} for side in sides[:2]]
        made: dict[str, Any] = {
            "n": number + 1,
            "f": place,
            "w": shown,
            "g": _rows(sides[0], moved),
            "p": _rows(sides[1], moved),
            "e": [
                [KINDS.index(kind), at[0][true] if true else -1, at[1][guess] if guess else -1]
                for kind, true, guess in errors
            ],
        }
        return made | {"o": _rows(sides[2], moved), "d": self._errors[number]} if changed else made


class _Side:
    """The spans of one side, by sentence: (start, end, label) → probability."""

    def __init__(self, spans: Spans, scores: Floats, labels: Sequence[int]) -> None:
        self._spans, self._labels = spans, labels
        self._units = np.where(np.isnan(scores), -1, np.floor(scores * UNITS + 1e-6)).astype(np.int64)

    def of(self, sentence: int) -> dict[Row, int]:
        first, last = np.searchsorted(self._spans.sentence, [sentence, sentence + 1])
        columns = (self._spans.start, self._spans.end, self._spans.label, self._units)
        rows = zip(*(column[first:last].tolist() for column in columns), strict=True)
        return {(start, end, self._labels[label]): units for start, end, label, units in rows}


def _rows(spans: Mapping[Row, int], moved: Mapping[int, int]) -> list[list[int]]:
    return [[moved[start], moved[end - 1] + 1, label, units] for (start, end, label), units in spans.items()]


def _shortened(words: Sequence[str], around: Sequence[Row]) -> tuple[list[str | int], dict[int, int]]:
    """Leave out what is far from these spans in a long sentence; return what is left, and token → its place there."""
    if len(words) <= LONG:
        return list(words), {number: number for number in range(len(words))}
    keep = np.zeros(len(words), bool)
    for start, end, _ in around:
        keep[max(0, start - AROUND) : end + AROUND] = True
    shown: list[str | int] = []
    moved: dict[int, int] = {}
    for number, (word, kept) in enumerate(zip(words, keep.tolist(), strict=True)):
        if kept:
            moved[number] = len(shown)
            shown.append(word)
        elif shown and isinstance(last := shown[-1], int):
            shown[-1] = last + 1
        else:
            shown.append(1)
    return shown, moved


def commonest(findings: LayerFindings, words: Words) -> dict[str, list[tuple[str, int, int]]]:
    """Return texts, numbers of labels and counts of what is wrongly predicted most often, and of what is missed."""
    found = {}
    for name, side in (("predicted", findings.aligned.predicted), ("gold", findings.aligned.gold)):
        wrong = side.select(~side.correct)
        columns = (wrong.sentence, wrong.start, wrong.end, wrong.label)
        counts = Counter(
            (" ".join(words[number][start:end]), label)
            for number, start, end, label in zip(*(column.tolist() for column in columns), strict=True)
        )
        ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:COMMON]
        found[name] = [(text, label, count) for (text, label), count in ranked]
    return found
