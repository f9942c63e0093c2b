"""Tag and span probabilities: the forward–backward algorithm for whole batches, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers, running_sentences, runs
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, join_tag

EXPONENTS = 700.0  # exp(±700) are ordinary float64 numbers


@dataclass(frozen=True)
class Posterior:
    """Forward and backward sums, from which every marginal follows.

    ``values`` and ``scales`` are (T, 2, B, L). exp(scale) · value is the summed exp(score), including the emission of
    the token at hand, of all paths from the start to tag y at token t in [t, 0, b, y], and of all paths from tag y at
    the token t places before the last one to the end in [t, 1, b, y]. ``log_partition`` (B,) is the log of the sum over
    all sequences. Everything is float64: after 10,000 tokens, float32 sums would be wrong by a third.
    """

    emissions: Floats
    lengths: npt.NDArray[Any]
    chain: Chain
    values: Doubles
    scales: Doubles
    log_partition: Doubles

    def tag_marginals(self) -> Doubles:
        """p(tag y at t | sentence), (T, B, L); undefined past the end of a sentence."""
        sums = self._logs(slice(None))  # (T, 2, B, L)
        log_p = sums[:, 0] + _mirrored(sums[:, 1], self.lengths) - self.emissions - self.log_partition[:, None]
        return np.asarray(np.exp(np.minimum(log_p, 0.0)))

    def pair_probabilities(self, before: Sequence[int], after: Sequence[int]) -> Doubles:
        """p(one of the tags ``before`` at t - 1, and one of ``after`` at t | sentence), (T, B); 0 where t is no token.

        At the first token it is 0.
        """
        sums = self._logs(slice(None))
        forward, backward = sums[:, 0], _mirrored(sums[:, 1], self.lengths)
        steps = np.arange(len(sums))[:, None]
        p = np.zeros(forward.shape[:2])
        for source, target in product(before, after):
            log_p = forward[:-1, :, source] + self.chain.into[target, source] + backward[1:, :, target]
            p[1:] += np.exp(np.minimum(log_p - self.log_partition, 0.0))
        p[steps >= self.lengths] = 0.0
        return p

    def span_probabilities(self, sentences: Integers, starts: Integers, ends: Integers, paths: Integers) -> Doubles:
        """p(the tokens of the span have exactly their tags in ``paths`` (T, B) | sentence) of n spans, (n,).

        ``sentences`` (n,) are indices in the batch, ``starts`` and ``ends`` (exclusive), (n,) each, are tokens.
        """
        lasts = ends - 1
        steps, batch, _ = self.emissions.shape
        paths = paths[:steps]
        emitted = self.emissions[np.arange(steps)[:, None], np.arange(batch), paths].astype(np.float64)  # (T, B)
        scores = emitted.copy()
        scores[1:] += self.chain.between[paths[:-1], paths[1:]]
        scores.cumsum(axis=0, out=scores)  # a difference of two sums is the score between two tokens
        log_p = scores[lasts, sentences] - scores[starts, sentences] - emitted[lasts, sentences]
        log_p += self._logs((starts, 0, sentences, paths[starts, sentences]))
        log_p += self._logs((self.lengths[sentences] - ends, 1, sentences, paths[lasts, sentences]))
        return np.asarray(np.exp(np.minimum(log_p - self.log_partition[sentences], 0.0)))

    def _logs(self, index: Any) -> Any:
        """Log of the sums at ``index``; -inf where there is no legal path."""
        with np.errstate(divide="ignore"):
            return np.log(self.values[index]) + self.scales[index]


def written_marginals(found: Posterior, layer: Layer) -> Doubles:
    """p(the user's tag at t is ``layer.written_tags[i]`` | sentence), (T, B, tags); undefined past the end."""
    tags, written = layer.tags, layer.written_tags
    names = [tag for (tag,) in layer.write_tags(np.arange(len(tags)), [1] * len(tags))]  # alone in a sentence
    stands_for = np.array([[name == tag for tag in written] for name in names], float)
    marginals: Doubles = found.tag_marginals() @ stands_for
    if layer.scheme in (Scheme.IOB1, Scheme.IOE1):  # here a span of one label that touches another has a tag of its own
        letter = "B" if layer.scheme is Scheme.IOB1 else "E"
        for label in layer.labels:
            ends, begins = ([tags.index(join_tag(one, label)) for one in letters] for letters in ("ES", "BS"))
            touching = found.pair_probabilities(ends, begins)  # at the first token of the second span
            if letter == "E":  # at the last one of the first
                touching = np.concatenate([touching[1:], np.zeros_like(touching[:1])])
            marginals[..., written.index(join_tag(letter, label))] = touching
            inside = marginals[..., written.index(join_tag("I", label))]
            np.maximum(inside - touching, 0.0, out=inside)
    return marginals


def posterior(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> Posterior:
    """Run the forward–backward algorithm with scaling (Rabiner 1989, section V.A), one matrix product per time step.

    The backward pass is the forward pass of the reversed sentence, so one loop does both. Where scores are so large
    that the sums could leave the range of float64 between two scalings, the sums are logs, which is right for all
    finite scores but several times slower. The probabilities are those that the chain is calibrated to.
    """
    emissions, chain = chain.calibrated(emissions)
    interval = _scaling_interval(emissions, chain)
    sums = _scaled_sums(emissions, lengths, chain, interval) if interval else _log_sums(emissions, lengths, chain)
    return Posterior(emissions, lengths, chain, *sums)


def _scaling_interval(emissions: Floats, chain: Chain) -> int:
    """The largest number of steps between scalings that keeps the sums in the range of float64; 0 if there is none.

    One step multiplies a sum by exp(±step) at most. So once every tag can have followed every tag, the smallest and the
    largest sum of a sentence are at most 2 · mixing_steps + 1 steps apart; one more is for ``end``.
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
    """The same as :func:`_scaled_sums` for scores of any size: the logs are in the scales, the values are 1."""
    steps, batch, size = emissions.shape
    running = running_sentences(lengths, steps)
    logs = np.empty((steps, 2, batch, size))
    logs[:, 0] = emissions
    logs[:, 1] = _mirrored(logs[:, 0], lengths)
    logs[0] += np.stack([chain.first, chain.last])[:, None]
    between = np.stack([chain.into.T, chain.into])[:, None]  # (2, 1, from, to)
    for t in range(1, steps):
        n = running[t]
        logs[t, :, :n] += log_of_sum(logs[t - 1, :, :n, :, None] + between)
    log_partition = log_of_sum((logs[lengths - 1, 0, np.arange(batch)] + chain.last)[:, :, None])[:, 0]
    return np.broadcast_to(1.0, logs.shape), logs, log_partition


def log_of_sum(scores: Doubles) -> Doubles:
    """log(sum(exp(scores))) over the last axis but one; -inf where all scores are."""
    top = np.maximum(scores.max(axis=-2), np.finfo(np.float64).min)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(scores - top[..., None, :]).sum(axis=-2)) + top)


def _mirrored(values: Doubles, lengths: npt.NDArray[Any]) -> Doubles:
    """Reverse each sentence in time, (T, B, L); past its end its first token repeats."""
    steps = len(values)
    if lengths[-1] == steps:
        return values[::-1]
    mirror = np.maximum(lengths - 1 - np.arange(steps)[:, None], 0)
    return values[mirror, np.arange(len(lengths))]
