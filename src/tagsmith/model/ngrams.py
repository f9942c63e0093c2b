"""The n-grams of words, cut and numbered as fastText does: they give words outside its dictionary a vector.

A word stands between ``<`` and ``>``. An n-gram is a run of its characters; its 32-bit hash, modulo the number of
buckets, is the row of its vector. So n-grams share rows, and each has one. The vector of a word is the mean of its
n-grams' vectors and, if the dictionary has the word, its own (Bojanowski et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

MOST_CHARACTERS = 32  # of an n-gram; fastText's are of 3 to 6 by default
MOST_BUCKETS = 2**31 - 1
LONGEST_WORD = 1000  # characters; of longer words the first so many
SENTENCE_END = b"</s>"  # fastText's mark, a word without n-grams
BLOCK = 4096  # words that are cut at once
PIECE = 64  # n-grams that are summed at once
MOST_NUMBERS = 1 << 23  # of vectors in memory at once


def ngram_buckets(
    words: Sequence[bytes], shortest: int, longest: int, buckets: int
) -> tuple[npt.NDArray[np.uint32], Integers]:
    """Cut words into n-grams of ``shortest`` to ``longest`` characters.

    A character is a byte and the UTF-8 continuation bytes after it. ``<`` and ``>`` by themselves are no n-grams. The
    hash is FNV-1a, with bytes above 127 extended as negative numbers, as old files of fastText need it.

    Returns the bucket of each n-gram, word by word in fastText's order, and how many each word has (n,).

    Examples
    --------
    >>> ngram_buckets([b"ab", b"a"], 3, 6, 1000)[1].tolist()  # <ab ab> <ab>, and <a>
    [3, 1]
    """
    framed = [b"" if word == SENTENCE_END else b"<%b>" % word for word in words]
    text = np.frombuffer(b"".join(framed), np.int8)
    values = text.astype(np.uint32)
    starts = np.flatnonzero((text.view(np.uint8) & 0xC0) != 0x80)  # a row of characters, over all words
    widths = np.diff(starts, append=len(text))
    word = np.searchsorted(np.cumsum([len(one) for one in framed]), starts, side="right")
    sizes = np.bincount(word, minlength=len(words))
    ends = np.cumsum(sizes)
    end, begin = ends[word], (ends - sizes)[word]
    first = np.arange(len(starts))  # the first characters of all n-grams of a length, and their hashes so far
    hashes = np.full(len(starts), 2166136261, np.uint32)
    firsts, numbers = [first[:0]], [hashes[:0]]
    for length in range(1, longest + 1):
        inside = first + length <= end[first]
        first, hashes = first[inside], hashes[inside]
        last = first + length - 1
        width = widths[last]
        for byte in range(width.max(initial=0)):
            more = np.flatnonzero(width > byte)
            hashes[more] = (hashes[more] ^ values[starts[last[more]] + byte]) * np.uint32(16777619)
        if length >= shortest:
            whole = (first > begin[first]) & (last + 1 < end[first]) if length == 1 else slice(None)
            firsts.append(first[whole])
            numbers.append(hashes[whole] % np.uint32(buckets))
    all_firsts = np.concatenate(firsts)
    order = np.argsort(all_firsts, kind="stable")
    return np.concatenate(numbers)[order], np.bincount(word[all_firsts], minlength=len(words))


def sums_of_rows(take: Callable[[Any], Floats], rows: npt.NDArray[Any], counts: Integers, dimensions: int) -> Floats:
    """Sum the vectors of each word's rows → (n, dimensions).

    ``take`` gives the vectors of some rows. ``rows`` are those of all words, one word after another, ``counts`` (n,)
    how many each has. A word's sum does not depend on the other words.
    """
    sums = np.zeros((len(counts), dimensions), np.float32)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.flatnonzero(place % PIECE == 0)  # a word of many n-grams is summed in pieces
    word = np.repeat(np.arange(len(counts)), counts)[starts]
    bounds = np.append(starts, len(rows))
    pieces = max(1, MOST_NUMBERS // (PIECE * dimensions))
    for number in range(0, len(starts), pieces):
        end = min(number + pieces, len(starts))
        vectors = take(rows[bounds[number] : bounds[end]])
        np.add.at(sums, word[number:end], np.add.reduceat(vectors, starts[number:end] - starts[number], axis=0))
    return sums


@dataclass(frozen=True)
class Ngrams:
    """The n-grams that have a vector: row i is that of bucket ``known[i]``."""

    shortest: int  # characters, with < and >
    longest: int
    buckets: int
    lowercase: bool  # words are lowercased first, because no word of the dictionary has a capital
    known: tuple[int, ...]  # rising

    @cached_property
    def _known(self) -> Integers:
        return np.array(self.known, np.int64)

    def rows(self, forms: Sequence[str]) -> tuple[Integers, Integers, Integers]:
        """Return the rows of all known n-grams, form by form, how many each form has (n,), and with unknown ones."""
        forms = [form[:LONGEST_WORD] for form in forms]
        words = [(form.lower() if self.lowercase else form).encode("utf-8", "surrogatepass") for form in forms]
        numbers, counts = ngram_buckets(words, self.shortest, self.longest, self.buckets)
        rows = np.minimum(np.searchsorted(self._known, numbers), len(self.known) - 1)
        known = self._known[rows] == numbers
        form = np.repeat(np.arange(len(forms)), counts)
        return rows[known], np.bincount(form[known], minlength=len(forms)), counts

    def have(self, forms: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether forms have a known n-gram, so that there is a vector for them (n,)."""
        known = [self.rows(forms[start : start + BLOCK])[1] for start in range(0, len(forms), BLOCK)]
        return np.concatenate([np.zeros(0, np.int64), *known]) > 0

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def ngrams_from_dict(values: Any) -> Ngrams:
    """Rebuild :class:`Ngrams` from :meth:`Ngrams.as_dict`; raise ValueError for other values than that returns."""
    match values:
        case {
            "shortest": int(shortest), "longest": int(longest), "buckets": int(buckets), "lowercase": bool(lowercase),
            "known": list(known), **others,
        } if not others and {int}.issuperset(map(type, [shortest, longest, buckets, *known])):  # fmt: skip
            if not (1 <= shortest <= longest <= MOST_CHARACTERS and 1 <= buckets <= MOST_BUCKETS):
                raise ValueError("its n-grams have an impossible length or number")
            if not known or not all(one < next_one for one, next_one in pairwise([-1, *known, buckets])):
                raise ValueError("the known n-grams are not rising numbers of buckets")
            return Ngrams(shortest, longest, buckets, lowercase, tuple(known))
    raise ValueError("its n-grams are altered")
