"""Rows that hold several sentences one after another, as training has them, and the same sentences apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tagsmith.model.vocabulary import Forms
from tagsmith.network.batches import Batch

Array = np.ndarray


def numbered(rows: Sequence[Sequence[int]], steps: int) -> Array:
    """The numbers (B, steps) of the sentences in rows with sentences of these lengths; 0 in the padding."""
    numbers = np.zeros((len(rows), steps), np.int32)
    for row, lengths in zip(numbers, rows, strict=True):
        own = np.repeat(np.arange(1, len(lengths) + 1), lengths)
        row[: len(own)] = own
    return numbers


def places(sentences: Array) -> list[tuple[int, slice]]:
    """Row and steps of every sentence, the longest first."""
    found = []
    for b, row in enumerate(sentences):
        for number in range(1, row.max() + 1):
            steps = np.flatnonzero(row == number)
            found.append((b, slice(int(steps[0]), int(steps[-1]) + 1)))
    return sorted(found, key=lambda place: place[1].start - place[1].stop)


def apart(packed: Array, sentences: Array) -> tuple[Array, Array]:
    """Give each sentence of (B, T, …) a row of its own, the longest first: (S, longest, …), and their lengths (S,)."""
    own = [packed[place] for place in places(sentences)]
    lengths = np.int32([len(sentence) for sentence in own])
    rows = np.zeros((len(own), lengths[0], *packed.shape[2:]), packed.dtype)
    for row, sentence in zip(rows, own, strict=True):
        row[: len(sentence)] = sentence
    return rows, lengths


def make_batch(forms: Forms, words: Array, sentences: Array, tags: Array) -> Batch:
    """A batch as training makes it, out of forms whose trained rows are those of the whole table."""
    rows, place = np.unique(forms.trained, return_inverse=True)
    trained = np.append(rows, [-1, -1]).astype(np.int32)
    return Batch(trained, forms._replace(trained=place.astype(np.int32)), words, sentences, (tags,))


def forms_of(batch: Batch) -> Forms:
    """The batch's forms with the trained rows of the whole table."""
    return batch.forms._replace(trained=batch.trained[batch.forms.trained])
