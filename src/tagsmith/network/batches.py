"""Training batches: sentences as arrays, several of them in a row.

Training needs few distinct array shapes (each is compiled once), random batches and no padding: :func:`pack_rows`
puts several sentences into one row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.sentences import Sentences
from tagsmith.model.vocabulary import LONGEST_SPELLING, NO_VECTOR, UNKNOWN_WORD, UNSEEN_WORD, Forms, Rows, Vocabulary

Integers = npt.NDArray[np.int64]
Tags = npt.NDArray[Any]  # int32 rows of the network's tags, or float32 probabilities of each of them
WINDOW = 32  # sentences among which the next one of a row is looked for
SHORT_SPELLING = LONGEST_SPELLING // 2  # most words are no longer
LONG_SHARE = 8  # one form in so many may be longer


class Batch(NamedTuple):
    """One batch: B rows of T tokens, each row holding several sentences one after another.

    Between them the rows have U distinct word forms, which have R distinct rows of the trained table.
    """

    trained: Rows  # (R,) rows of the trained table; -1: filling
    forms: Forms  # U forms, ``forms.trained`` counting within ``trained``
    words: Rows  # (B, T) index into the forms; 0 in the padding
    sentences: Rows  # (B, T) 1, 2, … in a row's first, second, … sentence; 0 in the padding at its end
    tags: tuple[Tags, ...]  # for each layer (B, T), or (B, T, L) probabilities; 0 in the padding
    # Whole spellings (V, LONGEST_SPELLING) of the first V forms; ``forms.characters`` has only the first SHORT_SPELLING
    # characters then, and later forms have no more. Empty: it has them all.
    long: tuple[Rows, ...] = ()


@dataclass(frozen=True)
class EncodedSentences:
    """A corpus as flat arrays: each distinct word form once, each token as the index of its form."""

    forms: Forms
    words: Rows  # (tokens,)
    tags: tuple[Tags, ...]  # for each layer (tokens,), or (tokens, L) probabilities
    lengths: Integers  # (sentences,) or pieces of those that were too long

    @property
    def starts(self) -> Integers:
        """Index of each sentence's first token."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return len(self.words)


def encode_sentences(
    sentences: Sentences, tags: Sequence[Tags], vocabulary: Vocabulary, longest: int
) -> EncodedSentences:
    """Encode sentences whose ``tags`` are rows of the network's tags already.

    They are, for each layer, (tokens,) rows, or (tokens, L) probabilities of each of the tags.
    Sentences of more than ``longest`` tokens are cut into pieces of that length. (Cutting is for training alone, where
    it bounds memory; tagging never cuts.)
    """
    rows = sentences.store.word_rows[sentences.token_places()]
    # Forms stand in the order in which they first appear.
    distinct, first, forms_of_tokens = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    forms = vocabulary.encode([sentences.store.words[row] for row in distinct[order]])
    words = np.argsort(order)[forms_of_tokens].astype(np.int32)
    return EncodedSentences(forms, words, tuple(tags), piece_lengths(sentences.lengths, longest))


def piece_lengths(lengths: Integers, longest: int) -> Integers:
    """Return the lengths of the pieces into which sentences of these lengths are cut.

    >>> piece_lengths(np.array([3, 7]), 3).tolist()
    [3, 3, 3, 1]
    """
    pieces = -(-lengths // longest)
    cut = np.full(int(pieces.sum()), longest, np.int64)
    last = np.cumsum(pieces)[pieces > 0] - 1
    cut[last] = (lengths - (pieces - 1) * longest)[pieces > 0]
    return cut


def row_lengths(lengths: Integers, token_budget: int) -> list[int]:
    """Return the few lengths of rows, shortest first, that an epoch's batches have: each is compiled once.

    Short rows make wide batches, which are fast, but a row must hold a whole sentence. So the longest sentence's
    length is halved, and halved again, until a row would not hold nine tenths of the corpus or a batch has 16 rows.
    """
    longest = int(lengths.max())
    at_least = max(_covering(lengths, 0.9), token_budget // 16)
    rows = [longest]
    while (shorter := max(rows[-1] // 2, at_least)) <= 0.75 * rows[-1]:
        rows.append(shorter)
    return rows[::-1]


def _covering(lengths: Integers, share: float) -> int:
    """Return the sentence length up to which sentences hold ``share`` of the tokens."""
    ordered = np.sort(lengths)
    return int(ordered[np.searchsorted(np.cumsum(ordered), share * ordered.sum())])


Packed = list[list[int]]  # a batch: for each of its rows the sentences in it


def pack_rows(
    lengths: Integers, rows: Sequence[int], token_budget: int, rng: np.random.Generator
) -> list[tuple[int, Packed]]:
    """Put one epoch's sentences, in random order, into rows, and the rows into batches of about ``token_budget``.

    Returns (row length, batch) pairs in random order. A row begins with the next sentence; of the ``WINDOW`` after it,
    the longest that still fits is added, until none fits. Rows of the longer lengths are begun by a sentence that fits
    no shorter row, and filled up with any.
    """
    size = lengths.tolist()
    order = rng.permutation(len(size)).tolist()
    batches: list[tuple[int, Packed]] = []
    # Long sentences first, so that short ones are left to fill up behind them.
    for number, row_length in reversed(list(enumerate(rows))):
        shorter = rows[number - 1] if number else 0
        starting = deque(index for index in order if size[index] > shorter)
        filling = deque(index for index in order if size[index] <= shorter)
        packed: Packed = []
        while starting:
            row = [starting.popleft()]
            room = row_length - size[row[0]]
            while next_sentence := _fitting(starting, size, room) or _fitting(filling, size, room):
                row.extend(next_sentence)
                room -= size[next_sentence[0]]
            packed.append(row)
        order = list(filling)
        mixed = [packed[index] for index in rng.permutation(len(packed))]
        width = _width(token_budget, row_length)
        batches.extend((row_length, mixed[first : first + width]) for first in range(0, len(mixed), width))
    return [batches[index] for index in rng.permutation(len(batches))]


def training_batches(
    encoded: EncodedSentences,
    rows: Sequence[int],
    token_budget: int,
    rng: np.random.Generator,
    unknown_rate: float = 0.0,
) -> Iterator[Batch]:
    """Yield one epoch of random batches, see :func:`pack_rows`.

    In each batch, the trained row of a word is replaced, with probability ``unknown_rate``, by the row of words that
    training did not see, so that this row learns what new words are like.
    """
    starts, vectors = encoded.starts, encoded.forms
    unseen = np.where(vectors.pretrained == NO_VECTOR, UNKNOWN_WORD, UNSEEN_WORD).astype(np.int32)
    for row_length, packed in pack_rows(encoded.lengths, rows, token_budget, rng):
        width = _width(token_budget, row_length)
        token, sentences = _places(packed, encoded.lengths, starts, width, row_length)
        inside = sentences > 0
        distinct, index = np.unique(encoded.words[token], return_inverse=True)
        words = _spread(index, inside)
        tags = tuple(_spread(rows[token], inside) for rows in encoded.tags)
        trained = vectors.trained[distinct]
        if unknown_rate:
            dropped = rng.random(len(distinct)) < unknown_rate
            trained = np.where(dropped, unseen[distinct], trained)
        table_rows, place = np.unique(trained, return_inverse=True)
        room = _room(len(distinct), width * row_length)
        forms = Forms(
            _filled(vectors.pretrained[distinct], room),
            _filled(place.astype(np.int32), room),
            _filled(vectors.characters[distinct], room),
            _filled(vectors.shapes[distinct], room),
        )
        yield Batch(_filled(table_rows.astype(np.int32), width * row_length, -1), forms, words, sentences, tuple(tags))


def _spread(values: npt.NDArray[Any], inside: npt.NDArray[np.bool_]) -> Tags:
    """Values of the tokens, row after row, in their places (B, T, …); 0 elsewhere."""
    spread = np.zeros((*inside.shape, *values.shape[1:]), _kind(values))
    spread[inside] = values
    return spread


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """Cut a batch's rows into ``parts`` of equal size, the last filled up with rows of padding.

    Each part has the forms of its own tokens, long words first, so that the network need not read as many characters of
    every word as of the longest; all parts refer to the same rows of the trained table.
    """
    rows, row_length = batch.words.shape
    size = -(-rows // parts)

    def cut(array: Tags, part: int) -> Tags:
        return _filled(array[part * size : (part + 1) * size], size)

    halves = []
    for part in range(parts):
        sentences = cut(batch.sentences, part)
        inside = sentences > 0
        words = cut(batch.words, part)
        distinct, index = np.unique(words[inside], return_inverse=True)
        room = _room(len(distinct), size * row_length)
        is_long = batch.forms.characters[distinct, SHORT_SPELLING:].any(axis=1)
        order = np.argsort(~is_long, kind="stable")
        words[inside] = np.argsort(order)[index]
        forms = Forms(*(_filled(rows[distinct[order]], room) for rows in batch.forms))
        long: tuple[Rows, ...] = ()
        if is_long.sum() <= (most := -(-room // LONG_SHARE)):
            long = (forms.characters[:most],)
            forms = forms._replace(characters=forms.characters[:, :SHORT_SPELLING])
        tags = tuple(cut(rows, part) for rows in batch.tags)
        halves.append(Batch(batch.trained, forms, words, sentences, tags, long))
    return halves


def _room(forms: int, tokens: int) -> int:
    """How many forms an array is made for: three quarters of the tokens, else as many. Each shape is compiled once."""
    return tokens if forms > 3 * tokens // 4 else max(1, 3 * tokens // 4)


def _width(token_budget: int, row_length: int) -> int:
    """Rows in a batch: an even number, because each half may be computed by a processor of its own."""
    return 2 * max(1, round(token_budget / row_length / 2))


def _fitting(waiting: deque[int], size: Sequence[int], room: int) -> list[int]:
    """Take the longest of the first ``WINDOW`` sentences waiting that has room; none if there is none."""
    best, place = 0, -1
    for number, index in enumerate(islice(waiting, WINDOW)):
        if best < size[index] <= room:
            best, place = size[index], number
    if not best:
        return []
    longest = waiting[place]
    del waiting[place]
    return [longest]


def _places(packed: Packed, lengths: Integers, starts: Integers, width: int, row_length: int) -> tuple[Integers, Rows]:
    """Index of every token of a batch, row after row, and the (B, T) number of each token's sentence in its row."""
    sentences = np.zeros((width, row_length), np.int32)
    tokens = []
    for row, members in enumerate(packed):
        first = 0
        for number, index in enumerate(members, 1):
            end = first + lengths[index]
            sentences[row, first:end] = number
            tokens.append(np.arange(starts[index], starts[index] + lengths[index]))
            first = end
    return np.concatenate(tokens), sentences


def _filled(array: Tags, size: int, value: int = 0) -> Tags:
    """Lengthen an array with ``value``."""
    filled = np.full((size, *array.shape[1:]), value, _kind(array))
    filled[: len(array)] = array
    return filled


def _kind(array: npt.NDArray[Any]) -> type:
    """The type that the network gets: float32 for probabilities, else int32."""
    return np.float32 if array.dtype.kind == "f" else np.int32
