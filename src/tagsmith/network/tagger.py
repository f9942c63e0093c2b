"""The whole network: word encoder → recurrent layers → emissions → CRF or softmax loss.

The parts are plain classes around Keras variables and ``keras.ops``: they are compiled as one function by
``training/step.py``, so Keras's layer machinery would add nothing but time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.data.schemes import Transitions
from tagsmith.encoding.batches import Batch
from tagsmith.encoding.vocabulary import Vocabulary
from tagsmith.network.backend import keras
from tagsmith.network.crf import CRF
from tagsmith.network.initial import glorot, variable
from tagsmith.network.recurrence import Recurrent
from tagsmith.network.word_encoder import WordEncoder
from tagsmith.runtime.architecture import Architecture

ops = keras.ops
Bytes = npt.NDArray[np.uint8]


class Noise(NamedTuple):
    """Random bytes that decide what dropout drops in one step; drawn on the host, which is faster than on the device.

    An empty tuple where nothing is dropped.
    """

    word: tuple[Bytes, ...] = ()  # (B, T or 1, encoding_size)
    hidden: tuple[Bytes, ...] = ()  # per layer (B, T or 1, state_size)
    recurrent: tuple[Bytes, ...] = ()  # per layer (directions, B, units)


@dataclass(frozen=True, slots=True)
class Dropout:
    """Shares of features dropped in training, in steps of 1/256.

    ``word``: of the words' encodings; ``hidden``: of each recurrent layer's outputs; ``recurrent``: of the hidden state
    between time steps. With ``variational`` the first two drop the same features at every token of a sentence
    (Gal & Ghahramani 2016); ``recurrent`` always does.
    """

    word: float = 0.0
    hidden: float = 0.0
    recurrent: float = 0.0
    variational: bool = False

    def draw(self, rng: np.random.Generator, batch: Batch, architecture: Architecture) -> Noise:
        """Draw the noise of one training step."""
        sentences, steps = batch.words.shape
        steps = 1 if self.variational else steps
        word = (sentences, steps, architecture.encoding_size)
        hidden = (sentences, steps, architecture.state_size)
        recurrent = (len(architecture.directions), sentences, architecture.units)

        def draw(rate: float, shape: tuple[int, ...], count: int) -> tuple[Bytes, ...]:
            return tuple(rng.integers(0, 256, shape, np.uint8) for _ in range(count if rate else 0))

        layers = architecture.layers
        return Noise(
            draw(self.word, word, 1),
            draw(self.hidden, hidden, layers),
            draw(self.recurrent, recurrent, layers),
        )


def kept(noise: Any, rate: float) -> Any:
    """Turn random bytes into a dropout mask: 0 for a share ``rate``, the others so large that the mean is 1."""
    threshold = min(round(256 * rate), 255)  # something is always kept
    return ops.cast(noise >= threshold, "float32") * (256.0 / (256 - threshold))


class TaggerNetwork:
    """The trainable tagger.

    Parameters
    ----------
    architecture, vocabulary
        Shape of the network and rows of its tables.
    allowed
        Which tags may start, follow each other and end.
    pretrained
        See :class:`~tagsmith.network.word_encoder.WordEncoder`.
    dropout, seed
        What training drops; the seed of the initial weights.
    """

    def __init__(
        self,
        architecture: Architecture,
        vocabulary: Vocabulary,
        allowed: Transitions,
        pretrained: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None = None,
        dropout: Dropout | None = None,
        seed: int = 0,
    ) -> None:
        a = self.architecture = architecture
        self.dropout = dropout or Dropout()
        rng = np.random.default_rng(seed)
        new_words = np.array([False, True, *(not vocabulary.has_vector(word) for word in vocabulary.words)])
        self.word_encoder = WordEncoder(a, len(vocabulary.characters) + 2, new_words, pretrained, rng)
        sizes = [a.encoding_size] + [a.state_size] * (a.layers - 1)
        self.recurrent = [Recurrent(a.cell, size, a.units, a.directions, rng) for size in sizes]
        tags = len(allowed.start)
        self.output_kernel = variable(glorot(rng, a.state_size, tags, entering=a.state_size, leaving=tags), "kernel")
        self.output_bias = variable(np.zeros(tags, np.float32), "bias")
        self.crf = CRF(allowed) if a.head == "crf" else None

    def emissions(self, batch: Batch, noise: Noise | None = None) -> Any:
        """Return the emissions (B, T, L), scores before any softmax; those past a sentence's end are of no meaning."""
        noise = noise or Noise()
        encodings = self.word_encoder(batch.forms)  # (U, encoding_size)
        states = ops.take(encodings, batch.words, axis=0)  # (B, T, encoding_size)
        for mask in noise.word:
            states = states * kept(mask, self.dropout.word)
        for number, layer in enumerate(self.recurrent):
            recurrent = kept(noise.recurrent[number], self.dropout.recurrent) if noise.recurrent else None
            outputs = layer(states, batch.lengths, recurrent)  # (B, T, state_size)
            if self.architecture.residual and number:
                outputs = outputs + states
            states = outputs * kept(noise.hidden[number], self.dropout.hidden) if noise.hidden else outputs
        return ops.matmul(states, self.output_kernel) + self.output_bias

    def loss(self, batch: Batch, noise: Noise | None = None) -> Any:
        """Return -log p(tags) summed over the batch's time steps and divided by its number of tokens.

        Padding takes no part. With a CRF the probability is that of the sentence's whole tag sequence; with softmax the
        product of the tokens' probabilities.
        """
        emissions = self.emissions(batch, noise)
        if self.crf is not None:
            total = ops.sum(self.crf(emissions, batch.tags, batch.lengths))
        else:
            positions = ops.arange(ops.shape(batch.tags)[1], dtype="int32")
            inside = ops.cast(positions[None, :] < ops.cast(batch.lengths, "int32")[:, None], emissions.dtype)
            losses = keras.losses.sparse_categorical_crossentropy(batch.tags, emissions, from_logits=True)
            total = ops.sum(losses * inside)
        return total / ops.cast(ops.maximum(ops.sum(batch.lengths), 1), emissions.dtype)

    def named_weights(self) -> dict[str, Any]:
        """Every variable of the model by the name that the exported graphs and the model folder use."""
        named = self.word_encoder.named_weights()
        for number, layer in enumerate(self.recurrent):
            named |= layer.named_weights(f"sentence/{number}")
        named |= {"output/kernel": self.output_kernel, "output/bias": self.output_bias}
        return named | (self.crf.named_weights() if self.crf is not None else {})

    def learned_weights(self) -> dict[str, Any]:
        """The variables that training changes, by name."""
        return {name: variable for name, variable in self.named_weights().items() if variable.trainable}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The weights that training changes as NumPy arrays, by name."""
        return {name: np.asarray(ops.convert_to_numpy(v.value)) for name, v in self.learned_weights().items()}

    def assign(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Set the weights named in ``arrays``."""
        named = self.named_weights()
        for name, array in arrays.items():
            named[name].assign(array)
