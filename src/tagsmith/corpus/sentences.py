"""Sentences held as numbers, so that a corpus of millions of tokens fits in memory.

As Python objects a token takes some 170 bytes (its string, its offset, its tag, and the pointers to them); here it
takes sixteen: four for its word, eight for its offset, four for its tag. A sentence is made when it is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import eq
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from tagsmith.text.document import Sentence

Rows = npt.NDArray[np.int32]


class CompactSentences(Sequence[Sentence]):
    """A read-only sequence of sentences that have the same layers.

    Equal words and tags are one string each. Of what a format keeps in ``Sentence.meta`` only that stays which
    :func:`~tagsmith.formats.source.token_line` needs to tell on which line a token stands.

    Parameters
    ----------
    sentences
        Read once, one at a time.

    Raises
    ------
    ValueError
        The sentences differ in their layers.

    Examples
    --------
    >>> from tagsmith.text.document import sentence_from_words
    >>> held = CompactSentences([sentence_from_words(["John", "lives"], {"tags": ["B-PER", "O"]})])
    >>> held[0].words, held[0].layers["tags"]
    (('John', 'lives'), ('B-PER', 'O'))
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        words, starts, ends, lines = array("i"), array("q"), array("q", [0]), array("q")
        word_rows: dict[str, int] = {}
        tag_rows: dict[str, int] = {}
        layers: dict[str, array[int]] | None = None
        self._meta: dict[int, Mapping[str, Any]] = {}  # of the few sentences that need it
        for sentence in sentences:
            if layers is None:
                layers = {name: array("i") for name in sentence.layers}
            if layers.keys() != sentence.layers.keys():
                raise ValueError(f"layers {sorted(sentence.layers)} after sentences with {sorted(layers)}")
            words.extend([word_rows.setdefault(word, len(word_rows)) for word in sentence.words])
            starts.extend(sentence.starts)
            ends.append(len(words))
            if meta := _of_lines(sentence.meta):
                self._meta[len(lines)] = meta
            lines.append(sentence.line)
            for name, rows in layers.items():
                rows.extend([tag_rows.setdefault(tag, len(tag_rows)) for tag in sentence.layers[name]])
        self._words, self._tags = list(word_rows), list(tag_rows)
        self._word_rows = _numbers(words)
        self._layers = {name: _numbers(rows) for name, rows in (layers or {}).items()}
        self._starts, self._ends, self._lines = (np.frombuffer(part, np.int64) for part in (starts, ends, lines))

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> Sentence: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sentence]: ...
    def __getitem__(self, index: int | slice) -> Sentence | Sequence[Sentence]:
        """Make the sentence, or a list of sentences."""
        if isinstance(index, slice):
            return [self._sentence(place) for place in range(len(self))[index]]
        return self._sentence(range(len(self))[index])

    def __iter__(self) -> Iterator[Sentence]:
        return map(self._sentence, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether the other is a sequence of equal sentences."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    def _sentence(self, place: int) -> Sentence:
        first, end = self._ends[place], self._ends[place + 1]
        return Sentence(
            tuple(map(self._words.__getitem__, self._word_rows[first:end].tolist())),
            tuple(self._starts[first:end].tolist()),
            {name: tuple(map(self._tags.__getitem__, rows[first:end].tolist())) for name, rows in self._layers.items()},
            int(self._lines[place]),
            self._meta.get(place, {}),
        )


def _of_lines(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What moves a token from the line that its place in the sentence suggests."""
    between = [(position, "") for position, _ in meta.get("extra", ()) if position > 0]
    return ({"extra": between} if between else {}) | ({"record": True} if "record" in meta else {})


def _numbers(rows: array[int]) -> Rows:
    """An array over the same memory."""
    return np.frombuffer(rows, np.int32) if rows else np.zeros(0, np.int32)
