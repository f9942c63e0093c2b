"""The gate equations of every recurrent cell, written plainly in NumPy.

One step of each cell is one short function that follows the textbook line by line; :func:`run_cell` walks it
over time in either direction. Nothing here is fast and nothing is clever: the Keras layers and the exported
ONNX graphs are tested against it. Weights are in Keras's layout: gates side by side along the last axis, LSTM
``i f c o``, GRU ``z r h`` with two bias rows (for the input and for the recurrent product, because Keras
resets after the product).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
State = tuple[Array, ...]  # (h,) or, for the LSTM, (h, c); each (batch, units)


def sigmoid(z: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-z))


def rnn_step(x: Array, state: State, kernel: Array, recurrent_kernel: Array, bias: Array) -> State:
    (h,) = state
    return (np.tanh(x @ kernel + h @ recurrent_kernel + bias),)


def lstm_step(x: Array, state: State, kernel: Array, recurrent_kernel: Array, bias: Array) -> State:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""
    h, c = state
    w_i, w_f, w_c, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_c, u_o = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    forget = sigmoid(x @ w_f + h @ u_f + b_f)
    input_ = sigmoid(x @ w_i + h @ u_i + b_i)
    candidate = np.tanh(x @ w_c + h @ u_c + b_c)
    cell = forget * c + input_ * candidate
    output = sigmoid(x @ w_o + h @ u_o + b_o)
    hidden = output * np.tanh(cell)
    return hidden, cell


def gru_step(x: Array, state: State, kernel: Array, recurrent_kernel: Array, bias: Array) -> State:
    """Cho et al. (2014) in the form that resets after the recurrent product (``reset_after=True``)."""
    (h,) = state
    w_z, w_r, w_h = np.split(kernel, 3, axis=1)
    u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
    (b_z, b_r, b_h), (d_z, d_r, d_h) = np.split(bias[0], 3), np.split(bias[1], 3)
    update = sigmoid(x @ w_z + b_z + h @ u_z + d_z)
    reset = sigmoid(x @ w_r + b_r + h @ u_r + d_r)
    candidate = np.tanh(x @ w_h + b_h + reset * (h @ u_h + d_h))
    return (update * h + (1.0 - update) * candidate,)


def gru_reset_before_step(x: Array, state: State, kernel: Array, recurrent_kernel: Array, bias: Array) -> State:
    """Cho et al. (2014) as published: the state is reset before its product (``reset_after=False``)."""
    (h,) = state
    w_z, w_r, w_h = np.split(kernel, 3, axis=1)
    u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
    b_z, b_r, b_h = np.split(bias, 3)
    update = sigmoid(x @ w_z + h @ u_z + b_z)
    reset = sigmoid(x @ w_r + h @ u_r + b_r)
    candidate = np.tanh(x @ w_h + (reset * h) @ u_h + b_h)
    return (update * h + (1.0 - update) * candidate,)


STEPS = {"rnn": rnn_step, "lstm": lstm_step, "gru": gru_step, "gru-reset-before": gru_reset_before_step}
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "gru-reset-before": 3}


def run_cell_with_state(
    cell: str,
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    mask: NDArray[np.bool_] | None = None,
    reverse: bool = False,
    *,
    initial_state: State | None = None,
    zero_masked: bool = True,
) -> tuple[Array, State]:
    """Run a cell over time; return the outputs ``(batch, time, units)`` in time order and the last state.

    Parameters
    ----------
    cell
        ``"rnn"``, ``"lstm"`` or ``"gru"``.
    x
        ``(batch, time, features)``.
    kernel, recurrent_kernel, bias
        ``(features, gates·units)``, ``(units, gates·units)`` and ``(gates·units,)``; for the GRU the bias is
        ``(2, 3·units)``.
    mask
        ``(batch, time)``, false where a step is padding: the state passes over such a step unchanged.
    reverse
        Walk from the last step to the first. Outputs stay in time order.
    initial_state
        What to start from; zeros by default.
    zero_masked
        The output at a masked step: zero (as in Keras's ``Bidirectional`` and ONNX's ``sequence_lens``), or
        the hidden state as it was (as in a Keras layer on its own).
    """
    batch, time, _ = x.shape
    units = recurrent_kernel.shape[0]
    zeros = np.zeros((batch, units), x.dtype)
    state = initial_state or ((zeros, zeros) if cell == "lstm" else (zeros,))
    outputs = np.zeros((batch, time, units), x.dtype)
    for t in reversed(range(time)) if reverse else range(time):
        stepped = STEPS[cell](x[:, t], state, kernel, recurrent_kernel, bias)
        if mask is None:
            state = stepped
            outputs[:, t] = state[0]
            continue
        real = mask[:, t, None]
        state = tuple(np.where(real, new, old) for new, old in zip(stepped, state, strict=True))
        outputs[:, t] = np.where(real, state[0], 0.0) if zero_masked else state[0]
    return outputs, state


def run_cell(
    cell: str,
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    mask: NDArray[np.bool_] | None = None,
    reverse: bool = False,
) -> Array:
    """Give the outputs alone from a zero state, ``(batch, time, units)``; zero where masked."""
    return run_cell_with_state(cell, x, kernel, recurrent_kernel, bias, mask, reverse)[0]
