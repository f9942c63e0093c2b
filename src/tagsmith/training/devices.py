"""Training on several devices: each computes the gradient of its part of a batch, and all make the same step.

The batches, the noise and the steps are those of one device, so that the losses are the same but for rounding. The
weights are on every device. JAX adds the gradients up across the devices, and across the machines if JAX's own
initialization has joined several (``jax.distributed``).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tagsmith.errors import InputError
from tagsmith.network.backend import keras
from tagsmith.network.batches import Batch, split_batch
from tagsmith.network.tagger_network import Noise, TaggerNetwork, split_noise
from tagsmith.training.optimizer import Optimizer
from tagsmith.training.step import JaxStep, LossAndGradients

COORDINATOR = "JAX_COORDINATOR_ADDRESS"  # of the first of several processes that train together
NUMBERS = {"num_processes": "JAX_NUM_PROCESSES", "process_id": "JAX_PROCESS_ID"}  # if no cluster says them to JAX


def check_devices(count: int) -> None:
    """Join the other processes, if JAX's environment names them, and see that there are so many devices.

    Raises InputError: there are fewer, or the backend is another one than JAX.
    """
    if count < 1:
        raise InputError(f"The number of devices is {count}.", remedy="It must be at least 1.")
    if count == 1:
        return
    if keras.config.backend() != "jax":
        problem = f"{keras.config.backend()} trains on one device."
        raise InputError(problem, remedy="Leave --devices out; or train with JAX: KERAS_BACKEND=jax.")
    import jax

    if os.environ.get(COORDINATOR) and not jax.distributed.is_initialized():
        try:
            given = {name: int(os.environ[one]) for name, one in NUMBERS.items() if one in os.environ}
            jax.distributed.initialize(**given)
        except (ValueError, RuntimeError) as error:
            remedy = f"Set {COORDINATOR} and, unless a cluster says them, {' and '.join(NUMBERS.values())}."
            raise InputError(f"JAX cannot join the other processes: {error}.", remedy=remedy) from error
    there = len(jax.devices())
    if jax.process_count() > 1 and there != count:
        problem = f"The {jax.process_count()} processes have {there} devices together, not {count}."
        raise InputError(problem, remedy=f"Give --devices {there} to all of them: none may be left without one.")
    if there < count:
        remedy = f"Give --devices {there}, or none."
        if jax.default_backend() == "cpu":
            remedy += f" To try it on processors, set XLA_FLAGS=--xla_force_host_platform_device_count={count}."
        raise InputError(f"There are {there} devices ({jax.default_backend()}), not {count}.", remedy=remedy)


class ParallelStep(JaxStep):
    """The step of :class:`JaxStep` on several devices, one part of the batch on each."""

    def __init__(self, network: TaggerNetwork, optimizer: Optimizer, count: int) -> None:
        import jax
        from jax.sharding import Mesh, NamedSharding, PartitionSpec

        devices = jax.devices()[:count]
        mesh = Mesh(np.array(devices), ("device",))
        self.everywhere, self.apart = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("device"))
        # The parts that this process computes: all of them, unless others train too.
        self.mine = [place for place, device in enumerate(devices) if device.process_index == jax.process_index()]
        self.put, self.assemble = jax.device_put, jax.make_array_from_single_device_arrays
        self.map = jax.tree.map
        super().__init__(network, optimizer)
        self.parts = count
        self.pool = ThreadPoolExecutor(len(self.mine) or 1)
        self.tables_on = [[self.put(table, devices[place]) for table in self.tables] for place in self.mine]
        self.update = jax.jit(self._update_apart, donate_argnums=0, out_shardings=self.everywhere)

    def _update_apart(self, values: list[Any], shares: Any, losses: Any, gradients: Any, rows: Any) -> Any:
        """The update, from losses and gradients with a leading axis of the parts; returns the loss too."""
        weights, row_gradients = self.map(lambda stacked: keras.ops.tensordot(shares, stacked, 1), gradients)
        updated = self._update(values, np.ones(1, np.float32), [(weights, row_gradients)], rows)
        return updated, keras.ops.dot(shares, losses)

    def _gradients_on(self, index: int, batch: Batch, noise: Noise) -> LossAndGradients:
        """The loss and the gradients of a part on the ``index``-th of this process's devices."""
        *weights, table = (value.addressable_shards[index].data for value in self.values[: len(self.names)])
        result: LossAndGradients = self.wait(self.differentiate(weights, table, self.tables_on[index], batch, noise))
        return result

    def __call__(self, batch: Batch, noise: Noise) -> Any:
        """Change the weights on all devices; return the loss per token."""
        parts, noises = split_batch(batch, self.parts), split_noise(noise, self.parts)
        tokens = np.array([(part.sentences > 0).sum() for part in parts], np.float32)
        mine, own = [parts[place] for place in self.mine], [noises[place] for place in self.mine]
        results = list(self.pool.map(self._gradients_on, range(len(mine)), mine, own))

        def stacked(*pieces: Any) -> Any:  # each on its device: (parts, …) in all
            return self.assemble((self.parts, *pieces[0].shape), self.apart, [piece[None] for piece in pieces])

        losses, gradients = self.map(stacked, *results)
        self.values, loss = self.update(self.values, tokens / max(tokens.sum(), 1), losses, gradients, batch.trained)
        return loss.addressable_data(0)

    def warm_up(self, examples: list[tuple[Batch, Noise]]) -> None:
        """Compile nothing in advance: each device compiles a shape when it meets it first."""

    def synchronize(self) -> None:
        """Bring the Keras variables up to date."""
        for variable, value in zip(self.changing, self.values, strict=True):
            variable.assign(value.addressable_data(0).copy())

    def reload(self) -> None:
        """Take over the Keras variables after something else changed them."""
        self.values = [self.put(np.asarray(variable.value), self.everywhere) for variable in self.changing]
