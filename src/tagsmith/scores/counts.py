"""Counts of gold, predicted and correct spans, by conlleval's rules.

NumPy counts all spans at once. A small table gives the prefix (``B``, ``I``, …) and the type of each tag. Where spans
start and end follows from pairs of neighboring tags, as in the Perl script of the CoNLL-2000 shared task
(``conlleval``), whose functions ``startOfChunk`` and ``endOfChunk`` are the tables of :func:`_conlleval_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagsmith.errors import DataError
from tagsmith.text.schemes import Scheme, belongs

Tags = Sequence[Sequence[str]]


class SpanCounts(NamedTuple):
    """Numbers of gold (``support``), predicted (``found``) and correctly predicted spans."""

    support: int
    found: int
    correct: int

    def rates(self, whole: int = 1) -> tuple[float, float, float]:
        """Return precision, recall and F1 as fractions of ``whole``; 0.0 where a denominator is 0."""
        precision = whole * self.correct / self.found if self.found else 0.0
        recall = whole * self.correct / self.support if self.support else 0.0
        return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of tokens and of correctly tagged tokens, and the spans of each type, sorted by type."""

    tokens: int
    right: int
    types: Mapping[str, SpanCounts]

    @property
    def total(self) -> SpanCounts:
        """The sums over all types."""
        return SpanCounts(*map(sum, zip(*self.types.values(), strict=True))) if self.types else SpanCounts(0, 0, 0)


class Numbering(dict[str, int]):
    """Numbers 0, 1, 2, … for keys, in the order in which they are first asked for."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


BOUNDARY = "O"  # conlleval puts it between sentences
_OUT, _DOT, _BEGIN, _INSIDE, _END, _SINGLE, _OPEN, _CLOSE, _OTHER = range(9)
_CONLLEVAL_PREFIXES = {"O": _OUT, ".": _DOT, "B": _BEGIN, "I": _INSIDE, "E": _END, "[": _OPEN, "]": _CLOSE}
_LETTERS = {"B": _BEGIN, "I": _INSIDE, "M": _INSIDE, "E": _END, "L": _END, "S": _SINGLE, "U": _SINGLE}
_EXTENDED = (Scheme.BARE, Scheme.BIOES, Scheme.BILOU, Scheme.BMES)

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


def equal_lengths(gold: Tags, predicted: Tags) -> _Ints:
    """Return the lengths of the sentences; raise :class:`DataError` if gold and predicted differ in them."""
    if len(gold) != len(predicted):
        raise DataError(
            f"There are {len(gold)} gold sentences but {len(predicted)} predicted sentences.",
            remedy="Score predictions for exactly the gold sentences, in the same order.",
        )
    lengths = np.fromiter(map(len, gold), np.int64, len(gold))
    others = np.fromiter(map(len, predicted), np.int64, len(predicted))
    if (lengths != others).any():
        first = int((lengths != others).argmax())
        raise DataError(
            f"Sentence {first + 1} has {lengths[first]} gold tags but {others[first]} predicted tags.",
            remedy="Give each token exactly one predicted tag.",
        )
    return lengths


def flatten(sentences: Tags) -> list[str]:
    """Return all tags in one list, each sentence followed by a boundary."""
    flat: list[str] = []
    for sentence in sentences:
        flat.extend(sentence)
        flat.append(BOUNDARY)
    return flat


def numbers_of(tags: list[str], ids: Numbering) -> _Ints:
    """Return the tags' numbers, shape (n,)."""
    return np.fromiter(map(ids.__getitem__, tags), np.int64, len(tags))


class _SpanEdges(NamedTuple):
    """The prefix code and type number of each of n tags, and whether a span starts at it or ends before it."""

    prefixes: _Ints
    types: _Ints
    starts: _Bools
    ends: _Bools


class Marked(NamedTuple):
    """The edges of gold and predicted spans, the labels of their type numbers, and where the two tags are the same."""

    gold: _SpanEdges
    predicted: _SpanEdges
    labels: Sequence[str]
    same: _Bools


def mark_spans(gold: list[str], predicted: list[str], scheme: Scheme | None, *, strict: bool) -> Marked:
    """Find where spans start and end in two flat lists of tags."""
    ids = Numbering()
    gold_ids, predicted_ids = numbers_of(gold, ids), numbers_of(predicted, ids)
    type_ids = Numbering({"": 0})
    split = [_split_tag(tag, scheme) for tag in ids]
    codes = _prefix_codes(scheme, strict=strict)
    prefix_of = np.array([codes.get(prefix, _OUT if strict else _OTHER) for prefix, _ in split], np.int64)
    # In strict mode a tag that the scheme does not have counts as O.
    type_of = np.array([0 if strict and prefix not in codes else type_ids[label] for prefix, label in split], np.int64)
    extended = strict or scheme in _EXTENDED
    edges = [_span_edges(prefix_of[rows], type_of[rows], extended=extended) for rows in (gold_ids, predicted_ids)]
    if strict and scheme is not None:
        edges = [_without_malformed(sequence, scheme) for sequence in edges]
    first_of: dict[tuple[str, str], int] = {}
    same = np.array([first_of.setdefault(pair, i) for i, pair in enumerate(split)], np.int64)  # "O-" is "O"
    return Marked(edges[0], edges[1], list(type_ids), same[gold_ids] == same[predicted_ids])


def count_spans(
    gold: list[str], predicted: list[str], is_token: _Bools, scheme: Scheme | None, *, strict: bool
) -> Counts:
    """Count gold, predicted and correct spans in two flat lists of tags; ``is_token`` is false at boundaries."""
    marked = mark_spans(gold, predicted, scheme, strict=strict)
    right = int(marked.same[is_token].sum())
    return Counts(int(is_token.sum()), right, _count_types(marked.gold, marked.predicted, marked.labels))


def _split_tag(tag: str, scheme: Scheme | None) -> tuple[str, str]:
    """Split a tag at its first hyphen into prefix and type."""
    if scheme is Scheme.BARE:
        return ("O", "") if tag == "O" else ("I", tag)
    prefix, _, label = tag.partition("-")
    return prefix, label


def _prefix_codes(scheme: Scheme | None, *, strict: bool) -> dict[str, int]:
    if not strict and scheme not in _EXTENDED:
        return _CONLLEVAL_PREFIXES
    alphabet = "I" if scheme is Scheme.BARE else [letter for letter in _LETTERS if scheme and belongs(letter, scheme)]
    letters = {letter: _LETTERS[letter] for letter in alphabet}
    return {"O": _OUT, **letters} if strict else {**_CONLLEVAL_PREFIXES, **letters}


def _span_edges(prefixes: _Ints, types: _Ints, *, extended: bool) -> _SpanEdges:
    """Find where spans start and end; an O without a type precedes the first tag."""
    starts, ends = _extended_rules() if extended else _conlleval_rules()
    before = np.concatenate(([_OUT], prefixes[:-1]))[: len(prefixes)]
    changed = types != np.concatenate(([0], types[:-1]))[: len(types)]
    key = changed.astype(np.int64), before, prefixes
    return _SpanEdges(prefixes, types, starts[key], ends[key])


@cache
def _conlleval_rules() -> tuple[_Bools, _Bools]:
    """Return conlleval's startOfChunk and endOfChunk as tables (type changed, previous tag, tag)."""
    starts, ends = np.zeros((2, 9, 9), bool), np.zeros((2, 9, 9), bool)
    for before, tag in ("BB", "IB", "OB", "OI", "EE", "EI", "OE"):
        starts[:, _CONLLEVAL_PREFIXES[before], _CONLLEVAL_PREFIXES[tag]] = True
    for before, tag in ("BB", "BO", "IB", "IO", "EE", "EI", "EO"):
        ends[:, _CONLLEVAL_PREFIXES[before], _CONLLEVAL_PREFIXES[tag]] = True
    starts[1, :, _BEGIN:] = True  # a change of type starts a span, except at O and "."
    ends[1, _BEGIN:, :] = True
    starts[:, :, [_OPEN, _CLOSE]] = True  # brackets are spans of length 1
    ends[:, [_OPEN, _CLOSE], :] = True
    return starts, ends


@cache
def _extended_rules() -> tuple[_Bools, _Bools]:
    """Extend conlleval's rules: E closes a span, S is a span, and neighbors of one type are two spans."""
    starts, ends = (rules.copy() for rules in _conlleval_rules())
    starts[:, :, [_BEGIN, _SINGLE]] = True
    starts[:, [_OUT, _END, _SINGLE], _INSIDE] = True
    starts[:, [_OUT, _END, _SINGLE], _END] = True
    ends[:, [_END, _SINGLE], :] = True
    ends[:, _BEGIN:, [_OUT, _BEGIN, _SINGLE]] = True
    return starts, ends


def _without_malformed(edges: _SpanEdges, scheme: Scheme) -> _SpanEdges:
    """Turn the spans that are not well-formed in ``scheme`` into O."""
    prefixes, types = edges.prefixes, edges.types
    size = len(prefixes)
    first = np.flatnonzero(edges.starts)  # (span,)
    last = np.flatnonzero(np.concatenate((edges.ends[1:], [True])) & (prefixes != _OUT)) if size else first
    opening, closing = prefixes[first], prefixes[last]
    if scheme is Scheme.IOB2:
        good = opening == _BEGIN
    elif scheme is Scheme.IOE2:
        good = closing == _END
    elif scheme is Scheme.IOB1:  # B only where a span of the same type ends right before
        good = (opening == _INSIDE) | _touches(prefixes, types, first, first - 1)
    elif scheme is Scheme.IOE1:  # E only where a span of the same type starts right after
        good = (closing == _INSIDE) | _touches(prefixes, types, last, last + 1)
    elif scheme in (Scheme.BIOES, Scheme.BILOU, Scheme.BMES):
        good = (opening == _SINGLE) | ((opening == _BEGIN) & (closing == _END))
    else:
        return edges
    # +1 where a good span starts and -1 after its end: the running sum is 1 inside good spans.
    steps = np.zeros(size + 1, np.int64)
    steps[first[good]] += 1
    np.subtract.at(steps, last[good] + 1, 1)
    inside = np.cumsum(steps[:size]) > 0
    return _span_edges(np.where(inside, prefixes, _OUT), np.where(inside, types, 0), extended=True)


def _touches(prefixes: _Ints, types: _Ints, here: _Ints, there: _Ints) -> _Bools:
    """Whether position ``there`` exists, is in a span, and has the same type as position ``here``."""
    exists = (there >= 0) & (there < len(prefixes))
    there = np.where(exists, there, 0)
    touching: _Bools = exists & (prefixes[there] != _OUT) & (types[there] == types[here])
    return touching


def _count_types(gold: _SpanEdges, predicted: _SpanEdges, labels: Sequence[str]) -> dict[str, SpanCounts]:
    """Return label → counts, sorted, for the labels that have spans.

    conlleval walks through the tags with one flag, "the current span is correct so far". It is set where both
    sequences start a span of one type, and cleared (after it is read) where they stop agreeing. Running maxima tell for
    all positions at once whether it was last set or last cleared.
    """
    size = len(gold.types)
    if not size:
        return {}
    type_before = np.concatenate(([0], gold.types[:-1]))
    same_before = type_before == np.concatenate(([0], predicted.types[:-1]))
    same = gold.types == predicted.types
    closed = gold.ends & predicted.ends & same_before
    clears = closed | (gold.ends != predicted.ends) | ~same
    sets = gold.starts & predicted.starts & same
    position = np.arange(1, size + 1)
    last_set = np.maximum.accumulate(np.where(sets, position, 0))
    last_clear = np.maximum.accumulate(np.where(clears, position, 0))
    correct_so_far = (last_set > 0) & (last_set >= last_clear)  # after position i
    closed &= np.concatenate(([False], correct_so_far[:-1]))

    correct = np.bincount(type_before[closed], minlength=len(labels))
    if correct_so_far[-1]:  # the file ends inside a span
        correct[gold.types[-1]] += 1
    support = np.bincount(gold.types[gold.starts], minlength=len(labels))
    return counts_by_label(
        labels, support, np.bincount(predicted.types[predicted.starts], minlength=len(labels)), correct
    )


def counts_by_label(labels: Sequence[str], support: _Ints, found: _Ints, correct: _Ints) -> dict[str, SpanCounts]:
    """Return label → counts, sorted, for the labels that have any; the arrays have the shape (labels,)."""
    columns = zip(labels, support.tolist(), found.tolist(), correct.tolist(), strict=True)
    return {label: SpanCounts(*counts) for label, *counts in sorted(columns) if any(counts)}
