"""Truncated backpropagation through time: long documents in windows, the state carried between them.

Full backpropagation keeps every activation of every time step, and one step of the optimizer waits for the
whole document. Truncated (Williams & Peng 1990), a document of T steps is cut into windows of k. Each window
starts from the state in which the one before it ended, so the forward pass is that of the whole document;
the gradient stops at the window's left edge, so memory grows with k, not with T, and the weights move after
each window.

The means is a *twin*: a ``keras.Sequential`` with the very layers, cells and optimizer of the model, except
that its recurrent layers are ``stateful``. Training the twin trains the model; nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tagsmith.errors import RecipeError

if TYPE_CHECKING:
    import keras
else:
    from tagsmith.network.backend import keras

Array = NDArray[Any]


class Carrying(keras.layers.Layer):  # type: ignore[misc]
    """A recurrent layer whose state outlives the call, around the cell of another.

    Keras's own ``stateful=True`` does not work on JAX: its states are not among the layer's variables, so the
    compiled step never sees them change. Here they are ordinary non-trainable weights, which every backend
    hands in and out of the step; and no gradient flows into a non-trainable weight.

    Parameters
    ----------
    cell
        A Keras recurrent cell, shared with the layer that it comes from.
    """

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.supports_masking = True
        self.recurrent = keras.layers.RNN(cell, return_sequences=True, return_state=True)

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the state, ``(batch, units)`` each; the batch size of ``(batch, time, features)`` is fixed."""
        self.states = [
            self.add_weight(shape=(input_shape[0], size), initializer="zeros", trainable=False, name="state")
            for size in self.recurrent.state_size
        ]
        self.recurrent.build(input_shape)

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """Go on from the state: ``(batch, time, features)`` → ``(batch, time, units)``."""
        entering = [keras.ops.copy(keras.ops.convert_to_tensor(state)) for state in self.states]
        outputs, *leaving = self.recurrent(inputs, initial_state=entering, mask=mask, training=training)
        for state, value in zip(self.states, leaving, strict=True):
            state.assign(keras.ops.stop_gradient(value))
        return outputs

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(batch, time, units)``."""
        return (*input_shape[:2], self.recurrent.cell.output_size)

    def reset_state(self) -> None:
        """Begin a new document."""
        for state in self.states:
            state.assign(keras.ops.zeros(state.shape, state.dtype))


def stateful_twin(model: keras.Sequential, batch_size: int, window: int) -> keras.Sequential:
    """Return a model with the same weights whose recurrent layers keep their state from call to call.

    Parameters
    ----------
    model
        Of :func:`tagsmith.network.rnn.create_rnn_model`, many-to-many and not bidirectional.
    batch_size, window
        The fixed shape of the twin's batches.

    Returns
    -------
    keras.Sequential
        Compiled with the model's own optimizer and loss if the model is compiled. Its ``trainable_variables``
        are the model's. Call :func:`reset_state` before each new batch of documents.

    Raises
    ------
    RecipeError
        The model reads backwards (it would have to know the next window first), or has one label for a whole
        text (only the last window would have a loss).
    """
    layers = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            raise RecipeError(
                "A bidirectional model cannot carry its state from window to window.",
                remedy="Train it with model.fit, or build it with bidirectional=False.",
            )
        if isinstance(layer, keras.layers.RNN):
            if not layer.return_sequences:
                raise RecipeError(
                    "A many-to-one model has a loss in its last window only.",
                    remedy="Train it with model.fit on the whole text.",
                )
            layer = Carrying(layer.cell)
        layers.append(layer)
    shape = (batch_size, window, *model.input_shape[2:])
    twin = keras.Sequential([keras.Input(batch_shape=shape, dtype=model.inputs[0].dtype), *layers])
    if model.compiled:
        twin.compile(optimizer=model.optimizer, loss=model.loss)
    return twin


def reset_state(twin: keras.Sequential) -> None:
    """Set the state of every recurrent layer to zero: the next window begins a document."""
    for layer in twin.layers:
        if isinstance(layer, Carrying):
            layer.reset_state()


def windows(array: Array, window: int, fill: float = 0) -> Iterator[Array]:
    """Cut ``array`` ``(batch, time, …)`` into pieces of ``window`` steps, the last filled up with ``fill``.

    Examples
    --------
    >>> [piece.tolist() for piece in windows(np.array([[1, 2, 3]]), 2)]
    [[[1, 2]], [[3, 0]]]
    """
    for start in range(0, array.shape[1], window):
        yield _filled(array[:, start : start + window], 1, window, fill)


def fit_truncated(
    model: keras.Sequential,
    x: Array,
    y: Array,
    *,
    window: int,
    epochs: int = 1,
    batch_size: int = 32,
    validation_data: tuple[Array, Array] | None = None,
    callbacks: Sequence[Any] = (),
    shuffle: bool = True,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Train a model by truncated backpropagation through time.

    Parameters
    ----------
    model
        A compiled model of :func:`tagsmith.network.rnn.create_rnn_model`: many-to-many, not bidirectional,
        and with ``max_sequence_length`` None or the length of the validation data.
    x
        ``(documents, time)`` rows, or ``(documents, time, vocab_size)`` one-hot vectors; documents shorter
        than the longest are padded on the right.
    y
        Targets, ``(documents, time)`` or ``(documents, time, labels)``; -1 (one-hot: zeros) where there is
        none.
    window
        Time steps through which the gradient flows. With ``window >= time`` this is full backpropagation.
    epochs, batch_size, shuffle, seed
        As in ``model.fit``; batches are of whole documents, ``seed`` orders them.
    validation_data
        ``(x, y)`` scored after each epoch in full length, as ``val_loss``, ``val_accuracy``.
    callbacks
        Keras callbacks; they see epochs and the whole training, not batches. Early stopping works.

    Returns
    -------
    dict[str, list[float]]
        Per epoch: ``loss`` (per document: the sum over all its windows), and the metrics of the validation
        data.

    Raises
    ------
    RecipeError
        The model is not compiled, bidirectional or many-to-one; a size is not positive; x and y differ in
        length.
    """
    _check(model, x, y, window, batch_size)
    if y.ndim == 2:
        y = y.astype("int32")  # -1 must fit in
    twin = stateful_twin(model, batch_size, window)
    watchers = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epochs)
    order = np.random.default_rng(seed)
    history: dict[str, list[float]] = {}
    model.stop_training = False
    watchers.on_train_begin()
    for epoch in range(epochs):
        watchers.on_epoch_begin(epoch)
        rows = order.permutation(len(x)) if shuffle else np.arange(len(x))
        total = 0.0
        for start in range(0, len(x), batch_size):
            chosen = rows[start : start + batch_size]
            total += len(chosen) * _train_on_documents(twin, x[chosen], y[chosen], batch_size, window)
        logs = {"loss": total / len(x)}
        if validation_data is not None:
            scores = model.evaluate(*validation_data, batch_size=batch_size, verbose=0, return_dict=True)
            logs |= {f"val_{name}": float(value) for name, value in scores.items()}
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        watchers.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    watchers.on_train_end()
    return history


def _train_on_documents(twin: keras.Sequential, x: Array, y: Array, batch_size: int, window: int) -> float:
    """Walk over one batch of documents; return the mean over the documents of the summed loss."""
    reset_state(twin)
    none = -1 if y.ndim == 2 else 0
    # Windows of nothing but padding are left out: with momentum, the weights would move without a gradient.
    length = _last_step_that_counts(twin, x, y)
    documents = len(x)
    # The twin's batch is of fixed size: documents without targets fill it up, and the weight makes the mean
    # over the batch the mean over the real ones.
    x, y = _filled(x[:, :length], 0, batch_size, 0), _filled(y[:, :length], 0, batch_size, none)
    weight = np.full(batch_size, batch_size / documents, "float32")
    loss = 0.0
    for x_window, y_window in zip(windows(x, window), windows(y, window, none), strict=True):
        loss += float(twin.train_on_batch(x_window, y_window, sample_weight=weight, return_dict=True)["loss"])
    return loss


def _last_step_that_counts(model: keras.Sequential, x: Array, y: Array) -> int:
    """Return how many time steps remain without those at the end that have no loss in any document."""
    counts = y >= 0 if y.ndim == 2 else np.any(y > 0, axis=-1)  # (document, time)
    masking = keras.layers.Masking
    if any(isinstance(layer, masking) or getattr(layer, "mask_zero", False) for layer in model.layers):
        counts &= x != 0 if x.ndim == 2 else np.any(x != 0, axis=-1)
    steps = np.flatnonzero(np.any(counts, axis=0))
    return int(steps[-1]) + 1 if steps.size else 0


def _filled(array: Array, axis: int, size: int, fill: float) -> Array:
    """Lengthen an axis to ``size`` with ``fill``."""
    missing = [(0, 0)] * array.ndim
    missing[axis] = (0, size - array.shape[axis])
    return np.pad(array, missing, constant_values=fill)


def _check(model: keras.Sequential, x: Array, y: Array, window: int, batch_size: int) -> None:
    if not model.compiled:
        raise RecipeError("The model is not compiled.", remedy="Call model.compile, or give an optimizer.")
    if window < 1 or batch_size < 1:
        raise RecipeError(f"window is {window}, batch_size {batch_size}.", remedy="Both must be at least 1.")
    if x.shape[:2] != y.shape[:2] or not x.size:
        raise RecipeError(
            f"x is {x.shape} and y is {y.shape}.",
            remedy="Both need the same, not empty, documents and time steps.",
        )
