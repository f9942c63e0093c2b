"""Truncated backpropagation through time: training on long documents in windows that pass on their state.

Full backpropagation keeps the activations of every time step, and each optimizer step waits for the whole document.
Truncated backpropagation (Williams & Peng 1990) cuts a document into windows of k steps. Each window starts from the
last state of the previous one, so the forward pass is that of the whole document. The gradient stops at the left edge
of the window, so memory grows with k instead of the document's length, and the weights are updated after each window.

This trains a *twin*: a ``keras.Sequential`` with the layers, cells and optimizer of the model itself, except that its
recurrent layers are stateful. Training the twin trains the model; nothing is copied.
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


class StatefulRecurrent(keras.layers.Layer):  # type: ignore[misc]
    """A recurrent layer that keeps its state between calls, around the ``cell`` of another layer.

    Keras's ``stateful=True`` does not work on JAX: its states are not variables of the layer, so the compiled step
    never sees them change. Here they are non-trainable weights, which every backend passes in and out of the step, and
    which stop the gradient.
    """

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.supports_masking = True
        self.recurrent = keras.layers.RNN(cell, return_sequences=True, return_state=True)

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Create the states, ``(batch, units)`` each; the batch size of ``(batch, time, features)`` is fixed."""
        self.states = [
            self.add_weight(shape=(input_shape[0], size), initializer="zeros", trainable=False, name="state")
            for size in self.recurrent.state_size
        ]
        self.recurrent.build(input_shape)

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """Continue from the state: ``(batch, time, features)`` → ``(batch, time, units)``."""
        initial = [keras.ops.copy(keras.ops.convert_to_tensor(state)) for state in self.states]
        outputs, *last = self.recurrent(inputs, initial_state=initial, mask=mask, training=training)
        for state, value in zip(self.states, last, strict=True):
            state.assign(keras.ops.stop_gradient(value))
        return outputs


def stateful_twin(model: keras.Sequential, batch_size: int, window: int) -> keras.Sequential:
    """Return a model with the same weights whose recurrent layers keep their state between calls.

    The twin has batches of a fixed shape, the model's ``trainable_variables`` and, if the model is compiled, its
    optimizer and loss. Call :func:`reset_state` before each new batch of documents.

    Raises RecipeError: the model is bidirectional (it needs the next window first) or many-to-one (only the last window
    has a loss).
    """
    layers = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            raise RecipeError(
                "A bidirectional model cannot pass its state from window to window.",
                remedy="Train it with model.fit, or build it with bidirectional=False.",
            )
        if isinstance(layer, keras.layers.RNN):
            if not layer.return_sequences:
                raise RecipeError(
                    "A many-to-one model has a loss only in its last window.",
                    remedy="Train it with model.fit on the whole text.",
                )
            layer = StatefulRecurrent(layer.cell)
        layers.append(layer)
    shape = (batch_size, window, *model.input_shape[2:])
    twin = keras.Sequential([keras.Input(batch_shape=shape, dtype=model.inputs[0].dtype), *layers])
    if model.compiled:
        twin.compile(optimizer=model.optimizer, loss=model.loss)
    return twin


def reset_state(twin: keras.Sequential) -> None:
    """Set the state of every recurrent layer to zero: the next window starts a document."""
    for layer in twin.layers:
        for state in layer.states if isinstance(layer, StatefulRecurrent) else ():
            state.assign(keras.ops.zeros(state.shape, state.dtype))


def windows(array: Array, window: int, fill: float = 0) -> Iterator[Array]:
    """Cut ``array`` ``(batch, time, …)`` into pieces of ``window`` steps, padding the last with ``fill``.

    Examples
    --------
    >>> [piece.tolist() for piece in windows(np.array([[1, 2, 3]]), 2)]
    [[[1, 2]], [[3, 0]]]
    """
    for start in range(0, array.shape[1], window):
        yield _padded(array[:, start : start + window], 1, window, fill)


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

    Raises RecipeError: the model is not compiled, bidirectional or many-to-one; a size is not positive; x and y differ
    in length.

    Parameters
    ----------
    model
        A compiled model of :func:`tagsmith.network.rnn.create_rnn_model`: many-to-many, not bidirectional, and with
        ``max_sequence_length`` None or the length of the validation data.
    x
        Rows ``(documents, time)`` or one-hot vectors ``(documents, time, vocab_size)``, padded on the right.
    y
        Targets ``(documents, time)`` or ``(documents, time, labels)``; -1 (one-hot: zeros) where there is none.
    window
        Time steps through which the gradient flows; ``window >= time`` is full backpropagation.
    epochs, batch_size, shuffle, seed
        As in ``model.fit``; batches are of whole documents, in an order that depends on ``seed``.
    validation_data
        ``(x, y)``, scored in full length after each epoch, as ``val_loss`` and ``val_accuracy``.
    callbacks
        Keras callbacks such as early stopping; they are called per epoch and training, not per batch.

    Returns
    -------
    dict[str, list[float]]
        Per epoch: ``loss`` (summed over the windows of a document, averaged over documents) and the validation metrics.
    """
    _check(model, x, y, window, batch_size)
    if y.ndim == 2:
        y = y.astype("int32")  # unsigned types have no -1
    twin = stateful_twin(model, batch_size, window)
    callback_list = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epochs)
    rng = np.random.default_rng(seed)
    history: dict[str, list[float]] = {}
    model.stop_training = False
    callback_list.on_train_begin()
    for epoch in range(epochs):
        callback_list.on_epoch_begin(epoch)
        order = rng.permutation(len(x)) if shuffle else np.arange(len(x))
        total = 0.0
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            total += len(rows) * _train_on_documents(twin, x[rows], y[rows], batch_size, window)
        logs = {"loss": total / len(x)}
        if validation_data is not None:
            scores = model.evaluate(*validation_data, batch_size=batch_size, verbose=0, return_dict=True)
            logs |= {f"val_{name}": float(value) for name, value in scores.items()}
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        callback_list.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callback_list.on_train_end()
    return history


def _train_on_documents(twin: keras.Sequential, x: Array, y: Array, batch_size: int, window: int) -> float:
    """Train on one batch of documents; return the mean over the documents of their summed loss."""
    reset_state(twin)
    no_target = -1 if y.ndim == 2 else 0
    # Windows of padding alone are skipped: with momentum, they would change the weights without a gradient.
    length = _counted_steps(twin, x, y)
    documents = len(x)
    # The twin's batch size is fixed: documents without targets fill the batch, and the weight makes the mean over the
    # batch the mean over the real documents.
    x, y = _padded(x[:, :length], 0, batch_size, 0), _padded(y[:, :length], 0, batch_size, no_target)
    weight = np.full(batch_size, batch_size / documents, "float32")
    loss = 0.0
    for x_window, y_window in zip(windows(x, window), windows(y, window, no_target), strict=True):
        twin.reset_metrics()  # before Keras 3.15, the loss is the mean since the last reset
        loss += float(twin.train_on_batch(x_window, y_window, sample_weight=weight, return_dict=True)["loss"])
    return loss


def _counted_steps(model: keras.Sequential, x: Array, y: Array) -> int:
    """Count the time steps up to the last one that has a loss in any document."""
    counts = y >= 0 if y.ndim == 2 else np.any(y > 0, axis=-1)  # (document, time)
    masking = keras.layers.Masking
    if any(isinstance(layer, masking) or getattr(layer, "mask_zero", False) for layer in model.layers):
        counts &= x != 0 if x.ndim == 2 else np.any(x != 0, axis=-1)
    steps = np.flatnonzero(np.any(counts, axis=0))
    return int(steps[-1]) + 1 if steps.size else 0


def _padded(array: Array, axis: int, size: int, fill: float) -> Array:
    """Pad an axis to ``size`` with ``fill``."""
    padding = [(0, 0)] * array.ndim
    padding[axis] = (0, size - array.shape[axis])
    return np.pad(array, padding, constant_values=fill)


def _check(model: keras.Sequential, x: Array, y: Array, window: int, batch_size: int) -> None:
    if not model.compiled:
        raise RecipeError("The model is not compiled.", remedy="Call model.compile, or pass an optimizer.")
    if window < 1 or batch_size < 1:
        raise RecipeError(f"window is {window}, batch_size {batch_size}.", remedy="Both must be at least 1.")
    if x.shape[:2] != y.shape[:2] or not x.size:
        raise RecipeError(
            f"x is {x.shape} and y is {y.shape}.",
            remedy="They need equal numbers of documents and of time steps, not 0.",
        )
