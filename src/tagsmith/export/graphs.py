"""Named weight arrays → the two ONNX graphs of a tagger.

``words.onnx``: what depends on a word's spelling alone, computed once per word form
    ``vectors`` (n, word_dim), ``characters`` (n, C), ``shapes`` (n,)
    → ``encodings`` (n, encoding_size) and, for an LSTM, ``projections`` (n, directions·4H): the encodings times the
    first layer's input kernels plus bias, so that running over a sentence needs the recurrent product alone; and, if
    there is a sentence vector, the form's part in it, ``contexts`` (n, context_size)

``sentences.onnx``, ``sentences.int8.onnx``: from a batch's word forms to emissions
    ``encodings`` (n, encoding_size), ``projections`` (n·directions, 4H), ``tokens`` (T, B) → row of each token's form,
    ``lengths`` (B,), the sentences' own vectors ``context`` (B, context_size) if the model has them, and the recurrent
    layers' initial ``hidden`` and (LSTM) ``memory`` (layers·directions, B, H);
    the 8-bit LSTM takes encodings as float16, and projections as int8 with ``scales`` (n·directions, 4), one a gate;
    the float32 LSTM takes no encodings, the others no projections
    → ``emissions`` (T, B, tags), and the last states ``last_hidden`` and ``last_memory``

Time comes first because ONNX Runtime's recurrent kernels want it so. The pretrained and trained word tables stay
outside, in ``weights.safetensors``: looking up a row needs no graph.

There are two ways over a sentence. An LSTM runs in a loop (``Scan``) over time steps whose inputs were multiplied once
per word form, :func:`_lstm_steps`. ONNX Runtime's own recurrent operators multiply every token's input again and are
slower on batches (benchmarks/results/recurrence.json), but they start faster: they run GRU and simple RNN, and small
batches of an 8-bit LSTM.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tagsmith.export.graph_builder import RUNTIME_DOMAIN, Array, Graph, Shape, Weights, typed
from tagsmith.model.architecture import Architecture
from tagsmith.model.vectors import quantize_rows

# Keras's gate order → ONNX's: LSTM input, forget, candidate, output → input, output, forget, candidate.
GATE_ORDER = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "rnn": (0,)}
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
LOOP_FROM = 24  # sentences: from here on the loop is the faster of the two in 8 bits
# A hidden state lies between -1 and 1, so its 8-bit form needs no look at the data: 128 stands for 0, 255 for 1.
STATE_SCALE, STATE_ZERO = 1 / 127, 128


# ------------------------------------------------------------------------------------------------ word forms


def word_graph(weights: Weights, architecture: Architecture) -> bytes:
    """Build ``words.onnx``."""
    g, a = Graph(), architecture
    parts = ["vectors"]
    inputs = [typed("vectors", "float32", ["n", a.word_dim])]
    if a.characters != "none":
        inputs.append(typed("characters", "int32", ["n", "C"]))
        parts.append((_filters if a.characters == "cnn" else _spelling)(g, weights, a))
    if a.shape_dim:
        inputs.append(typed("shapes", "int32", ["n"]))
        parts.append(g.node("Gather", g.constant(weights["word/shapes"]), "shapes", axis=0))
    encodings = g.side_by_side(parts, axis=1)
    outputs: list[tuple[str, str, str, Shape]] = [(encodings, "encodings", "float32", ["n", a.encoding_size])]
    if a.cell == "lstm":
        products = [
            g.node("Gemm", encodings, *(g.weight(f"sentence/0/{way}/{name}", weights) for name in ("kernel", "bias")))
            for way in a.directions
        ]
        size = 4 * a.units * len(products)
        outputs.append((g.side_by_side(products, axis=1), "projections", "float32", ["n", size]))
    if a.context_size:
        kernel, bias = (g.constant(weights[f"word/context_{name}"]) for name in ("kernel", "bias"))
        part = g.node("Tanh", g.node("Gemm", encodings, kernel, bias))
        outputs.append((part, "contexts", "float32", ["n", a.context_size]))
    return g.model(inputs, outputs)


def _filters(g: Graph, weights: Weights, a: Architecture) -> str:
    """Character filters: the largest response of each over the word's real positions."""
    inside = g.node("Greater", "characters", g.constant([0], np.int32))  # (n, C)
    table = weights["word/characters"].copy()
    table[0] = 0.0  # padding adds nothing to a filter that hangs over the word's end
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
    """Character RNN: the last state forwards beside the last state backwards, which is at the first character."""
    real = g.cast(g.node("Greater", "characters", g.constant([0], np.int32)), "int32")
    lengths = g.node("ReduceSum", real, g.constant([1], np.int64), keepdims=0)
    vectors = g.node("Gather", g.constant(weights["word/characters"]), "characters", axis=0)
    steps = g.node("Transpose", vectors, perm=[1, 0, 2])  # (C, n, character_dim)
    kernels = _kernels(weights, "word/spelling", ("forward", "backward"), a.characters)
    last = _operator(g, a.characters, kernels, steps, lengths)[1]  # (2, n, units)
    beside = g.node("Transpose", last, perm=[1, 0, 2])
    return g.node("Reshape", beside, g.constant([-1, a.character_size], np.int64))


# ------------------------------------------------------------------------------------------------- sentences


def sentence_graph(weights: Weights, architecture: Architecture, *, int8: bool = False) -> bytes:
    """Build ``sentences.onnx``, or ``sentences.int8.onnx`` with 8-bit LSTM kernels.

    ONNX Runtime has 8-bit recurrent kernels for the LSTM alone: GRU and simple RNN stay in float32, and have no loop.
    """
    g, a = Graph(), architecture
    tags = weights["output/bias"].shape[0]
    state: Shape = [a.layers * len(a.directions), "B", a.units]
    inputs = [
        typed("tokens", "int32", ["T", "B"]),
        typed("lengths", "int32", ["B"]),
        typed("hidden", "float32", state),
    ]
    if a.context_size:
        inputs.append(typed("context", "float32", ["B", a.context_size]))
    outputs: list[tuple[str, Shape]] = [("emissions", ["T", "B", tags]), ("last_hidden", state)]
    run = partial(_with_operators, weights=weights, a=a, int8=int8)
    if a.cell != "lstm" or int8:  # not for the loop alone
        inputs.append(typed("encodings", "float16" if a.cell == "lstm" else "float32", ["n", a.encoding_size]))
    if a.cell == "lstm":
        inputs.append(typed("memory", "float32", state))
        inputs.append(typed("projections", "int8" if int8 else "float32", ["rows", 4 * a.units]))
        outputs.append(("last_memory", state))
        in_steps = partial(_with_loop, weights=weights, a=a, int8=int8)
        if int8:
            inputs.append(typed("scales", "float32", ["rows", 4]))
            is_small = g.node("Less", g.node("Size", "lengths"), g.scalar(LOOP_FROM, np.int64))
            results = g.choose(
                is_small, [partial(typed, kind="float32", shape=shape) for _, shape in outputs], run, in_steps
            )
        else:
            results = in_steps(g)
    else:
        results = run(g)
    named = zip(results, outputs, strict=True)
    return g.model(inputs, [(value, name, "float32", shape) for value, (name, shape) in named])


def _with_operators(g: Graph, weights: Weights, a: Architecture, int8: bool) -> list[str]:
    """Run over the sentences with ONNX Runtime's own recurrent operators."""
    ways = len(a.directions)
    hidden = g.parts("hidden", [ways] * a.layers, axis=0)
    memory = g.parts("memory", [ways] * a.layers, axis=0) if a.cell == "lstm" else []
    states = g.node("Gather", "encodings", "tokens", axis=0)  # (T, B, D)
    if int8 and a.cell == "lstm":
        states = g.cast(states, "float32")
    if a.context_size:
        states = g.side_by_side([states, _for_every_step(g, "context", states)], axis=2)
    last: list[list[str]] = []
    for number in range(a.layers):
        kernels = _kernels(weights, f"sentence/{number}", a.directions, a.cell)
        initial = [hidden[number], *memory[number : number + 1]]
        outputs, *ends = _operator(g, a.cell, kernels, states, "lengths", initial, int8)
        last.append(ends)
        beside = g.node("Transpose", outputs, perm=[0, 2, 1, 3])  # (T, B, directions, H)
        outputs = g.node("Reshape", beside, g.constant([0, 0, a.state_size], np.int64))
        states = g.node("Add", outputs, states) if a.residual and number else outputs
    scores = g.node("MatMul", states, g.constant(weights["output/kernel"]))
    emissions = g.node("Add", scores, g.constant(weights["output/bias"]))
    return [emissions, *(g.side_by_side(ends, axis=0) for ends in zip(*last, strict=True))]


def _for_every_step(g: Graph, vectors: str, steps: str) -> str:
    """Repeat vectors (B, S) for every time step of (T, B, D): (T, B, S)."""
    count = g.node("Shape", steps, start=0, end=1)
    shape = g.side_by_side([count, g.node("Shape", vectors)], axis=0)
    return g.node("Expand", g.node("Unsqueeze", vectors, g.constant([0], np.int64)), shape)


def _kernels(weights: Weights, prefix: str, directions: Sequence[str], cell: str) -> tuple[list[Array], ...]:
    """Input kernels (D, gates·H), recurrent kernels (H, gates·H) and biases (2·gates·H,), in ONNX's order of gates."""
    kernels, recurrents, biases = [], [], []
    for direction in directions:
        kernel, recurrent, bias = (
            weights[f"{prefix}/{direction}/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
        )
        if (context := f"{prefix}/{direction}/context_kernel") in weights:
            kernel = np.concatenate([kernel, weights[context]])
        kernels.append(_reorder(kernel, cell))
        recurrents.append(_reorder(recurrent, cell))
        entry, inner = bias if cell == "gru" else (bias, np.zeros_like(bias))
        biases.append(np.concatenate([_reorder(entry, cell), _reorder(inner, cell)]))
    return kernels, recurrents, biases


def _operator(
    g: Graph,
    cell: str,
    kernels: tuple[list[Array], ...],
    steps: str,
    lengths: str,
    initial: Sequence[str] = (),
    int8: bool = False,
) -> list[str]:
    """Add a recurrent operator over ``steps`` (T, B, D).

    Returns every state, (T, directions, B, H), the last hidden states, (directions, B, H), and those of an LSTM's
    memory. With ``int8`` an LSTM's kernels are held as 8-bit integers; ONNX Runtime scales its inputs as it runs.
    """
    entering, recurrent, biases = kernels
    attributes: dict[str, Any] = {
        "hidden_size": recurrent[0].shape[0],
        "direction": "bidirectional" if len(recurrent) == 2 else "forward",
        "outputs": 3 if cell == "lstm" else 2,
    }
    bias = g.constant(np.stack(biases))
    if int8 and cell == "lstm":
        kernel, *kernel_scale = _int8_constants(g, entering)
        recurrent_kernel, *recurrent_scale = _int8_constants(g, recurrent)
        inputs = [steps, kernel, recurrent_kernel, bias, lengths, *initial, "", *kernel_scale, *recurrent_scale]
        return g.nodes_of("DynamicQuantizeLSTM", *inputs, domain=RUNTIME_DOMAIN, **attributes)
    if cell == "gru":
        attributes["linear_before_reset"] = 1
    stacked = (g.constant(np.stack([kernel.T for kernel in own])) for own in (entering, recurrent))
    return g.nodes_of(OPERATORS[cell], steps, *stacked, bias, lengths, *initial, **attributes)


def _int8_constants(g: Graph, kernels: Sequence[Array]) -> tuple[str, str, str]:
    """Add one kernel (D, N) per direction as int8, with the scale and the zero point of each column."""
    values, scales = (np.stack(arrays) for arrays in zip(*map(_int8_columns, kernels), strict=True))
    return g.constant(values), g.constant(scales), g.constant(np.zeros(scales.shape, np.int8))


def _int8_columns(kernel: Array) -> tuple[Array, Array]:
    """Hold a kernel (D, N) as 8-bit integers (D, N) and one scale per column (N,)."""
    rows, scale = quantize_rows(kernel.T)
    return rows.T, scale[:, 0]


def _reorder(array: Array, cell: str) -> Array:
    """Reorder the gates, which lie side by side on the last axis."""
    gates = np.split(array, len(GATE_ORDER[cell]), axis=-1)
    return np.concatenate([gates[gate] for gate in GATE_ORDER[cell]], axis=-1)


# ------------------------------------------------------------------------------- sentences, step after step


def _with_loop(g: Graph, weights: Weights, a: Architecture, int8: bool) -> list[str]:
    """Run an LSTM over the sentences step after step.

    The backward direction reads each sentence reversed, from its own last token on, so that both directions begin at
    step 0 and what stands in the padding behind a sentence changes nothing. (The last states are those after step T:
    right for sentences without padding.)
    """
    lengths = g.cast("lengths", "int64")

    def turn(steps: str, direction: str) -> str:
        """Turn each sentence of (T, B, …) round for the backward direction, from its own last token to its first."""
        if direction == "forward":
            return steps
        return g.node("ReverseSequence", steps, lengths, time_axis=0, batch_axis=1)

    states = ""
    hidden_ends, memory_ends = [], []
    kernel = weights["output/kernel"]
    for number in range(a.layers):
        outputs = []
        for way, direction in enumerate(a.directions):
            prefix = f"sentence/{number}/{direction}"
            place = g.scalar(number * len(a.directions) + way, np.int64)
            initial = [g.node("Gather", name, place, axis=0) for name in ("hidden", "memory")]  # (B, H) each
            if number == 0:
                rows = g.node("Mul", turn("tokens", direction), g.scalar(len(a.directions), np.int32))
                steps = g.node("Add", rows, g.scalar(way, np.int32))
            else:
                steps = _products(g, weights, prefix, turn(states, direction), int8, bound=number if a.residual else 1)
            joined = ""
            if number == 0 and a.context_size:
                joined = g.node("MatMul", "context", g.constant(weights[f"{prefix}/context_kernel"]))  # (B, 4H)
            last_hidden, last_memory, every = _lstm_steps(g, weights, prefix, initial, steps, number == 0, int8, joined)
            hidden_ends.append(last_hidden)
            memory_ends.append(last_memory)
            outputs.append(every)
        if number < a.layers - 1:
            beside = g.side_by_side([turn(*own) for own in zip(outputs, a.directions, strict=True)], axis=2)
            states = g.node("Add", beside, states) if a.residual and number else beside
    # The output layer: multiply first, then turn the backward direction round, which is then the smaller array.
    scores = [
        turn(g.node("MatMul", found, g.constant(rows)), direction)
        for found, rows, direction in zip(outputs, np.split(kernel, len(a.directions)), a.directions, strict=True)
    ]
    if a.residual and a.layers > 1:
        scores.append(g.node("MatMul", states, g.constant(kernel)))
    emissions = g.constant(weights["output/bias"])
    for score in scores:
        emissions = g.node("Add", score, emissions)
    first = g.constant([0], np.int64)
    ends = (
        g.side_by_side([g.node("Unsqueeze", end, first) for end in own], axis=0) for own in (hidden_ends, memory_ends)
    )
    return [emissions, *ends]


def _products(g: Graph, weights: Weights, prefix: str, states: str, int8: bool, bound: int) -> str:
    """Multiply states (T, B, D) by a deeper layer's input kernel and add the bias: (T, B, 4H).

    ``bound`` is the largest absolute value that a state can have: 1, and 1 more for each residual addition.
    """
    bias = g.constant(weights[f"{prefix}/bias"])
    if not int8:
        return g.node("Add", g.node("MatMul", states, g.weight(f"{prefix}/kernel", weights)), bias)
    scale, zero = g.scalar(bound * STATE_SCALE, np.float32), g.scalar(STATE_ZERO, np.uint8)
    small = g.node("QuantizeLinear", states, scale, zero)
    return g.node("Add", _int8_product(g, small, scale, zero, weights[f"{prefix}/kernel"]), bias)


def _int8_product(g: Graph, small: str, scale: str, zero: str, kernel: Array) -> str:
    """Multiply 8-bit values by a kernel (D, N) held as int8 with one scale per column; the result is float32."""
    values, columns = map(g.constant, _int8_columns(kernel))
    return g.node("MatMulIntegerToFloat", small, values, scale, columns, zero, domain=RUNTIME_DOMAIN)


def _lstm_steps(
    g: Graph, weights: Weights, prefix: str, initial: Sequence[str], steps: str, gather: bool, int8: bool, joined: str
) -> tuple[str, str, str]:
    """Add the loop over one direction of an LSTM.

    Each step computes, for all sentences at once and with gates in Keras's order,
    z = x + h U;  c' = σ(z_f) c + σ(z_i) tanh(z_g);  h' = σ(z_o) tanh(c')   (Hochreiter & Schmidhuber 1997).

    ``steps`` are the products x (T, B, 4H), or with ``gather`` the rows (T, B) of ``projections`` that hold them: they
    are fetched when their step comes, while the processor's cache still holds what the step needs. With ``int8`` the
    hidden state is carried as 8-bit integers. ``joined`` (B, 4H), if named, joins every step's x. Returns the last
    hidden state and memory, (B, H), and every hidden state, (T, B, H), all float32.
    """
    units = weights[f"{prefix}/recurrent_kernel"].shape[0]
    state = partial(typed, shape=["B", units])
    carried = partial(state, kind="uint8" if int8 else "float32")
    memory = partial(state, kind="float32")
    scale, zero = g.scalar(STATE_SCALE, np.float32), g.scalar(STATE_ZERO, np.uint8)

    def step(inner: Graph, names: Sequence[str]) -> Sequence[str]:
        h, c, x = names
        if gather:
            x = _unpacked(inner, x, units) if int8 else inner.node("Gather", "projections", x, axis=0)
        if int8:
            z = inner.node("Add", _int8_product(inner, h, scale, zero, weights[f"{prefix}/recurrent_kernel"]), x)
        else:
            z = inner.node("Gemm", h, inner.weight(f"{prefix}/recurrent_kernel", weights), x)
        if joined:
            z = inner.node("Add", z, joined)
        entry, forget, candidate, output = inner.parts(z, [units] * 4, axis=1)
        kept = inner.node("Mul", inner.node("Sigmoid", forget), c)
        added = inner.node("Mul", inner.node("Sigmoid", entry), inner.node("Tanh", candidate))
        c = inner.node("Add", kept, added)
        y = inner.node("Mul", inner.node("Sigmoid", output), inner.node("Tanh", c))
        h = inner.node("QuantizeLinear", y, scale, zero) if int8 else inner.node("Identity", y)
        return h, c, y

    hidden = g.node("QuantizeLinear", initial[0], scale, zero) if int8 else initial[0]
    entering = (
        partial(typed, kind="int32", shape=["B"]) if gather else partial(typed, kind="float32", shape=["B", 4 * units])
    )
    last, last_memory, every = g.scan(step, [(hidden, carried), (initial[1], memory)], (steps, entering), [memory])
    return (g.node("DequantizeLinear", last, scale, zero) if int8 else last), last_memory, every


def _unpacked(g: Graph, rows: str, units: int) -> str:
    """Fetch ``projections`` (B,) held as int8, each gate with a scale of its own, as float32 (B, 4H)."""
    values = g.node("Reshape", g.node("Gather", "projections", rows, axis=0), g.constant([-1, units], np.int64))
    scales = g.node("Reshape", g.node("Gather", "scales", rows, axis=0), g.constant([-1], np.int64))
    gates = g.node("DequantizeLinear", values, scales, axis=0)  # (4B, H)
    return g.node("Reshape", gates, g.constant([-1, 4 * units], np.int64))


def product_graph(recurrent: Array, *, int8: bool) -> bytes:
    """Build a graph of one recurrent product, ``states`` (B, H) by the kernel (H, 4H): the floor of a time step."""
    g = Graph()
    if int8:
        scale, zero = g.scalar(STATE_SCALE, np.float32), g.scalar(STATE_ZERO, np.uint8)
        product = _int8_product(g, "states", scale, zero, recurrent)
    else:
        product = g.node("MatMul", "states", g.constant(recurrent))
    states = typed("states", "uint8" if int8 else "float32", ["B", recurrent.shape[0]])
    return g.model([states], [(product, "products", "float32", ["B", recurrent.shape[1]])])
