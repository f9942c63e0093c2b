"""The loss and the accuracy leave padding out; the gradients are those of finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rnn import LABELS, MASK, ROWS, VOCAB, randomized, reference_predictions, small_model, softmax

from reference_cells import run_cell
from search_budget import examples
from tagsmith.network.backend import keras
from tagsmith.network.sequence_loss import SequenceAccuracy, SequenceCrossentropy

GOLD = np.array([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]])


def loss_by_loop(gold, predicted, mask, weights=None) -> float:
    """The definition: minus the log-probability of each gold label that counts, one at a time."""
    total = 0.0
    for b in range(len(gold)):
        for t in range(len(gold[b])):
            if mask[b][t] and gold[b][t] >= 0:
                total -= np.log(predicted[b][t][gold[b][t]]) * (1.0 if weights is None else weights[b])
    return total / len(gold)


def accuracy_by_loop(gold, predicted, mask) -> float:
    pairs = [
        (gold[b][t], int(np.argmax(predicted[b][t])))
        for b in range(len(gold))
        for t in range(len(gold[b]))
        if mask[b][t] and gold[b][t] >= 0
    ]
    return sum(g == p for g, p in pairs) / len(pairs)


@settings(max_examples=examples(20))
@given(
    seed=st.integers(0, 2**16), shape=st.sampled_from([(1, 1, 2), (3, 4, 3)])
)  # two shapes only: JAX compiles each operation for each shape
def test_loss_and_accuracy_agree_with_a_loop(seed, shape):
    batch, time, labels = shape
    random = np.random.default_rng(seed)
    predicted = softmax(random.normal(size=(batch, time, labels))).astype("float32")
    gold = random.integers(-1, labels, (batch, time))
    gold[0, 0] = 0
    mask = random.random((batch, time)) < 0.7
    mask[0, 0] = True
    weights = random.random(batch).astype("float32")
    shown = predicted * mask[:, :, None]  # as MaskedTimeDistributed shows padding
    one_hot = np.where(gold[:, :, None] >= 0, np.eye(labels)[gold], 0.0)
    expected = loss_by_loop(gold, predicted, mask)
    assert float(SequenceCrossentropy()(gold, shown)) == pytest.approx(expected, rel=1e-5)
    assert float(SequenceCrossentropy()(gold[:, :, None], shown)) == pytest.approx(expected, rel=1e-5)
    assert float(SequenceCrossentropy("one-hot")(one_hot, shown)) == pytest.approx(expected, rel=1e-5)
    weighted = float(SequenceCrossentropy()(gold, shown, sample_weight=weights))
    assert weighted == pytest.approx(loss_by_loop(gold, predicted, mask, weights), rel=1e-5)
    for targets, y in (("integer", gold), ("one-hot", one_hot)):
        accuracy = SequenceAccuracy(targets)
        accuracy.update_state(y, shown)
        assert float(accuracy.result()) == pytest.approx(accuracy_by_loop(gold, predicted, mask), rel=1e-5)


def test_a_wrong_answer_given_with_certainty_still_has_a_gradient():
    predicted = np.array([[[1e-20, 1.0]]], "float32")
    assert float(SequenceCrossentropy()(np.array([[0]]), predicted)) == pytest.approx(-np.log(1e-20), rel=1e-5)


@pytest.mark.parametrize("targets", ["integer", "one-hot"])
def test_training_and_evaluation_leave_padding_out(targets):
    """On JAX too, where the training step loses Keras's mask before it comes to the metrics."""
    model = randomized(small_model(mask_padding=True, targets=targets, optimizer=keras.optimizers.SGD(0.0)))
    predicted = reference_predictions(model.get_weights(), ROWS, mask=MASK)
    y = GOLD if targets == "integer" else np.eye(LABELS)[GOLD]
    expected = {
        "loss": pytest.approx(loss_by_loop(GOLD, predicted, MASK), rel=1e-5),
        "accuracy": pytest.approx(accuracy_by_loop(GOLD, predicted, MASK), rel=1e-5),
    }
    assert model.train_on_batch(ROWS, y, return_dict=True) == expected
    assert model.evaluate(ROWS, y, verbose=0, return_dict=True) == expected


def test_kerass_own_mask_is_honoured_in_a_model_of_ones_own():
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6,)), layers.Embedding(VOCAB, 4, mask_zero=True), layers.GRU(3, return_sequences=True),
         layers.Dense(LABELS, activation="softmax")]
    )  # fmt: skip
    model.compile(loss=SequenceCrossentropy(), metrics=[SequenceAccuracy()])
    predicted = np.asarray(model(ROWS))
    scores = model.evaluate(ROWS, GOLD, verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(loss_by_loop(GOLD, predicted, MASK), rel=1e-5)
    assert scores["accuracy"] == pytest.approx(accuracy_by_loop(GOLD, predicted, MASK), rel=1e-5)


def test_many_to_one_is_one_step():
    model = randomized(small_model(outputs="many-to-one", mask_padding=True))
    gold = np.array([2, 0, 1])
    predicted = np.asarray(model(ROWS))
    scores = model.evaluate(ROWS, gold, verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(-np.mean(np.log(predicted[range(3), gold])), rel=1e-5)
    assert scores["accuracy"] == pytest.approx(np.mean(predicted.argmax(-1) == gold))


@pytest.mark.parametrize(
    ("cell", "bidirectional", "mask_padding"),
    [("lstm", True, True), ("gru", True, True), ("rnn", False, False)],
)
def test_gradients_agree_with_finite_differences(cell, bidirectional, mask_padding):
    """One SGD step of rate 1 moves each weight by minus its gradient; the differences are NumPy's."""
    model = randomized(
        small_model(
            cell=cell,
            bidirectional=bidirectional,
            mask_padding=mask_padding,
            optimizer=keras.optimizers.SGD(1.0),
        )
    )
    before = [w.astype("float64") for w in model.get_weights()]
    mask = MASK if mask_padding else None

    def loss(weights) -> float:
        predicted = reference_predictions(weights, ROWS, cell=cell, bidirectional=bidirectional, mask=mask)
        return loss_by_loop(GOLD, predicted, np.ones_like(MASK) if mask is None else mask)

    model.train_on_batch(ROWS, GOLD)
    random = np.random.default_rng(1)
    for number, (old, new) in enumerate(zip(before, model.get_weights(), strict=True)):
        for flat in random.choice(old.size, size=min(old.size, 12), replace=False):
            place = np.unravel_index(flat, old.shape)
            sides = []
            for step in (1e-5, -1e-5):
                moved = [w.copy() for w in before]
                moved[number][place] += step
                sides.append(loss(moved))
            difference = (sides[0] - sides[1]) / 2e-5
            assert (old - new)[place] == pytest.approx(difference, abs=2e-5, rel=1e-4)


def test_the_reference_cell_carries_its_state_over_masked_steps():
    """Guards the guard: dropping the masked steps by hand gives the same outputs at the others."""
    random = np.random.default_rng(0)
    x, kernel, recurrent, bias = (random.normal(size=s) for s in ((1, 4, 2), (2, 12), (3, 12), (12,)))
    masked = run_cell("lstm", x, kernel, recurrent, bias, np.array([[True, False, True, True]]))
    dropped = run_cell("lstm", x[:, [0, 2, 3]], kernel, recurrent, bias)
    np.testing.assert_allclose(masked[:, [0, 2, 3]], dropped)
    assert not masked[0, 1].any()
