"""The optimizer of a recipe and its learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tagsmith.network.backend import keras, set_rows
from tagsmith.network.initial import variable
from tagsmith.training.recipe import Recipe

ops = keras.ops
DECAYS, EPSILON = (0.9, 0.999), 1e-7  # Keras's own for Adam


class WarmupThenFall(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc, name-defined]
    """The learning rate as a function of the step: a linear rise, then constant, or a linear or cosine fall.

    Parameters
    ----------
    peak
        The highest learning rate.
    kind
        ``"constant"``, ``"linear"`` or ``"cosine"``.
    warmup, total
        Steps of the rise, and of the whole run.
    final
        Share of ``peak`` left at the last step.
    """

    def __init__(self, peak: float, kind: str, warmup: int, total: int, final: float) -> None:
        self.peak, self.kind, self.warmup, self.total, self.final = peak, kind, warmup, total, final

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at ``step``, counted from 0."""
        step = ops.cast(step, "float32")
        rise = ops.minimum((step + 1.0) / max(self.warmup, 1), 1.0)
        done = ops.clip((step - self.warmup) / max(self.total - self.warmup, 1), 0.0, 1.0)
        left = {
            "constant": 1.0 + 0.0 * done,
            "linear": 1.0 - done,
            "cosine": 0.5 * (1.0 + ops.cos(math.pi * done)),
        }
        floor = 1.0 if self.kind == "constant" else self.final
        return self.peak * rise * (floor + (1.0 - floor) * left[self.kind])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("peak", "kind", "warmup", "total", "final")
        return {name: getattr(self, name) for name in names}


class Optimizer:
    """Adam (Kingma & Ba 2015) or SGD with momentum, its gradients cut to a norm; the trained word table is special.

    Of that table a batch touches a few hundred rows out of many thousands, so only these are changed, as in "lazy
    Adam": the moments of a row fade when a batch holds its word, not at every step. That saves several passes over
    the table a step, and a rare word does not drift on for long after it was seen. (Lazy SGD has no momentum; its rate
    is higher by what momentum would add up to.)

    Parameters
    ----------
    recipe, steps_per_epoch
        The choices, and the unit of ``warmup_epochs`` and ``epochs``.
    weights, table
        The Keras variables to train: all but the word table, and the word table (words, word_dim).
    """

    def __init__(self, recipe: Recipe, steps_per_epoch: int, weights: Sequence[Any], table: Any) -> None:
        self.weights, self.table, self.clip_norm = list(weights), table, recipe.clip_norm
        self.schedule = WarmupThenFall(
            recipe.learning_rate,
            recipe.schedule,
            round(recipe.warmup_epochs * steps_per_epoch),
            recipe.epochs * steps_per_epoch,
            recipe.final_rate,
        )
        self.moments: list[Any] = []
        if recipe.optimizer == "sgd":
            self.dense = keras.optimizers.SGD(self.schedule, momentum=recipe.momentum)
            self.gain = 1.0 / (1.0 - recipe.momentum)
        else:
            self.dense = keras.optimizers.Adam(self.schedule)
            zeros = np.zeros(table.shape, np.float32)
            self.moments = [variable(zeros, name, trainable=False) for name in ("first_moment", "second_moment")]
        self.dense.build(self.weights)

    @property
    def variables(self) -> list[Any]:
        """What the optimizer remembers from step to step."""
        return [*self.dense.variables, *self.moments]

    def apply(self, gradients: Sequence[Any], rows: Any, row_gradients: Any) -> None:
        """Change the weights by their gradients, rows (R,) of the table by theirs, (R, word_dim); row -1: filling."""
        squares = [ops.sum(ops.square(gradient)) for gradient in (*gradients, row_gradients)]
        scale = self.clip_norm / ops.maximum(ops.sqrt(sum(squares)), self.clip_norm)
        step = self.dense.iterations + 1
        rate = self.schedule(self.dense.iterations)
        self.dense.apply([gradient * scale for gradient in gradients], self.weights)
        self._apply_rows(rows, row_gradients * scale, rate, ops.cast(step, "float32"))

    def _apply_rows(self, rows: Any, gradients: Any, rate: Any, step: Any) -> None:
        present = ops.maximum(rows, 0)
        change = (
            gradients * (rate * self.gain) if not self.moments else self._adam(rows, present, gradients, rate, step)
        )
        table = ops.convert_to_tensor(self.table)
        self.table.assign(set_rows(table, rows, ops.take(table, present, axis=0) - change))

    def _adam(self, rows: Any, present: Any, gradients: Any, rate: Any, step: Any) -> Any:
        corrected = []
        for moment, decay, new in zip(self.moments, DECAYS, (gradients, ops.square(gradients)), strict=True):
            values = ops.convert_to_tensor(moment)
            mean = decay * ops.take(values, present, axis=0) + (1.0 - decay) * new
            moment.assign(set_rows(values, rows, mean))
            corrected.append(mean / (1.0 - ops.power(decay, step)))
        first, second = corrected
        return rate * first / (ops.sqrt(second) + EPSILON)
