"""The tutorial's model learns, stops early, and comes back from disk as it was."""

from __future__ import annotations

import numpy as np
import pytest
from test_rnn import LABELS, ROWS, VOCAB, randomized, small_model

from tagsmith.network.backend import keras
from tagsmith.network.rnn import create_rnn_model


def rule_data(documents: int, seed: int):
    """Sequences whose label depends on the word before: only a network with a memory gets it right."""
    random = np.random.default_rng(seed)
    x = random.integers(1, VOCAB, (documents, 8))
    y = np.zeros_like(x)
    y[:, 1:] = x[:, :-1] % LABELS
    return x, y


@pytest.mark.parametrize(
    "cell", ["lstm", pytest.param("gru", marks=pytest.mark.slow), pytest.param("rnn", marks=pytest.mark.slow)]
)
def test_each_cell_learns_a_rule_that_needs_memory(cell):
    keras.utils.set_random_seed(0)
    model = create_rnn_model(VOCAB, LABELS, 8, 16, 8, cell=cell, learning_rate=0.02)
    x, y = rule_data(256, 0)
    model.fit(x, y, epochs=15, batch_size=32, verbose=0)
    assert model.evaluate(*rule_data(64, 1), verbose=0, return_dict=True)["accuracy"] > 0.95


def test_early_stopping_on_a_validation_set_as_in_the_tutorial():
    keras.utils.set_random_seed(0)
    model = small_model(8, learning_rate=0.05)
    x, y = rule_data(32, 0)
    x_other, _ = rule_data(32, 1)
    y_other = np.random.default_rng(2).integers(0, LABELS, x_other.shape)  # cannot be learned: only gets worse
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
    history = model.fit(
        x, y, validation_data=(x_other, y_other), epochs=40, batch_size=32, callbacks=[stop], verbose=0
    ).history
    assert len(history["val_loss"]) < 40
    assert np.argmin(history["val_loss"]) == len(history["val_loss"]) - 3
    score = model.evaluate(x_other, y_other, verbose=0, return_dict=True)["loss"]
    assert score == pytest.approx(min(history["val_loss"]), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask_padding": True, "bidirectional": True, "cell": "gru", "dropout": 0.2, "targets": "one-hot"},
        {"mask_padding": True, "inputs": "one-hot", "outputs": "many-to-one", "cell": "rnn"},
    ],
    ids=["default", "masked", "many-to-one"],
)
def test_a_saved_model_comes_back_with_weights_loss_and_metrics(tmp_path, options):
    model = randomized(small_model(**options))
    x = np.eye(VOCAB, dtype="float32")[ROWS] if options.get("inputs") == "one-hot" else ROWS
    y = np.random.default_rng(0).integers(0, LABELS, 3 if options.get("outputs") == "many-to-one" else ROWS.shape)
    if options.get("targets") == "one-hot":
        y = np.eye(LABELS, dtype="float32")[y]
    model.train_on_batch(x, y)  # so that the optimizer has a state to save
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))
    evaluate = {"verbose": 0, "return_dict": True}
    assert loaded.evaluate(x, y, **evaluate) == pytest.approx(model.evaluate(x, y, **evaluate))
