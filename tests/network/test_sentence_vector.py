"""The sentence's own vector against a mean taken sentence by sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keras_calls import array, compiled
from random_model import SMALL
from tagsmith.network.sentence_vector import SentenceVector

SENTENCES = np.int32([[1, 1, 1, 2, 2, 3, 0, 0], [1, 2, 2, 2, 2, 2, 2, 2]])
RNG = np.random.default_rng(0)
A = replace(SMALL, context_size=5)
ENCODINGS = RNG.standard_normal((9, A.encoding_size)).astype(np.float32)
WORDS = RNG.integers(0, 9, SENTENCES.shape).astype(np.int32)


def vectors(encodings=ENCODINGS, words=WORDS) -> tuple[SentenceVector, np.ndarray]:
    layer = SentenceVector(A, np.random.default_rng(1))
    layer.bias.assign(np.linspace(-1, 1, 5, dtype=np.float32))
    return layer, array(compiled(lambda: layer(encodings, words, SENTENCES))())


def test_every_token_has_the_mean_over_its_own_sentence():
    layer, found = vectors()
    parts = np.tanh(ENCODINGS @ array(layer.kernel.value) + array(layer.bias.value))
    for row, numbers in enumerate(SENTENCES):
        for number in set(numbers.tolist()) - {0}:
            own = numbers == number
            mean = parts[WORDS[row][own]].mean(axis=0)
            np.testing.assert_allclose(found[row][own], np.tile(mean, (own.sum(), 1)), atol=1e-5)


def test_neither_padding_nor_another_sentence_has_a_part_in_it():
    _, found = vectors()
    words = WORDS.copy()
    words[0, 3:] = (words[0, 3:] + 1) % 9
    _, other = vectors(words=words)
    np.testing.assert_array_equal(found[0, :3], other[0, :3])
    assert not np.allclose(found[0, 3:5], other[0, 3:5])
    assert np.isfinite(found).all()
