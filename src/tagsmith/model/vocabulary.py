"""Vocabulary: words and characters as rows of the network's tables.

A word *form* (an exact spelling) is encoded as the row of its pretrained vector, the row of its trained vector, the
rows of its characters, and its shape, see :class:`Forms`. The network sees nothing else of a word, so a form's encoding
can be computed once and cached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.model.ngrams import Ngrams, ngrams_from_dict

Rows = npt.NDArray[np.int32]

NO_VECTOR = 0  # the row of zeros in the pretrained table
# Rows of the trained table for words outside the training set: with a pretrained vector, and without.
UNSEEN_WORD, UNKNOWN_WORD = 0, 1
CHARACTER_PADDING, UNKNOWN_CHARACTER = 0, 1
MOST_WORDS = 5_000_000  # of each kind
LONGEST_SPELLING = 24  # characters read per word; of longer words the first 12 and the last 12


class Forms(NamedTuple):
    """n word forms as rows of the network's tables."""

    pretrained: Rows  # (n,) 0: no pretrained vector
    trained: Rows  # (n,) 0 or 1: not in the training set
    characters: Rows  # (n, LONGEST_SPELLING) 0: past the end of the word
    shapes: Rows  # (n,)


@dataclass(frozen=True)
class Vocabulary:
    """The words and characters of every table."""

    words: tuple[str, ...]  # words of the training set, lowercased unless ``exact``; word i has row i + 2
    pretrained: tuple[str, ...]  # words with a pretrained vector, as their file spells them; word i has row i + 1
    characters: tuple[str, ...]  # characters of the training set; character i has row i + 2
    exact: bool = False  # whether the trained row is that of the exact form: "The" is another word than "the"
    ngrams: Ngrams | None = field(default=None, kw_only=True)  # what composes vectors of other words

    @cached_property
    def _word_rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words, 2)}

    @cached_property
    def _pretrained_rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.pretrained, 1)}

    @cached_property
    def _character_rows(self) -> tuple[npt.NDArray[np.uint32], Rows]:
        """The known code points, sorted, and their rows."""
        codes = np.array([ord(character) for character in self.characters], np.uint32)
        order = np.argsort(codes)
        return codes[order], (order + 2).astype(np.int32)

    def have_vectors(self, forms: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether forms, or their lowercased forms, have pretrained vectors, or n-grams compose some (n,)."""
        rows = self._pretrained_rows
        has = np.array([form in rows or form.lower() in rows for form in forms], bool)
        return has if self.ngrams is None else has | self.ngrams.have(forms)

    def encode(self, forms: Sequence[str]) -> Forms:
        """Look up forms in every table.

        The pretrained row is that of the exact form, or else of its lowercased form; the trained row is that of the
        lowercased form, or with ``exact`` of the exact one. Forms whose vectors n-grams compose have no pretrained row,
        but count as forms with a vector.
        """
        lowered = [form.lower() for form in forms]
        find, trained = self._pretrained_rows.get, self._word_rows.get
        pretrained = np.array(
            [find(form) or find(low, NO_VECTOR) for form, low in zip(forms, lowered, strict=True)], np.int32
        )
        keys = forms if self.exact else lowered
        seen = np.array([trained(key, UNSEEN_WORD) for key in keys], np.int32)
        unknown = np.flatnonzero((seen == UNSEEN_WORD) & (pretrained == NO_VECTOR))
        if self.ngrams is not None:
            unknown = unknown[~self.ngrams.have([forms[number] for number in unknown.tolist()])]
        seen[unknown] = UNKNOWN_WORD
        return Forms(
            pretrained,
            seen,
            self._encode_characters(forms),
            np.array([word_shape(form) for form in forms], np.int32),
        )

    def _encode_characters(self, forms: Sequence[str]) -> Rows:
        rows = np.zeros((len(forms), LONGEST_SPELLING), np.int32)
        codes = np.frombuffer("".join(forms).encode("utf-32-le", "surrogatepass"), np.uint32)
        if not len(codes):
            return rows
        lengths = np.fromiter(map(len, forms), np.int64, len(forms))
        known, known_rows = self._character_rows
        characters = np.full(len(codes), UNKNOWN_CHARACTER, np.int32)
        if len(known):
            nearest = np.minimum(np.searchsorted(known, codes), len(known) - 1)
            characters = np.where(known[nearest] == codes, known_rows[nearest], characters)
        form = np.repeat(np.arange(len(forms)), lengths)
        position = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        # A long word keeps its first half and, shifted left, its last half.
        surplus = np.repeat(np.maximum(lengths - LONGEST_SPELLING, 0), lengths)
        half = LONGEST_SPELLING // 2
        late = position >= half + surplus
        kept = (position < half) | late
        column = np.where(late, position - surplus, position)
        rows[form[kept], column[kept]] = characters[kept]
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        lists = {"words": self.words, "pretrained": self.pretrained, "characters": self.characters}
        values = {**lists, "exact": self.exact}
        return values if self.ngrams is None else {**values, "ngrams": self.ngrams.as_dict()}


def vocabulary_from_dict(values: Any) -> Vocabulary:
    """Rebuild a :class:`Vocabulary` from :meth:`Vocabulary.as_dict`.

    Raises ValueError: these are other values than that returns.
    """
    names = ("words", "pretrained", "characters")
    if not isinstance(values, dict) or values.keys() - {"ngrams"} != {*names, "exact"}:
        raise ValueError(f"it does not have exactly the fields {', '.join(names)}, exact")
    if type(values["exact"]) is not bool:
        raise ValueError("exact is not true or false")
    for name in names:
        if not isinstance(values[name], list) or not {str}.issuperset(map(type, values[name])):
            raise ValueError(f"{name} is not a list of texts")
        if len(values[name]) > MOST_WORDS:
            raise ValueError(f"{name} has {len(values[name]):,} entries, and at most {MOST_WORDS:,} are read")
    if not {1}.issuperset(map(len, values["characters"])):
        raise ValueError("one of the characters is not one character")
    for name in ("words", "characters"):  # of a pretrained word that is there twice, the last row counts
        if len(set(values[name])) < len(values[name]):
            raise ValueError(f"one of the {name} is there twice")
    words, pretrained, characters = (tuple(values[name]) for name in names)
    ngrams = ngrams_from_dict(values["ngrams"]) if "ngrams" in values else None
    return Vocabulary(words, pretrained, characters, values["exact"], ngrams=ngrams)


def build_vocabulary(
    words: Iterable[str], pretrained: Iterable[str] = (), *, exact: bool = False, ngrams: Ngrams | None = None
) -> Vocabulary:
    """Collect the vocabulary of a training set; with ``exact``, words keep their capitals.

    Words are sorted by falling frequency, then by spelling, so that the same data give the same rows. A character that
    occurs only once stays unknown, so that the unknown row can be trained.
    """
    counts = Counter(words)
    lowered: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        lowered[word if exact else word.lower()] += count
        for character in word:
            characters[character] += count
    return Vocabulary(
        tuple(sorted(lowered, key=lambda word: (-lowered[word], word))),
        tuple(pretrained),
        tuple(sorted(character for character, count in characters.items() if count > 1)),
        exact,
        ngrams=ngrams,
    )


def word_shape(word: str) -> int:
    """Return the class of a word's spelling, 0 to 9.

    0 lowercase, 1 Capitalized, 2 one capital letter, 3 ALL CAPITALS, 4 miXed, 5 letters without case (Chinese,
    Arabic, …), 6 digits only, 7 digits with other signs but no letter, 8 digits and letters, 9 other signs only.
    """
    if word.isalpha():
        return _letters_shape(word)
    if word.isdigit():
        return 6
    letters = any(map(str.isalpha, word))
    if any(map(str.isdigit, word)):
        return 8 if letters else 7
    return _letters_shape(word) if letters else 9


def _letters_shape(word: str) -> int:
    if word.islower():
        return 0
    if word.isupper():
        return 2 if len(word) == 1 else 3
    if not word[:1].isupper():
        return 5 if word.lower() == word.upper() else 4
    return 1 if word[1:].islower() or word.istitle() else 4
