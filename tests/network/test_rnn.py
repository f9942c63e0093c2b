"""The tutorial's model: its shape, its options, and its arithmetic against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from reference_cells import run_cell
from tagsmith.errors import RecipeError
from tagsmith.network.backend import keras
from tagsmith.network.rnn import create_rnn_model

VOCAB, LABELS, DIM, UNITS, TIME = 11, 3, 4, 5, 6
ROWS = np.array([[3, 1, 4, 1, 5, 9], [2, 6, 5, 0, 0, 0], [10, 7, 0, 0, 0, 0]])
MASK = ROWS != 0


def small_model(length: int | None = TIME, **options):
    return create_rnn_model(VOCAB, LABELS, DIM, UNITS, length, **options)


def randomized(model, seed: int = 0):
    """Give every weight, biases too, a value that matters."""
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, 0.5, w.shape).astype("float32") for w in model.get_weights()])
    return model


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reference_predictions(weights, rows, *, cell="lstm", bidirectional=False, layers=1, mask=None):
    """The whole model in NumPy, from Keras's list of weights; many-to-many."""
    embedding, *rest = weights
    h = embedding[rows]
    for _ in range(layers):
        forward, rest = rest[:3], rest[3:]
        outputs = [run_cell(cell, h, *forward, mask)]
        if bidirectional:
            backward, rest = rest[:3], rest[3:]
            outputs.append(run_cell(cell, h, *backward, mask, reverse=True))
        h = np.concatenate(outputs, axis=-1)
    kernel, bias = rest
    return softmax(h @ kernel + bias)


def test_the_tutorials_model_has_the_tutorials_parameters_and_shapes():
    model = create_rnn_model(10000, 3, 100, 64, 50)
    assert type(model) is keras.Sequential
    kinds = [keras.layers.Embedding, keras.layers.LSTM, keras.layers.TimeDistributed]
    assert [type(layer) for layer in model.layers] == kinds
    assert [layer.count_params() for layer in model.layers] == [1_000_000, 42_240, 195]
    assert model.count_params() == 1_042_435
    assert [layer.output.shape for layer in model.layers] == [(None, 50, 100), (None, 50, 64), (None, 50, 3)]
    lines = []
    model.summary(print_fn=lines.append)
    summary = "\n".join(lines)
    for text in (
        "(None, 50, 100)",
        "(None, 50, 64)",
        "(None, 50, 3)",
        "1,000,000",
        "42,240",
        "195",
        "1,042,435",
    ):
        assert text in summary


def test_masking_padding_changes_neither_parameters_nor_shapes():
    model = create_rnn_model(10000, 3, 100, 64, 50, mask_padding=True)
    assert [layer.count_params() for layer in model.layers] == [1_000_000, 42_240, 195]
    assert model.output_shape == (None, 50, 3)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("mask_padding", [False, True], ids=["plain", "masked"])
def test_predictions_follow_the_gate_equations(cell, bidirectional, mask_padding):
    options = {"cell": cell, "bidirectional": bidirectional, "layers": 2 if cell == "gru" else 1}
    model = randomized(small_model(**options, mask_padding=mask_padding))
    mask = MASK if mask_padding else None
    expected = reference_predictions(model.get_weights(), ROWS, **options, mask=mask)
    if mask_padding:
        expected = expected * MASK[:, :, None]
    np.testing.assert_allclose(np.asarray(model(ROWS)), expected, atol=2e-6)


def test_a_mask_may_have_holes():
    rows = np.array([[3, 0, 4, 1, 0, 9]])
    model = randomized(small_model(bidirectional=True, mask_padding=True))
    expected = reference_predictions(model.get_weights(), rows, bidirectional=True, mask=rows != 0)
    got = np.asarray(model(rows))
    np.testing.assert_allclose(got[:, [0, 2, 3, 5]], expected[:, [0, 2, 3, 5]], atol=2e-6)


def test_padding_does_not_change_the_predictions_before_it():
    model = randomized(small_model(None, cell="gru", bidirectional=True, mask_padding=True))
    np.testing.assert_allclose(np.asarray(model(ROWS))[1, :3], np.asarray(model(ROWS[1:2, :3]))[0], atol=1e-6)


@pytest.mark.parametrize("mask_padding", [False, True], ids=["plain", "masked"])
def test_one_hot_inputs_give_what_rows_give(mask_padding):
    by_row = randomized(small_model(mask_padding=mask_padding))
    by_vector = small_model(mask_padding=mask_padding, inputs="one-hot")
    by_vector.set_weights(by_row.get_weights())
    vectors = np.eye(VOCAB, dtype="float32")[ROWS]
    if mask_padding:
        vectors[~MASK] = 0
    np.testing.assert_allclose(np.asarray(by_vector(vectors)), np.asarray(by_row(ROWS)), atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
def test_many_to_one_reads_the_last_state_of_each_direction(bidirectional):
    model = randomized(small_model(outputs="many-to-one", mask_padding=True, bidirectional=bidirectional, layers=2))
    per_step = randomized(small_model(mask_padding=True, bidirectional=bidirectional, layers=2))
    assert model.output_shape == (None, LABELS)
    *below, kernel, bias = per_step.get_weights()
    h = below[0][ROWS]
    directions = 2 if bidirectional else 1
    for layer in range(2):
        first = 1 + 3 * directions * layer
        runs = [
            run_cell("lstm", h, *below[first + 3 * d : first + 3 * d + 3], MASK, reverse=d == 1)
            for d in range(directions)
        ]
        h = np.concatenate(runs, axis=-1)
    ends = [runs[0][np.arange(len(ROWS)), MASK.sum(1) - 1]] + [run[:, 0] for run in runs[1:]]
    expected = softmax(np.concatenate(ends, axis=-1) @ kernel + bias)
    np.testing.assert_allclose(np.asarray(model(ROWS)), expected, atol=2e-6)


def test_any_length_is_taken_when_none_is_given():
    model = randomized(small_model(None))
    fixed = small_model(TIME)
    fixed.set_weights(model.get_weights())
    assert model.output_shape == (None, None, LABELS)
    np.testing.assert_allclose(np.asarray(model(ROWS)), np.asarray(fixed(ROWS)), atol=1e-6)
    assert model(ROWS[:, :2]).shape == (3, 2, LABELS)


@pytest.mark.parametrize("which", ["dropout", "recurrent_dropout"])
def test_dropout_acts_in_training_only(which):
    model = randomized(small_model(cell="rnn", **{which: 0.5}))
    assert np.array_equal(np.asarray(model(ROWS)), np.asarray(model(ROWS)))
    assert not np.array_equal(np.asarray(model(ROWS, training=True)), np.asarray(model(ROWS, training=True)))


def test_dropout_drops_the_same_inputs_at_each_step_of_a_sequence():
    model = randomized(create_rnn_model(VOCAB, LABELS, 40, UNITS, TIME, cell="rnn", dropout=0.5))
    kernel, recurrent, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([kernel, np.zeros_like(recurrent), bias])  # each step sees its input only
    steps = np.asarray(model(np.full((2, TIME), 7), training=True))
    np.testing.assert_allclose(steps, steps[:, :1].repeat(TIME, axis=1), rtol=1e-5)
    assert not np.allclose(steps[0], steps[1])


@pytest.mark.parametrize(
    ("options", "name", "remedy"),
    [
        ({"cell": "transformer"}, "cell", "lstm, gru, rnn"),
        ({"inputs": "words"}, "inputs", "rows, one-hot"),
        ({"outputs": "one-to-many"}, "outputs", "many-to-many, many-to-one"),
        ({"targets": "sparse"}, "targets", "integer, one-hot"),
        ({"layers": 0}, "layers", "at least 1"),
        ({"dropout": 1.0}, "dropout", "from 0"),
        ({"recurrent_dropout": float("nan")}, "recurrent_dropout", "from 0"),
        ({"learning_rate": -1.0}, "learning_rate", "above 0"),
    ],
)
def test_an_impossible_option_is_an_error_that_says_what_is_possible(options, name, remedy):
    with pytest.raises(RecipeError, match=f"{name} is .*{remedy}"):
        small_model(**options)


def test_the_optimizer_may_be_a_name_an_object_or_none():
    assert float(small_model(learning_rate=0.5).optimizer.learning_rate) == 0.5
    assert isinstance(small_model(optimizer=keras.optimizers.SGD(0.25)).optimizer, keras.optimizers.SGD)
    assert not small_model(optimizer=None).compiled
    with pytest.raises(RecipeError, match="together with an optimizer object"):
        small_model(optimizer=keras.optimizers.SGD(), learning_rate=0.5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mask_padding", [False, True])
def test_one_model_predicts_batches_of_different_lengths(mask_padding, bidirectional):
    """Also where there are fewer sentences than time steps, or more, compiled as ``predict`` compiles."""
    model = create_rnn_model(20, 3, 5, 4, mask_padding=mask_padding, bidirectional=bidirectional)
    rows = np.random.default_rng(0).integers(1, 20, (4, 16))
    whole = [model.predict(rows[:, :length], verbose=0) for length in (8, 16, 3)]
    for length, predicted in zip((8, 16, 3), whole, strict=True):
        assert predicted.shape == (4, length, 3)
        np.testing.assert_allclose(predicted.sum(axis=-1), 1.0, atol=1e-5)
        alone = np.concatenate([np.asarray(model(rows[b : b + 1, :length])) for b in range(4)])
        np.testing.assert_allclose(predicted, alone, atol=1e-5)
