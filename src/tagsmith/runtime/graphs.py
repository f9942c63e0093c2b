"""Named weight arrays → ONNX graphs.

Two graphs make a tagger (the pretrained and trained word tables stay outside, in ``weights.safetensors``: looking up a
row needs no graph):

``words.onnx``
    ``vectors`` (n, word_dim), ``characters`` (n, C), ``shapes`` (n,) → ``encodings`` (n, encoding_size)
``sentences.onnx``
    ``encodings`` (T, B, encoding_size), ``lengths`` (B,) → ``emissions`` (T, B, tags); time comes first because ONNX
    Runtime's recurrent kernels want it so

The int8 form of the second holds the recurrent kernels as 8-bit integers, one scale per output column.
Needs the ``onnx`` package, not Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.encoding.vectors import quantise_rows
from tagsmith.errors import MissingExtraError
from tagsmith.runtime.architecture import Architecture

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise MissingExtraError("Writing a model", "train") from error

Array = npt.NDArray[Any]
OPSET = 17
RUNTIME_DOMAIN = "com.microsoft"  # ONNX Runtime's own operators
# Keras's gate order → ONNX's: LSTM input, forget, candidate, output → input, output, forget, candidate.
GATE_ORDER = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "rnn": (0,)}
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


class Graph:
    """Nodes and constants of an ONNX graph in the making."""

    def __init__(self, weights: Mapping[str, Array], architecture: Architecture) -> None:
        self.weights, self.architecture = weights, architecture
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: Array) -> str:
        """Add an array; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; return the name of its last output (the others stay unused)."""
        number = len(self.nodes)
        names = [""] * (outputs - 1) + [f"{operator.lower()}_{number}"]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=f"node_{number}", **attributes))
        return names[-1]

    def recurrent(
        self,
        prefix: str,
        cell: str,
        directions: tuple[str, ...],
        steps: str,
        lengths: str,
        output: int,
        int8: bool = False,
    ) -> str:
        """Add a recurrent operator over ``steps`` (T, B, D).

        ``output`` 1 gives every state, (T, directions, B, H), and 2 the last ones, (directions, B, H). With ``int8`` an
        LSTM's kernels are held as 8-bit integers; ONNX Runtime scales its inputs to 8 bits as it runs.
        """
        kernels, recurrents, biases = [], [], []
        for direction in directions:
            kernel, recurrent, bias = (
                self.weights[f"{prefix}/{direction}/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
            )
            kernels.append(_reorder(kernel, cell).T)
            recurrents.append(_reorder(recurrent, cell).T)
            entry, inner = bias if cell == "gru" else (bias, np.zeros_like(bias))
            biases.append(np.concatenate([_reorder(entry, cell), _reorder(inner, cell)]))
        attributes: dict[str, Any] = {
            "hidden_size": recurrents[0].shape[1],
            "direction": "bidirectional" if len(directions) == 2 else "forward",
        }
        if int8 and cell == "lstm":
            values, *scale = self._int8(kernels)
            recurrent_values, *recurrent_scale = self._int8(recurrents)
            inputs = (steps, values, recurrent_values, self.constant(np.stack(biases)), lengths, "", "", "")
            return self.node(
                "DynamicQuantizeLSTM",
                *inputs,
                *scale,
                *recurrent_scale,
                outputs=output,
                domain=RUNTIME_DOMAIN,
                **attributes,
            )
        if cell == "gru":
            attributes["linear_before_reset"] = 1
        constants = (self.constant(np.stack(arrays)) for arrays in (kernels, recurrents, biases))
        return self.node(OPERATORS[cell], steps, *constants, lengths, outputs=output, **attributes)

    def _int8(self, kernels: list[Array]) -> tuple[str, str, str]:
        """Add kernels (gates·H, D) as int8 (directions, D, gates·H), with one scale and zero point per output."""
        rows, scales = zip(*map(quantise_rows, kernels), strict=True)
        values = np.stack(rows).transpose(0, 2, 1)
        scale = np.stack(scales)[:, :, 0]  # (directions, gates·H)
        return self.constant(values), self.constant(scale), self.constant(np.zeros(scale.shape, np.int8))

    def model(self, inputs: list[Any], output: str, name: str, shape: list[Any]) -> bytes:
        """Finish: call ``output`` by ``name`` and return the serialised, checked model."""
        self.nodes.append(helper.make_node("Identity", [output], [name]))
        result = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "tagsmith", inputs, [result], self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME_DOMAIN, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="tagsmith")
        model.ir_version = 8
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def word_graph(weights: Mapping[str, Array], architecture: Architecture) -> bytes:
    """Build ``words.onnx``."""
    g = Graph(weights, architecture)
    parts = ["vectors"]
    inputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", architecture.word_dim])]
    if architecture.characters != "none":
        inputs.append(helper.make_tensor_value_info("characters", TensorProto.INT32, ["n", "C"]))
        parts.append(_cnn(g) if architecture.characters == "cnn" else _spelling(g))
    if architecture.shape_dim:
        inputs.append(helper.make_tensor_value_info("shapes", TensorProto.INT32, ["n"]))
        parts.append(g.node("Gather", g.constant(weights["word/shapes"]), "shapes", axis=0))
    return g.model(inputs, g.node("Concat", *parts, axis=1), "encodings", ["n", architecture.encoding_size])


def _cnn(g: Graph) -> str:
    """Character filters: the largest response of each over the word's real positions."""
    a = g.architecture
    inside = g.node("Greater", "characters", g.constant(np.array([0], np.int32)))  # (n, C)
    table = g.weights["word/characters"].copy()
    table[0] = 0.0  # padding adds nothing to a filter that hangs over the word's end
    vectors = g.node("Gather", g.constant(table), "characters", axis=0)  # (n, C, character_dim)
    channels_first = g.node("Transpose", vectors, perm=[0, 2, 1])
    filters = g.constant(g.weights["word/filters"].transpose(2, 1, 0))  # (units, character_dim, width)
    width = a.character_width
    responses = g.node("Conv", channels_first, filters, pads=[(width - 1) // 2, width // 2])  # (n, units, C)
    mask = g.node("Unsqueeze", inside, g.constant(np.array([1], np.int64)))
    masked = g.node("Where", mask, responses, g.constant(np.array(-1e9, np.float32)))
    best = g.node("ReduceMax", masked, axes=[2], keepdims=0)  # (n, units)
    return g.node("Tanh", g.node("Add", best, g.constant(g.weights["word/filter_bias"])))


def _spelling(g: Graph) -> str:
    """Character RNN: the last state forwards beside the last state backwards, which is at the first character."""
    a = g.architecture
    ones = g.node("Cast", g.node("Greater", "characters", g.constant(np.array([0], np.int32))), to=TensorProto.INT32)
    lengths = g.node("ReduceSum", ones, g.constant(np.array([1], np.int64)), keepdims=0)
    vectors = g.node("Gather", g.constant(g.weights["word/characters"]), "characters", axis=0)
    steps = g.node("Transpose", vectors, perm=[1, 0, 2])  # (C, n, character_dim)
    last = g.recurrent(
        "word/spelling", a.characters, ("forward", "backward"), steps, lengths, output=2
    )  # (2, n, units)
    return g.node(
        "Reshape", g.node("Transpose", last, perm=[1, 0, 2]), g.constant(np.array([-1, a.character_size], np.int64))
    )


def sentence_graph(weights: Mapping[str, Array], architecture: Architecture, *, int8: bool = False) -> bytes:
    """Build ``sentences.onnx``, or ``sentences.int8.onnx`` with 8-bit LSTM kernels.

    ONNX Runtime has 8-bit recurrent kernels for the LSTM alone: GRU and simple RNN stay in float32.
    """
    g = Graph(weights, architecture)
    a = architecture
    inputs = [
        helper.make_tensor_value_info("encodings", TensorProto.FLOAT, ["T", "B", a.encoding_size]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"]),
    ]
    merge = g.constant(np.array([0, 0, a.state_size], np.int64))
    states = "encodings"
    for number in range(a.layers):
        outputs = g.recurrent(f"sentence/{number}", a.cell, a.directions, states, "lengths", 1, int8)
        beside = g.node("Transpose", outputs, perm=[0, 2, 1, 3])  # (T, B, directions, H)
        outputs = g.node("Reshape", beside, merge)
        states = g.node("Add", outputs, states) if a.residual and number else outputs
    scores = g.node("MatMul", states, g.constant(weights["output/kernel"]))
    emissions = g.node("Add", scores, g.constant(weights["output/bias"]))
    return g.model(inputs, emissions, "emissions", ["T", "B", weights["output/bias"].shape[0]])


def _reorder(array: Array, cell: str) -> Array:
    """Reorder the gates, which lie side by side on the last axis."""
    gates = np.split(array, len(GATE_ORDER[cell]), axis=-1)
    return np.concatenate([gates[gate] for gate in GATE_ORDER[cell]], axis=-1)
