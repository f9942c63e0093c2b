"""The recurrent layer against the gate equations, Keras's own layers, the exported graph and finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph_calls import run_sentences
from keras_calls import BACKEND, array, compiled, gradients, numeric_slope, random_direction
from random_model import SMALL
from reference_cells import GATES, STEPS, run_cell
from tagsmith.network.backend import keras
from tagsmith.network.recurrence import Recurrent

ops = keras.ops
BOTH = ("forward", "backward")
CELLS = ["lstm", "gru", "rnn"]
TIME, ENTERING, UNITS = 5, 3, 4
LENGTHS = np.int32([5, 3, 1, 0])
INSIDE = np.arange(TIME) < LENGTHS[:, None]  # (B, T)
INPUTS = np.random.default_rng(0).standard_normal((len(LENGTHS), TIME, ENTERING)).astype(np.float32)


def random_layer(cell: str, directions=BOTH, seed: int = 1) -> Recurrent:
    rng = np.random.default_rng(seed)
    layer = Recurrent(cell, ENTERING, UNITS, directions, rng)
    for weights in layer.weights.values():
        for variable in weights.values():
            variable.assign(rng.normal(0, 0.7, variable.shape).astype(np.float32))
    return layer


def weights_of(layer: Recurrent, direction: str) -> list[np.ndarray]:
    return [array(layer.weights[direction][name].value) for name in ("kernel", "recurrent_kernel", "bias")]


def outputs_of(layer: Recurrent, inputs=INPUTS, lengths=LENGTHS, kept=None) -> np.ndarray:
    return array(compiled(lambda inputs, lengths: layer(inputs, lengths, kept))(inputs, lengths))


@pytest.mark.parametrize("directions", [BOTH, ("forward",)], ids=len)
@pytest.mark.parametrize("cell", CELLS)
def test_the_layer_follows_the_gate_equations(cell, directions):
    layer = random_layer(cell, directions)
    found = outputs_of(layer)
    expected = [
        run_cell(cell, INPUTS.astype(np.float64), *weights_of(layer, way), mask=INSIDE, reverse=way == "backward")
        for way in directions
    ]
    np.testing.assert_allclose(found[INSIDE], np.concatenate(expected, axis=-1)[INSIDE], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_the_layer_agrees_with_keras_in_both_directions_with_a_mask(cell):
    layer = random_layer(cell)
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}[cell]
    theirs = keras.layers.Bidirectional(kind(UNITS, return_sequences=True))
    # Keras may take a faster way through sequences of length 0, so those are left out here.
    inputs, lengths, inside = INPUTS[:3], LENGTHS[:3], INSIDE[:3]
    theirs.build(inputs.shape)
    theirs.set_weights([array for way in BOTH for array in weights_of(layer, way)])
    expected = array(compiled(lambda inputs, mask: theirs(inputs, mask=mask))(inputs, inside))
    np.testing.assert_allclose(outputs_of(layer, inputs, lengths)[inside], expected[inside], atol=1e-5)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_the_layer_agrees_with_its_exported_graph(cell, both):
    a = replace(
        SMALL,
        word_dim=ENTERING,
        characters="none",
        shape_dim=0,
        cell=cell,
        units=UNITS,
        bidirectional=both,
        head="softmax",
    )
    layer = random_layer(cell, a.directions)
    weights = {name: array(variable.value) for name, variable in layer.named_weights("sentence/0").items()}
    weights |= {
        "output/kernel": np.eye(a.state_size, dtype=np.float32),
        "output/bias": np.zeros(a.state_size, np.float32),
    }
    found = run_sentences(weights, a, INPUTS.transpose(1, 0, 2), LENGTHS)["emissions"]
    np.testing.assert_allclose(outputs_of(layer)[INSIDE], found.transpose(1, 0, 2)[INSIDE], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_what_stands_in_the_padding_changes_nothing(cell):
    layer = random_layer(cell)
    noisy = np.where(INSIDE[:, :, None], INPUTS, np.float32(50.0))
    np.testing.assert_allclose(outputs_of(layer)[INSIDE], outputs_of(layer, noisy)[INSIDE], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_of_the_state_enters_the_recurrent_product_alone(cell):
    layer = random_layer(cell)
    kept = np.random.default_rng(2).choice([0.0, 2.0], (2, len(LENGTHS), UNITS)).astype(np.float32)
    found = outputs_of(layer, kept=kept)
    for number, way in enumerate(BOTH):
        kernel, recurrent, bias = weights_of(layer, way)
        for b, length in enumerate(LENGTHS):
            # A diagonal of kept features before the kernel is the same as dropping the features of the state.
            thinned = kept[number, b, :, None] * recurrent
            zeros = np.zeros((1, UNITS))
            state = (zeros, zeros) if cell == "lstm" else (zeros,)
            for t in range(length) if way == "forward" else reversed(range(length)):
                state = STEPS[cell](INPUTS[b, t][None], state, kernel, thinned, bias)
                here = found[b, t, number * UNITS : (number + 1) * UNITS]
                np.testing.assert_allclose(here, state[0][0], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_agree_with_finite_differences(cell):
    layer = random_layer(cell)
    scale = np.random.default_rng(3).standard_normal((len(LENGTHS), TIME, 2 * UNITS)).astype(np.float32)
    scale *= INSIDE[:, :, None]
    inputs = keras.Variable(INPUTS)
    named = {**layer.named_weights("layer"), "inputs": inputs}

    def loss():
        return ops.sum(layer(ops.convert_to_tensor(inputs), ops.convert_to_tensor(LENGTHS)) * scale)

    run = compiled(loss, list(named.values()))
    found = dict(zip(named, gradients(loss, list(named.values())), strict=True))
    for name, variable in named.items():
        direction = random_direction(variable.shape, seed=len(name))
        # In float32, steps of 0.01 give two to three digits.
        slope = numeric_slope(run, variable, direction)
        assert np.linalg.norm(found[name]) > 0.1
        assert np.sum(found[name] * direction) == pytest.approx(slope, abs=3e-3, rel=1e-2)


@pytest.mark.skipif(BACKEND != "jax", reason="the LSTM's own gradient exists on JAX only")
@pytest.mark.parametrize("reverse", [False, True])
def test_the_own_gradient_of_the_lstm_equals_that_of_automatic_differentiation(reverse):
    import jax
    from jax import numpy as jnp

    from tagsmith.network.lstm_jax import lstm

    rng = np.random.default_rng(4)
    projected = rng.standard_normal((TIME, len(LENGTHS), 4 * UNITS)).astype(np.float32)
    kernel = rng.standard_normal((UNITS, 4 * UNITS)).astype(np.float32)
    inside = INSIDE.T[:, :, None].astype(np.float32)
    scale = rng.standard_normal((TIME, len(LENGTHS), UNITS)).astype(np.float32)

    def plain(projected, kernel):
        """The equations, one time step after the other."""
        hidden = cell = jnp.zeros((len(LENGTHS), UNITS))
        outputs = [hidden] * TIME
        for t in reversed(range(TIME)) if reverse else range(TIME):
            entry, forget, candidate, output = jnp.split(projected[t] + hidden @ kernel, 4, axis=-1)
            cell = (jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(entry) * jnp.tanh(candidate)) * inside[t]
            hidden = jax.nn.sigmoid(output) * jnp.tanh(cell) * inside[t]
            outputs[t] = hidden
        return jnp.stack(outputs)

    def total(run):
        return lambda *arguments: (run(*arguments) * scale).sum()

    own, expected = (
        compiled(jax.value_and_grad(total(run), (0, 1)))(projected, kernel)
        for run in (lambda p, k: lstm(p, k, inside, reverse), plain)
    )
    np.testing.assert_allclose(own[0], expected[0], rtol=1e-5)
    for found, wanted in zip(own[1], expected[1], strict=True):
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_initial_weights_are_orthogonal_in_each_gate_and_open_the_forget_gate(cell):
    layer = Recurrent(cell, ENTERING, UNITS, BOTH, np.random.default_rng(0))
    for way in BOTH:
        kernel, recurrent, bias = weights_of(layer, way)
        for gate in np.split(recurrent, GATES[cell], axis=1):
            np.testing.assert_allclose(gate @ gate.T, np.eye(UNITS), atol=1e-5)
        limit = np.sqrt(6 / (ENTERING + GATES[cell] * UNITS))
        assert 0.5 * limit < np.abs(kernel).max() <= limit
        expected = np.zeros_like(bias)
        if cell == "lstm":
            expected[UNITS : 2 * UNITS] = 1.0
        np.testing.assert_array_equal(bias, expected)
    assert not np.array_equal(weights_of(layer, "forward")[0], weights_of(layer, "backward")[0])
