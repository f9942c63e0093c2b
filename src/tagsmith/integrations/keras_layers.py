"""The layers of a user's Keras model → the network of a tagger.

The tagger's network is: a table of word vectors, recurrent layers of one cell and one size, one output layer. A Keras
model is that network if its layers are brought into this form, which changes no number that it computes:

- What stands between the Embedding and the first recurrent layer changes each word's vector by itself, so it is
  applied to the whole table, once.
- What is linear after a recurrent layer (``sum`` and ``ave`` of two directions, BatchNormalization, a Dense layer
  without activation) is multiplied into the kernels of the layer that follows.
- Layers of different sizes get the size of the largest: units are added whose weights are zeros, which stay zero. A
  layer that reads in one direction, among others that read in two, gets a second direction of such units.
- What only training does (dropout, noise) is left out.

Keras is not imported here: the user's objects say what they are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from tagsmith.errors import ModelError
from tagsmith.model.architecture import GATES
from tagsmith.model.weights import LARGEST

Array = npt.NDArray[Any]
SUPPORTED = (
    "Supported: Embedding; SimpleRNN, LSTM and GRU, also in Bidirectional; Dense, also in TimeDistributed; "
    "BatchNormalization; between the Embedding and the first recurrent layer also LayerNormalization and Activation; "
    "at the end Softmax; dropout, noise and masking."
)
CELLS = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}
PASSED = (  # they do nothing at prediction
    "InputLayer", "Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
    "ActivityRegularization", "Identity",
)  # fmt: skip
AT_EACH_STEP = (*PASSED, "Dense", "BatchNormalization", "LayerNormalization", "Activation", "Softmax")
LOOKUPS = ("StringLookup", "TextVectorization", "IntegerLookup", "Hashing")  # read by from_keras, from words to rows
OWN = ("keras.", "tagsmith.")  # modules whose classes are what their names say


class Direction(NamedTuple):
    """One direction of a recurrent layer, with D inputs, H units and G gates in Keras's order."""

    kernel: Array  # (D, G·H)
    recurrent: Array  # (H, G·H)
    bias: Array  # (G·H,), or (2, G·H) of the cell "gru"


@dataclass(frozen=True)
class Network:
    """What the layers of a Keras model compute, in the form of a tagger's network."""

    cell: str
    table: Array  # (rows, word_dim): what the first recurrent layer reads of each row of the Embedding
    masked: npt.NDArray[np.bool_]  # (rows,): which rows the recurrent layers skip
    layers: tuple[tuple[Direction, ...], ...]  # forward, then backward if there is one
    kernel: Array  # (last layer's units of all directions, outputs)
    bias: Array  # (outputs,)


def kind_of(layer: Any) -> str:
    """The name of the Keras class that says what a layer does; "" if the user's own code does."""
    for one in type(layer).__mro__:
        if f"{one.__module__}.".startswith(OWN):
            return one.__name__
        if {"call", "__call__"} & vars(one).keys():
            break
    return ""


def refuse(layer: Any, problem: str, remedy: str = SUPPORTED) -> NoReturn:
    """Raise a ModelError that names the layer."""
    name, kind = getattr(layer, "name", ""), type(layer).__name__
    raise ModelError(f"the layer {name!r} ({kind}) {problem}.", remedy=remedy)


def layers_in_order(model: Any) -> list[Any]:
    """Return the layers from the input to the output, those of models inside the model in their places.

    Raises ModelError: the layers are no chain, or their order cannot be known.
    """
    if kind_of(model) == "Sequential":
        layers = list(model.layers)
    elif kind_of(model) == "Functional":
        layers = _chain(model)
    else:
        refuse(
            model,
            "is a model with a call method of its own, so the order of its layers cannot be known",
            "Build the same layers as keras.Sequential, or as keras.Model(inputs, outputs), and copy the weights.",
        )
    nested = [layers_in_order(layer) if hasattr(layer, "layers") else [layer] for layer in layers]
    return [layer for part in nested for layer in part]


def _chain(model: Any) -> list[Any]:
    """Follow a functional model from its output back to its input."""
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            names = ", ".join(repr(tensor.name) for tensor in tensors)
            refuse(
                model,
                f"has {len(tensors)} {what}: {names}",
                f"A tagger has one. Make a model of one of its {what}: keras.Model(inputs, outputs).",
            )
    layers = []
    tensor = model.outputs[0]
    while True:
        layer, node, _ = tensor._keras_history
        sources = layer._inbound_nodes[node].input_tensors
        layers.append(layer)
        if not sources or tensor is model.inputs[0]:
            return layers[::-1]
        if len(sources) > 1:
            refuse(layer, f"has {len(sources)} inputs", f"Layers must follow one another. {SUPPORTED}")
        tensor = sources[0]


def read_network(layers: Sequence[Any]) -> Network:
    """Bring the layers into the form of a tagger's network.

    Raises ModelError, with the name of the layer: it is not supported, or one of its weights is not finite.
    """
    return _Reading().of(layers)


class _Reading:
    """What has been read of the layers so far.

    Before the first recurrent layer that is ``table``. After it, the values are ``states @ matrix + shift``, where
    ``states`` are what the last recurrent layer gives.
    """

    def __init__(self) -> None:
        self.cell = ""
        self.table: Array | None = None
        self.masked = np.zeros(0, bool)
        self.layers: list[tuple[Direction, ...]] = []
        self.matrix, self.shift = np.zeros((0, 0)), np.zeros(0)
        self.dense = False  # whether a Dense layer follows the last recurrent layer
        self.softmax: Any = None  # the layer that makes probabilities
        self._readers = {
            "Embedding": self._embedding,
            "Dense": self._dense,
            "BatchNormalization": self._batch_normalization,
            "LayerNormalization": self._layer_normalization,
            "Masking": self._masking,
            **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "Bidirectional"), self._recurrent),
            **dict.fromkeys(("Activation", "Softmax", "ReLU", "LeakyReLU", "ELU"), self._activation),
        }

    def of(self, layers: Sequence[Any]) -> Network:
        for layer in layers:
            self.read(layer)
        if self.table is None:
            raise ModelError("the model has no Embedding.", remedy=SUPPORTED)
        if not self.layers:
            raise ModelError("the model has no recurrent layer.", remedy=SUPPORTED)
        if not self.dense:
            refuse(layers[-1], "is the last one", "The last layer with weights must be a Dense layer.")
        return Network(self.cell, self.table, self.masked, tuple(self.layers), self.matrix, self.shift)

    def read(self, layer: Any) -> None:
        """Read the next layer."""
        kind = kind_of(layer)
        if not kind:
            refuse(layer, "has code of its own")
        policy = getattr(getattr(layer, "dtype_policy", None), "name", "")
        if "int" in policy or "float8" in policy:
            refuse(layer, f"is quantized ({policy})", "Give the model as it was before quantize().")
        if self.softmax is not None and kind not in PASSED:
            refuse(layer, f"follows the probabilities of {self.softmax.name!r}", "The softmax must come last.")
        if kind in ("TimeDistributed", "MaskedTimeDistributed"):
            if kind_of(layer.layer) not in AT_EACH_STEP:
                refuse(layer, f"has a layer {layer.layer.name!r} ({type(layer.layer).__name__}) inside")
            self.read(layer.layer)
        elif read := self._readers.get(kind):
            read(layer)
        elif kind in LOOKUPS:
            refuse(layer, "is not the first layer", "Words are looked up once, before the Embedding.")
        elif kind not in PASSED:
            refuse(layer, "is not supported")

    # --- word by word: the table

    def _embedding(self, layer: Any) -> None:
        if self.table is not None:
            refuse(layer, "is not the only Embedding")
        self.table = _weight(layer, layer.embeddings)
        self.masked = np.zeros(len(self.table), bool)
        self.masked[0] = layer.mask_zero

    def _masking(self, layer: Any) -> None:
        if self.table is None or self.layers:
            return  # of one-hot vectors, or after the recurrent layers, none is masked
        self.masked |= (self.table == layer.mask_value).all(axis=1)

    def _one_hot(self, layer: Any) -> None:
        """Take the first Dense layer of a model of one-hot vectors: its kernel is the table."""
        self.table = _weight(layer, layer.kernel)
        if layer.bias is not None:
            self.table = self.table + _weight(layer, layer.bias)
        self.masked = np.zeros(len(self.table), bool)

    def _layer_normalization(self, layer: Any) -> None:
        if self.table is None or self.layers:
            refuse(layer, "does not stand between the Embedding and the first recurrent layer")
        self.table = _computed(layer, self.table)

    def _activation(self, layer: Any) -> None:
        """Read the activation of a layer, or a layer that is one."""
        activation = getattr(layer, "activation", layer)
        name = kind_of(layer).lower() if activation is layer else _name(activation)
        if name == "linear":
            return
        if not self.layers:
            if self.table is None:
                refuse(layer, "stands before the Embedding")
            self.table = _computed(activation, self.table)
        elif name == "softmax" and self.dense and getattr(layer, "axis", -1) in (-1, 2):
            self.softmax = layer
        else:
            refuse(
                layer,
                f"has the activation {name!r} after a recurrent layer",
                "After the first recurrent layer, Dense layers may have no activation, and the last one softmax.",
            )

    # --- linear

    def _dense(self, layer: Any) -> None:
        if self.table is None:
            self._one_hot(layer)
        else:
            bias = 0.0 if layer.bias is None else _weight(layer, layer.bias)
            self._multiply(_weight(layer, layer.kernel), bias)
            self.dense = bool(self.layers)
        self._activation(layer)

    def _batch_normalization(self, layer: Any) -> None:
        if self.table is None or layer.axis not in (-1, 2):
            refuse(layer, "does not normalize the vectors of words", "Its axis must be the last one.")
        mean, variance = (_weight(layer, one) for one in (layer.moving_mean, layer.moving_variance))
        scale = 1.0 / np.sqrt(variance.astype(np.float64) + layer.epsilon)
        if layer.gamma is not None:
            scale = scale * _weight(layer, layer.gamma)
        shift = -mean * scale
        if layer.beta is not None:
            shift = shift + _weight(layer, layer.beta)
        if self.layers:
            self.matrix, self.shift = self.matrix * scale, self.shift * scale + shift
        else:
            self.table = (self.table * scale + shift).astype(np.float32)

    def _multiply(self, kernel: Array, bias: Array | float) -> None:
        if self.layers:
            self.matrix, self.shift = self.matrix @ kernel, self.shift @ kernel + bias
        elif self.table is not None:
            self.table = (self.table @ kernel + bias).astype(np.float32)

    # --- recurrent

    def _recurrent(self, layer: Any) -> None:
        if self.table is None:
            refuse(layer, "comes before any Embedding", "Words must have vectors first: an Embedding.")
        ways, both = [layer], kind_of(layer) == "Bidirectional"
        if both:
            ways = [layer.forward_layer, layer.backward_layer]
            if layer.merge_mode not in ("concat", "sum", "ave"):
                refuse(
                    layer,
                    f"merges its directions with merge_mode={layer.merge_mode!r}",
                    "Supported: 'concat', 'sum' and 'ave'.",
                )
        directions = []
        for number, way in enumerate(ways):
            cell = _cell(layer, way, backward=number == 1)
            if self.cell not in ("", cell):
                refuse(
                    layer,
                    f"has the cell {cell}, and the recurrent layers before it {self.cell}",
                    "The recurrent layers must have the same cell.",
                )
            self.cell = cell
            directions.append(self._direction(layer, way.cell))
        self.layers.append(tuple(directions))
        sizes = [len(one.recurrent) for one in directions]
        self.matrix = np.eye(sum(sizes))
        if both and layer.merge_mode != "concat":
            self.matrix = np.concatenate([np.eye(size) for size in sizes])
            self.matrix /= 2 if layer.merge_mode == "ave" else 1
        self.shift = np.zeros(self.matrix.shape[1])
        self.dense = False

    def _direction(self, layer: Any, cell: Any) -> Direction:
        """One direction that reads what the layer before gives, whatever linear stands between."""
        kernel, recurrent = _weight(layer, cell.kernel), _weight(layer, cell.recurrent_kernel)
        shape = (2, kernel.shape[1]) if self.cell == "gru" else (kernel.shape[1],)
        bias = np.zeros(shape) if cell.bias is None else _weight(layer, cell.bias).astype(np.float64)
        if self.layers:
            added = self.shift @ kernel
            bias = bias + (np.stack([added, np.zeros_like(added)]) if self.cell == "gru" else added)
            kernel = self.matrix @ kernel
        return Direction(kernel, recurrent, bias)


def _cell(layer: Any, way: Any, backward: bool) -> str:
    """Return the name of a recurrent layer's cell; raise ModelError if an option is not supported."""
    kind = kind_of(way)
    if kind not in CELLS:
        refuse(layer, f"has a {kind or type(way).__name__} inside")
    wrong = {
        "return_sequences": (bool(way.return_sequences), True, "It would give one label for the whole sentence."),
        "return_state": (bool(way.return_state), False, "It would give its last states, too."),
        "stateful": (bool(way.stateful), False, "A tagger reads each sentence by itself."),
        "go_backwards": (bool(way.go_backwards), backward, "Write Bidirectional(…) instead."),
    }
    for option, (value, wanted, remedy) in wrong.items():
        if value is not wanted:
            refuse(layer, f"has {option}={value}", f"{option} must be {wanted}. {remedy}")
    functions = {"activation": ("tanh", way.cell.activation)}
    if kind != "SimpleRNN":
        functions["recurrent_activation"] = ("sigmoid", way.cell.recurrent_activation)
    for option, (wanted_name, function) in functions.items():
        if (name := _name(function)) != wanted_name:
            refuse(layer, f"has {option}={name!r}", f"{option} must be {wanted_name!r}.")
    return "gru-reset-before" if kind == "GRU" and not way.cell.reset_after else CELLS[kind]


def _name(function: Any) -> str:
    """The name of an activation of Keras; of another function, what it calls itself."""
    name = getattr(function, "__name__", None) or kind_of(function).lower() or type(function).__name__
    return name if f"{getattr(function, '__module__', '')}.".startswith("keras.") else f"{name} (not of Keras)"


def _weight(layer: Any, variable: Any) -> Array:
    """Return a weight as float32; whatever the backend and the type of the variable."""
    array = np.asarray(_ops().convert_to_numpy(variable)).astype(np.float32)
    if not (np.abs(array) <= LARGEST).all():
        refuse(
            layer,
            f"has a weight that is not finite or above {LARGEST:,.0f}",
            "Training has failed, then: train again, with a lower learning rate or clipnorm=1.0.",
        )
    return array


def _ops() -> Any:
    """``keras.ops``; Keras is there, since the user's model comes from it."""
    return sys.modules["keras"].ops


def _computed(function: Any, table: Array) -> Array:
    """Apply a layer or an activation of Keras to the table."""
    return np.asarray(_ops().convert_to_numpy(function(_ops().convert_to_tensor(table)))).astype(np.float32)


# ------------------------------------------------------------------------------------------- layers of one size


def padded_weights(network: Network) -> dict[str, Array]:
    """Return the weights of the recurrent layers and of the outputs, by their names in the model folder.

    Every layer gets the size of the largest, and two directions if any has two; the units added are all zeros.
    """
    units, ways = size_of(network)
    gates = GATES[network.cell]
    weights: dict[str, Array] = {}
    rows, entering = np.arange(network.table.shape[1]), network.table.shape[1]  # where the inputs stand
    for number, layer in enumerate(network.layers):
        for way, direction in enumerate(("forward", "backward")[:ways]):
            kernel = np.zeros((entering, gates, units))
            recurrent = np.zeros((units, gates, units))
            bias = np.zeros((2 if network.cell == "gru" else 1, gates, units))
            if way < len(layer):
                given = layer[way]
                own = len(given.recurrent)
                kernel[rows, :, :own] = given.kernel.reshape(-1, gates, own)
                recurrent[:own, :, :own] = given.recurrent.reshape(own, gates, own)
                bias[..., :own] = given.bias.reshape(-1, gates, own)
            prefix = f"sentence/{number}/{direction}"
            size = gates * units
            weights[f"{prefix}/kernel"] = _single(kernel.reshape(entering, size))
            weights[f"{prefix}/recurrent_kernel"] = _single(recurrent.reshape(units, size))
            weights[f"{prefix}/bias"] = _single(bias.reshape((2, size) if network.cell == "gru" else (size,)))
        sizes = [len(given.recurrent) for given in layer]
        rows = np.concatenate([way * units + np.arange(size) for way, size in enumerate(sizes)])
        entering = ways * units
    kernel = np.zeros((entering, network.kernel.shape[1]))
    kernel[rows] = network.kernel
    return weights | {"output/kernel": _single(kernel), "output/bias": _single(network.bias)}


def size_of(network: Network) -> tuple[int, int]:
    """Return the units per direction of the largest layer, and the number of directions."""
    directions = [direction for layer in network.layers for direction in layer]
    return max(len(one.recurrent) for one in directions), max(map(len, network.layers))


def _single(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)
