"""The recurrent layer against the gate equations, Keras's own layers, the exported graph and finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph_calls import run_sentences
from keras_calls import BACKEND, array, compiled, gradients, numeric_slope, random_direction
from packed_rows import apart, numbered, places
from random_model import SMALL
from reference_cells import GATES, STEPS, run_cell
from tagsmith.network.backend import keras
from tagsmith.network.recurrence import Recurrent

ops = keras.ops
BOTH = ("forward", "backward")
CELLS = ["lstm", "gru", "gru-reset-before", "rnn"]
TIME, ENTERING, UNITS = 6, 3, 4
# Rows: three sentences and full; two and padding; one; none.
SENTENCES = numbered([[2, 3, 1], [1, 3], [4], []], TIME)  # (B, T)
INSIDE = SENTENCES > 0
INPUTS = np.random.default_rng(0).standard_normal((len(SENTENCES), TIME, ENTERING)).astype(np.float32)
APART, LENGTHS = apart(INPUTS, SENTENCES)  # each sentence in a row of its own


def random_layer(cell: str, directions=BOTH, seed: int = 1) -> Recurrent:
    rng = np.random.default_rng(seed)
    layer = Recurrent(cell, ENTERING, UNITS, directions, rng)
    for weights in layer.weights.values():
        for variable in weights.values():
            variable.assign(rng.normal(0, 0.7, variable.shape).astype(np.float32))
    return layer


def weights_of(layer: Recurrent, direction: str) -> list[np.ndarray]:
    return [array(layer.weights[direction][name].value) for name in ("kernel", "recurrent_kernel", "bias")]


def outputs_of(layer: Recurrent, inputs=INPUTS, sentences=SENTENCES, kept=None) -> np.ndarray:
    return array(compiled(lambda inputs, sentences: layer(inputs, sentences, kept))(inputs, sentences))


def assert_each_as_alone(outputs: np.ndarray, alone: np.ndarray) -> None:
    """Compare outputs of the packed rows with those of a batch of the same sentences apart."""
    rows, lengths = apart(outputs, SENTENCES)
    inside = np.arange(rows.shape[1]) < lengths[:, None]
    np.testing.assert_allclose(rows[inside], alone[inside], atol=1e-5)


@pytest.mark.parametrize("directions", [BOTH, ("forward",)], ids=len)
@pytest.mark.parametrize("cell", CELLS)
def test_each_sentence_follows_the_gate_equations_from_its_own_start(cell, directions):
    layer = random_layer(cell, directions)
    outputs = outputs_of(layer)
    for b, steps in places(SENTENCES):
        inputs = INPUTS[b : b + 1, steps].astype(np.float64)
        runs = [run_cell(cell, inputs, *weights_of(layer, way), reverse=way == "backward") for way in directions]
        np.testing.assert_allclose(outputs[b, steps], np.concatenate(runs, axis=-1)[0], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_row_of_several_sentences_gives_what_each_gives_alone(cell):
    layer = random_layer(cell)
    alone = outputs_of(layer, APART, numbered([[length] for length in LENGTHS], APART.shape[1]))
    assert_each_as_alone(outputs_of(layer), alone)


@pytest.mark.parametrize("cell", CELLS)
def test_the_layer_agrees_with_keras_in_both_directions_with_a_mask(cell):
    layer = random_layer(cell)
    kind = {"lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}.get(cell, keras.layers.GRU)
    options = {"reset_after": cell == "gru"} if kind is keras.layers.GRU else {}
    theirs = keras.layers.Bidirectional(kind(UNITS, return_sequences=True, **options))
    theirs.build(APART.shape)
    theirs.set_weights([array for way in BOTH for array in weights_of(layer, way)])
    mask = np.arange(APART.shape[1]) < LENGTHS[:, None]
    expected = array(compiled(lambda inputs, mask: theirs(inputs, mask=mask))(APART, mask))
    assert_each_as_alone(outputs_of(layer), expected)


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
    emissions = run_sentences(weights, a, APART.transpose(1, 0, 2), LENGTHS)["emissions"]
    assert_each_as_alone(outputs_of(layer), emissions.transpose(1, 0, 2))


@pytest.mark.parametrize("cell", CELLS)
def test_what_stands_in_the_padding_changes_nothing(cell):
    layer = random_layer(cell)
    noisy = np.where(INSIDE[:, :, None], INPUTS, np.float32(50.0))
    np.testing.assert_allclose(outputs_of(layer)[INSIDE], outputs_of(layer, noisy)[INSIDE], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_of_the_state_enters_the_recurrent_product_alone(cell):
    layer = random_layer(cell)
    kept = np.random.default_rng(2).choice([0.0, 2.0], (2, len(SENTENCES), UNITS)).astype(np.float32)
    outputs = outputs_of(layer, kept=kept)
    for number, way in enumerate(BOTH):
        kernel, recurrent, bias = weights_of(layer, way)
        for b, steps in places(SENTENCES):
            # A diagonal of kept features before the kernel is the same as dropping the features of the state.
            thinned = kept[number, b, :, None] * recurrent
            zeros = np.zeros((1, UNITS))
            state = (zeros, zeros) if cell == "lstm" else (zeros,)
            times = range(steps.start, steps.stop)
            for t in times if way == "forward" else reversed(times):
                state = STEPS[cell](INPUTS[b, t][None], state, kernel, thinned, bias)
                here = outputs[b, t, number * UNITS : (number + 1) * UNITS]
                np.testing.assert_allclose(here, state[0][0], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_agree_with_finite_differences(cell):
    layer = random_layer(cell)
    scale = np.random.default_rng(3).standard_normal((len(SENTENCES), TIME, 2 * UNITS)).astype(np.float32)
    scale *= INSIDE[:, :, None]
    inputs = keras.Variable(INPUTS)
    named = {**layer.named_weights("layer"), "inputs": inputs}

    def loss():
        return ops.sum(layer(ops.convert_to_tensor(inputs), ops.convert_to_tensor(SENTENCES)) * scale)

    run = compiled(loss, list(named.values()))
    slopes = dict(zip(named, gradients(loss, list(named.values())), strict=True))
    for name, variable in named.items():
        direction = random_direction(variable.shape, seed=len(name))
        # In float32, steps of 0.01 give two to three digits.
        slope = numeric_slope(run, variable, direction)
        assert np.linalg.norm(slopes[name]) > 0.1
        assert np.sum(slopes[name] * direction) == pytest.approx(slope, abs=3e-3, rel=1e-2)


@pytest.mark.skipif(BACKEND != "jax", reason="the LSTM has a custom gradient on JAX only")
@pytest.mark.parametrize("reverse", [False, True])
def test_the_custom_gradient_of_the_lstm_equals_that_of_automatic_differentiation(reverse):
    import jax
    from jax import numpy as jnp

    from tagsmith.network.lstm_jax import lstm

    rng = np.random.default_rng(4)
    projected = rng.standard_normal((TIME, len(SENTENCES), 4 * UNITS)).astype(np.float32)
    kernel = rng.standard_normal((UNITS, 4 * UNITS)).astype(np.float32)
    same = SENTENCES.T[1:] == SENTENCES.T[:-1]
    border = np.zeros((1, len(SENTENCES)), bool)
    continues = np.concatenate([same, border] if reverse else [border, same])[:, :, None].astype(np.float32)
    scale = rng.standard_normal((TIME, len(SENTENCES), UNITS)).astype(np.float32) * INSIDE.T[:, :, None]

    def plain(projected, kernel):
        """The equations, one sentence and one time step after the other."""
        outputs = jnp.zeros((TIME, len(SENTENCES), UNITS))
        for b, steps in places(SENTENCES):
            hidden = cell = jnp.zeros(UNITS)
            times = range(steps.start, steps.stop)
            for t in reversed(times) if reverse else times:
                entry, forget, candidate, output = jnp.split(projected[t, b] + hidden @ kernel, 4)
                cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(entry) * jnp.tanh(candidate)
                hidden = jax.nn.sigmoid(output) * jnp.tanh(cell)
                outputs = outputs.at[t, b].set(hidden)
        return outputs

    def total(run):
        return lambda *arguments: (run(*arguments) * scale).sum()

    custom, expected = (
        compiled(jax.value_and_grad(total(run), (0, 1)))(projected, kernel)
        for run in (lambda p, k: lstm(p, k, continues, reverse), plain)
    )
    np.testing.assert_allclose(custom[0], expected[0], rtol=1e-5)
    for gradient, wanted in zip(custom[1], expected[1], strict=True):
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(gradient, wanted, atol=1e-5)


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
