"""Loss and accuracy of sequence models.

A time step does not count if any of these holds:

* its target is -1 (integer targets) or all zeros (one-hot targets);
* Keras's mask for the predictions is false there;
* the predicted distribution is all zeros, as :class:`MaskedTimeDistributed` makes it at padded steps.

The last one is needed because Keras keeps its mask as an attribute of the prediction tensor, and on JAX the training
step passes metrics a new tensor without the attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import keras
else:
    from tagsmith.network.backend import keras

Targets = Literal["integer", "one-hot"]

# Far below the usual 1e-7: clipping stops the gradient, so it must guard log(0) and nothing else.
TINY = 1e-30


@keras.saving.register_keras_serializable("tagsmith")
class SequenceCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy summed over the time steps of each sequence, then averaged over the batch.

    For a sequence with gold labels y_1 … y_T and predicted distributions p_1 … p_T the loss is −Σ_t log p_t[y_t] over
    the steps that count (see the top of this module). A many-to-one prediction is one step.

    ``targets`` are ``"integer"``: label indices, ``(batch, time)`` (sparse cross-entropy), or ``"one-hot"``:
    distributions, ``(batch, time, labels)`` (categorical cross-entropy). Many-to-one targets have no time axis.
    ``name`` and ``dtype`` are as in ``keras.losses.Loss``.

    Examples
    --------
    >>> import numpy as np
    >>> loss = SequenceCrossentropy()
    >>> predicted = np.array([[[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]]])
    >>> round(float(loss(np.array([[0, 1, -1]]), predicted)), 4)  # -log 0.5 - log 0.75; -1 is padding
    0.9808
    """

    def __init__(self, targets: Targets = "integer", name: str = "sequence_crossentropy", dtype: Any = None) -> None:
        super().__init__(name=name, reduction="sum", dtype=dtype)
        self.targets: Targets = targets

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the scalar loss; ``sample_weight`` is ``(batch,)`` or ``(batch, time)``."""
        if sample_weight is not None:
            sample_weight = _with_rank(sample_weight, len(y_pred.shape) - 1)
        total = super().__call__(y_true, y_pred, sample_weight)  # Keras applies its mask here
        return total / keras.ops.cast(keras.ops.shape(y_pred)[0], total.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each step, ``(batch, time)``; zero where the step does not count."""
        gold = _one_hot_targets(y_true, y_pred, self.targets)  # (batch, time, label)
        log_p = keras.ops.log(keras.ops.maximum(y_pred, TINY))
        loss = -keras.ops.sum(gold * log_p, axis=-1)  # a target of zeros gives zero
        return keras.ops.where(_is_distribution(y_pred), loss, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {"targets": self.targets, "name": self.name}


@keras.saving.register_keras_serializable("tagsmith")
class SequenceAccuracy(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]
    """Share of the time steps that count whose most probable label is the gold label.

    ``targets`` is as in :class:`SequenceCrossentropy`, ``name`` and ``dtype`` as in ``keras.metrics.Metric``.
    """

    def __init__(self, targets: Targets = "integer", name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(fn=self._hits, name=name, dtype=dtype)
        self.targets: Targets = targets
        self._direction = "up"

    def _hits(self, y_true: Any, y_pred: Any) -> Any:
        gold = _one_hot_targets(y_true, y_pred, self.targets)
        hit = keras.ops.equal(keras.ops.argmax(gold, axis=-1), keras.ops.argmax(y_pred, axis=-1))
        return keras.ops.cast(hit, self.dtype)  # (batch, time)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch; ``sample_weight`` is ``(batch,)`` or ``(batch, time)``."""
        y_pred_ = keras.ops.convert_to_tensor(y_pred)
        gold = _one_hot_targets(y_true, y_pred_, self.targets)
        counts = keras.ops.logical_and(keras.ops.any(gold > 0, axis=-1), _is_distribution(y_pred_))
        weight = keras.ops.cast(counts, self.dtype)
        if sample_weight is not None:
            weight = weight * keras.ops.cast(_with_rank(sample_weight, len(y_pred_.shape) - 1), weight.dtype)
        return super().update_state(y_true, y_pred, sample_weight=weight)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {"targets": self.targets, "name": self.name, "dtype": self.dtype}


@keras.saving.register_keras_serializable("tagsmith")
class MaskedTimeDistributed(keras.layers.TimeDistributed):  # type: ignore[misc]
    """``keras.layers.TimeDistributed`` for sequences of any length, with zeros at padded steps.

    The zeros mark the padding in the predictions themselves. Without a mask the output is that of the parent class.

    The parent class maps step by step, and on TensorFlow it confuses the number of sentences with an unknown number of
    steps (Keras 3.15). This class maps all steps at once, as one long batch.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Apply the layer to each step of ``inputs`` ``(batch, time, …)``; ``mask`` is ``(batch, time)``."""
        del training  # the wrapped layer is a Dense layer, which ignores it
        batch, time = keras.ops.shape(inputs)[:2]
        outputs = self.layer(keras.ops.reshape(inputs, (-1, inputs.shape[-1])))
        outputs = keras.ops.reshape(outputs, (batch, time, outputs.shape[-1]))
        if mask is None:
            return outputs
        return keras.ops.where(keras.ops.expand_dims(mask, -1), outputs, 0.0)


def _is_distribution(y_pred: Any) -> Any:
    """Whether each step ``(batch, time)`` has a predicted distribution, not the zeros of padding."""
    return keras.ops.sum(y_pred, axis=-1) > 0.5


def _one_hot_targets(y_true: Any, y_pred: Any, targets: Targets) -> Any:
    """Return targets of either kind as ``(batch, time, label)``; a target of -1 becomes zeros."""
    if targets == "one-hot":
        return keras.ops.cast(y_true, y_pred.dtype)
    y_true = keras.ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape):  # (batch, time, 1), as in older Keras code
        y_true = keras.ops.squeeze(y_true, axis=-1)
    return keras.ops.one_hot(keras.ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)


def _with_rank(weights: Any, rank: int) -> Any:
    """Add axes at the end of ``weights`` up to ``rank``: Keras would align it from the end."""
    weights = keras.ops.convert_to_tensor(weights)
    while len(weights.shape) < rank:
        weights = keras.ops.expand_dims(weights, -1)
    return weights
