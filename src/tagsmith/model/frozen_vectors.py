"""Frozen 8-bit table of pretrained vectors, and its cache.

Reading a text file of vectors takes seconds, so the table is cached in the user's cache folder. Its file name depends
on the path, size and modification time of the vectors file: a changed file is read again.
"""

from __future__ import annotations

import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagsmith.files import cache_folder, digest, open_atomically
from tagsmith.model.vectors import FloatMatrix, Vectors, load_vectors, quantize_rows

FORMAT = 1  # of a cached file; part of its name
MOST_KEPT = 3  # cached files; the least recently used is deleted first


@dataclass(frozen=True, slots=True, eq=False)
class FrozenVectors:
    """The frozen table of n words: row i + 1 times its scale is the vector of ``words[i]``.

    ``rows`` are int8 (n + 1, d), ``scales`` float32 (n + 1, 1). Row 0, for words without a vector, is all zeros.
    """

    words: tuple[str, ...]
    rows: NDArray[np.int8]
    scales: FloatMatrix


def frozen_vectors(source: str | Path | Vectors) -> FrozenVectors:
    """Make the frozen table of vectors, or of what ``load_vectors`` reads from a source (errors as there)."""
    if isinstance(source, Vectors):
        return _freeze(source)
    if not Path(source).is_file():
        return _freeze(load_vectors(source))
    cached = _cached_file(Path(source))
    if (table := _read(cached)) is None:
        table = _freeze(load_vectors(source))
        _keep(cached, table)
    return table


def unit_variance(matrix: FloatMatrix) -> FloatMatrix:
    """Scale vectors to a standard deviation of 1 over all their numbers, like the trained vectors."""
    return np.asarray(matrix / max(float(matrix.std()), 1e-6), np.float32)


def _freeze(vectors: Vectors) -> FrozenVectors:
    table = np.concatenate([np.zeros((1, vectors.matrix.shape[1]), np.float32), unit_variance(vectors.matrix)])
    return FrozenVectors(vectors.words, *quantize_rows(table))


def _cached_file(path: Path) -> Path:
    state = path.stat()
    name = f"{FORMAT}\n{path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
    return cache_folder("vectors") / f"{digest(name.encode('utf-8', 'surrogateescape'))}.npz"


def _read(cached: Path) -> FrozenVectors | None:
    """Read a cached file; None if it is missing or damaged."""
    try:
        # NumPy does not close a file that it cannot read, so it is opened here.
        with cached.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            words = tuple(arrays["words"].tobytes().decode("utf-8").split("\n"))
            table = FrozenVectors(words, arrays["rows"], arrays["scales"])
        with suppress(OSError):
            os.utime(cached)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return table if len(table.rows) == len(table.scales) == len(words) + 1 else None


def _keep(cached: Path, vectors: FrozenVectors) -> None:
    """Write the cached file. If that fails, for example on a full disk, the next run reads the vectors again."""
    words = "\n".join(vectors.words)
    if not vectors.words or words.count("\n") != len(vectors.words) - 1:  # binary words may contain a line feed
        return
    with suppress(OSError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with open_atomically(cached) as stream:
            encoded = np.frombuffer(words.encode("utf-8"), np.uint8)
            np.savez(stream, words=encoded, rows=vectors.rows, scales=vectors.scales)
        newest_first = sorted(cached.parent.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest_first[MOST_KEPT:]:
            old.unlink(missing_ok=True)
