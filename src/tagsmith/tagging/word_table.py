"""Word table: a bounded cache of the word graph's output for each word form."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Encode = Callable[[Sequence[str]], Sequence[Array]]  # n forms → arrays (n, …), one for each column
CAPACITY = 28_672  # forms; at the balanced preset's size 56 MB in 8 bits, 184 MB in float32
MOST_CHARACTERS = 1 << 24  # of the forms kept: a word may be as long as a text
BLOCK_FORMS = 512  # new forms encoded at a time
FEW_TOKENS = 256  # up to here, looking for repeated forms costs more than it saves

_tables: WeakSet[WordTable] = WeakSet()


class Column(NamedTuple):
    """One array of the table: its numbers per form, and their type."""

    size: int
    kind: npt.DTypeLike


class FormColumns(NamedTuple):
    """The forms of some sentences: the row of each token, (tokens,), in the ``columns``, (forms, size).

    The arrays are copies, so later look-ups never change them.
    """

    tokens: npt.NDArray[np.int32]
    columns: tuple[Array, ...]


class WordTable:
    """The columns of the word forms seen so far.

    ``encode`` computes the columns of new forms. The memory is allocated once: when it holds ``capacity`` forms, or
    forms of ``MOST_CHARACTERS`` in all, the table is cleared, and the frequent words are back after a few batches. Safe
    to use from several threads, and in forked children.
    """

    def __init__(self, encode: Encode, columns: Sequence[Column], capacity: int = CAPACITY) -> None:
        self._encode, self._capacity = encode, capacity
        # The system provides the memory only as it is written to.
        self._columns = tuple(np.empty((capacity, column.size), column.kind) for column in columns)
        self._reset()
        _tables.add(self)

    def _reset(self) -> None:
        self._rows: dict[str, int] = {}
        self._characters = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def look_up(self, sentences: Iterable[Sequence[str]]) -> FormColumns:
        """Look up the forms of all tokens, encoding new ones; there may be at most ``capacity`` distinct forms."""
        words = list(chain.from_iterable(sentences))
        with self._lock:
            tokens = self._rows_of(words)
            if len(missing := np.flatnonzero(tokens < 0)):
                new = dict.fromkeys([words[token] for token in missing.tolist()])
                if len(self._rows) + len(new) > self._capacity or self._characters > MOST_CHARACTERS:
                    self._rows.clear()
                    self._characters = 0
                    new = dict.fromkeys(words)
                    if len(new) > self._capacity:
                        raise ValueError(f"{len(new)} word forms at once in a table for {self._capacity}")
                self._add(list(new))
                tokens = self._rows_of(words)
            if len(tokens) <= FEW_TOKENS:
                return FormColumns(
                    np.arange(len(tokens), dtype=np.int32), tuple(column[tokens] for column in self._columns)
                )
            used = np.zeros(len(self._rows), bool)
            used[tokens] = True
            distinct = np.flatnonzero(used)
            columns = tuple(column[distinct] for column in self._columns)
        places = np.cumsum(used, dtype=np.int32) - 1
        return FormColumns(places[tokens], columns)

    def _rows_of(self, words: Sequence[str]) -> npt.NDArray[np.int32]:
        """The row of each word, -1 for a new one."""
        return np.fromiter(map(self._rows.get, words, repeat(-1)), np.int32, len(words))

    def _add(self, new: list[str]) -> None:
        for word in new:  # whatever is no string is in no table, so it comes by here
            if not isinstance(word, str):
                raise TypeError(f"a word is a {type(word).__name__}, not a string")
        first = len(self._rows)
        new.sort(key=len)  # the character encoder pads each block to its longest form
        for start in range(0, len(new), BLOCK_FORMS):
            block = new[start : start + BLOCK_FORMS]
            for column, values in zip(self._columns, self._encode(block), strict=True):
                column[first + start : first + start + len(block)] = values
        self._rows.update(zip(new, range(first, first + len(new)), strict=True))
        self._characters += sum(map(len, new))


def _after_fork() -> None:
    """Reset the tables of a forked child: a thread that held a lock or was writing rows does not exist there."""
    for table in _tables:
        table._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
