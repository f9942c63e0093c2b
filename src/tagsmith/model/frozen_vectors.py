"""Pretrained vectors as training uses them: 8-bit rows that stay as they are; and a cache of them.

Reading a text file of vectors takes seconds. So what was made of it is kept in the user's cache folder, under a name
that depends on the file's path, size and time of change: a changed file is read anew.
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

FORMAT = 1  # of a kept file; part of its name
MOST_KEPT = 3  # files; the one that was used longest ago goes first


@dataclass(frozen=True, slots=True, eq=False)
class FrozenVectors:
    """The frozen table: row i + 1, its numbers times its scale, belongs to ``words[i]``.

    Parameters
    ----------
    words
        The n words.
    rows
        int8 (n + 1, d); row 0, for words without a vector, is all zeros.
    scales
        float32 (n + 1, 1).
    """

    words: tuple[str, ...]
    rows: NDArray[np.int8]
    scales: FloatMatrix


def frozen_vectors(source: str | Path | Vectors) -> FrozenVectors:
    """Make the frozen table of vectors, or of what :func:`tagsmith.model.vectors.load_vectors` can load.

    Raises
    ------
    VectorsError, MissingExtraError
        As :func:`tagsmith.model.vectors.load_vectors`.
    """
    if isinstance(source, Vectors):
        return _freeze(source)
    if not Path(source).is_file():
        return _freeze(load_vectors(source))
    kept = _kept_file(Path(source))
    if (found := _read(kept)) is None:
        found = _freeze(load_vectors(source))
        _keep(kept, found)
    return found


def unit_variance(matrix: FloatMatrix) -> FloatMatrix:
    """Scale vectors so that their numbers have a standard deviation of 1 over all words, as the trained ones have."""
    return np.asarray(matrix / max(float(matrix.std()), 1e-6), np.float32)


def _freeze(vectors: Vectors) -> FrozenVectors:
    table = np.concatenate([np.zeros((1, vectors.dimensions), np.float32), unit_variance(vectors.matrix)])
    return FrozenVectors(vectors.words, *quantize_rows(table))


def _kept_file(path: Path) -> Path:
    state = path.stat()
    name = f"{FORMAT}\n{path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
    return cache_folder("vectors") / f"{digest(name.encode('utf-8', 'surrogateescape'))}.npz"


def _read(kept: Path) -> FrozenVectors | None:
    """Read a kept file; None if there is none, or only what an accident left of it."""
    try:
        # Opened here: NumPy does not close a file that it cannot read.
        with kept.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            words = tuple(arrays["words"].tobytes().decode("utf-8").split("\n"))
            found = FrozenVectors(words, arrays["rows"], arrays["scales"])
        with suppress(OSError):
            os.utime(kept)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if len(found.rows) == len(found.scales) == len(words) + 1 else None


def _keep(kept: Path, vectors: FrozenVectors) -> None:
    """Write a file for the next run. Where that is impossible, on a full disk say, the next run reads anew."""
    words = "\n".join(vectors.words)
    if not vectors.words or words.count("\n") != len(vectors.words) - 1:  # word2vec's binary words may hold anything
        return
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with open_atomically(kept) as stream:
            encoded = np.frombuffer(words.encode("utf-8"), np.uint8)
            np.savez(stream, words=encoded, rows=vectors.rows, scales=vectors.scales)
        newest_first = sorted(kept.parent.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest_first[MOST_KEPT:]:
            old.unlink(missing_ok=True)
