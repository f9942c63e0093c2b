"""One vector per sentence, which joins the input of each of its tokens: the mean of what its words say.

A recurrent layer reaches a token step by step; this tells it at once what the sentence is about (after the global
context of Liu et al., "GCDT: A Global Context Enhanced Deep Transition Architecture for Sequence Labeling", ACL 2019).
Each word's part depends on its form alone, so taggers compute it once per form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tagsmith.model.architecture import Architecture
from tagsmith.network.backend import keras
from tagsmith.network.initial import glorot, variable

ops = keras.ops


class SentenceVector:
    """mean over the sentence's tokens of tanh(encoding · kernel + bias).

    Parameters
    ----------
    architecture
        The shape of the tagger.
    rng
        Draws the initial weights.
    """

    def __init__(self, architecture: Architecture, rng: np.random.Generator) -> None:
        entering, size = architecture.encoding_size, architecture.context_size
        self.kernel = variable(glorot(rng, entering, size, entering=entering, leaving=size), "kernel")
        self.bias = variable(np.zeros(size, np.float32), "bias")

    def __call__(self, encodings: Any, words: Any, sentences: Any) -> Any:
        """Return each token's sentence's vector, (B, T, context_size).

        ``encodings`` (U, encoding_size) are those of the forms that ``words`` (B, T) refer to; ``sentences`` (B, T)
        numbers each row's sentences 1, 2, …, and its padding, which joins no sentence, 0.
        """
        parts = ops.tanh(ops.matmul(encodings, self.kernel) + self.bias)  # (U, context_size)
        of_tokens = ops.take(parts, words, axis=0)  # (B, T, context_size)
        same = ops.cast(sentences[:, :, None] == sentences[:, None, :], of_tokens.dtype)  # (B, T, T)
        return ops.matmul(same, of_tokens) / ops.sum(same, axis=-1, keepdims=True)

    def named_weights(self) -> dict[str, Any]:
        """The variables by the names that the exported graphs use."""
        return {"word/context_kernel": self.kernel, "word/context_bias": self.bias}
