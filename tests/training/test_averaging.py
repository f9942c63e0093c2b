"""The average of the weights: its formula, and what it remembers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tagsmith.training.averaging import EVERY, Average


def test_the_average_follows_its_formula():
    values = np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32)
    average = Average(200.0, {"w": values[0]})
    expected = values[0].astype(np.float64)
    for number, value in enumerate(values[1:]):
        decay = min(math.exp(-EVERY / 200.0), (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * value
        average.update({"w": value})
    np.testing.assert_allclose(average.arrays["w"], expected, rtol=1e-5, atol=1e-6)
    assert average.updates == 59


def test_the_share_of_old_weights_falls_to_1_over_e_after_the_horizon():
    average = Average(50 * EVERY, {"w": np.ones(1, np.float32)}, updates=100_000)
    for _ in range(50):
        average.update({"w": np.zeros(1, np.float32)})
    assert average.arrays["w"][0] == pytest.approx(1 / math.e, rel=1e-4)


def test_the_beginning_is_soon_forgotten():
    average = Average(1e9, {"w": np.float32([1000.0])})
    for _ in range(100):
        average.update({"w": np.float32([1.0])})
    assert average.arrays["w"][0] == pytest.approx(1.0, abs=0.01)


def test_weights_that_stay_are_their_own_average():
    start = {"a": np.float32([1.5, -2.0]), "b": np.float32([[3.0]])}
    average = Average(30.0, start)
    for _ in range(20):
        average.update(start)
    for name, array in start.items():
        np.testing.assert_allclose(average.arrays[name], array, rtol=1e-6)
        assert average.arrays[name].dtype == np.float32


def test_the_arrays_given_are_left_alone():
    start, new = np.ones(2, np.float32), np.zeros(2, np.float32)
    average = Average(30.0, {"w": start})
    average.update({"w": new})
    assert start.tolist() == [1.0, 1.0]
    assert new.tolist() == [0.0, 0.0]


def test_an_average_taken_up_again_goes_on_as_if_never_left():
    values = np.random.default_rng(1).standard_normal((30, 4)).astype(np.float32)
    whole = Average(100.0, {"w": values[0]})
    for value in values[1:]:
        whole.update({"w": value})
    first = Average(100.0, {"w": values[0]})
    for value in values[1:12]:
        first.update({"w": value})
    second = Average(100.0, first.arrays, first.updates)
    for value in values[12:]:
        second.update({"w": value})
    np.testing.assert_array_equal(second.arrays["w"], whole.arrays["w"])
