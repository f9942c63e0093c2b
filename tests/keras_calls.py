"""Call functions of ``keras.ops`` in tests, on any backend, without paying for optimized compilation on JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from tagsmith.network.backend import keras

BACKEND = keras.config.backend()


def array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def eagerly() -> AbstractContextManager[Any]:
    """One operation after the other, loops too: the cheapest on JAX for many functions over the same few shapes."""
    if BACKEND != "jax":
        return nullcontext()
    import jax

    return jax.disable_jit()


@contextmanager
def _unoptimized() -> Iterator[None]:
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", False)


def compiled(function: Callable[..., Any], variables: Sequence[Any] = ()) -> Callable[..., Any]:
    """``function`` of arrays and Keras variables; on JAX compiled once for each shape, then cheap for other values."""
    if BACKEND != "jax":
        return lambda *arrays: function(*map(keras.ops.convert_to_tensor, arrays))
    import jax

    @jax.jit
    def run(values: list[Any], arrays: Sequence[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*arrays)

    def call(*arrays: Any) -> Any:
        with _unoptimized():
            return run([variable.value for variable in variables], arrays)

    return call


def gradients(loss: Callable[[], Any], variables: Sequence[Any]) -> list[np.ndarray]:
    """Gradients of ``loss()`` by Keras variables."""
    if BACKEND == "jax":
        import jax

        def stateless(values: list[Any]) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return loss()

        with _unoptimized():
            found = jax.jit(jax.grad(stateless))([variable.value for variable in variables])
    elif BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss()
        found = tape.gradient(value, [variable.value for variable in variables])
        found = [tf.convert_to_tensor(gradient) for gradient in found]
    else:
        import torch

        found = torch.autograd.grad(loss(), [variable.value for variable in variables])
    return [array(gradient) for gradient in found]


def numeric_slope(loss: Callable[[], Any], variable: Any, direction: np.ndarray, step: float = 1e-2) -> float:
    """How fast ``loss()`` changes as the variable moves in a direction: a central difference."""
    start = array(variable.value)
    values = []
    for sign in (1, -1):
        variable.assign((start + sign * step * direction).astype(np.float32))
        values.append(float(loss()))
    variable.assign(start)
    return (values[0] - values[1]) / (2 * step)


def random_direction(shape: Sequence[int], seed: int) -> np.ndarray:
    """A direction of length 1."""
    direction = np.random.default_rng(seed).standard_normal(tuple(shape))
    return direction / np.linalg.norm(direction)
