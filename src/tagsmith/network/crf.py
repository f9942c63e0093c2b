"""Linear-chain conditional random field (Lafferty et al. 2001; over a BiLSTM: Lample et al. 2016).

A tag sequence y of a sentence with emissions e (T, L) scores

    s(y) = start[y_1] + Σ_t e[t, y_t] + Σ_t between[y_t, y_{t+1}] + end[y_T]

and has probability exp(s(y)) / Σ_y' exp(s(y')), the sum running over the *legal* sequences of the tagging scheme only.
Of a sentence that is labeled in part, every legal sequence that agrees with the labels counts: its probability is the
sum of theirs (Tsuboi et al. 2008; for corpora with different labels: Greenberg et al. 2018).

Where a teacher gives q(t, y), its probability of each tag y at each token t, the loss is
log Σ_y' exp(s(y')) - E_q[s(y)]. Up to a constant that is the divergence of this model's sequences from the teacher's
(Wang et al. 2021, *Structural knowledge distillation*), with q(t, y)·q(t+1, y') in place of the probability of
the pair of neighbors that the teacher gives.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tagsmith.network.backend import keras
from tagsmith.network.initial import variable
from tagsmith.text.schemes import Transitions

ops = keras.ops
NEVER = 1e4  # how much less something impossible scores
TINY = 1e-30  # a probability that is none: keeps the logarithm finite where no legal path leads


class _Place(NamedTuple):
    """Where tokens stand, 1 or 0 for each, (B, T): inside a sentence, at its first token, at its last."""

    inside: Any
    first: Any
    last: Any


class CRF:
    """The transition scores, and the likelihood of tag sequences under them.

    Parameters
    ----------
    allowed
        Which tags may start, follow each other and end (``tagsmith.text.schemes.allowed_transitions``).
    """

    def __init__(self, allowed: Transitions) -> None:
        self.allowed = allowed
        size = len(allowed.start)
        self.start = variable(np.zeros(size, np.float32), "start")  # (L,)
        self.between = variable(np.zeros((size, size), np.float32), "between")  # (L, L) [from, to]
        self.end = variable(np.zeros(size, np.float32), "end")  # (L,)

    def __call__(self, emissions: Any, tags: Any, sentences: Any, possible: Any = None) -> Any:
        """Return -log p(tags) of each row's sentences together, (B,), for (B, T, L) emissions and (B, T) tags.

        Tags (B, T, L) are the probabilities of each tag at each token, see the top of this file.

        ``sentences`` (B, T) numbers each row's sentences 1, 2, … and its padding, at the end, 0. A row of padding
        alone gives 0. With ``possible`` (K, L), the ``tags`` are rows of it: 1 for each tag that the token may have, 0
        for the others; at least one legal sequence must be possible.
        """
        none = ops.zeros_like(sentences[:, :1])
        before = ops.concatenate([none, sentences[:, :-1]], axis=1)
        after = ops.concatenate([sentences[:, 1:], none], axis=1)
        inside = sentences > 0
        masks = (inside, inside & (sentences != before), inside & (sentences != after))
        place = _Place(*(ops.cast(mask, emissions.dtype) for mask in masks))
        if possible is None:
            score = self._score(emissions, tags, place)
        else:
            score = self._log_sum(emissions + (ops.take(possible, tags, axis=0) - 1.0) * NEVER, place)
        loss = self._log_partition(emissions, place) - score
        return loss * place.inside[:, 0]

    def _score(self, emissions: Any, tags: Any, place: _Place) -> Any:
        soft = len(tags.shape) == 3
        gold = tags if soft else ops.one_hot(tags, ops.shape(emissions)[-1], dtype=emissions.dtype)  # (B, T, L)
        local = emissions + place.first[:, :, None] * self.start + place.last[:, :, None] * self.end
        scores = ops.sum(ops.sum(local * gold, axis=-1) * place.inside, axis=1)
        between = self.between
        if soft:  # neighbors that are both probable may not be legal
            between = between * ops.convert_to_tensor(self.allowed.between.astype("float32"))
        followed = ops.matmul(gold[:, :-1], between)  # (B, T-1, L) scores of going on from each tag
        inner = place.inside[:, 1:] - place.first[:, 1:]  # not across the border between two sentences
        return scores + ops.sum(ops.sum(followed * gold[:, 1:], axis=-1) * inner, axis=1)

    def _log_partition(self, emissions: Any, place: _Place) -> Any:
        """The forward algorithm, each step one matrix product of probabilities scaled by their largest.

        Across a border between sentences every end leads to every start, so that a row's sum is the product of its
        sentences' sums.
        """
        start = self.start + _barred(self.allowed.start)
        end = self.end + _barred(self.allowed.end)
        between = ops.exp(self.between) * ops.convert_to_tensor(self.allowed.between.astype("float32"))

        def advance(alpha: Any, now: tuple[Any, Any, Any]) -> tuple[Any, Any]:
            emission, here, new = now  # (B, L), (B, 1), (B, 1)
            top = ops.max(alpha, axis=-1, keepdims=True)
            reached = ops.matmul(ops.exp(alpha - top), between)
            following = ops.log(ops.maximum(reached, TINY)) + top
            starting = ops.logsumexp(alpha + end, axis=-1, keepdims=True) + start
            alpha = ops.where(here > 0, ops.where(new > 0, starting, following) + emission, alpha)
            return alpha, alpha  # Keras on TensorFlow wants outputs of the state's structure

        return self._scanned(advance, start, end, emissions, place)

    def _log_sum(self, emissions: Any, place: _Place) -> Any:
        """As :meth:`_log_partition`, where most tags are impossible, their emissions about ``-NEVER``.

        The only path that is possible may lead through a tag that is e^100 times less probable than another, which
        scaled probabilities in 32 bits would lose. So every step adds logarithms.
        """
        start = self.start + _barred(self.allowed.start)
        end = self.end + _barred(self.allowed.end)
        between = self.between + _barred(self.allowed.between)

        def advance(alpha: Any, now: tuple[Any, Any, Any]) -> tuple[Any, Any]:
            emission, here, new = now  # (B, L), (B, 1), (B, 1)
            following = ops.logsumexp(alpha[:, :, None] + between, axis=1)  # (B, L)
            starting = ops.logsumexp(alpha + end, axis=-1, keepdims=True) + start
            alpha = ops.where(here > 0, ops.where(new > 0, starting, following) + emission, alpha)
            return alpha, alpha

        return self._scanned(advance, start, end, emissions, place)

    @staticmethod
    def _scanned(advance: Any, start: Any, end: Any, emissions: Any, place: _Place) -> Any:
        steps = ops.transpose(emissions, (1, 0, 2))[1:]  # (T-1, B, L)
        heres, news = (ops.transpose(part, (1, 0))[1:, :, None] for part in (place.inside, place.first))
        alpha, _ = ops.scan(advance, emissions[:, 0] + start, (steps, heres, news))
        return ops.logsumexp(alpha + end, axis=-1)

    def named_weights(self, prefix: str) -> dict[str, Any]:
        """The variables by the names that the model folder uses."""
        return {f"{prefix}/start": self.start, f"{prefix}/between": self.between, f"{prefix}/end": self.end}


def _barred(allowed: Any) -> Any:
    """0 where allowed, a very low score elsewhere."""
    return ops.convert_to_tensor((~allowed).astype("float32") * -NEVER)
