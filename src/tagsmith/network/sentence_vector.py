"""Sentence vector, which joins the input of each token.

A recurrent layer learns about the rest of the sentence step by step; the vector shows it all of the sentence at once
(after the global context of Liu et al., "GCDT: A Global Context Enhanced Deep Transition Architecture for Sequence
Labeling", ACL 2019). Each word's contribution depends on its form alone, so a tagger computes it once per form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tagsmith.model.architecture import Architecture
from tagsmith.network.backend import keras
from tagsmith.network.initial import glorot, variable

ops = keras.ops


class SentenceVector:
    """mean over the sentence's tokens of tanh(encoding · kernel + bias); ``rng`` draws the initial weights."""

    def __init__(self, architecture: Architecture, rng: np.random.Generator) -> None:
        entering, size = architecture.encoding_size, architecture.context_size
        self.kernel = variable(glorot(rng, entering, size, entering=entering, leaving=size), "kernel")
        self.bias = variable(np.zeros(size, np.float32), "bias")

    def __call__(self, encodings: Any, words: Any, sentences: Any) -> Any:
        """Return the sentence vector of each token, (B, T, context_size).

        ``words`` (B, T) are rows of ``encodings`` (U, encoding_size). ``sentences`` (B, T) numbers the sentences of
        each row 1, 2, … and its padding 0.
        """
        parts = ops.tanh(ops.matmul(encodings, self.kernel) + self.bias)  # (U, context_size)
        of_tokens = ops.take(parts, words, axis=0)  # (B, T, context_size)
        same = ops.cast(sentences[:, :, None] == sentences[:, None, :], of_tokens.dtype)  # (B, T, T)
        return ops.matmul(same, of_tokens) / ops.sum(same, axis=-1, keepdims=True)

    def named_weights(self) -> dict[str, Any]:
        """The variables, by their names in the exported graphs."""
        return {"word/context_kernel": self.kernel, "word/context_bias": self.bias}
