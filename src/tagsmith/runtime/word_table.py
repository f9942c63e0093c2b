"""A bounded cache: word form → its encoding, computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]  # n forms → (n, encoding_size)


class WordTable:
    """Encodings of the word forms seen so far.

    When more than ``capacity`` forms have been seen the table is emptied and starts anew: memory stays bounded, and the
    frequent words are back after a few batches. Safe to use from several threads at once.

    Parameters
    ----------
    encode
        Computes the encodings of new forms.
    size
        Length of an encoding.
    capacity
        Most forms kept (a single call may exceed it while it runs).
    """

    def __init__(self, encode: Encode, size: int, capacity: int = 200_000) -> None:
        self._encode, self._size, self._capacity = encode, size, capacity
        self._lock = threading.Lock()
        self._clear()

    def __len__(self) -> int:
        return len(self._rows)

    def _clear(self) -> None:
        self._rows: dict[str, int] = {}
        self._encodings = np.empty((1024, self._size), np.float32)

    def look_up(self, sentences: Sequence[Sequence[str]]) -> tuple[npt.NDArray[np.int32], Floats]:
        """Return each token's row, all sentences in one array, and the encodings that the rows index.

        The encodings are a snapshot: later calls never change the rows handed out.
        """
        words = list(chain.from_iterable(sentences))
        with self._lock:
            if len(self._rows) > self._capacity:
                self._clear()
            rows = list(map(self._rows.get, words))
            if None in rows:
                self._add(dict.fromkeys(word for word, row in zip(words, rows, strict=True) if row is None))
                rows = list(map(self._rows.get, words))
            return np.array(rows, np.int32), self._encodings

    def _add(self, forms: dict[str, None]) -> None:
        first, count = len(self._rows), len(forms)
        if first + count > len(self._encodings):
            grown = np.empty((max(first + count, 2 * len(self._encodings)), self._size), np.float32)
            grown[:first] = self._encodings[:first]
            self._encodings = grown
        new = list(forms)
        # Similar lengths together: the character encoder pads each block to its longest form.
        new.sort(key=len)
        for start in range(0, count, 4096):
            block = new[start : start + 4096]
            self._encodings[first + start : first + start + len(block)] = self._encode(block)
        self._rows.update(zip(new, range(first, first + count), strict=True))
