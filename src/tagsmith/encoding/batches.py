"""Sentences → arrays, and which sentences share a batch.

Training wants few distinct array shapes (each is compiled once) and random batches; :func:`bucket_edges` finds the
few sentence lengths that waste the least padding. Tagging wants rows of nearly equal length; :func:`length_batches`
cuts the sentences, sorted by length, by a token budget.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.encoding.vocabulary import NO_VECTOR, UNKNOWN_WORD, UNSEEN_WORD, Forms, Rows, Vocabulary

Integers = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """One batch of B sentences of at most T tokens, with U distinct word forms between them.

    Rows past the real number of sentences have length 0; forms past the real number are padding that no token uses.
    """

    forms: Forms  # U forms
    words: Rows  # (B, T) index into the forms; 0 past a sentence's end
    lengths: Rows  # (B,) tokens of each sentence
    tags: Rows  # (B, T) 0 past a sentence's end


@dataclass(frozen=True)
class EncodedSentences:
    """A corpus as flat arrays: each distinct word form once, each token as the index of its form."""

    forms: Forms
    counts: Integers  # (forms,) how often each form's trained row occurs
    words: Rows  # (tokens,)
    tags: Rows  # (tokens,)
    lengths: Integers  # (sentences,)

    @property
    def starts(self) -> Integers:
        """Index of each sentence's first token."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return len(self.words)


def encode_sentences(
    sentences: Sequence[Sequence[str]],
    tags: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
    tag_rows: dict[str, int],
    longest: int,
) -> EncodedSentences:
    """Encode labelled sentences; those of more than ``longest`` tokens are cut into pieces of that length.

    (Cutting is for training alone, where it bounds memory; tagging never cuts.)
    """
    form_rows: dict[str, int] = {}
    words = [form_rows.setdefault(word, len(form_rows)) for sentence in sentences for word in sentence]
    labels = [tag_rows[tag] for sentence in tags for tag in sentence]
    lengths: list[int] = []
    for sentence in sentences:
        whole, rest = divmod(len(sentence), longest)
        lengths.extend([longest] * whole + [rest] * (rest > 0))
    forms = vocabulary.encode(list(form_rows))
    rows = np.array(words, np.int32)
    per_trained_row = np.bincount(forms.trained[rows], minlength=len(vocabulary.words) + 2)
    return EncodedSentences(
        forms, per_trained_row[forms.trained], rows, np.array(labels, np.int32), np.array(lengths, np.int64)
    )


def bucket_edges(lengths: Integers, buckets: int) -> list[int]:
    """Return at most ``buckets`` padded lengths that minimise the padding of the given sentence lengths.

    Dynamic programming over the distinct lengths: with the k-th edge at length b, the sentences between the edge
    before it, a, and b cost (number of them) × b.
    """
    distinct, counts = np.unique(lengths, return_counts=True)
    many = np.concatenate([[0], np.cumsum(counts)])  # (distinct + 1,) sentences shorter than the i-th length
    best = np.full(len(distinct) + 1, np.inf)
    best[0] = 0.0
    choices = []
    for _ in range(min(buckets, len(distinct))):
        # cost[a, b]: the edge before stands at a, the next at b
        cost = best[:-1, None] + (many[None, 1:] - many[:-1, None]) * distinct[None, :]
        cost[np.tril_indices(len(distinct), -1)] = np.inf
        choices.append(np.argmin(cost, axis=0))
        best = np.concatenate([[np.inf], np.min(cost, axis=0)])
    edges: list[int] = []
    end = len(distinct) - 1
    for choice in reversed(choices):
        if end < 0:
            break
        edges.append(int(distinct[end]))
        end = int(choice[end]) - 1
    return edges[::-1]


def training_batches(
    encoded: EncodedSentences,
    edges: Sequence[int],
    token_budget: int,
    rng: np.random.Generator,
    unknown_rate: float = 0.0,
    unknown_count: int = 1,
) -> Iterator[Batch]:
    """Yield one epoch of random batches, each of about ``token_budget`` padded tokens.

    Every batch has the shape (sentences, edge) of its bucket, filled up with sentences of length 0. The trained row of
    a word seen at most ``unknown_count`` times is replaced, with probability ``unknown_rate``, by the row of words that
    training did not see, so that this row learns what new words are like.
    """
    bucket = np.searchsorted(np.asarray(edges), encoded.lengths)
    groups: list[tuple[int, Integers]] = []
    for number, edge in enumerate(edges):
        members = rng.permutation(np.flatnonzero(bucket == number))
        rows = _rows(token_budget, edge)
        groups.extend((edge, members[first : first + rows]) for first in range(0, len(members), rows))
    starts = encoded.starts
    for index in rng.permutation(len(groups)):
        edge, members = groups[index]
        rows = _rows(token_budget, edge)
        yield _assemble(encoded, starts, members, rows, edge, rng, unknown_rate, unknown_count)


def count_batches(lengths: Integers, edges: Sequence[int], token_budget: int) -> int:
    """Number of batches in an epoch of :func:`training_batches`."""
    members = np.bincount(np.searchsorted(np.asarray(edges), lengths), minlength=len(edges))
    return sum(-(-int(count) // _rows(token_budget, edge)) for count, edge in zip(members, edges, strict=True))


def _rows(token_budget: int, edge: int) -> int:
    """Sentences in a batch whose sentences are padded to ``edge`` tokens."""
    return max(1, round(token_budget / edge))


def _assemble(
    encoded: EncodedSentences,
    starts: Integers,
    members: Integers,
    rows: int,
    edge: int,
    rng: np.random.Generator,
    unknown_rate: float,
    unknown_count: int,
) -> Batch:
    lengths = np.zeros(rows, np.int32)
    lengths[: len(members)] = encoded.lengths[members]
    inside = np.arange(edge) < lengths[:, None]  # (B, T)
    first = np.zeros(rows, np.int64)
    first[: len(members)] = starts[members]
    token = (first[:, None] + np.arange(edge))[inside]
    distinct, index = np.unique(encoded.words[token], return_inverse=True)
    words = np.zeros((rows, edge), np.int32)
    words[inside] = index
    tags = np.zeros((rows, edge), np.int32)
    tags[inside] = encoded.tags[token]
    # Few shapes, each of which is compiled: room for three quarters of the tokens to be distinct, else for all.
    tokens = rows * edge
    padded = tokens if len(distinct) > 3 * tokens // 4 else 3 * tokens // 4
    chosen = np.zeros(padded, np.int64)
    chosen[: len(distinct)] = distinct
    trained = encoded.forms.trained[chosen]
    if unknown_rate:
        rare = encoded.counts[chosen] <= unknown_count
        unseen = np.where(encoded.forms.pretrained[chosen] == NO_VECTOR, UNKNOWN_WORD, UNSEEN_WORD)
        trained = np.where(rare & (rng.random(padded) < unknown_rate), unseen, trained).astype(np.int32)
    forms = Forms(
        encoded.forms.pretrained[chosen],
        trained,
        encoded.forms.characters[chosen],
        encoded.forms.shapes[chosen],
    )
    return Batch(forms, words, lengths, tags)


def length_batches(lengths: Integers, token_budget: int, most_sentences: int) -> Iterator[Integers]:
    """Yield the sentences' indices in batches of near-equal length, each batch's longest sentence first.

    A batch holds at most ``most_sentences`` sentences and at most ``token_budget`` tokens with padding, but always at
    least one sentence.
    """
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        longest = max(1, int(lengths[order[first]]))
        rows = min(most_sentences, max(1, token_budget // longest))
        yield order[first : first + rows]
        first += rows
