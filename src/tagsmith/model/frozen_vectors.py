"""Frozen 8-bit table of pretrained vectors, and its cache.

Reading a text file of vectors takes seconds, so the table is cached in the user's cache folder. Its file name depends
on the path, size and modification time of the vectors file: a changed file is read again.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagsmith.errors import VectorsError
from tagsmith.files import cache_folder, digest, open_atomically
from tagsmith.model.fasttext import DAMAGED, FastText
from tagsmith.model.ngrams import BLOCK, Ngrams, sums_of_rows
from tagsmith.model.vectors import FloatMatrix, Vectors, load_fasttext, load_vectors, path_of_vectors, quantize_rows
from tagsmith.model.vocabulary import Vocabulary
from tagsmith.model.weights import LARGEST

FORMAT = 1  # of a cached file; part of its name
MOST_KEPT = 3  # cached files; the least recently used is deleted first


@dataclass(frozen=True, slots=True, eq=False)
class FrozenNgrams:
    """The vectors of n-grams: those of ``ngrams`` are int8 ``rows`` (known, d) times float32 ``scales`` (known, 1)."""

    ngrams: Ngrams
    rows: NDArray[np.int8]
    scales: FloatMatrix

    def vectors(self, forms: Sequence[str]) -> tuple[NDArray[np.int8], FloatMatrix]:
        """Compose the vectors of n forms, the means of their n-grams' → int8 (n, d), and scales (n, 1).

        Unknown n-grams count as zeros. A form's numbers do not depend on the other forms.
        """
        rows, known, counts = self.ngrams.rows(forms)
        sums = sums_of_rows(lambda some: self.rows[some] * self.scales[some], rows, known, self.rows.shape[1])
        return quantize_rows(sums / np.maximum(counts, 1).astype(np.float32)[:, None])


def frozen_ngrams(vocabulary: Vocabulary, weights: Mapping[str, NDArray[Any]]) -> FrozenNgrams | None:
    """Return the vectors of n-grams of a model; None if it has none."""
    if vocabulary.ngrams is None:
        return None
    return FrozenNgrams(vocabulary.ngrams, np.asarray(weights["word/ngrams"]), np.asarray(weights["word/ngram_scales"]))


@dataclass(frozen=True, slots=True, eq=False)
class FrozenVectors:
    """The frozen table of n words: row i + 1 times its scale is the vector of ``words[i]``.

    ``rows`` are int8 (n + 1, d), ``scales`` float32 (n + 1, 1). Row 0, for words without a vector, is all zeros.
    """

    words: tuple[str, ...]
    rows: NDArray[np.int8]
    scales: FloatMatrix
    subwords: FrozenNgrams | None = None

    def with_forms(self, forms: Iterable[str]) -> FrozenVectors:
        """Add those forms that have no vector but known n-grams, with the vectors that tagging composes for them."""
        if self.subwords is None:
            return self
        words = set(self.words)
        new = sorted({form for form in forms if form not in words and form.lower() not in words})
        added, rows, scales = [*self.words], [self.rows], [self.scales]
        for start in range(0, len(new), BLOCK):
            block = new[start : start + BLOCK]
            own_rows, own_scales = self.subwords.vectors(block)
            has = np.flatnonzero(own_rows.any(axis=1))
            added += [block[number] for number in has.tolist()]
            rows.append(own_rows[has])
            scales.append(own_scales[has])
        return FrozenVectors(tuple(added), np.concatenate(rows), np.concatenate(scales), self.subwords)


def frozen_vectors(source: str | Path | Vectors) -> FrozenVectors:
    """Make the frozen table of vectors, or of what ``load_vectors`` reads from a source (errors as there).

    That of fastText's binary model has its n-grams too.
    """
    if isinstance(source, Vectors):
        return _freeze(source)
    path = path_of_vectors(source)
    if not path.is_file():
        return _freeze(load_vectors(source))
    cached = _cached_file(path)
    if (table := _read(cached)) is None:
        model = load_fasttext(path)
        table = _freeze(load_vectors(path)) if model is None else _freeze_fasttext(model, path)
        _keep(cached, table)
    return table


def unit_variance(matrix: FloatMatrix) -> FloatMatrix:
    """Scale vectors to a standard deviation of 1 over all their numbers, like the trained vectors."""
    return np.asarray(matrix / max(float(matrix.std()), 1e-6), np.float32)


def _freeze(vectors: Vectors) -> FrozenVectors:
    table = np.concatenate([np.zeros((1, vectors.matrix.shape[1]), np.float32), unit_variance(vectors.matrix)])
    return FrozenVectors(vectors.words, *quantize_rows(table))


def _freeze_fasttext(model: FastText, path: Path) -> FrozenVectors:
    """Freeze a model block by block, to the scale that :func:`unit_variance` gives its words."""
    names: dict[str, int] = {}
    for place, word in enumerate(model.words):
        names.setdefault(word.decode("utf-8", "replace"), place)
    names.pop("", None)
    rows, scales = _zeros(len(names) + 1, model)
    used = np.zeros(model.buckets if model.longest else 0, bool)
    total = squares = 0.0
    end = 1
    for vectors, buckets in model.vectors(list(names.values())):
        start, end = end, end + len(vectors)
        rows[start:end], scales[start:end] = _quantized(vectors, path)
        total += float(vectors.sum(dtype=np.float64))
        squares += float(np.square(vectors, dtype=np.float64).sum())
        used[buckets] = True
    count = max(rows[1:].size, 1)
    deviation = max(squares / count - (total / count) ** 2, 1e-12) ** 0.5
    lowercase = all(word == word.lower() for word in names)
    subwords = _freeze_ngrams(model, used, lowercase, path)
    for each in (scales, *([subwords.scales] if subwords else [])):
        each /= deviation
        if each.max() > LARGEST:
            raise VectorsError("The vectors of its n-grams are out of all proportion.", remedy=DAMAGED, path=path)
    return FrozenVectors(tuple(names), rows, scales, subwords)


def _freeze_ngrams(model: FastText, used: NDArray[np.bool_], lowercase: bool, path: Path) -> FrozenNgrams | None:
    """Quantize the vectors of n-grams that are ``used`` by words, or were trained with words that are there no more.

    The others hold what fastText began with: random numbers within ±1/d.
    """
    known: list[int] = []
    rows, scales = _zeros(len(used), model)
    ngrams = model.matrix[len(model.words) :]
    for start in range(0, len(used), BLOCK):
        block = ngrams[start : start + BLOCK]
        trained = used[start : start + BLOCK] | (np.abs(block) > 1 / block.shape[1]).any(axis=1)
        some = slice(len(known), len(known) + int(trained.sum()))
        rows[some], scales[some] = _quantized(block[trained], path)
        known += (start + np.flatnonzero(trained)).tolist()
    if not known:
        return None
    spelled = Ngrams(model.shortest, model.longest, model.buckets, lowercase, tuple(known))
    return FrozenNgrams(spelled, rows[: len(known)], scales[: len(known)])


def _zeros(count: int, model: FastText) -> tuple[NDArray[np.int8], FloatMatrix]:
    # The system provides the memory only as it is written to.
    return np.zeros((count, model.matrix.shape[1]), np.int8), np.full((count, 1), np.finfo(np.float32).tiny)


def _quantized(vectors: FloatMatrix, path: Path) -> tuple[NDArray[np.int8], FloatMatrix]:
    if not np.isfinite(vectors).all():
        raise VectorsError("A number of its vectors is not finite, or too large.", remedy=DAMAGED, path=path)
    return quantize_rows(vectors)


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
            subwords = None
            if "known" in arrays:
                shortest, longest, buckets, lowercase = arrays["spelled"].tolist()
                known = tuple(arrays["known"].tolist())
                ngrams = Ngrams(shortest, longest, buckets, bool(lowercase), known)
                subwords = FrozenNgrams(ngrams, arrays["ngram_rows"], arrays["ngram_scales"])
                if not len(known) == len(subwords.rows) == len(subwords.scales):
                    return None
            table = FrozenVectors(words, arrays["rows"], arrays["scales"], subwords)
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
    encoded = np.frombuffer(words.encode("utf-8"), np.uint8)
    arrays: dict[str, Any] = {"words": encoded, "rows": vectors.rows, "scales": vectors.scales}
    if vectors.subwords is not None:
        ngrams = vectors.subwords.ngrams
        arrays |= {
            "spelled": np.array([ngrams.shortest, ngrams.longest, ngrams.buckets, ngrams.lowercase]),
            "known": np.array(ngrams.known),
            "ngram_rows": vectors.subwords.rows,
            "ngram_scales": vectors.subwords.scales,
        }
    with suppress(OSError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with open_atomically(cached) as stream:
            np.savez(stream, **arrays)
        newest_first = sorted(cached.parent.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest_first[MOST_KEPT:]:
            old.unlink(missing_ok=True)
