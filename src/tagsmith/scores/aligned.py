"""Gold and predicted spans of the same sentences, as arrays: all scores in depth are made from them.

Where tags are plain, each token with its tag is a span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tagsmith.errors import DataError
from tagsmith.scores.counts import Numbering, Tags, equal_lengths, flatten, mark_spans, numbers_of
from tagsmith.scores.given_tags import checked_scheme
from tagsmith.text.schemes import Scheme, TokenSpan

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
GivenSpan = TokenSpan | tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of many sentences, sorted by sentence, start and end; each array has the shape (spans,).

    ``start`` to ``end`` (exclusive) are tokens of the sentence; ``label`` numbers the labels of :class:`Aligned`.
    ``correct``: the other side has the very same span.
    """

    sentence: Ints
    start: Ints
    end: Ints
    label: Ints
    correct: Bools

    def select(self, where: Bools) -> Spans:
        """Return some of the spans."""
        return Spans(self.sentence[where], self.start[where], self.end[where], self.label[where], self.correct[where])


@dataclass(frozen=True, slots=True)
class Aligned:
    """Gold and predicted spans, and for each sentence its number of tokens and of correctly tagged tokens."""

    labels: tuple[str, ...]
    gold: Spans
    predicted: Spans
    lengths: Ints
    right: Ints
    plain: bool = False

    def counts(self, labels: Sequence[str] | None = None) -> Ints:
        """Count gold, predicted and correct spans of each label in each sentence, shape (sentences, labels, 3)."""
        wanted = self.labels if labels is None else labels
        place = {label: number for number, label in enumerate(wanted)}
        column = np.array([place[label] for label in self.labels], np.int64)
        return span_counts(self, column[self.gold.label], column[self.predicted.label], len(wanted))

    def differing(self) -> Ints:
        """Return the numbers of the sentences that have an error, in order."""
        return np.union1d(self.gold.sentence[~self.gold.correct], self.predicted.sentence[~self.predicted.correct])


def span_counts(aligned: Aligned, gold: Ints, predicted: Ints, groups: int) -> Ints:
    """Count gold, predicted and correct spans of each group in each sentence, shape (sentences, groups, 3).

    ``gold`` and ``predicted`` (spans,) are the number of each span's group; both spans of a correct pair have the same.
    """
    counts = np.zeros((len(aligned.lengths), groups, 3), np.int64)
    for kind, spans, group in ((0, aligned.gold, gold), (1, aligned.predicted, predicted)):
        np.add.at(counts[..., kind], (spans.sentence, group), 1)
    right = aligned.gold.correct
    np.add.at(counts[..., 2], (aligned.gold.sentence[right], gold[right]), 1)
    return counts


def align_tags(gold: Tags, predicted: Tags, *, scheme: Scheme | str | None = None, mode: str = "conlleval") -> Aligned:
    """Read the spans of gold and predicted tags, as :func:`~tagsmith.scores.scores.score_tags` counts them.

    Raises DataError: as ``score_tags``.
    """
    scheme = checked_scheme(gold, predicted, scheme)
    lengths = equal_lengths(gold, predicted)
    first = np.cumsum(lengths + 1) - (lengths + 1)  # a boundary follows each sentence
    flat_gold, flat_predicted = flatten(gold), flatten(predicted)
    is_token = np.ones(len(flat_gold), bool)
    is_token[first + lengths] = False
    if scheme is Scheme.PLAIN:
        ids = Numbering()
        numbers = [numbers_of(tags, ids) for tags in (flat_gold, flat_predicted)]
        here = np.flatnonzero(is_token)
        sides = [(here, here + 1, tags[here]) for tags in numbers]
        same, labels = numbers[0] == numbers[1], tuple(ids)
    else:
        marked = mark_spans(flat_gold, flat_predicted, scheme, strict=mode == "strict")
        same, labels = marked.same, tuple(marked.labels)
        sides = []
        for edges in (marked.gold, marked.predicted):
            starts, ends = np.flatnonzero(edges.starts), np.append(np.flatnonzero(edges.ends), len(flat_gold))
            sides.append((starts, ends[np.searchsorted(ends, starts, side="right")], edges.types[starts]))
    right = np.zeros(len(lengths), np.int64)
    np.add.at(right, np.searchsorted(first, np.flatnonzero(same & is_token), side="right") - 1, 1)
    rows = []
    for starts, ends, label in sides:
        sentence = np.searchsorted(first, starts, side="right") - 1
        rows.append((sentence, starts - first[sentence], ends - first[sentence], label))
    return _aligned(rows[0], rows[1], labels, lengths, right, plain=scheme is Scheme.PLAIN)


def align_spans(
    gold: Sequence[Sequence[GivenSpan]], predicted: Sequence[Sequence[GivenSpan]], lengths: Sequence[int]
) -> Aligned:
    """Take the spans of sentences as they are: (start, end, label) in tokens; they may overlap and nest.

    A token is right if it lies in the same spans on both sides. Raises DataError: there are not as many predicted as
    gold sentences, or lengths; a span does not lie in its sentence.
    """
    if not len(gold) == len(predicted) == len(lengths):
        raise DataError(
            f"There are {len(gold)} gold sentences, {len(predicted)} predicted ones and {len(lengths)} lengths.",
            remedy="Give spans, perhaps none, and a length for each sentence.",
        )
    labels = sorted({span[2] for side in (gold, predicted) for spans in side for span in spans})
    ids = {label: number for number, label in enumerate(labels)}
    sides = []
    for side in (gold, predicted):
        rows = set()
        for number, (spans, length) in enumerate(zip(side, lengths, strict=True)):
            for start, end, label in spans:
                if not 0 <= start < end <= length:
                    raise DataError(
                        f"Sentence {number + 1}: the span {(start, end, label)} is not in its {length} tokens."
                    )
                rows.add((number, start, end, ids[label]))
        columns = np.array(sorted(rows), np.int64).reshape(-1, 4).T
        sides.append((columns[0], columns[1], columns[2], columns[3]))
    right = [_right_tokens(*pair) for pair in zip(gold, predicted, lengths, strict=True)]
    return _aligned(sides[0], sides[1], tuple(labels), np.array(lengths, np.int64), np.array(right, np.int64))


def _right_tokens(gold: Sequence[GivenSpan], predicted: Sequence[GivenSpan], length: int) -> int:
    wrong = np.zeros(length, bool)
    for start, end, _ in {tuple(span) for span in gold} ^ {tuple(span) for span in predicted}:
        wrong[start:end] = True
    return int(length - wrong.sum())


_Columns = tuple[Ints, Ints, Ints, Ints]


def _aligned(
    gold: _Columns, predicted: _Columns, labels: tuple[str, ...], lengths: Ints, right: Ints, *, plain: bool = False
) -> Aligned:
    """Leave out labels that no span has, sort the others by name, and find the correct spans."""
    used = np.union1d(gold[3], predicted[3])
    order = sorted(used.tolist(), key=labels.__getitem__)
    place = np.zeros(len(labels), np.int64)
    place[order] = np.arange(len(order))
    gold, predicted = ((*side[:3], place[side[3]]) for side in (gold, predicted))
    first, size = np.cumsum(lengths + 1) - (lengths + 1), int(lengths.sum()) + len(lengths) + 1
    keys = [
        ((first[s] + start) * size + first[s] + end) * len(order) + label for s, start, end, label in (gold, predicted)
    ]
    found = [np.isin(keys[0], keys[1]), np.isin(keys[1], keys[0])]
    sides = [Spans(*side, correct) for side, correct in zip((gold, predicted), found, strict=True)]
    return Aligned(tuple(labels[number] for number in order), sides[0], sides[1], lengths, right, plain)


def span_lists(spans: Spans, sentences: Ints) -> list[list[tuple[int, int, int]]]:
    """Return (start, end, label number) of each span of these sentences, which are sorted."""
    bounds = zip(
        np.searchsorted(spans.sentence, sentences).tolist(),
        np.searchsorted(spans.sentence, sentences, side="right").tolist(),
        strict=True,
    )
    rows = list(zip(spans.start.tolist(), spans.end.tolist(), spans.label.tolist(), strict=True))
    return [rows[begin:end] for begin, end in bounds]
