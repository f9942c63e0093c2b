"""One optimization step, compiled, on each Keras backend.

Keras's own ``train_on_batch`` would do; written out, the step keeps its state on the device between batches, does not
wait for the loss, and lets the whole of it be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.network.backend import keras
from tagsmith.network.batches import Batch, split_batch
from tagsmith.network.tagger_network import Noise, TaggerNetwork, split_noise
from tagsmith.training.optimizer import Optimizer

LossAndGradients = tuple[Any, tuple[list[Any], Any]]  # gradients of the weights, and of the trained table's rows


class Step:
    """One step on some backend. The defaults are for backends whose Keras variables are always up to date."""

    network: TaggerNetwork

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token, still on the device."""

    def warm_up(self, examples: list[tuple[Batch, Noise]]) -> None:
        """Compile for the shapes of these examples, changing nothing; by default the first step of each shape does."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the learned weights by name, as they are now: to be read before the next step."""
        return self.network.arrays()

    def synchronize(self) -> None:
        """Bring the Keras variables up to date."""

    def reload(self) -> None:
        """Take over the Keras variables after something else changed them."""


class JaxStep(Step):
    """Two compiled functions: the gradient, and the update of the weights and the optimizer's state.

    On processors a batch is cut in two, and a thread computes the gradient of each half: the products of a time step
    are so small that threads inside of them would mostly wait for each other.
    """

    def __init__(self, network: TaggerNetwork, optimizer: Optimizer) -> None:
        import jax

        self.network, self.optimizer = network, optimizer
        self.names = list(network.learned_weights())
        # What a step changes: the weights, the word table, and the optimizer's own state.
        self.changing = [*optimizer.weights, optimizer.table, *optimizer.variables]
        self.frozen = [variable for variable in network.named_weights().values() if not variable.trainable]
        self.tables = [variable.value for variable in self.frozen]
        self.values: list[Any] = []
        # Always the same number of parts, so that the weights do not depend on how many processors there are.
        self.parts = 2 if jax.default_backend() == "cpu" else 1
        options = {"xla_cpu_multi_thread_eigen": False} if self.parts > 1 else {}
        self.differentiate = jax.jit(self._differentiate, compiler_options=options)
        self.wait = jax.block_until_ready
        self.pool = ThreadPoolExecutor(self.parts)
        self.update = jax.jit(self._update, donate_argnums=0)
        self.gradient = jax.value_and_grad(self._loss, argnums=(0, 1))
        self.reload()

    def _loss(self, weights: list[Any], trained: Any, tables: list[Any], batch: Batch, noise: Noise) -> Any:
        mapping = list(zip([*self.optimizer.weights, *self.frozen], [*weights, *tables], strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self.network.loss(batch, noise, trained)

    def _differentiate(
        self, weights: list[Any], table: Any, tables: list[Any], batch: Batch, noise: Noise
    ) -> LossAndGradients:
        with keras.StatelessScope(state_mapping=[(self.optimizer.table, table)]):
            trained = self.network.word_encoder.trained_rows(batch.trained)
        result: LossAndGradients = self.gradient(weights, trained, tables, batch, noise)
        return result

    def _update(self, values: list[Any], shares: Any, parts: list[tuple[list[Any], Any]], rows: Any) -> list[Any]:
        def joined(*gradients: Any) -> Any:
            return sum(share * gradient for share, gradient in zip(shares, gradients, strict=True))

        with keras.StatelessScope(state_mapping=list(zip(self.changing, values, strict=True))) as scope:
            gradients = [joined(*weight) for weight in zip(*(weights for weights, _ in parts), strict=True)]
            self.optimizer.apply(gradients, rows, joined(*(row_gradients for _, row_gradients in parts)))
        return [scope.get_current_value(variable) for variable in self.changing]

    def _gradients(self, batch: Batch, noise: Noise) -> LossAndGradients:
        *weights, table = self.values[: len(self.names)]
        result: LossAndGradients = self.wait(self.differentiate(weights, table, self.tables, batch, noise))
        return result

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token, still on the device."""
        parts = split_batch(batch, self.parts)
        tokens = np.array([(part.sentences > 0).sum() for part in parts], np.float32)
        shares = tokens / max(tokens.sum(), 1)
        results = list(self.pool.map(self._gradients, parts, split_noise(noise, self.parts)))
        self.values = self.update(self.values, shares, [gradients for _, gradients in results], batch.trained)
        return sum(share * loss for share, (loss, _) in zip(shares, results, strict=True))

    def warm_up(self, examples: list[tuple[Batch, Noise]]) -> None:
        """Compile the gradient for the shapes of these examples, two at a time: the compiler uses one core each."""
        halves = [
            half
            for batch, noise in examples
            for half in zip(split_batch(batch, self.parts), split_noise(noise, self.parts), strict=True)
        ]
        distinct = {
            (batch.words.shape, batch.trained.shape, batch.forms.characters.shape): (batch, noise)
            for batch, noise in halves
        }
        pool = ThreadPoolExecutor(2)
        try:
            list(pool.map(lambda example: self._gradients(*example), distinct.values()))
        finally:  # after Ctrl-C, the compiler is not waited for
            pool.shutdown(wait=False, cancel_futures=True)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The learned weights by name, as they are now: to be read before the next step."""
        by_variable = {id(variable): value for variable, value in zip(self.changing, self.values, strict=True)}
        learned = self.network.learned_weights()
        return {name: np.asarray(by_variable[id(variable)]) for name, variable in learned.items()}

    def synchronize(self) -> None:
        """Bring the Keras variables up to date."""
        for variable, value in zip(self.changing, self.values, strict=True):
            variable.assign(value.copy())  # a copy: the next update gives its buffers away

    def reload(self) -> None:
        """Take over the Keras variables after something else changed them."""
        self.values = [variable.value.copy() for variable in self.changing]


class TensorFlowStep(Step):
    """The step as a ``tf.function``."""

    def __init__(self, network: TaggerNetwork, optimizer: Optimizer) -> None:
        import tensorflow as tf

        def step(batch: Batch, noise: Noise) -> Any:
            trained = network.word_encoder.trained_rows(batch.trained)
            with tf.GradientTape() as tape:
                tape.watch(trained)
                loss = network.loss(batch, noise, trained)
            variables = [variable.value for variable in optimizer.weights]
            *gradients, row_gradients = map(tf.convert_to_tensor, tape.gradient(loss, [*variables, trained]))
            optimizer.apply(gradients, batch.trained, row_gradients)
            return loss

        self.network, self.run = network, tf.function(step)
        self.convert, self.map = tf.convert_to_tensor, tf.nest.map_structure

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token."""
        return self.run(self.map(self.convert, batch), self.map(self.convert, noise))


class TorchStep(Step):
    """The step in PyTorch, operation by operation."""

    def __init__(self, network: TaggerNetwork, optimizer: Optimizer) -> None:
        import torch

        self.network, self.optimizer, self.torch = network, optimizer, torch

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights; return the loss per token."""
        tensor = self.torch.from_numpy
        trained, forms, words, sentences, tags, long = batch
        inputs = Batch(
            tensor(trained),
            type(forms)(*map(tensor, forms)),
            tensor(words),
            tensor(sentences),
            tuple(map(tensor, tags)),
            tuple(map(tensor, long)),
        )
        masks = Noise(*(tuple(map(tensor, arrays)) for arrays in noise))
        table_rows = self.network.word_encoder.trained_rows(inputs.trained).detach().requires_grad_()
        loss = self.network.loss(inputs, masks, table_rows)
        variables = [variable.value for variable in self.optimizer.weights]
        *gradients, row_gradients = self.torch.autograd.grad(loss, [*variables, table_rows])
        with self.torch.no_grad():
            self.optimizer.apply(gradients, inputs.trained, row_gradients)
        return loss.detach()


STEPS: dict[str, Callable[[TaggerNetwork, Optimizer], Step]] = {
    "jax": JaxStep,
    "tensorflow": TensorFlowStep,
    "torch": TorchStep,
}


def make_step(network: TaggerNetwork, optimizer: Optimizer, devices: int = 1) -> Step:
    """Return the step for the backend in use; for several devices see :mod:`tagsmith.training.devices`."""
    if devices > 1:
        from tagsmith.training.devices import ParallelStep

        return ParallelStep(network, optimizer, devices)
    return STEPS[keras.config.backend()](network, optimizer)
