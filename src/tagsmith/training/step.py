"""One optimisation step, compiled, on each Keras backend.

Keras's own ``train_on_batch`` would do; written out, the step keeps its state on the device between batches, does not
wait for the loss, and lets the whole of it be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tagsmith.encoding.batches import Batch
from tagsmith.network.backend import keras
from tagsmith.network.tagger import Noise, TaggerNetwork


class Step(Protocol):
    """What the training loop needs of a step."""

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token, still on the device."""

    def warm_up(self, examples: list[tuple[Batch, Noise]]) -> None:
        """Compile for the shapes of these examples, changing nothing."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The learned weights by name, as they are now: to be read before the next step."""

    def synchronise(self) -> None:
        """Bring the Keras variables up to date."""

    def reload(self) -> None:
        """Take over the Keras variables after something else changed them."""


class JaxStep:
    """Two compiled functions, the gradient (compiled for every batch shape) and the update (compiled once)."""

    def __init__(self, network: TaggerNetwork, optimizer: Any) -> None:
        import jax

        named = network.named_weights().values()
        self.network, self.optimizer = network, optimizer
        self.names = list(network.learned_weights())
        self.learned = list(network.learned_weights().values())
        self.frozen = [variable for variable in named if not variable.trainable]
        self.weights: list[Any] = []
        self.state: list[Any] = []
        self.tables = [variable.value for variable in self.frozen]
        self.differentiate = jax.jit(jax.value_and_grad(self._loss))
        self.update = jax.jit(optimizer.stateless_apply, donate_argnums=(0, 2))
        self.reload()

    def _loss(self, learned: list[Any], tables: list[Any], batch: Batch, noise: Noise) -> Any:
        mapping = list(zip([*self.learned, *self.frozen], [*learned, *tables], strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self.network.loss(batch, noise)

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token, still on the device."""
        loss, gradients = self.differentiate(self.weights, self.tables, batch, noise)
        self.weights, self.state = self.update(self.state, gradients, self.weights)
        return loss

    def warm_up(self, examples: list[tuple[Batch, Noise]]) -> None:
        """Compile the gradient for the shapes of these examples, two at a time: the compiler uses one core each."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda example: self.differentiate(self.weights, self.tables, *example), examples))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The learned weights by name, as they are now: to be read before the next step."""
        return dict(zip(self.names, map(np.asarray, self.weights), strict=True))

    def synchronise(self) -> None:
        """Bring the Keras variables up to date."""
        for variable, value in zip(
            [*self.learned, *self.optimizer.variables], [*self.weights, *self.state], strict=True
        ):
            variable.assign(value.copy())  # a copy: the next update gives its buffers away

    def reload(self) -> None:
        """Take over the Keras variables after something else changed them."""
        self.weights = [variable.value.copy() for variable in self.learned]
        self.state = [variable.value.copy() for variable in self.optimizer.variables]


class TensorFlowStep:
    """The step as a ``tf.function``; the variables are always up to date."""

    def __init__(self, network: TaggerNetwork, optimizer: Any) -> None:
        import tensorflow as tf

        learned = list(network.learned_weights().values())

        def step(batch: Batch, noise: Noise) -> Any:
            with tf.GradientTape() as tape:
                loss = network.loss(batch, noise)
            gradients = tape.gradient(loss, [variable.value for variable in learned])
            optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients], learned)
            return loss

        self.run, self.arrays = tf.function(step), network.arrays
        self.convert, self.map = tf.convert_to_tensor, tf.nest.map_structure

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token."""
        return self.run(self.map(self.convert, batch), self.map(self.convert, noise))

    def warm_up(self, examples: list[tuple[Batch, Noise]]) -> None:
        """Do nothing: the first step of each shape pays for itself."""

    def synchronise(self) -> None:
        """Do nothing: the variables are up to date."""

    def reload(self) -> None:
        """Do nothing: the step reads the variables."""


class TorchStep:
    """The step in PyTorch, operation by operation; the variables are always up to date."""

    def __init__(self, network: TaggerNetwork, optimizer: Any) -> None:
        import torch

        self.network, self.optimizer, self.torch = network, optimizer, torch
        self.arrays = network.arrays
        self.learned = list(network.learned_weights().values())

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token."""
        tensor = self.torch.from_numpy
        inputs = Batch(type(batch.forms)(*map(tensor, batch.forms)), *map(tensor, batch[1:]))
        masks = Noise(*(tuple(map(tensor, arrays)) for arrays in noise))
        loss = self.network.loss(inputs, masks)
        gradients = self.torch.autograd.grad(loss, [variable.value for variable in self.learned])
        with self.torch.no_grad():
            self.optimizer.apply(list(gradients), self.learned)
        return loss.detach()

    def warm_up(self, examples: list[tuple[Batch, Noise]]) -> None:
        """Do nothing: the first step of each shape pays for itself."""

    def synchronise(self) -> None:
        """Do nothing: the variables are up to date."""

    def reload(self) -> None:
        """Do nothing: the step reads the variables."""


STEPS: dict[str, Callable[[TaggerNetwork, Any], Step]] = {
    "jax": JaxStep,
    "tensorflow": TensorFlowStep,
    "torch": TorchStep,
}


def make_step(network: TaggerNetwork, optimizer: Any) -> Step:
    """Return the step for the backend in use; the optimizer is built here."""
    optimizer.build(list(network.learned_weights().values()))
    return STEPS[keras.config.backend()](network, optimizer)
