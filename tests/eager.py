"""Run ``keras.ops`` one by one on any backend, without the compilation of loops that JAX would do for each shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from tagsmith.network.backend import keras

BACKEND = keras.config.backend()


def eagerly() -> AbstractContextManager[Any]:
    """On JAX, run loops as Python loops; elsewhere nothing is to be done."""
    if BACKEND != "jax":
        return nullcontext()
    import jax

    return jax.disable_jit()


def array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def gradients(loss: Callable[[], Any], variables: Sequence[Any]) -> list[np.ndarray]:
    """Gradients of ``loss()`` by Keras variables."""
    if BACKEND == "jax":
        import jax

        def stateless(values: list[Any]) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return loss()

        with eagerly():
            found = jax.grad(stateless)([variable.value for variable in variables])
    elif BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss()
        found = tape.gradient(value, [variable.value for variable in variables])
        found = [tf.convert_to_tensor(gradient) for gradient in found]
    else:
        import torch

        found = torch.autograd.grad(loss(), [variable.value for variable in variables])
    return [np.asarray(keras.ops.convert_to_numpy(gradient)) for gradient in found]


def numeric_slope(loss: Callable[[], Any], variable: Any, direction: np.ndarray, step: float = 1e-2) -> float:
    """How fast ``loss()`` changes as the variable moves in a direction: a central difference."""
    start = array(variable.value)
    values = []
    with eagerly():
        for sign in (1, -1):
            variable.assign((start + sign * step * direction).astype(np.float32))
            values.append(float(loss()))
    variable.assign(start)
    return (values[0] - values[1]) / (2 * step)


def random_direction(shape: Sequence[int], seed: int) -> np.ndarray:
    """A direction of length 1."""
    direction = np.random.default_rng(seed).standard_normal(tuple(shape))
    return direction / np.linalg.norm(direction)
