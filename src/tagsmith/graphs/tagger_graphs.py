"""ONNX graphs of a tagger, built from named weight arrays.

:func:`word_graph`: everything that depends on a word's spelling alone, computed once per word form
    ``vectors`` (n, word_dim), ``characters`` (n, C), ``shapes`` (n,)
    → ``encodings`` (n, encoding_size); for an LSTM ``projections`` (n, directions·4H), the encodings times the first
    layer's input kernels plus bias, so that only the recurrent product is left to compute in a sentence

:func:`sentence_graph`: from a batch's word forms to emissions
    ``encodings`` (n, encoding_size), ``projections`` (n·directions, 4H), ``tokens`` (T, B) → row of each token's form,
    ``lengths`` (B,), and the recurrent layers' initial ``hidden`` and (LSTM) ``memory`` (layers·directions, B, H);
    the 8-bit LSTM takes float16 encodings, and int8 projections with ``scales`` (n·directions, 4), one per gate;
    the float32 LSTM takes no encodings, the other cells no projections
    → ``emissions`` (T, B, tags), and the last states ``last_hidden`` and ``last_memory``

Time comes first because ONNX Runtime's recurrent kernels want it so. The pretrained and trained word tables are not in
the graphs: looking up a row needs none.

There are two ways to run over a sentence. ONNX Runtime's recurrent operators start fast, and run GRUs, simple RNNs and
small batches of an 8-bit LSTM. For an LSTM otherwise, a ``Scan`` loop over time steps (:func:`_lstm_steps`) is faster
on batches (benchmarks/results/recurrence.json), because it uses the inputs' products computed once per word form,
which the operators compute again for every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tagsmith.graphs.builder import RUNTIME_DOMAIN, BuiltGraph, Graph, Kind, Weights
from tagsmith.graphs.onnx_messages import Array, Shape
from tagsmith.graphs.session import products_may_overflow
from tagsmith.model.architecture import Architecture
from tagsmith.model.vectors import quantize_rows

# Keras's gate order → ONNX's: LSTM input, forget, candidate, output → input, output, forget, candidate.
GATE_ORDER = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "gru-reset-before": (0, 1, 2), "rnn": (0,)}
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "gru-reset-before": "GRU", "rnn": "RNN"}
LOOP_FROM = 24  # sentences in a batch from which the loop is faster than the operator in 8 bits
# A hidden state is between -1 and 1, so its 8-bit scale is fixed: 128 stands for 0, 255 for 1.
STATE_SCALE, STATE_ZERO = 1 / 127, 128


# ------------------------------------------------------------------------------------------------ word forms


def word_graph(weights: Weights, architecture: Architecture) -> BuiltGraph:
    """Build the graph that encodes word forms."""
    g, a = Graph(), architecture
    parts = ["vectors"]
    inputs: dict[str, Kind] = {"vectors": ("float32", ["n", a.word_dim])}
    if a.characters != "none":
        inputs["characters"] = ("int32", ["n", "C"])
        parts.append((_filters if a.characters == "cnn" else _spelling)(g, weights, a))
    if a.shape_dim:
        inputs["shapes"] = ("int32", ["n"])
        parts.append(g.node("Gather", g.constant(weights["word/shapes"]), "shapes", axis=0))
    encodings = g.concatenate(parts, axis=1)
    outputs: dict[str, tuple[str, Kind]] = {"encodings": (encodings, ("float32", ["n", a.encoding_size]))}
    if a.cell == "lstm":
        products = [
            g.node("Gemm", encodings, *(g.weight(f"sentence/0/{way}/{name}", weights) for name in ("kernel", "bias")))
            for way in a.directions
        ]
        size = 4 * a.units * len(products)
        outputs["projections"] = (g.concatenate(products, axis=1), ("float32", ["n", size]))
    return g.build(inputs, outputs)


def _filters(g: Graph, weights: Weights, a: Architecture) -> str:
    """Character CNN: the largest response of each filter over the word's characters."""
    inside = g.node("Greater", "characters", g.constant([0], np.int32))  # (n, C)
    table = weights["word/characters"].copy()
    table[0] = 0.0  # padding adds nothing to a filter that reaches past the word's end
    vectors = g.node("Gather", g.constant(table), "characters", axis=0)  # (n, C, character_dim)
    channels_first = g.node("Transpose", vectors, perm=[0, 2, 1])
    filters = g.constant(weights["word/filters"].transpose(2, 1, 0))  # (units, character_dim, width)
    width = a.character_width
    responses = g.node("Conv", channels_first, filters, pads=[(width - 1) // 2, width // 2])  # (n, units, C)
    mask = g.node("Unsqueeze", inside, g.constant([1], np.int64))
    masked = g.node("Where", mask, responses, g.scalar(-1e9, np.float32))
    best = g.node("ReduceMax", masked, axes=[2], keepdims=0)  # (n, units)
    return g.node("Tanh", g.node("Add", best, g.constant(weights["word/filter_bias"])))


def _spelling(g: Graph, weights: Weights, a: Architecture) -> str:
    """Character RNN: the last forward state and the last backward state, which is that at the first character."""
    real = g.cast(g.node("Greater", "characters", g.constant([0], np.int32)), "int32")
    lengths = g.node("ReduceSum", real, g.constant([1], np.int64), keepdims=0)
    vectors = g.node("Gather", g.constant(weights["word/characters"]), "characters", axis=0)
    steps = g.node("Transpose", vectors, perm=[1, 0, 2])  # (C, n, character_dim)
    last = _operator(g, weights, "word/spelling", ("forward", "backward"), a.characters, steps, lengths)[
        1
    ]  # (2, n, units)
    by_form = g.node("Transpose", last, perm=[1, 0, 2])
    return g.node("Reshape", by_form, g.constant([-1, a.character_size], np.int64))


# ------------------------------------------------------------------------------------------------- sentences


def sentence_graph(weights: Weights, architecture: Architecture, *, int8: bool = False) -> BuiltGraph:
    """Build the graph that runs over sentences, with ``int8`` the one with 8-bit LSTM kernels.

    ONNX Runtime has 8-bit recurrent kernels for the LSTM only: GRU and simple RNN stay in float32, and have no loop.
    """
    g, a = Graph(), architecture
    state: Shape = [a.layers * len(a.directions), "B", a.units]
    inputs: dict[str, Kind] = {
        "tokens": ("int32", ["T", "B"]),
        "lengths": ("int32", ["B"]),
        "hidden": ("float32", state),
    }
    outputs: dict[str, Kind] = {
        "emissions": ("float32", ["T", "B", len(weights["output/bias"])]),
        "last_hidden": ("float32", state),
    }
    operators = partial(_with_operators, weights=weights, a=a, int8=int8)
    loop = partial(_with_loop, weights=weights, a=a, int8=int8)
    if a.cell != "lstm" or int8:  # the operators read encodings
        inputs["encodings"] = ("float16" if a.cell == "lstm" else "float32", ["n", a.encoding_size])
    if a.cell == "lstm":
        inputs["memory"] = ("float32", state)
        inputs["projections"] = ("int8" if int8 else "float32", ["rows", 4 * a.units])
        outputs["last_memory"] = ("float32", state)
    if a.cell == "lstm" and int8:
        inputs["scales"] = ("float32", ["rows", 4])
        is_small = g.node("Less", g.node("Size", "lengths"), g.scalar(LOOP_FROM, np.int64))
        results = g.choose(is_small, list(outputs.values()), operators, loop)
    else:
        results = loop(g) if a.cell == "lstm" else operators(g)
    return g.build(inputs, {name: (value, outputs[name]) for name, value in zip(outputs, results, strict=True)})


def _with_operators(g: Graph, weights: Weights, a: Architecture, int8: bool) -> list[str]:
    """Run over the sentences with ONNX Runtime's recurrent operators."""
    ways = len(a.directions)
    hidden = g.split("hidden", [ways] * a.layers, axis=0)
    memory = g.split("memory", [ways] * a.layers, axis=0) if a.cell == "lstm" else []
    states = g.node("Gather", "encodings", "tokens", axis=0)  # (T, B, D)
    if int8 and a.cell == "lstm":
        states = g.cast(states, "float32")
    last: list[list[str]] = []
    for number in range(a.layers):
        initial = [hidden[number], *memory[number : number + 1]]
        outputs, *ends = _operator(
            g, weights, f"sentence/{number}", a.directions, a.cell, states, "lengths", initial, int8
        )
        last.append(ends)
        by_sentence = g.node("Transpose", outputs, perm=[0, 2, 1, 3])  # (T, B, directions, H)
        outputs = g.node("Reshape", by_sentence, g.constant([0, 0, a.state_size], np.int64))
        states = g.node("Add", outputs, states) if a.residual and number else outputs
    scores = g.node("MatMul", states, g.constant(weights["output/kernel"]))
    emissions = g.node("Add", scores, g.constant(weights["output/bias"]))
    return [emissions, *(g.concatenate(ends, axis=0) for ends in zip(*last, strict=True))]


def _operator(
    g: Graph,
    weights: Weights,
    prefix: str,
    directions: Sequence[str],
    cell: str,
    steps: str,
    lengths: str,
    initial: Sequence[str] = (),
    int8: bool = False,
) -> list[str]:
    """Add a recurrent operator over ``steps`` (T, B, D).

    Returns all hidden states, (T, directions, B, H), the last ones, (directions, B, H), and an LSTM's last memory.
    With ``int8`` the kernels of an LSTM are 8-bit integers; ONNX Runtime scales the inputs as it runs.
    """
    kernels, recurrents, biases = zip(
        *(_reordered(weights, f"{prefix}/{direction}", cell) for direction in directions), strict=True
    )
    attributes: dict[str, Any] = {
        "hidden_size": len(recurrents[0]),
        "direction": "bidirectional" if len(directions) == 2 else "forward",
        "outputs": 3 if cell == "lstm" else 2,
    }
    bias = g.constant(np.stack(biases))
    if int8 and cell == "lstm":
        kernel, *kernel_scale = _int8_constants(g, kernels)
        recurrent, *recurrent_scale = _int8_constants(g, recurrents)
        inputs = [steps, kernel, recurrent, bias, lengths, *initial, "", *kernel_scale, *recurrent_scale]
        return g.nodes_of("DynamicQuantizeLSTM", *inputs, domain=RUNTIME_DOMAIN, **attributes)
    if cell == "gru":
        attributes["linear_before_reset"] = 1
    stacked = (g.constant(np.stack([kernel.T for kernel in parts])) for parts in (kernels, recurrents))
    return g.nodes_of(OPERATORS[cell], steps, *stacked, bias, lengths, *initial, **attributes)


def _int8_constants(g: Graph, kernels: Sequence[Array]) -> tuple[str, str, str]:
    """Add one kernel (D, N) per direction in 8 bits, with the scale and zero point of each column."""
    arrays = zip(*map(_int8_columns, kernels), strict=True)
    values, scales, zeros = (g.constant(np.stack(parts)) for parts in arrays)
    return values, scales, zeros


def _int8_columns(kernel: Array) -> tuple[Array, Array, Array]:
    """Quantize a kernel to 8-bit integers (D, N); return them with the scale (N,) and zero point (N,) of each column.

    They are signed, which is fastest, or the same numbers plus 128 where a product of signed ones may overflow.
    """
    rows, scale = quantize_rows(kernel.T)
    if products_may_overflow():
        return (rows.astype(np.int16) + 128).astype(np.uint8).T, scale[:, 0], np.full(len(rows), 128, np.uint8)
    return rows.T, scale[:, 0], np.zeros(len(rows), np.int8)


def _reordered(weights: Weights, prefix: str, cell: str) -> tuple[Array, Array, Array]:
    """Input kernel (D, gates·H), recurrent kernel (H, gates·H) and biases (2·gates·H,), in ONNX's gate order."""
    kernel, recurrent, bias = (weights[f"{prefix}/{name}"] for name in ("kernel", "recurrent_kernel", "bias"))
    biases = bias if cell == "gru" else (bias, np.zeros_like(bias))

    def reorder(array: Array) -> list[Array]:
        gates = np.split(array, len(GATE_ORDER[cell]), axis=-1)
        return [gates[gate] for gate in GATE_ORDER[cell]]

    kernel, recurrent = (np.concatenate(reorder(array), axis=-1) for array in (kernel, recurrent))
    return kernel, recurrent, np.concatenate([gate for array in biases for gate in reorder(array)])


# ---------------------------------------------------------------------------------------- sentences in a loop


def _with_loop(g: Graph, weights: Weights, a: Architecture, int8: bool) -> list[str]:
    """Run an LSTM over the sentences step by step.

    The backward direction reads each sentence reversed, from its last token on, so that both directions start at step 0
    and padding has no influence. (The last states are those after step T: right for sentences without padding.)
    """
    lengths = g.cast("lengths", "int64")

    def turn(steps: str, direction: str) -> str:
        """Reverse each sentence of (T, B, …), without its padding, for the backward direction."""
        if direction == "forward":
            return steps
        return g.node("ReverseSequence", steps, lengths, time_axis=0, batch_axis=1)

    states = ""
    last_states: list[list[str]] = []  # hidden and memory, (B, H) each
    kernel = weights["output/kernel"]
    for number in range(a.layers):
        outputs = []
        for way, direction in enumerate(a.directions):
            prefix = f"sentence/{number}/{direction}"
            index = g.scalar(number * len(a.directions) + way, np.int64)
            initial = [g.node("Gather", name, index, axis=0) for name in ("hidden", "memory")]  # (B, H) each
            if number == 0:
                rows = g.node("Mul", turn("tokens", direction), g.scalar(len(a.directions), np.int32))
                steps = g.node("Add", rows, g.scalar(way, np.int32))
            else:
                steps = _products(g, weights, prefix, turn(states, direction), int8, bound=number if a.residual else 1)
            hidden, *last = _lstm_steps(g, weights, prefix, initial, steps, number == 0, int8)
            outputs.append(hidden)
            last_states.append(last)
        if number < a.layers - 1:
            joined = g.concatenate([turn(*output) for output in zip(outputs, a.directions, strict=True)], axis=2)
            states = g.node("Add", joined, states) if a.residual and number else joined
    # The output layer multiplies first and then reverses the backward direction, because the product is smaller.
    scores = [
        turn(g.node("MatMul", output, g.constant(rows)), direction)
        for output, rows, direction in zip(outputs, np.split(kernel, len(a.directions)), a.directions, strict=True)
    ]
    if a.residual and a.layers > 1:
        scores.append(g.node("MatMul", states, g.constant(kernel)))
    emissions = g.constant(weights["output/bias"])
    for score in scores:
        emissions = g.node("Add", score, emissions)
    first = g.constant([0], np.int64)
    stacked = (
        g.concatenate([g.node("Unsqueeze", end, first) for end in ends], axis=0)
        for ends in zip(*last_states, strict=True)
    )
    return [emissions, *stacked]


def _products(g: Graph, weights: Weights, prefix: str, states: str, int8: bool, bound: int) -> str:
    """Multiply states (T, B, D) by the input kernel of a layer after the first and add the bias: (T, B, 4H).

    ``bound`` is the largest absolute value of a state: 1, and 1 more for each residual addition.
    """
    bias = g.constant(weights[f"{prefix}/bias"])
    if not int8:
        return g.node("Add", g.node("MatMul", states, g.weight(f"{prefix}/kernel", weights)), bias)
    scale, zero = g.scalar(bound * STATE_SCALE, np.float32), g.scalar(STATE_ZERO, np.uint8)
    quantized = g.node("QuantizeLinear", states, scale, zero)
    return g.node("Add", _int8_product(g, quantized, scale, zero, weights[f"{prefix}/kernel"]), bias)


def _int8_product(g: Graph, quantized: str, scale: str, zero: str, kernel: Array) -> str:
    """Multiply 8-bit values by a kernel (D, N) quantized to 8 bits by columns; the result is float32."""
    values, columns, zeros = _int8_columns(kernel)
    inputs = [quantized, g.constant(values), scale, g.constant(columns), zero, g.constant(zeros[0])]
    return g.node("MatMulIntegerToFloat", *inputs, domain=RUNTIME_DOMAIN)


def _lstm_steps(
    g: Graph, weights: Weights, prefix: str, initial: Sequence[str], steps: str, gather: bool, int8: bool
) -> tuple[str, str, str]:
    """Add the loop over one direction of an LSTM.

    Each step computes, for all sentences at once and with gates in Keras's order,
    z = x + h U;  c' = σ(z_f) c + σ(z_i) tanh(z_g);  h' = σ(z_o) tanh(c')   (Hochreiter & Schmidhuber 1997).

    ``steps`` are the products x (T, B, 4H) or, with ``gather``, the rows (T, B) of ``projections`` that hold them; a
    row is fetched in its step, which keeps it in the processor's cache. With ``int8`` the hidden state is carried as
    8-bit integers. Returns all hidden states, (T, B, H), and the last hidden state and memory, (B, H), as float32.
    """
    units = weights[f"{prefix}/recurrent_kernel"].shape[0]
    memory: Kind = ("float32", ["B", units])
    carried: Kind = ("uint8", ["B", units]) if int8 else memory
    scale, zero = g.scalar(STATE_SCALE, np.float32), g.scalar(STATE_ZERO, np.uint8)

    def step(inner: Graph, names: Sequence[str]) -> Sequence[str]:
        h, c, x = names
        if gather:
            x = _unpacked(inner, x, units) if int8 else inner.node("Gather", "projections", x, axis=0)
        if int8:
            z = inner.node("Add", _int8_product(inner, h, scale, zero, weights[f"{prefix}/recurrent_kernel"]), x)
        else:
            z = inner.node("Gemm", h, inner.weight(f"{prefix}/recurrent_kernel", weights), x)
        entry, forget, candidate, output = inner.split(z, [units] * 4, axis=1)
        kept = inner.node("Mul", inner.node("Sigmoid", forget), c)
        added = inner.node("Mul", inner.node("Sigmoid", entry), inner.node("Tanh", candidate))
        c = inner.node("Add", kept, added)
        y = inner.node("Mul", inner.node("Sigmoid", output), inner.node("Tanh", c))
        h = inner.node("QuantizeLinear", y, scale, zero) if int8 else inner.node("Identity", y)
        return h, c, y

    hidden = g.node("QuantizeLinear", initial[0], scale, zero) if int8 else initial[0]
    entering: Kind = ("int32", ["B"]) if gather else ("float32", ["B", 4 * units])
    last, last_memory, outputs = g.scan(step, [(hidden, carried), (initial[1], memory)], (steps, entering), [memory])
    return outputs, g.node("DequantizeLinear", last, scale, zero) if int8 else last, last_memory


def _unpacked(g: Graph, rows: str, units: int) -> str:
    """Fetch int8 ``projections`` at ``rows`` (B,), with one scale per gate, as float32 (B, 4H)."""
    values = g.node("Reshape", g.node("Gather", "projections", rows, axis=0), g.constant([-1, units], np.int64))
    scales = g.node("Reshape", g.node("Gather", "scales", rows, axis=0), g.constant([-1], np.int64))
    gates = g.node("DequantizeLinear", values, scales, axis=0)  # (4B, H)
    return g.node("Reshape", gates, g.constant([-1, 4 * units], np.int64))


def product_graph(recurrent: Array, *, int8: bool) -> BuiltGraph:
    """Build a graph of one recurrent product, ``states`` (B, H) by the kernel (H, 4H): a time step's least cost."""
    g = Graph()
    if int8:
        scale, zero = g.scalar(STATE_SCALE, np.float32), g.scalar(STATE_ZERO, np.uint8)
        product = _int8_product(g, "states", scale, zero, recurrent)
    else:
        product = g.node("MatMul", "states", g.constant(recurrent))
    states: Kind = ("uint8" if int8 else "float32", ["B", recurrent.shape[0]])
    return g.build({"states": states}, {"products": (product, ("float32", ["B", recurrent.shape[1]]))})
