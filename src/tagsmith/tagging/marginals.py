"""Marginal probabilities under a linear chain: the forward–backward algorithm over whole batches in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers, running_sentences, runs

EXPONENTS = 700.0  # exp(±700) are ordinary float64 numbers


@dataclass(frozen=True)
class Posterior:
    """Forward and backward sums, from which every marginal follows.

    ``values`` and ``scales`` are (T, 2, B, L): exp(scale) · value is, in [t, 0, b, y], the summed exp(score) of all
    ways from the start to tag y at token t and, in [t, 1, b, y], of all ways from tag y at the token t before the last
    one to the end, either with the emission of that token. ``log_partition`` (B,) is the log of the sum over all
    sequences. All in float64: they are sums over the sentence, and float32 would be wrong by a third after 10,000
    tokens.
    """

    emissions: Floats
    lengths: npt.NDArray[Any]
    chain: Chain
    values: Doubles
    scales: Doubles
    log_partition: Doubles

    def tag_marginals(self) -> Doubles:
        """p(tag y at t | sentence), (T, B, L); past a sentence's end of no meaning."""
        sums = self._logs(slice(None))  # (T, 2, B, L)
        log_p = sums[:, 0] + _mirrored(sums[:, 1], self.lengths) - self.emissions - self.log_partition[:, None]
        return np.asarray(np.exp(np.minimum(log_p, 0.0)))

    def span_probabilities(self, sentences: Integers, firsts: Integers, lasts: Integers, paths: Integers) -> Doubles:
        """p(exactly these tags stand at these tokens | sentence) of n spans, (n,).

        Parameters
        ----------
        sentences, firsts, lasts
            (n,): the sentence in the batch, the first and the last token (inclusive).
        paths
            (T, B); the spans' tags are those that stand here.
        """
        steps, batch, _ = self.emissions.shape
        paths = paths[:steps]
        emitted = self.emissions[np.arange(steps)[:, None], np.arange(batch), paths].astype(np.float64)  # (T, B)
        scores = emitted.copy()
        scores[1:] += self.chain.between[paths[:-1], paths[1:]]
        scores.cumsum(axis=0, out=scores)  # from the start: between two tokens it is a difference
        log_p = scores[lasts, sentences] - scores[firsts, sentences] - emitted[lasts, sentences]
        log_p += self._logs((firsts, 0, sentences, paths[firsts, sentences]))
        log_p += self._logs((self.lengths[sentences] - 1 - lasts, 1, sentences, paths[lasts, sentences]))
        return np.asarray(np.exp(np.minimum(log_p - self.log_partition[sentences], 0.0)))

    def _logs(self, index: Any) -> Any:
        """Log of the sums at ``index``; -inf where there is no legal way."""
        with np.errstate(divide="ignore"):
            return np.log(self.values[index]) + self.scales[index]


def posterior(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> Posterior:
    """Run the forward–backward algorithm with scaling (Rabiner 1989, section V.A), each time step one matrix product.

    The way back is that of the reversed sentence, so both ways are one loop. Where emissions or transitions are so
    large that the sums could leave the range of float64 between two scalings, it works with logs, which is right for
    all finite scores but several times slower.
    """
    interval = _scaling_interval(emissions, chain)
    sums = _scaled_sums(emissions, lengths, chain, interval) if interval else _log_sums(emissions, lengths, chain)
    return Posterior(emissions, lengths, chain, *sums)


def _scaling_interval(emissions: Floats, chain: Chain) -> int:
    """After how many steps the sums must be scaled, at the latest, to stay in the range of float64; 0 if they cannot.

    One step multiplies sums by exp(±step) at most. Once every tag can have followed every tag, the smallest and the
    largest sum of a sentence are thus no more than 2 · mixing_steps + 1 steps apart; one more is for ``end``.
    """
    largest = max(np.maximum.reduce(emissions, axis=None), -np.minimum.reduce(emissions, axis=None))
    step = float(largest) + chain.largest + np.log(len(chain.start) + 1)
    apart = 2 * min(chain.mixing_steps, len(emissions)) + 2
    return max(0, int(EXPONENTS / step) - apart) if step < EXPONENTS else 0


def _scaled_sums(
    emissions: Floats, lengths: npt.NDArray[Any], chain: Chain, interval: int
) -> tuple[Doubles, Doubles, Doubles]:
    """Values, scales and log partition of :class:`Posterior`; the sums are scaled to 1 every ``interval`` steps."""
    steps, batch, size = emissions.shape
    values = np.empty((steps, 2, batch, size))
    np.exp(emissions, out=values[:, 0], dtype=np.float64)
    values[:, 1] = _mirrored(values[:, 0], lengths)
    values[0] *= chain.border_factors
    totals = np.ones((steps, 2, batch, 1))
    product = np.empty((2, batch, size))
    for first, end, n in runs(lengths):
        part = product[:, :n]
        before_and_now = zip(values[first - 1 : end - 1, :, :n], values[first:end, :, :n], strict=True)
        for t, (before, now) in enumerate(before_and_now, first):
            np.matmul(before, chain.factors, out=part)
            np.multiply(now, part, out=now)
            if t % interval == 0:
                total = np.add.reduce(now, axis=2, keepdims=True, out=totals[t, :, :n])
                np.divide(now, total, out=now)
    scales = np.log(totals).cumsum(axis=0)
    sentences = np.arange(batch)
    final = values[lengths - 1, 0, sentences] @ chain.border_factors[1, 0]
    log_partition = np.log(final) + scales[lengths - 1, 0, sentences, 0]
    return values, np.broadcast_to(scales, values.shape), log_partition


def _log_sums(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> tuple[Doubles, Doubles, Doubles]:
    """What :func:`_scaled_sums` returns, for scores of any size: the logs are in the scales, the values are 1."""
    steps, batch, size = emissions.shape
    running = running_sentences(lengths, steps)
    logs = np.empty((steps, 2, batch, size))
    logs[:, 0] = emissions
    logs[:, 1] = _mirrored(logs[:, 0], lengths)
    logs[0] += np.stack([chain.first, chain.last])[:, None]
    between = np.stack([chain.into.T, chain.into])[:, None]  # (2, 1, from, to)
    for t in range(1, steps):
        n = running[t]
        logs[t, :, :n] += _log_of_sum(logs[t - 1, :, :n, :, None] + between)
    log_partition = _log_of_sum((logs[lengths - 1, 0, np.arange(batch)] + chain.last)[:, :, None])[:, 0]
    return np.broadcast_to(1.0, logs.shape), logs, log_partition


def _log_of_sum(scores: Doubles) -> Doubles:
    """log(sum(exp(scores))) over the last axis but one; -inf where all are."""
    top = np.maximum(scores.max(axis=-2), np.finfo(np.float64).min)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(scores - top[..., None, :]).sum(axis=-2)) + top)


def _mirrored(values: Doubles, lengths: npt.NDArray[Any]) -> Doubles:
    """Reverse the time (T, B, L) of each sentence; past its end the first token is repeated."""
    steps = len(values)
    if lengths[-1] == steps:
        return values[::-1]
    mirror = np.maximum(lengths - 1 - np.arange(steps)[:, None], 0)
    return values[mirror, np.arange(len(lengths))]
