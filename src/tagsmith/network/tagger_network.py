"""The whole network: word encoder → recurrent layers → emissions → CRF or softmax loss.

The parts are plain classes around Keras variables and ``keras.ops``: they are compiled as one function by
``training/step.py``, so Keras's layer machinery would add nothing but time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.model.architecture import Architecture
from tagsmith.model.vocabulary import Vocabulary
from tagsmith.network.backend import keras
from tagsmith.network.batches import Batch
from tagsmith.network.crf import CRF, NEVER
from tagsmith.network.initial import glorot, variable
from tagsmith.network.recurrence import Recurrent
from tagsmith.network.word_encoder import WordEncoder
from tagsmith.text.schemes import Transitions

ops = keras.ops
SPARSE = keras.losses.sparse_categorical_crossentropy
Bytes = npt.NDArray[np.uint8]


class Noise(NamedTuple):
    """Random bytes that decide what dropout drops in one step; drawn on the host, which is faster than on the device.

    An empty tuple where nothing is dropped.
    """

    word: tuple[Bytes, ...] = ()  # (B, T, encoding_size)
    hidden: tuple[Bytes, ...] = ()  # per layer (B, T, state_size)
    recurrent: tuple[Bytes, ...] = ()  # per layer (directions, B, units)


def split_noise(noise: Noise, parts: int) -> list[Noise]:
    """Cut the noise as :func:`tagsmith.network.batches.split_batch` cuts its batch."""

    def cut(array: Bytes, part: int, axis: int) -> Bytes:
        rows = array.shape[axis]
        size = -(-rows // parts)
        # Rows of padding have any noise.
        part_rows: Bytes = np.take(array, np.minimum(np.arange(part * size, (part + 1) * size), rows - 1), axis)
        return part_rows

    return [
        Noise(
            *(
                tuple(cut(array, part, int(name == "recurrent")) for array in arrays)
                for name, arrays in noise._asdict().items()
            )
        )
        for part in range(parts)
    ]


@dataclass(frozen=True, slots=True)
class Dropout:
    """Shares of features dropped in training, in steps of 1/256.

    ``word``: of the words' encodings; ``hidden``: of each recurrent layer's outputs; ``recurrent``: of the hidden
    state between time steps. With ``variational`` the first two drop the same features at every token of a sentence
    (Gal & Ghahramani 2016); ``recurrent`` drops the same at every token of a row.
    """

    word: float = 0.0
    hidden: float = 0.0
    recurrent: float = 0.0
    variational: bool = False

    def draw(self, rng: np.random.Generator, batch: Batch, architecture: Architecture) -> Noise:
        """Draw the noise of one training step."""
        rows, steps = batch.words.shape
        recurrent = (len(architecture.directions), rows, architecture.units)

        def draw(rate: float, size: int, count: int, per_sentence: bool) -> tuple[Bytes, ...]:
            return tuple((for_sentences if per_sentence else for_tokens)(size) for _ in range(count if rate else 0))

        def for_tokens(size: int) -> Bytes:
            return rng.integers(0, 256, (rows, steps, size), np.uint8)

        def for_sentences(size: int) -> Bytes:
            per_sentence = rng.integers(0, 256, (rows, int(batch.sentences.max()) + 1, size), np.uint8)
            return per_sentence[np.arange(rows)[:, None], batch.sentences]

        layers = architecture.layers
        return Noise(
            draw(self.word, architecture.encoding_size, 1, self.variational),
            draw(self.hidden, architecture.state_size, layers, self.variational),
            tuple(rng.integers(0, 256, recurrent, np.uint8) for _ in range(layers if self.recurrent else 0)),
        )


def kept(noise: Any, rate: float) -> Any:
    """Turn random bytes into a dropout mask: 0 for a share ``rate``, the others so large that the mean is 1."""
    threshold = min(round(256 * rate), 255)  # something is always kept
    return ops.cast(noise >= threshold, "float32") * (256.0 / (256 - threshold))


@dataclass(frozen=True)
class Output:
    """What the network learns of one layer with L tags."""

    transitions: Transitions
    # (K, L) where some labels are unknown: a batch's tags are rows of it, each True for the tags that the token may
    # have. None: they are the tags themselves.
    possible: npt.NDArray[np.bool_] | None = None


class TaggerNetwork:
    """The trainable tagger.

    Parameters
    ----------
    architecture, vocabulary
        Shape of the network and rows of its tables.
    layers
        What each layer learns: it has its own columns of the output layer, and its own CRF. Everything before that is
        shared.
    pretrained
        See :class:`~tagsmith.network.word_encoder.WordEncoder`.
    dropout, seed
        What training drops; the seed of the initial weights.
    """

    def __init__(
        self,
        architecture: Architecture,
        vocabulary: Vocabulary,
        layers: Sequence[Output],
        pretrained: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None = None,
        dropout: Dropout | None = None,
        seed: int = 0,
    ) -> None:
        a = self.architecture = architecture
        self.dropout = dropout or Dropout()
        self.possible = [None if one.possible is None else one.possible.astype(np.float32) for one in layers]
        rng = np.random.default_rng(seed)
        new_words = np.array([False, True, *~vocabulary.have_vectors(vocabulary.words)])
        self.word_encoder = WordEncoder(a, len(vocabulary.characters) + 2, new_words, pretrained, rng)
        sizes = [a.encoding_size] + [a.state_size] * (a.layers - 1)
        self.recurrent = [Recurrent(a.cell, size, a.units, a.directions, rng) for size in sizes]
        self.sizes = [len(one.transitions.start) for one in layers]
        kernels = [glorot(rng, a.state_size, tags, entering=a.state_size, leaving=tags) for tags in self.sizes]
        self.output_kernel = variable(np.concatenate(kernels, axis=1), "kernel")
        self.output_bias = variable(np.zeros(sum(self.sizes), np.float32), "bias")
        self.crfs = [CRF(one.transitions) if a.head == "crf" else None for one in layers]

    def emissions(self, batch: Batch, noise: Noise | None = None, trained: Any = None) -> Any:
        """Return the emissions (B, T, L), scores before any softmax; those in the padding are of no meaning.

        Those of several layers stand side by side along L.
        ``trained`` (R, word_dim) are the rows ``batch.trained`` of the trained table, if they are at hand.
        """
        noise = noise or Noise()
        if trained is None:
            trained = self.word_encoder.trained_rows(batch.trained)
        encodings = self.word_encoder(batch.forms, trained, batch.long)  # (U, encoding_size)
        states = ops.take(encodings, batch.words, axis=0)  # (B, T, encoding_size)
        for mask in noise.word:
            states = states * kept(mask, self.dropout.word)
        for number, layer in enumerate(self.recurrent):
            recurrent = kept(noise.recurrent[number], self.dropout.recurrent) if noise.recurrent else None
            outputs = layer(states, batch.sentences, recurrent)  # (B, T, state_size)
            if self.architecture.residual and number:
                outputs = outputs + states
            states = outputs * kept(noise.hidden[number], self.dropout.hidden) if noise.hidden else outputs
        return ops.matmul(states, self.output_kernel) + self.output_bias

    def loss(self, batch: Batch, noise: Noise | None = None, trained: Any = None) -> Any:
        """Return -log p(tags) summed over the batch's time steps and divided by its number of tokens.

        Padding takes no part. With a CRF the probability is that of the sentences' whole tag sequences; with softmax
        the product of the tokens' probabilities. Where several tags are possible their probabilities are added; where
        tags are given as probabilities, it is the mean under them. Of several layers it is the mean. ``trained`` is as
        in :meth:`emissions`.
        """
        emissions = self.emissions(batch, noise, trained)
        inside = ops.cast(batch.sentences > 0, emissions.dtype)
        parts = [emissions]
        if len(self.sizes) > 1:
            parts = ops.split(emissions, np.cumsum(self.sizes)[:-1].tolist(), axis=-1)
        totals = [
            self._total(crf, part, tags, possible, batch.sentences, inside)
            for crf, part, tags, possible in zip(self.crfs, parts, batch.tags, self.possible, strict=True)
        ]
        total = sum(totals) / len(totals) if len(totals) > 1 else totals[0]
        return total / ops.maximum(ops.sum(inside), 1.0)

    def _total(self, crf: CRF | None, emissions: Any, tags: Any, possible: Any, sentences: Any, inside: Any) -> Any:
        """-log p(tags) of one layer, summed over the batch; with ``possible`` (K, L) the tags are its rows."""
        if possible is not None:
            possible = ops.convert_to_tensor(possible)
        if crf is not None:
            return ops.sum(crf(emissions, tags, sentences, possible))
        if possible is not None:
            impossible = 1.0 - ops.take(possible, tags, axis=0)  # (B, T, L)
            possible = ops.logsumexp(emissions - impossible * NEVER, axis=-1)
            return ops.sum((ops.logsumexp(emissions, axis=-1) - possible) * inside)
        losses = keras.losses.categorical_crossentropy if len(tags.shape) == 3 else SPARSE
        return ops.sum(losses(tags, emissions, from_logits=True) * inside)

    def named_weights(self) -> dict[str, Any]:
        """Every variable of the model by the name that the graphs and the model folder use."""
        named = self.word_encoder.named_weights()
        for number, layer in enumerate(self.recurrent):
            named |= layer.named_weights(f"sentence/{number}")
        named |= {"output/kernel": self.output_kernel, "output/bias": self.output_bias}
        for number, crf in enumerate(self.crfs):
            named |= crf.named_weights(f"crf/{number}") if crf is not None else {}
        return named

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
