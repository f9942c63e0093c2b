"""The learning-rate schedule against its definition, step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_calls import array, compiled
from tagsmith.network.backend import keras
from tagsmith.training.optimizer import WarmupThenFall, make_optimizer
from tagsmith.training.recipe import Recipe

TOTAL, WARMUP, PEAK, FINAL = 40, 8, 0.5, 0.1


def rates(kind: str, warmup: int = WARMUP, total: int = TOTAL, steps: int = 60) -> np.ndarray:
    schedule = WarmupThenFall(PEAK, kind, warmup, total, FINAL)
    return array(compiled(schedule)(np.arange(steps, dtype=np.int32)))


def expected_rate(kind: str, step: int) -> float:
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    done = min((step - WARMUP) / (TOTAL - WARMUP), 1.0)
    if kind == "constant":
        return PEAK
    left = 1 - done if kind == "linear" else (1 + math.cos(math.pi * done)) / 2
    return PEAK * (FINAL + (1 - FINAL) * left)


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
def test_the_rate_rises_then_falls_as_defined(kind):
    np.testing.assert_allclose(rates(kind), [expected_rate(kind, step) for step in range(60)], rtol=1e-4)


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
@pytest.mark.parametrize(("warmup", "total"), [(0, 40), (0, 1), (5, 5), (9, 5), (0, 0)])
def test_odd_lengths_of_a_run_give_sound_rates(kind, warmup, total):
    found = rates(kind, warmup, total)
    assert np.isfinite(found).all()
    assert (found > 0).all()
    assert (found <= PEAK * 1.0001).all()


@pytest.mark.parametrize(("name", "kind"), [("adam", keras.optimizers.Adam), ("sgd", keras.optimizers.SGD)])
def test_the_recipe_chooses_the_optimizer_and_its_clipping(name, kind):
    optimizer = make_optimizer(Recipe(optimizer=name, momentum=0.7, clip_norm=3.0, epochs=5, warmup_epochs=0.5), 10)
    assert isinstance(optimizer, kind)
    assert optimizer.global_clipnorm == 3.0
    schedule = optimizer._learning_rate
    assert (schedule.warmup, schedule.total) == (5, 50)
    if name == "sgd":
        assert optimizer.momentum == 0.7


def test_a_long_gradient_is_cut_to_the_norm():
    optimizer = make_optimizer(
        Recipe(optimizer="sgd", momentum=0.0, clip_norm=1.0, learning_rate=1.0, schedule="constant", warmup_epochs=0.0),
        1,
    )
    variable = keras.Variable(np.zeros(2, np.float32))
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(np.float32([30.0, 40.0]))], [variable])
    np.testing.assert_allclose(array(variable.value), [-0.6, -0.8], rtol=1e-5)
