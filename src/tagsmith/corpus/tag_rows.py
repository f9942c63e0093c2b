"""Tags as numbers: detection, legality and conversion to BIOES over whole corpora, without a string per token.

Whether a span starts or ends at a token depends on its tag and its neighbors' alone. So each question is answered once
for each pair of distinct tags, and looked up for all tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.sentences import NO_TAG, Integers, Rows
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import (
    OUTSIDE,
    Scheme,
    belongs,
    join_tag,
    may_follow,
    scheme_of_pairs,
    split_label,
    starts_span,
)

Booleans = npt.NDArray[np.bool_]


def neighbors(rows: Rows, lengths: Integers, border: int) -> tuple[Rows, Rows]:
    """Return the rows before and after each token of ``rows`` (tokens,); ``border`` where a sentence ends."""
    ends = np.cumsum(lengths[lengths > 0])
    before, after = np.empty_like(rows), np.empty_like(rows)
    before[1:], after[:-1] = rows[:-1], rows[1:]
    before[ends - lengths[lengths > 0]] = border
    after[ends - 1] = border
    return before, after


def detect_scheme_of_rows(rows: Rows, lengths: Integers, names: Sequence[str]) -> Scheme:
    """Find the scheme that explains the tags best, see :func:`~tagsmith.text.schemes.detect_scheme`."""
    known = rows != NO_TAG
    border = len(names)
    before, after = neighbors(np.where(known, rows, border), lengths, border)
    named: list[str | None] = [*names, None]
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    last = known & (after == border)
    small = np.int32 if (border + 1) ** 2 < 2**31 else np.int64  # the tokens may be many
    for firsts, seconds in ((before[known], rows[known]), (rows[last], after[last])):
        codes = firsts.astype(small)
        codes *= border + 1
        codes += seconds
        codes, counts = np.unique(codes, return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            pairs[named[code // (border + 1)], named[code % (border + 1)]] += count
    return scheme_of_pairs(pairs)


def illegal_sentences(rows: Rows, lengths: Integers, names: Sequence[str], scheme: Scheme) -> Integers:
    """Return the indices of the sentences whose tags the scheme would not write."""
    border = len(names)
    named: list[str | None] = [*names, None]
    fits = [name is None or belongs(name, scheme) for name in named]
    illegal = np.array(
        [
            [not (fits[i] and fits[j] and may_follow(named[i], named[j], scheme)) for j in range(border + 1)]
            for i in range(border + 1)
        ]
    )
    known = rows != NO_TAG
    before, after = neighbors(np.where(known, rows, border), lengths, border)
    wrong = (illegal[before, rows] | illegal[rows, after]) & known
    return np.unique(np.searchsorted(np.cumsum(lengths), np.flatnonzero(wrong), side="right"))


def inner_rows(rows: Rows, lengths: Integers, names: Sequence[str], layer: Layer) -> Rows:
    """Turn rows of the user's tags into rows of ``layer.tags``; ``NO_TAG`` stays.

    ``lengths`` may cut a sentence into pieces: a span that is cut becomes two legal ones. Illegal tags are read as
    :func:`~tagsmith.text.schemes.tags_to_spans` reads them.

    Raises KeyError: the layer does not have the label of a tag.
    """
    border = len(names)
    known = rows != NO_TAG
    if layer.gives_spans:
        before, after = neighbors(np.where(known, rows, border), lengths, border)
        named = [*names, OUTSIDE]
        starts = np.array([[starts_span(first, second, layer.scheme) for second in named] for first in named])
        opens, goes_on = starts[before, rows], ~starts[rows, after] & (np.array(named) != OUTSIDE)[after]
        letters = np.where(opens, np.where(goes_on, 1, 0), np.where(goes_on, 3, 2))
    else:
        letters = np.zeros_like(rows)
    place = {tag: row for row, tag in enumerate(layer.tags)}
    table = [[place.get(_inner_tag(name, letter, layer), NO_TAG) for letter in "SBEI"] for name in names]
    inner: Rows = np.array([*table, [NO_TAG] * 4], np.int32)[rows, letters]
    if (missing := known & (inner == NO_TAG)).any():
        raise KeyError(names[rows[missing][0]])
    return inner


def _inner_tag(name: str, letter: str, layer: Layer) -> str:
    if name == OUTSIDE or not layer.gives_spans:
        return name
    return join_tag(letter, split_label(name, layer.scheme))
