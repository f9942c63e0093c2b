"""fastText's binary model: a dictionary, and a matrix with a row for each of its words and for each bucket of n-grams.

The file holds, in little-endian order: a magic number, the version, the settings, the dictionary, whether the matrix is
quantized, the matrix, and what fastText needs to train on.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from tagsmith.model.ngrams import BLOCK, MOST_CHARACTERS, ngram_buckets, sums_of_rows

Floats = npt.NDArray[np.float32]

MAGIC = struct.pack("<i", 793712314)
VERSIONS = (11, 12)
SUPERVISED = 3  # the model that is a classifier of texts
DAMAGED = "It is damaged: download it again."
WORD, LABEL = 0, 1  # types of entries
MOST_DIMENSIONS = 10_000
LONGEST_WORD = 1 << 16  # bytes
_SETTINGS = struct.Struct("<ii12id")
_SIZES = struct.Struct("<iiiqq")
_SHAPE = struct.Struct("<?qq")


class Fail(Protocol):
    """Raises the error about the file."""

    def __call__(self, problem: str, remedy: str) -> NoReturn:
        """Raise it."""


@dataclass(frozen=True, slots=True, eq=False)
class FastText:
    """A model of n words: their rows in the ``matrix`` (n + buckets, d), then those of the buckets of n-grams."""

    words: tuple[bytes, ...]
    shortest: int  # characters of an n-gram
    longest: int  # 0: the model has none
    buckets: int
    matrix: Floats  # read from the file as it is used, unless that is compressed

    def vectors(self, places: npt.ArrayLike) -> Iterator[tuple[Floats, npt.NDArray[np.uint32]]]:
        """Yield fastText's vectors of the words at ``places``, block by block, and the buckets that they are made of.

        A vector is not finite if a number in the file is not, or all are too large to be added.
        """
        places = np.asarray(places, np.int64)
        for start in range(0, len(places), BLOCK):
            block = places[start : start + BLOCK]
            words = [self.words[place] for place in block]
            numbers, counts = ngram_buckets(words, self.shortest, self.longest, self.buckets)
            rows = len(self.words) + numbers.astype(np.int64)
            with np.errstate(over="ignore", invalid="ignore"):
                sums = self.matrix[block] + sums_of_rows(self.matrix.__getitem__, rows, counts, self.matrix.shape[1])
                yield sums / (counts + 1)[:, None].astype(np.float32), numbers


def read_fasttext(content: bytearray | mmap.mmap, fail: Fail) -> FastText:
    """Read a model; no memory is taken for what the content only says that it has."""
    _check_size(content, position := _SETTINGS.size + _SIZES.size, "settings", fail)
    _, version, *settings, _ = _SETTINGS.unpack_from(content)
    dimensions, model, buckets, shortest, longest = (settings[number] for number in (0, 7, 8, 9, 10))
    entries, words, labels, _, pruned = _SIZES.unpack_from(content, _SETTINGS.size)
    if version not in VERSIONS:
        fail(f"This is a fastText model of version {version}.", "Save it with fastText 0.9, which writes version 12.")
    if not 0 < dimensions <= MOST_DIMENSIONS:
        fail(f"Its vectors have {dimensions:,} dimensions.", f"They may have 1 to {MOST_DIMENSIONS:,}.")
    if longest > MOST_CHARACTERS:
        fail(f"It has n-grams of {longest:,} characters.", f"They may have up to {MOST_CHARACTERS}.")
    if min(words, labels, buckets) < 0 or words + labels != entries:
        fail("Its numbers of words and labels do not agree.", DAMAGED)
    if not words:
        fail("It has no words.", "Train it on more text, or with a lower minCount.")
    dictionary, position = _read_dictionary(content, position, words, labels, fail)
    _check_size(content, position + _SHAPE.size, "matrix", fail)
    quantized, rows, columns = _SHAPE.unpack_from(content, position)
    if quantized or pruned >= 0:
        problem = "This is a quantized fastText model (.ftz), which lacks most of its words and vectors."
        fail(problem, "Give the .bin file that it was made of.")
    if columns != dimensions or rows != words + buckets:
        fail("Its matrix has another size than its dictionary and settings say.", DAMAGED)
    position += _SHAPE.size
    _check_size(content, position + 4 * rows * columns, "matrix", fail)
    matrix = np.frombuffer(content, "<f4", rows * columns, position).reshape(rows, columns)
    # The rest is of no use here, but a file without it was cut short.
    position += 4 * rows * columns
    _check_size(content, position + _SHAPE.size, "output matrix", fail)
    _, rows, columns = _SHAPE.unpack_from(content, position)
    _check_size(content, position + _SHAPE.size + 4 * max(rows, 0) * max(columns, 0), "output matrix", fail)
    if (version == 11 and model == SUPERVISED) or not buckets or longest < shortest:
        longest = 0
    return FastText(dictionary, max(shortest, 1), max(longest, 0), buckets, matrix)


def _read_dictionary(
    content: bytearray | mmap.mmap, position: int, words: int, labels: int, fail: Fail
) -> tuple[tuple[bytes, ...], int]:
    """Return the words, and the position after the last entry: a word, a zero, its count and its type."""
    _check_size(content, position + 10 * (words + labels), "dictionary", fail)
    dictionary = []
    for number in range(words + labels):
        end = content.find(b"\0", position, position + LONGEST_WORD + 1)
        if end < 0 and position + LONGEST_WORD < len(content):
            fail(f"A word is longer than {LONGEST_WORD:,} bytes.", DAMAGED)
        _check_size(content, end + 10 if end >= 0 else len(content) + 1, "dictionary", fail)
        if content[end + 9] != (WORD if number < words else LABEL):
            fail("Its words do not stand before its labels.", DAMAGED)
        dictionary.append(bytes(content[position:end]))
        position = end + 10
    return tuple(dictionary[:words]), position


def _check_size(content: bytearray | mmap.mmap, needed: int, part: str, fail: Fail) -> None:
    if needed > len(content):
        problem = f"The file ends within its {part}, after {len(content):,} bytes."
        fail(problem, "It was cut short: download it again.")
