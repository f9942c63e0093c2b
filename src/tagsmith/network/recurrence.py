"""Recurrent layer over packed sentences, in one or both directions.

Simple RNN, LSTM (Hochreiter & Schmidhuber 1997) or GRU (Cho et al. 2014), with the reset gate after the product, as in
cuDNN, or before it, as first published.

Weights and gate order are those of Keras's layers (LSTM: input, forget, candidate, output; GRU: update, reset,
candidate). Two things differ, for speed: one product before the loop multiplies the inputs of all time steps by the
input kernel, and on JAX the LSTM has a custom gradient that computes the kernel's gradient in one product after the
loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tagsmith.model.architecture import GATES
from tagsmith.network.backend import keras
from tagsmith.network.initial import glorot, orthogonal, variable

ops = keras.ops

# A step takes the projected input z (B, gates·H), the state, and the recurrent product hU (+ b) of the same shape as z.
Step = Callable[[Any, tuple[Any, ...], Any], tuple[Any, ...]]


def rnn_step(z: Any, state: tuple[Any, ...], product: Any) -> tuple[Any, ...]:
    """h' = tanh(z + h U)."""
    del state
    return (ops.tanh(z + product),)


def lstm_step(z: Any, state: tuple[Any, ...], product: Any) -> tuple[Any, ...]:
    """c' = f c + i g;  h' = o tanh(c')."""
    _, cell = state
    entry, forget, candidate, output = ops.split(z + product, 4, axis=-1)
    cell = ops.sigmoid(forget) * cell + ops.sigmoid(entry) * ops.tanh(candidate)
    return ops.sigmoid(output) * ops.tanh(cell), cell


def gru_step(z: Any, state: tuple[Any, ...], product: Any) -> tuple[Any, ...]:
    """h' = u h + (1 - u) tanh(z_c + r (h U_c + b_c))."""
    (hidden,) = state
    update, reset, candidate = ops.split(z, 3, axis=-1)
    update_h, reset_h, candidate_h = ops.split(product, 3, axis=-1)
    update, reset = ops.sigmoid(update + update_h), ops.sigmoid(reset + reset_h)
    candidate = ops.tanh(candidate + reset * candidate_h)
    return (update * hidden + (1.0 - update) * candidate,)


def gru_reset_before_step(z: Any, hidden: Any, multiplied: Any, kernel: Any) -> tuple[Any, ...]:
    """h' = u h + (1 - u) tanh(z_c + (r m) U_c), where the product takes ``multiplied``, m: h, or h with dropout."""
    units = hidden.shape[-1]
    update, reset, candidate = ops.split(z, 3, axis=-1)
    update_h, reset_h = ops.split(ops.matmul(multiplied, kernel[:, : 2 * units]), 2, axis=-1)
    update, reset = ops.sigmoid(update + update_h), ops.sigmoid(reset + reset_h)
    candidate = ops.tanh(candidate + ops.matmul(reset * multiplied, kernel[:, 2 * units :]))
    return (update * hidden + (1.0 - update) * candidate,)


STEPS: dict[str, Step] = {"rnn": rnn_step, "lstm": lstm_step, "gru": gru_step}


class Recurrent:
    """A recurrent layer over rows that hold several sentences each.

    ``cell`` is ``"rnn"``, ``"lstm"``, ``"gru"`` or ``"gru-reset-before"``, ``entering`` the size of the inputs, D, and
    ``units`` that of the hidden state per direction, H. The outputs of the ``directions``, ``("forward",)`` or
    ``("forward", "backward")``, are concatenated. ``rng`` draws the initial weights: Glorot-uniform kernel, orthogonal
    recurrent kernel, zero bias with ones for the LSTM's forget gate (Jozefowicz et al. 2015).
    """

    def __init__(
        self, cell: str, entering: int, units: int, directions: tuple[str, ...], rng: np.random.Generator
    ) -> None:
        self.cell, self.units, self.directions = cell, units, directions
        gates = GATES[cell]
        bias = np.zeros((2, gates * units) if cell == "gru" else gates * units, np.float32)
        if cell == "lstm":
            bias[units : 2 * units] = 1.0
        leaving = gates * units
        self.weights = {
            direction: {
                "kernel": variable(glorot(rng, entering, leaving, entering=entering, leaving=leaving), "kernel"),
                "recurrent_kernel": variable(orthogonal(rng, units, gates), "recurrent_kernel"),
                "bias": variable(bias, "bias"),
            }
            for direction in directions
        }

    def __call__(self, inputs: Any, sentences: Any, kept: Any = None) -> Any:
        """Run over ``inputs`` (B, T, D), ``sentences`` (B, T) numbered 1, 2, … in each row → (B, T, directions·H).

        ``kept`` (directions, B, H), if given, multiplies the hidden state before each recurrent product: a dropout mask
        that is the same at every time step (Gal & Ghahramani 2016). Each direction starts every sentence from zeros;
        outputs in the padding, numbered 0, are undefined.
        """
        steps = ops.transpose(inputs, (1, 0, 2))  # (T, B, D)
        same = ops.cast(sentences[:, 1:] == sentences[:, :-1], inputs.dtype)  # (B, T-1): as the left neighbor
        same = ops.transpose(same, (1, 0))[:, :, None]  # (T-1, B, 1)
        ends = ops.zeros_like(steps[:1, :, :1])
        continues = {
            "forward": ops.concatenate([ends, same], axis=0),
            "backward": ops.concatenate([same, ends], axis=0),
        }
        outputs = [
            self._run(direction, steps, continues[direction], None if kept is None else kept[number])
            for number, direction in enumerate(self.directions)
        ]
        return ops.transpose(ops.concatenate(outputs, axis=-1), (1, 0, 2))  # (B, T, directions·H)

    def _run(self, direction: str, steps: Any, continues: Any, kept: Any) -> Any:
        """Run over ``steps`` (T, B, D) in one direction; ``continues`` (T, B, 1) is 0 where a sentence starts."""
        weights = self.weights[direction]
        reverse = direction == "backward"
        bias = ops.convert_to_tensor(weights["bias"])
        input_bias, recurrent_bias = (bias[0], bias[1]) if self.cell == "gru" else (bias, None)
        projected = ops.matmul(steps, weights["kernel"]) + input_bias  # (T, B, gates·H)
        kernel = ops.convert_to_tensor(weights["recurrent_kernel"])
        if self.cell == "lstm" and kept is None and keras.config.backend() == "jax":
            from tagsmith.network.lstm_jax import lstm

            return lstm(projected, kernel, continues, reverse)

        def advance(state: tuple[Any, ...], inputs: tuple[Any, Any]) -> tuple[tuple[Any, ...], Any]:
            z, on = inputs
            state = tuple(part * on for part in state)
            # Dropout applies to the product only: a GRU also passes its state on unchanged.
            multiplied = state[0] if kept is None else state[0] * kept
            if self.cell == "gru-reset-before":
                state = gru_reset_before_step(z, state[0], multiplied, kernel)
                return state, state
            product = ops.matmul(multiplied, kernel)
            product = product if recurrent_bias is None else product + recurrent_bias
            state = STEPS[self.cell](z, state, product)
            return state, state  # Keras on TensorFlow wants outputs of the state's structure

        zeros = ops.zeros((ops.shape(steps)[1], self.units), projected.dtype)
        initial = (zeros,) * (2 if self.cell == "lstm" else 1)
        return ops.scan(advance, initial, (projected, continues), reverse=reverse)[1][0]

    def named_weights(self, prefix: str) -> dict[str, Any]:
        """The variables, by their names in the graphs."""
        return {
            f"{prefix}/{direction}/{name}": variable
            for direction, weights in self.weights.items()
            for name, variable in weights.items()
        }
