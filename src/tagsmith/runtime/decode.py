"""Best tag sequences and marginal probabilities under a linear chain, over whole batches in NumPy.

Everything here takes emissions (T, B, L), time first, whose sentences stand in order of falling length, so that at each
time step the sentences that still run are the first rows: no masks, and no work on padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.data.schemes import Transitions

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
BARRED = np.float32(-1e9)


@dataclass(frozen=True)
class Chain:
    """Transition scores with the illegal ones barred.

    Parameters
    ----------
    start, between, end
        (L,), (L, L) [from, to] and (L,) scores, float32; a barred transition scores -1e9.
    """

    start: Floats
    between: Floats
    end: Floats


def constrained_chain(allowed: Transitions, weights: dict[str, npt.NDArray[Any]] | None = None) -> Chain:
    """Return the chain of learned CRF ``weights`` (none: zeros) with what is not ``allowed`` barred."""
    parts = []
    for name, legal in (("start", allowed.start), ("between", allowed.between), ("end", allowed.end)):
        scores = np.zeros(legal.shape, np.float32) if weights is None else weights[f"crf/{name}"]
        parts.append(np.where(legal, scores, BARRED).astype(np.float32))
    return Chain(*parts)


def running_sentences(lengths: npt.NDArray[Any], steps: int) -> list[int]:
    """How many of the sentences, ordered by falling length, still run at each time step."""
    return [int(count) for count in np.searchsorted(-lengths, -np.arange(1, steps + 1), side="right")]


def viterbi(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> npt.NDArray[np.int64]:
    """Return the best tag sequence of each sentence, (T, B); entries past a sentence's end are 0.

    Viterbi 1967, as in Rabiner 1989, section III.B, but without back pointers: the way forward keeps only the best
    scores, and the way back finds again which tag led to the one tag that was chosen. That saves the slow half of the
    work. Of sequences with equal scores, the one whose last difference has the lower tag row wins.
    """
    steps, batch, _ = emissions.shape
    running = running_sentences(lengths, steps)
    # Sentences last: the maximum over the tag before then runs over whole rows of memory.
    scores = np.array(emissions.transpose(0, 2, 1), order="C")  # (T, L, B), in the end of the best path to each tag
    scores[0] += chain.start[:, None]
    between = chain.between[:, :, None]  # (from, to, 1)
    for t in range(1, steps):
        n = running[t]
        scores[t, :, :n] += (scores[t - 1, :, None, :n] + between).max(axis=0)
    tags = np.zeros((steps, batch), np.int64)
    following = 0
    for t in range(steps - 1, -1, -1):
        n = running[t]
        tags[t, following:n] = (scores[t, :, following:n] + chain.end[:, None]).argmax(axis=0)  # ends here
        if following:
            into = chain.between[:, tags[t + 1, :following]]  # (from, sentences)
            tags[t, :following] = (scores[t, :, :following] + into).argmax(axis=0)
        following = n
    return tags


@dataclass(frozen=True)
class Posterior:
    """Forward and backward scores, from which every marginal follows.

    ``forward`` [t, b, y]: log of the summed exp(score) of all paths to tag y at t, emission included;
    ``backward`` [t, b, y]: the same from tag y at t to the end, emission of t left out; ``log_partition`` (B,).
    All three in float64: they are sums over the sentence, and float32 would be wrong by a third after 10,000 tokens.
    """

    emissions: Floats
    chain: Chain
    forward: Doubles
    backward: Doubles
    log_partition: Doubles

    def tag_marginals(self) -> Doubles:
        """p(tag y at t | sentence), (T, B, L); past a sentence's end of no meaning."""
        return np.exp(self.forward + self.backward - self.log_partition[None, :, None])

    def span_probability(self, sentence: int, first: int, tags: npt.NDArray[np.int64]) -> float:
        """p(the tags from token ``first`` on are exactly ``tags`` | sentence)."""
        last = first + len(tags) - 1
        log_p = self.forward[first, sentence, tags[0]] + self.backward[last, sentence, tags[-1]]
        log_p += self.chain.between[tags[:-1], tags[1:]].sum()
        log_p += self.emissions[np.arange(first + 1, last + 1), sentence, tags[1:]].sum()
        return float(min(1.0, np.exp(log_p - self.log_partition[sentence])))


def posterior(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> Posterior:
    """Run the forward–backward algorithm (Rabiner 1989, section III.A), each time step one matrix product."""
    steps, _, _ = emissions.shape
    running = running_sentences(lengths, steps)
    between = np.exp(chain.between.astype(np.float64))  # barred transitions become 0
    forward = np.zeros(emissions.shape)
    backward = np.zeros(emissions.shape)
    forward[0] = emissions[0] + chain.start
    for t in range(1, steps):
        n = running[t]
        forward[t, :n] = _log_product(forward[t - 1, :n], between) + emissions[t, :n]
    final = forward[lengths - 1, np.arange(len(lengths))] + chain.end  # (B, L)
    top = final.max(axis=1, keepdims=True)
    log_partition = np.log(np.exp(final - top).sum(axis=1)) + top[:, 0]
    backward[:] = chain.end  # right where a sentence ends; overwritten where it goes on
    for t in range(steps - 2, -1, -1):
        n = running[t + 1]
        backward[t, :n] = _log_product(backward[t + 1, :n] + emissions[t + 1, :n], between.T)
    return Posterior(emissions, chain, forward, backward, log_partition)


def _log_product(scores: Doubles, between: Doubles) -> Doubles:
    """log(exp(scores) @ between), scaled by each row's largest score."""
    top = scores.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.maximum(np.exp(scores - top) @ between, 1e-300)) + top)
