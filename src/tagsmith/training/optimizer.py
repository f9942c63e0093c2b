"""The optimizer of a recipe and its learning-rate schedule."""

from __future__ import annotations

import math
from typing import Any

from tagsmith.network.backend import keras
from tagsmith.training.recipe import Recipe

ops = keras.ops


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


def make_optimizer(recipe: Recipe, steps_per_epoch: int) -> Any:
    """Build the recipe's optimizer."""
    schedule = WarmupThenFall(
        recipe.learning_rate,
        recipe.schedule,
        round(recipe.warmup_epochs * steps_per_epoch),
        recipe.epochs * steps_per_epoch,
        recipe.final_rate,
    )
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(schedule, momentum=recipe.momentum, global_clipnorm=recipe.clip_norm)
    return keras.optimizers.Adam(schedule, global_clipnorm=recipe.clip_norm)
