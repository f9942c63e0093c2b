"""Linear-chain conditional random field (Lafferty et al. 2001; over a BiLSTM: Lample et al. 2016).

A tag sequence y of a sentence with emissions e (T, L) scores

    s(y) = start[y_1] + Σ_t e[t, y_t] + Σ_t between[y_t, y_{t+1}] + end[y_T]

and has probability exp(s(y)) / Σ_y' exp(s(y')), the sum running over the *legal* sequences of the tagging scheme only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tagsmith.data.schemes import Transitions
from tagsmith.network.backend import keras
from tagsmith.network.initial import variable

ops = keras.ops
TINY = 1e-30  # a probability that is none: keeps the logarithm finite where no legal path leads


class CRF:
    """The transition scores, and the likelihood of tag sequences under them.

    Parameters
    ----------
    allowed
        Which tags may start, follow each other and end (``tagsmith.data.schemes.allowed_transitions``).
    """

    def __init__(self, allowed: Transitions) -> None:
        self.allowed = allowed
        size = len(allowed.start)
        self.start = variable(np.zeros(size, np.float32), "start")  # (L,)
        self.between = variable(np.zeros((size, size), np.float32), "between")  # (L, L) [from, to]
        self.end = variable(np.zeros(size, np.float32), "end")  # (L,)

    def __call__(self, emissions: Any, tags: Any, lengths: Any) -> Any:
        """Return -log p(tags) of each sentence, (B,), for (B, T, L) emissions and (B, T) tags; 0 for length 0."""
        positions = ops.arange(ops.shape(tags)[1], dtype=lengths.dtype)
        inside = ops.cast(positions[None, :] < lengths[:, None], emissions.dtype)  # (B, T)
        loss = self._log_partition(emissions, inside) - self._score(emissions, tags, inside)
        return loss * inside[:, 0]

    def _score(self, emissions: Any, tags: Any, inside: Any) -> Any:
        chosen = ops.one_hot(tags, ops.shape(emissions)[-1], dtype=emissions.dtype)  # (B, T, L)
        emitted = ops.sum(ops.sum(emissions * chosen, axis=-1) * inside, axis=1)
        followed = ops.matmul(chosen[:, :-1], self.between)  # (B, T-1, L) scores of going on from each tag
        followed = ops.sum(ops.sum(followed * chosen[:, 1:], axis=-1) * inside[:, 1:], axis=1)
        # The last token of a sentence is inside and its right neighbour is not.
        last = inside - ops.concatenate([inside[:, 1:], ops.zeros_like(inside[:, :1])], axis=1)
        ended = ops.sum(ops.sum(chosen * last[:, :, None], axis=1) * self.end, axis=-1)
        return emitted + followed + ended + ops.sum(chosen[:, 0] * self.start, axis=-1)

    def _log_partition(self, emissions: Any, inside: Any) -> Any:
        """The forward algorithm, each step one matrix product of probabilities scaled by their largest."""
        between = ops.exp(self.between) * ops.convert_to_tensor(self.allowed.between.astype("float32"))
        alpha = emissions[:, 0] + self.start + _barred(self.allowed.start)

        def advance(alpha: Any, now: tuple[Any, Any]) -> tuple[Any, Any]:
            emission, here = now  # (B, L), (B, 1)
            top = ops.max(alpha, axis=-1, keepdims=True)
            reached = ops.matmul(ops.exp(alpha - top), between)
            following = ops.log(ops.maximum(reached, TINY)) + top + emission
            alpha = ops.where(here > 0, following, alpha)
            return alpha, alpha  # Keras on TensorFlow wants outputs of the state's structure

        steps = ops.transpose(emissions, (1, 0, 2))[1:]  # (T-1, B, L)
        heres = ops.transpose(inside, (1, 0))[1:, :, None]
        alpha, _ = ops.scan(advance, alpha, (steps, heres))
        return ops.logsumexp(alpha + self.end + _barred(self.allowed.end), axis=-1)

    def named_weights(self) -> dict[str, Any]:
        """The variables by the names that the model folder uses."""
        return {"crf/start": self.start, "crf/between": self.between, "crf/end": self.end}


def _barred(allowed: Any) -> Any:
    """0 where allowed, a very low score elsewhere."""
    return ops.convert_to_tensor((~allowed).astype("float32") * -1e4)
