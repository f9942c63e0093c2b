"""Word encoder: a vector per word form from its pretrained and trained embeddings, characters and shape.

The pretrained vectors stay frozen: fine-tuning would move the words of the training set away from their neighbors that
occur only in test data. The trained vectors are added to them, and start as zeros for words with a pretrained vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.model.architecture import WORD_SHAPES, Architecture
from tagsmith.model.vocabulary import Forms
from tagsmith.network.backend import keras
from tagsmith.network.initial import glorot, uniform, variable
from tagsmith.network.recurrence import Recurrent

ops = keras.ops


class WordEncoder:
    """Encodes U word forms as (U, architecture.encoding_size); ``rng`` draws the initial weights.

    Parameters
    ----------
    characters
        Number of rows of the character table, including padding and unknown.
    new_words
        (words,), whether the word of each row of the trained table has no pretrained vector. These rows start random,
        the others as zeros.
    pretrained
        int8 rows (P, word_dim) of the frozen table, row 0 all zeros, and their float32 scales (P, 1); None for no
        pretrained vectors. Training uses exactly the numbers that the model folder stores.
    """

    def __init__(
        self,
        architecture: Architecture,
        characters: int,
        new_words: npt.NDArray[np.bool_],
        pretrained: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None,
        rng: np.random.Generator,
    ) -> None:
        a = self.architecture = architecture
        self.tables: dict[str, Any] = {}
        self.spelling: Recurrent | None = None
        if pretrained is not None:
            self.tables["pretrained"] = variable(pretrained[0], "pretrained", trainable=False)
            self.tables["scales"] = variable(pretrained[1], "scales", trainable=False)
        trained = uniform(rng, len(new_words), a.word_dim) * new_words[:, None].astype(np.float32)
        self.tables["trained"] = variable(trained, "trained")
        if a.characters != "none":
            self.tables["characters"] = variable(uniform(rng, characters, a.character_dim), "characters")
        if a.characters == "cnn":
            shape = (a.character_width, a.character_dim, a.character_units)
            seen = a.character_width * a.character_dim
            self.tables["filters"] = variable(glorot(rng, *shape, entering=seen, leaving=a.character_units), "filters")
            self.tables["filter_bias"] = variable(np.zeros(a.character_units, np.float32), "filter_bias")
        elif a.characters != "none":
            both = ("forward", "backward")
            self.spelling = Recurrent(a.characters, a.character_dim, a.character_units, both, rng)
        if a.shape_dim:
            self.tables["shapes"] = variable(uniform(rng, WORD_SHAPES, a.shape_dim), "shapes")

    def __call__(self, forms: Forms, trained: Any = None, long: Sequence[Any] = ()) -> Any:
        """Encode forms → (U, encoding_size).

        ``trained`` (R, word_dim), if given, replaces the trained table by the rows of a batch. ``long`` is as in
        :class:`tagsmith.network.batches.Batch`.
        """
        tables = self.tables
        word = ops.take(tables["trained"] if trained is None else trained, forms.trained, axis=0)  # (U, word_dim)
        if "pretrained" in tables:
            rows = ops.cast(ops.take(tables["pretrained"], forms.pretrained, axis=0), word.dtype)
            word = word + rows * ops.take(tables["scales"], forms.pretrained, axis=0)
        parts = [word]
        if self.architecture.characters != "none":
            spellings = [*map(self._spell, long), self._spell(forms.characters[sum(map(len, long)) :])]
            parts.append(ops.concatenate(spellings, axis=0) if long else spellings[0])
        if self.architecture.shape_dim:
            parts.append(ops.take(tables["shapes"], forms.shapes, axis=0))
        return ops.concatenate(parts, axis=-1)

    def trained_rows(self, rows: Any) -> Any:
        """Fetch rows (R,) of the trained table → (R, word_dim); a row of -1 gives any row."""
        return ops.take(self.tables["trained"], ops.maximum(rows, 0), axis=0)

    def _spell(self, characters: Any) -> Any:
        """Encode the characters of forms (U, C) as (U, character_size); row 0 is padding."""
        vectors = ops.take(self.tables["characters"], characters, axis=0)  # (U, C, character_dim)
        inside = ops.cast(characters > 0, vectors.dtype)  # (U, C)
        if self.spelling is not None:
            real = ops.cast(characters > 0, "int32")
            lengths = ops.sum(real, axis=1)
            states = self.spelling(vectors, real)  # (U, C, 2·units)
            last = ops.one_hot(ops.maximum(lengths - 1, 0), ops.shape(characters)[1], dtype=vectors.dtype)
            units = self.architecture.character_units
            final = ops.sum(states[:, :, :units] * last[:, :, None], axis=1)  # the forward state at the last character
            return ops.concatenate([final, states[:, 0, units:]], axis=-1) * inside[:, :1]
        vectors = vectors * inside[:, :, None]
        # A convolution as one matrix product over windows of characters is faster on CPUs than the general operation.
        width, count = self.architecture.character_width, ops.shape(characters)[1]
        padded = ops.pad(vectors, ((0, 0), ((width - 1) // 2, width // 2), (0, 0)))
        windows = ops.concatenate([padded[:, first : first + count] for first in range(width)], axis=-1)
        responses = ops.matmul(windows, ops.reshape(self.tables["filters"], (windows.shape[-1], -1)))  # (U, C, units)
        responses = ops.where(inside[:, :, None] > 0, responses, -1e9)
        # A form of padding alone has no response; 0 keeps it finite.
        return ops.tanh(ops.max(responses, axis=1) + self.tables["filter_bias"]) * inside[:, :1]

    def named_weights(self) -> dict[str, Any]:
        """The variables, by their names in the graphs."""
        named = {f"word/{name}": table for name, table in self.tables.items()}
        return named | (self.spelling.named_weights("word/spelling") if self.spelling is not None else {})
