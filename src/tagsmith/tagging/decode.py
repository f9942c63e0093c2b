"""Best tag sequences under a linear chain, and the spans in them, over whole batches in NumPy.

Emissions are (T, B, L) as :mod:`tagsmith.tagging.chain` describes. Paths are (T, B), rows of tags; past a sentence's
end they are 0. What a short sentence costs is the calls of NumPy, about half a microsecond each: so the loops over time
reuse their arrays, and step through them with ``zip``, which is cheaper than indexing.
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
# After so many steps the best score is set to 0 again: sums over 10,000 tokens would leave float32 no decimals.
LEVELLED = 64


def viterbi(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> Integers:
    """Return the best tag sequence of each sentence, (T, B); entries past a sentence's end are 0.

    Viterbi 1967, as in Rabiner 1989, section III.B. Of sequences with equal scores, the one whose last difference has
    the lower tag row wins.
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
    # Without back pointers: the way back finds again which tag led to the one tag that was chosen.
    for first, end, n in reversed(pieces):
        sums = np.empty((n, size), np.float32)
        before = scores[first - 1 : end - 1, :, :n].transpose(0, 2, 1)[::-1]
        chosen, to_choose = tags[first:end, :n][::-1], tags[first - 1 : end - 1, :n][::-1]
        for now, following, found in zip(before, chosen, to_choose, strict=True):
            chain.into.take(following, axis=0, out=sums, mode="clip")
            np.add(sums, now, out=sums)
            sums.argmax(axis=1, out=found)
    return tags


def _best_path(emissions: Floats, chain: Chain) -> list[int]:
    """Find the best sequence of one sentence, emissions (T, L), in as few calls as possible.

    ``argmax`` over a row is several times faster than the maximum, and its back pointers make the way back free.
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
        if t % LEVELLED == 0:
            np.subtract(scores, scores.max(), out=scores)
    path = [int((scores + chain.last).argmax())]
    for t in range(steps - 2, -1, -1):
        path.append(origins.item(t, path[-1]))
    return path[::-1]


def _best_scores(emissions: Floats, pieces: Sequence[tuple[int, int, int]], chain: Chain) -> Floats:
    """Score of the best way to each tag, its emission included, (T, L, B); past a sentence's end anything.

    Levelled: at each step it is the differences between a sentence's tags that count.
    Sentences last: the maximum over the tag before then runs over whole rows of memory.
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
            if t % LEVELLED == 0:
                np.subtract(now, np.maximum(now.max(axis=0), np.finfo(np.float32).min), out=now)
    return scores


def _wide(pieces: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join pieces while at least half of the sentences run: beginning a piece costs more than a step on padding."""
    wide: list[tuple[int, int, int]] = []
    for first, end, n in pieces:
        if wide and 2 * n >= wide[-1][2]:
            first, _, n = wide.pop()
        wide.append((first, end, n))
    return wide


def _block_views(
    sums: Floats, best: Floats, blocks: tuple[tuple[int, int], ...]
) -> list[tuple[npt.NDArray[np.float32], Floats]]:
    """Cut the candidates' sums (C, B) and the tags' best ones (L, B) into blocks (predecessors, tags, B), (tags, B)."""
    views, start, tag = [], 0, 0
    for before, tags in blocks:
        views.append((sums[start : start + before * tags].reshape(before, tags, -1), best[tag : tag + tags]))
        start, tag = start + before * tags, tag + tags
    return views


def k_best(emissions: Floats, lengths: npt.NDArray[Any], chain: Chain, k: int) -> tuple[Integers, Doubles]:
    """Return the ``k`` best legal sequences of each sentence, best first: paths (K, T, B) and scores (K, B).

    The parallel list Viterbi algorithm of Seshadri & Sundberg 1994: at each step each tag keeps the k best ways to it,
    merged from the sorted lists of the tags before. The first sequence is that of :func:`viterbi`; equal scores stand
    in the order in which that function prefers them. Where a sentence has fewer than k legal sequences, the other
    scores are -inf and the paths 0.

    Like there, sequences are compared by levelled sums in float32. The scores returned are sums in float64, lowered
    where float32 could not tell two sequences apart and put the better one second.
    """
    steps, batch, size = emissions.shape
    running = running_sentences(lengths, steps)
    # The last of the k + 1 columns stays -inf: what comes after a list's last entry.
    scores = np.full((steps, batch, size, k + 1), -np.inf, np.float32)
    origins = np.zeros((steps, batch, size * k), np.int64)  # of each tag's entries: tag before * k + place in its list
    scores[0, :, :, 0] = emissions[0] + chain.first
    for t in range(1, steps):
        n = running[t]
        best, origin = _merged(scores[t - 1, :n], chain.into, k)
        scores[t, :n, :, :k] = best + emissions[t, :n, :, None]
        if t % LEVELLED == 0:
            scores[t, :n] -= scores[t, :n].max(axis=(1, 2), keepdims=True)
        origins[t, :n] = origin.reshape(n, size * k)
    sentences = np.arange(batch)
    final, origin = _merged(scores[lengths - 1, sentences], chain.last[None], k)
    chosen = np.zeros((steps, batch, k), np.int64)  # tag * k + place in its list
    chosen[lengths - 1, sentences] = origin[:, 0]
    for t in range(steps - 1, 0, -1):
        n = running[t]
        chosen[t - 1, :n] = np.take_along_axis(origins[t, :n], chosen[t, :n], axis=1)
    paths = chosen.transpose(2, 0, 1) // k
    missing = np.isneginf(final[:, 0].T)  # (K, B)
    paths[np.broadcast_to(missing[:, None], paths.shape)] = 0
    exact = np.where(missing, -np.inf, _path_scores(paths, emissions, lengths, chain))
    return paths, np.minimum.accumulate(exact, axis=0)


def _path_scores(paths: Integers, emissions: Floats, lengths: npt.NDArray[Any], chain: Chain) -> Doubles:
    """Scores (K, B) of paths (K, T, B), summed in float64."""
    steps, sentences = np.arange(paths.shape[1])[:, None], np.arange(paths.shape[2])
    inside = steps < lengths  # (T, B)
    emitted = emissions[steps, sentences, paths].sum(axis=1, dtype=np.float64, where=inside)
    moved = chain.between[paths[:, :-1], paths[:, 1:]].sum(axis=1, dtype=np.float64, where=inside[1:])
    return np.asarray(emitted + moved + chain.start[paths[:, 0]] + chain.end[paths[:, lengths - 1, sentences]])


def _merged(lists: Floats, into: Floats, k: int) -> tuple[Floats, Integers]:
    """Merge each sentence's sorted lists, one per tag, to the k best for each next tag.

    ``lists`` (B, from, k + 1), ``into`` (to, from) → scores (B, to, k) and where they come from: from * k + place.
    """
    batch, size, columns = lists.shape
    targets = len(into)
    heads = lists[:, None, :, 0] + into  # (B, to, from), the best entry of each list that is not yet taken
    taken = np.zeros(heads.shape, np.int64)
    scores = np.empty((batch, targets, k), np.float32)
    origins = np.empty((batch, targets, k), np.int64)
    flat_lists, flat_into = lists.reshape(-1), into.reshape(-1)
    flat_heads, flat_taken = heads.reshape(-1), taken.reshape(-1)
    into_rows = np.arange(targets) * size
    head_rows = np.arange(batch)[:, None] * (targets * size) + into_rows
    list_starts = np.arange(batch)[:, None] * (size * columns)
    for place in range(k):
        best = heads.argmax(axis=2)  # of equals, the lowest tag
        at = head_rows + best
        scores[:, :, place] = flat_heads.take(at)
        used = flat_taken.take(at)
        origins[:, :, place] = best * k + used
        used += 1
        flat_taken[at] = used
        flat_heads[at] = flat_lists.take(list_starts + best * columns + used) + flat_into.take(into_rows + best)
    return scores, origins


# ---------------------------------------------------------------------------------------------------- spans


@dataclass(frozen=True)
class SpanTags:
    """What each of L BIOES tags says about spans.

    Parameters
    ----------
    opens, closes
        (L,), whether a span begins (B, S), ends (E, S) at the tag.
    label_rows
        (L,), which of ``labels`` is the tag's; -1 for ``O``.
    labels
        The labels, sorted.
    outside
        The row of ``O``.
    """

    opens: Booleans
    closes: Booleans
    label_rows: Integers
    labels: tuple[str, ...]
    outside: int


def span_tags(tags: Sequence[str]) -> SpanTags:
    """Look up what the BIOES ``tags`` of a model say about spans; ``O`` must be one of them."""
    parts = [split_tag(tag) for tag in tags]
    labels = sorted({label for letter, label in parts if letter})
    rows = [labels.index(label) if letter else -1 for letter, label in parts]
    opens = np.array([letter in ("B", "S") for letter, _ in parts])
    closes = np.array([letter in ("E", "S") for letter, _ in parts])
    return SpanTags(opens, closes, np.array(rows, np.int64), tuple(labels), list(tags).index(OUTSIDE))


def path_spans(
    paths: Integers, lengths: npt.NDArray[Any], tags: SpanTags
) -> tuple[Integers, Integers, Integers, Integers]:
    """Find the n spans of legal BIOES ``paths`` (T, B); what stands past a sentence's end is not read.

    Returns
    -------
    tuple
        (n,) each: the sentence in the batch, the first and the last token (inclusive), and the row in ``tags.labels``;
        sorted by sentence, then token.
    """
    rows = paths.T  # (B, T): sentence by sentence
    inside = np.arange(len(paths)) < lengths[:, None]
    # As the paths are legal, beginnings and ends alternate: the n-th beginning belongs to the n-th end.
    sentences, firsts = np.nonzero(tags.opens[rows] & inside)
    _, lasts = np.nonzero(tags.closes[rows] & inside)
    return sentences, firsts, lasts, tags.label_rows[paths[firsts, sentences]]


def drop_spans(paths: Integers, sentences: Integers, firsts: Integers, lasts: Integers, tags: SpanTags) -> Integers:
    """Copy ``paths`` (T, B) with ``O`` from ``firsts`` to ``lasts`` (inclusive) of ``sentences``, each (n,).

    The spans are those of :func:`path_spans` that are to go.
    """
    counts = lasts - firsts + 1
    starts = counts.cumsum() - counts  # of each span among all tokens to change
    tokens = np.arange(counts.sum()) + np.repeat(firsts - starts, counts)
    kept = paths.copy()
    kept[tokens, np.repeat(sentences, counts)] = tags.outside
    return kept
