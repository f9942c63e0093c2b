"""Windows with the state carried between them: same forward pass, gradients that stop at the borders."""

from __future__ import annotations

import numpy as np
import pytest
from test_rnn import LABELS, VOCAB, randomized, small_model, softmax
from test_sequence_loss import loss_by_loop

from reference_cells import run_cell_with_state
from tagsmith.errors import RecipeError
from tagsmith.network.backend import keras
from tagsmith.network.truncated import fit_truncated, reset_state, stateful_twin, windows

TIME, WINDOW = 7, 3
X = np.random.default_rng(3).integers(1, VOCAB, (4, TIME))
Y = np.random.default_rng(4).integers(0, LABELS, (4, TIME))


def sgd(rate: float = 1.0):
    return keras.optimizers.SGD(rate)


def weights_after(model, train) -> list[np.ndarray]:
    train(model)
    return model.get_weights()


def assert_same_weights(some, others, atol=1e-6):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one, other, atol=atol)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_windows_give_the_outputs_of_the_whole_document(cell):
    model = randomized(small_model(None, cell=cell, layers=2))
    twin = stateful_twin(model, len(X), WINDOW)
    for _ in range(2):  # the second document starts from a zero state again
        pieces = [np.asarray(twin.predict_on_batch(piece)) for piece in windows(X, WINDOW)]
        reset_state(twin)
        np.testing.assert_allclose(np.concatenate(pieces, axis=1)[:, :TIME], np.asarray(model(X)), atol=1e-6)


def test_padding_is_passed_over_in_windows_too():
    x = X.copy()
    x[0, 2:] = 0
    x[1, 4:] = 0
    model = randomized(small_model(None, mask_padding=True))
    twin = stateful_twin(model, len(X), WINDOW)
    pieces = [np.asarray(twin.predict_on_batch(piece)) for piece in windows(x, WINDOW)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1)[:, :TIME], np.asarray(model(x)), atol=1e-6)


def test_the_twin_has_the_models_own_variables():
    model = small_model(None)
    twin = stateful_twin(model, 2, WINDOW)
    assert [id(v) for v in twin.trainable_variables] == [id(v) for v in model.trainable_variables]


@pytest.mark.parametrize(("window", "mask_padding"), [(TIME, False), (TIME + 2, True)], ids=["equal", "longer, masked"])
def test_a_window_as_long_as_the_document_is_full_backpropagation(window, mask_padding):
    x = X.copy()
    if mask_padding:
        x[2, 4:] = 0

    def model():
        return randomized(small_model(None, mask_padding=mask_padding, optimizer=sgd()))

    full = weights_after(model(), lambda m: m.train_on_batch(x, Y))
    truncated = weights_after(model(), lambda m: fit_truncated(m, x, Y, window=window, shuffle=False, batch_size=4))
    filled_up = weights_after(model(), lambda m: fit_truncated(m, x, Y, window=window, shuffle=False, batch_size=6))
    assert_same_weights(truncated, full)
    assert_same_weights(filled_up, full)


def test_the_gradient_stops_at_the_windows_border():
    """Against finite differences of the second window's loss with the state that enters it held fixed."""
    model = randomized(small_model(None, cell="gru", optimizer=sgd()))
    before = [w.astype("float64") for w in model.get_weights()]
    embedding, kernel, recurrent, bias, *_ = before
    _, entering = run_cell_with_state("gru", embedding[X[:, :4]], kernel, recurrent, bias)

    def loss(weights) -> float:
        embedding, *cell, kernel, bias = weights
        h, _ = run_cell_with_state("gru", embedding[X[:, 4:]], *cell, initial_state=entering)
        return loss_by_loop(Y[:, 4:], softmax(h @ kernel + bias), np.ones((4, 3), bool))

    only_second = Y.copy()
    only_second[:, :4] = -1  # the first window moves nothing under plain SGD, but passes its state on
    fit_truncated(model, X, only_second, window=4, batch_size=4, shuffle=False)
    random = np.random.default_rng(1)
    for number, (old, new) in enumerate(zip(before, model.get_weights(), strict=True)):
        for flat in random.choice(old.size, size=min(old.size, 10), replace=False):
            place = np.unravel_index(flat, old.shape)
            sides = []
            for step in (1e-5, -1e-5):
                moved = [w.copy() for w in before]
                moved[number][place] += step
                sides.append(loss(moved))
            assert (old - new)[place] == pytest.approx((sides[0] - sides[1]) / 2e-5, abs=2e-5, rel=1e-4)


def test_the_reported_loss_is_that_of_the_whole_documents():
    model = randomized(small_model(None, optimizer=sgd(0.0)))
    expected = model.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    history = fit_truncated(model, X, Y, window=WINDOW, batch_size=3, validation_data=(X, Y))
    assert history["loss"] == [pytest.approx(expected, rel=1e-5)]
    assert history["val_loss"] == [pytest.approx(expected, rel=1e-5)]


def test_windows_of_padding_alone_move_nothing():
    """Adam would go on by momentum; trailing padding must not change what is learned."""
    longer_x, longer_y = np.pad(X, ((0, 0), (0, 9))), np.pad(Y, ((0, 0), (0, 9)))
    options = {"window": WINDOW, "batch_size": 4, "epochs": 2}
    plain = weights_after(randomized(small_model(None, mask_padding=True)), lambda m: fit_truncated(m, X, Y, **options))
    padded = weights_after(
        randomized(small_model(None, mask_padding=True)),
        lambda m: fit_truncated(m, longer_x, longer_y, **options),
    )
    assert_same_weights(plain, padded)


def test_one_hot_inputs_and_targets_are_cut_alike():
    def trained(inputs, targets, x, y):
        model = randomized(small_model(None, inputs=inputs, targets=targets, optimizer=sgd(0.1)))
        return weights_after(model, lambda m: fit_truncated(m, x, y, window=WINDOW, batch_size=3, shuffle=False))

    x, y = np.eye(VOCAB, dtype="float32")[X], np.eye(LABELS, dtype="float32")[Y]
    assert_same_weights(trained("rows", "integer", X, Y), trained("one-hot", "one-hot", x, y), atol=1e-5)


def test_early_stopping_works_and_gives_the_best_weights_back():
    model = randomized(small_model(None, optimizer=sgd(50.0)))  # so high a rate only makes things worse
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, restore_best_weights=True)
    history = fit_truncated(
        model, X, Y, window=WINDOW, epochs=9, batch_size=4, validation_data=(X, Y), callbacks=[stop]
    )
    assert len(history["loss"]) < 9
    best = min(history["val_loss"])
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "call", "message"),
    [
        ({"bidirectional": True}, {}, "bidirectional.*model.fit"),
        ({"outputs": "many-to-one"}, {}, "many-to-one.*model.fit"),
        ({"optimizer": None}, {}, "not compiled"),
        ({}, {"window": 0}, "window is 0"),
        ({}, {"x": X[:, :2]}, r"x is \(4, 2\) and y is \(4, 7\)"),
    ],
)
def test_what_cannot_be_truncated_is_an_error_with_a_remedy(options, call, message):
    with pytest.raises(RecipeError, match=message):
        fit_truncated(small_model(None, **options), **{"x": X, "y": Y, "window": WINDOW, **call})
