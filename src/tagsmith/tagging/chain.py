"""Linear chain of a tagger: its transition scores, and what the decoding algorithms derive from them.

The algorithms take emissions (T, B, L), time first, with the sentences sorted by falling length. So at each time step
the sentences that still run are the first rows, and padding needs neither masks nor work. Emissions past the end of a
sentence must be finite and have no influence. At least one sequence of each sentence's length must be legal.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.model.weights import BARRED
from tagsmith.text.schemes import Transitions

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MIXING_STEPS = 16  # the most that are tried; more help only if all scores are tiny


class Candidates(NamedTuple):
    """The C transitions that can be legal; those into tags with equally many predecessors form a block.

    ``sources`` (C,) are the tags they start from, ``scores`` (C, 1) their scores. ``blocks`` are the shapes
    (predecessors, tags) of consecutive blocks; ``order`` (L,) is the position of each tag among the tags of all blocks.
    """

    sources: Integers
    scores: Floats
    blocks: tuple[tuple[int, int], ...]
    order: Integers


@dataclass(frozen=True)
class Chain:
    """Transition scores ``start`` (L,), ``between`` (L, L) [from, to] and ``end`` (L,); -1e9 if barred as illegal.

    For probabilities, all scores are divided by ``temperature``, see :mod:`tagsmith.tagging.calibration`; that does not
    change which sequence is the best.
    """

    start: Floats
    between: Floats
    end: Floats
    temperature: float = 1.0

    @cached_property
    def first(self) -> Floats:
        """``start`` with -inf where barred, so that no emission can outweigh it."""
        return _never(self.start)

    @cached_property
    def last(self) -> Floats:
        """``end`` with -inf where barred."""
        return _never(self.end)

    @cached_property
    def into(self) -> Floats:
        """``between`` as [to, from], with -inf where barred."""
        return np.ascontiguousarray(_never(self.between).T)

    @cached_property
    def candidates(self) -> Candidates:
        """The legal transitions: in BIOES a third of all transitions with 4 labels, a quarter with many."""
        legal = self.into > BARRED  # (to, from)
        legal[:, 0] |= ~legal.any(axis=1)  # a tag without a legal predecessor gets a barred one
        counts = legal.sum(axis=1)
        sources, scores, blocks = [], [], []
        for count in np.unique(counts):
            tags = np.flatnonzero(counts == count)
            before = np.nonzero(legal[tags])[1].reshape(len(tags), count).T  # (predecessors, tags)
            sources.append(before.ravel())
            scores.append(self.into[tags, before].ravel())
            blocks.append((int(count), len(tags)))
        order = np.argsort(np.argsort(counts, kind="stable"), kind="stable")
        return Candidates(np.concatenate(sources), np.concatenate(scores)[:, None], tuple(blocks), order)

    def calibrated(self, emissions: Floats) -> tuple[Floats, Chain]:
        """Return the emissions and the chain that give the probabilities."""
        if self.temperature == 1:
            return emissions, self
        return emissions / np.float32(self.temperature), self._at_temperature

    @cached_property
    def _at_temperature(self) -> Chain:
        """The chain with its legal scores divided by the temperature."""
        parts = (self.start, self.between, self.end)
        start, between, end = (np.where(one <= BARRED, one, one / np.float32(self.temperature)) for one in parts)
        return Chain(start, between, end)

    @cached_property
    def factors(self) -> Doubles:
        """exp(``between``) as (2, L, L), from the previous and from the next tag; 0 where barred."""
        forward = np.exp(self.between.astype(np.float64))
        return np.stack([forward, forward.T])

    @cached_property
    def border_factors(self) -> Doubles:
        """exp(``start``) and exp(``end``), (2, 1, L); 0 where barred."""
        return np.exp(np.stack([self.start, self.end]).astype(np.float64))[:, None]

    @cached_property
    def largest(self) -> float:
        """Largest absolute value of a legal score."""
        scores = np.concatenate([self.start, self.between.ravel(), self.end])
        return float(np.abs(scores[scores > BARRED]).max(initial=0.0))

    @cached_property
    def mixing_steps(self) -> int:
        """Number of steps after which any tag can follow any tag (BIOES: 3); if there is none, a huge number."""
        legal = (self.between > BARRED).astype(np.float32)
        reached = legal
        for count in range(1, MIXING_STEPS + 1):
            if reached.all():
                return count
            reached = np.minimum(reached @ legal, 1)
        return sys.maxsize


def constrained_chain(allowed: Transitions, weights: dict[str, npt.NDArray[Any]] | None = None) -> Chain:
    """Return the chain of learned CRF ``weights`` (by default zeros), barred where not ``allowed``."""
    parts = []
    for name, legal in (("start", allowed.start), ("between", allowed.between), ("end", allowed.end)):
        scores = np.zeros(legal.shape, np.float32) if weights is None else weights[f"crf/{name}"]
        parts.append(np.where(legal, scores, BARRED).astype(np.float32))
    start, between, end = parts
    return Chain(start, between, end)


def running_sentences(lengths: npt.NDArray[Any], steps: int) -> list[int]:
    """How many sentences, sorted by falling length, still run at each time step."""
    return [int(count) for count in np.searchsorted(-lengths, -np.arange(1, steps + 1), side="right")]


def runs(lengths: npt.NDArray[Any]) -> list[tuple[int, int, int]]:
    """Cut the steps from 1 on where sentences end, into (first step, end step, sentences that run)."""
    pieces, first = [], 1
    for n, end in zip(range(len(lengths), 0, -1), reversed(lengths.tolist()), strict=True):
        if end > first:
            pieces.append((first, end, n))
            first = end
    return pieces


def _never(scores: Floats) -> Floats:
    return np.where(scores <= BARRED, np.float32(-np.inf), scores)
