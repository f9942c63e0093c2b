"""Viterbi decoding, k-best decoding and span extraction for whole batches, in NumPy.

Emissions are (T, B, L), as :mod:`tagsmith.tagging.chain` describes. Paths are (T, B) and hold tag indices; past the end
of a sentence they are 0. For a short sentence, NumPy's overhead of about half a microsecond per call dominates. So the
loops over time reuse their arrays and step through them with ``zip``, which is cheaper than indexing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers, running_sentences, runs
from tagsmith.text.schemes import OUTSIDE, split_tag

Booleans = npt.NDArray[np.bool_]
# Every so many steps the best score is reset to 0: sums over 10,000 tokens would leave float32 no decimals.
LEVELING_STEPS = 64


def viterbi(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> Integers:
    """Return the best tag sequence of each sentence, (T, B); entries past the end of a sentence are 0.

    Viterbi 1967, as in Rabiner 1989, section III.B. Where two sequences score the same, the one with the lower tag
    index at their last difference wins.
    """
    steps, batch, size = emissions.shape
    tags = np.zeros((steps, batch), np.int64)
    if batch == 1:
        length = int(lengths[0])
        tags[:length, 0] = _best_path(emissions[:length, 0], chain)
        return tags
    pieces = runs(lengths)
    scores = _best_scores(emissions, pieces, chain)
    sentences = np.arange(batch)
    tags[lengths - 1, sentences] = (scores[lengths - 1, :, sentences] + chain.last).argmax(axis=1)
    # There are no back pointers: the way back recomputes which tag led to each tag on the best path.
    for first, end, n in reversed(pieces):
        sums = np.empty((n, size), np.float32)
        scores_before = scores[first - 1 : end - 1, :, :n].transpose(0, 2, 1)[::-1]
        next_tags, best_tags = tags[first:end, :n][::-1], tags[first - 1 : end - 1, :n][::-1]
        for step_scores, following, best in zip(scores_before, next_tags, best_tags, strict=True):
            chain.into.take(following, axis=0, out=sums, mode="clip")
            np.add(sums, step_scores, out=sums)
            sums.argmax(axis=1, out=best)
    return tags


def _best_path(emissions: Floats, chain: Chain) -> list[int]:
    """Find the best sequence of one sentence, emissions (T, L), in as few NumPy calls as possible.

    ``argmax`` over a row is several times faster than ``max``, and it yields the back pointers.
    """
    steps, size = emissions.shape
    sums = np.empty((size, size), np.float32)  # (to, from)
    flat, rows, places = sums.reshape(-1), np.arange(size) * size, np.empty(size, np.int64)
    origins = np.empty((steps - 1, size), np.int64)
    scores = emissions[0] + chain.first
    for t, (emission, origin) in enumerate(zip(emissions[1:], origins, strict=True), 1):
        np.add(scores, chain.into, out=sums)
        sums.argmax(axis=1, out=origin)
        np.add(origin, rows, out=places)
        flat.take(places, out=scores, mode="clip")
        np.add(scores, emission, out=scores)
        if t % LEVELING_STEPS == 0:
            np.subtract(scores, scores.max(), out=scores)
    path = [int((scores + chain.last).argmax())]
    for t in range(steps - 2, -1, -1):
        path.append(origins.item(t, path[-1]))
    return path[::-1]


def _best_scores(emissions: Floats, pieces: Sequence[tuple[int, int, int]], chain: Chain) -> Floats:
    """Score the best path to each tag, including its emission, (T, L, B); undefined past the end of a sentence.

    Only the differences between the tags of a sentence count, because the scores are leveled.
    The sentence axis is last so that the maximum over the previous tag runs over whole rows of memory.
    """
    size = emissions.shape[2]
    candidates = chain.candidates
    emitted = emissions.transpose(0, 2, 1)  # (T, L, B)
    scores = np.empty(emitted.shape, np.float32)
    np.add(emitted[0], chain.first[:, None], out=scores[0])
    for first, end, n in _wide(pieces):
        added = np.repeat(candidates.scores, n, axis=1)  # adding equal shapes is much faster than broadcasting
        sums, best, ordered = np.empty_like(added), np.empty((size, n), np.float32), np.empty((size, n), np.float32)
        blocks = _block_views(sums, best, candidates.blocks)
        before_and_now = zip(scores[first - 1 : end - 1, :, :n], scores[first:end, :, :n], strict=True)
        for t, ((before, now), emission) in enumerate(
            zip(before_and_now, emitted[first:end, :, :n], strict=True), first
        ):
            before.take(candidates.sources, axis=0, out=sums, mode="clip")
            np.add(sums, added, out=sums)
            for block, top in blocks:
                np.maximum.reduce(block, axis=0, out=top)
            best.take(candidates.order, axis=0, out=ordered, mode="clip")
            np.add(ordered, emission, out=now)
            if t % LEVELING_STEPS == 0:
                np.subtract(now, np.maximum(now.max(axis=0), np.finfo(np.float32).min), out=now)
    return scores


def _wide(pieces: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join pieces while at least half of the sentences run: starting a piece costs more than a step on padding."""
    wide: list[tuple[int, int, int]] = []
    for first, end, n in pieces:
        if wide and 2 * n >= wide[-1][2]:
            first, _, n = wide.pop()
        wide.append((first, end, n))
    return wide


def _block_views(
    sums: Floats, best: Floats, blocks: tuple[tuple[int, int], ...]
) -> list[tuple[npt.NDArray[np.float32], Floats]]:
    """Cut the sums (C, B) and their maxima (L, B) into views (predecessors, tags, B) and (tags, B) for each block."""
    views, start, tag = [], 0, 0
    for before, tags in blocks:
        views.append((sums[start : start + before * tags].reshape(before, tags, -1), best[tag : tag + tags]))
        start, tag = start + before * tags, tag + tags
    return views


def k_best(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain, k: int) -> tuple[Integers, Doubles]:
    """Return the ``k`` best legal sequences of each sentence, best first: paths (K, T, B) and scores (K, B).

    This is the parallel list Viterbi algorithm of Seshadri & Sundberg 1994: at each step each tag keeps the k best
    paths to it, merged from the sorted lists of the previous tags. The first sequence is that of :func:`viterbi`, and
    ties are broken as there. Where a sentence has fewer than k legal sequences, the remaining scores are -inf and the
    paths 0.

    Sequences are compared by leveled float32 sums, as in :func:`viterbi`. The returned scores are float64 sums,
    lowered where float32 could not tell two sequences apart and put the better one second.
    """
    steps, batch, size = emissions.shape
    running = running_sentences(lengths, steps)
    # The last of the k + 1 columns stays -inf and marks the end of a list.
    scores = np.full((steps, batch, size, k + 1), -np.inf, np.float32)
    origins = np.zeros((steps, batch, size * k), np.int64)  # previous tag * k + rank in its list
    scores[0, :, :, 0] = emissions[0] + chain.first
    for t in range(1, steps):
        n = running[t]
        best, origin = _merged(scores[t - 1, :n], chain.into, k)
        scores[t, :n, :, :k] = best + emissions[t, :n, :, None]
        if t % LEVELING_STEPS == 0:
            scores[t, :n] -= scores[t, :n].max(axis=(1, 2), keepdims=True)
        origins[t, :n] = origin.reshape(n, size * k)
    sentences = np.arange(batch)
    final, origin = _merged(scores[lengths - 1, sentences], chain.last[None], k)
    entries = np.zeros((steps, batch, k), np.int64)  # tag * k + rank in its list
    entries[lengths - 1, sentences] = origin[:, 0]
    for t in range(steps - 1, 0, -1):
        n = running[t]
        entries[t - 1, :n] = np.take_along_axis(origins[t, :n], entries[t, :n], axis=1)
    paths = entries.transpose(2, 0, 1) // k
    missing = np.isneginf(final[:, 0].T)  # (K, B)
    paths[np.broadcast_to(missing[:, None], paths.shape)] = 0
    exact = np.where(missing, -np.inf, path_scores(paths, emissions, lengths, chain))
    return paths, np.minimum.accumulate(exact, axis=0)


def path_scores(paths: Integers, emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> Doubles:
    """Scores (K, B) of paths (K, T, B), summed in float64."""
    steps, sentences = np.arange(paths.shape[1])[:, None], np.arange(paths.shape[2])
    inside = steps < lengths  # (T, B)
    emitted = emissions[steps, sentences, paths].sum(axis=1, dtype=np.float64, where=inside)
    moved = chain.between[paths[:, :-1], paths[:, 1:]].sum(axis=1, dtype=np.float64, where=inside[1:])
    return np.asarray(emitted + moved + chain.start[paths[:, 0]] + chain.end[paths[:, lengths - 1, sentences]])


def _merged(lists: Floats, into: Floats, k: int) -> tuple[Floats, Integers]:
    """Merge each sentence's sorted lists, one per tag, into the k best for each next tag.

    ``lists`` is (B, from, k + 1), ``into`` (to, from). Returns scores (B, to, k) and their origins, from * k + rank.
    """
    batch, size, columns = lists.shape
    targets = len(into)
    heads = lists[:, None, :, 0] + into  # (B, to, from), the best entry left in each list
    taken = np.zeros(heads.shape, np.int64)
    scores = np.empty((batch, targets, k), np.float32)
    origins = np.empty((batch, targets, k), np.int64)
    flat_lists, flat_into = lists.reshape(-1), into.reshape(-1)
    flat_heads, flat_taken = heads.reshape(-1), taken.reshape(-1)
    into_rows = np.arange(targets) * size
    head_rows = np.arange(batch)[:, None] * (targets * size) + into_rows
    list_starts = np.arange(batch)[:, None] * (size * columns)
    for rank in range(k):
        best = heads.argmax(axis=2)  # the lowest tag of several equals
        at = head_rows + best
        scores[:, :, rank] = flat_heads.take(at)
        used = flat_taken.take(at)
        origins[:, :, rank] = best * k + used
        used += 1
        flat_taken[at] = used
        flat_heads[at] = flat_lists.take(list_starts + best * columns + used) + flat_into.take(into_rows + best)
    return scores, origins


# ---------------------------------------------------------------------------------------------------- spans


@dataclass(frozen=True)
class SpanTags:
    """What each of L BIOES tags says about spans.

    ``opens`` and ``closes`` (L,) say whether a span starts (B, S) or ends (E, S) at the tag. ``label_rows`` (L,) are
    indices in the sorted ``labels``, -1 for ``O``. ``outside`` is the index of ``O``.
    """

    opens: Booleans
    closes: Booleans
    label_rows: Integers
    labels: tuple[str, ...]
    outside: int


def span_tags(tags: Sequence[str]) -> SpanTags:
    """Look up what BIOES ``tags`` say about spans; ``O`` must be one of them."""
    parts = [split_tag(tag) for tag in tags]
    labels = sorted({label for letter, label in parts if letter})
    rows = [labels.index(label) if letter else -1 for letter, label in parts]
    opens = np.array([letter in ("B", "S") for letter, _ in parts])
    closes = np.array([letter in ("E", "S") for letter, _ in parts])
    return SpanTags(opens, closes, np.array(rows, np.int64), tuple(labels), list(tags).index(OUTSIDE))


def path_spans(
    paths: Integers, lengths: npt.NDArray[Any], tags: SpanTags
) -> tuple[Integers, Integers, Integers, Integers]:
    """Extract the n spans of legal BIOES ``paths`` (T, B), ignoring what is past the end of a sentence.

    Returns (n,) each, sorted by sentence and token: the sentence's index in the batch, the start and end (exclusive) in
    tokens, and the index in ``tags.labels``.
    """
    rows = paths.T  # (B, T)
    inside = np.arange(len(paths)) < lengths[:, None]
    # Starts and ends alternate in a legal path: the n-th start belongs to the n-th end.
    sentences, starts = np.nonzero(tags.opens[rows] & inside)
    _, lasts = np.nonzero(tags.closes[rows] & inside)
    return sentences, starts, lasts + 1, tags.label_rows[paths[starts, sentences]]


def drop_spans(paths: Integers, sentences: Integers, starts: Integers, ends: Integers, tags: SpanTags) -> Integers:
    """Copy ``paths`` (T, B) with ``O`` from ``starts`` to ``ends`` (exclusive) of ``sentences``, each (n,)."""
    counts = ends - starts
    offsets = counts.cumsum() - counts  # of each span among all tokens to change
    tokens = np.arange(counts.sum()) + np.repeat(starts - offsets, counts)
    kept = paths.copy()
    kept[tokens, np.repeat(sentences, counts)] = tags.outside
    return kept
