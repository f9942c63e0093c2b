"""Span decoding: emissions to tag paths and scored spans, for batches and for sentences read in windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers
from tagsmith.tagging.decode import SpanTags, drop_spans, path_spans, viterbi
from tagsmith.tagging.marginals import posterior

# Tokens on either side of a window that decoding looks at; farther tokens have no influence left.
AROUND = 512


class Spans(NamedTuple):
    """The n spans of a batch as arrays (n,), ordered by sentence and token.

    ``sentences`` are indices in the batch, ``starts`` and ``ends`` (exclusive) are tokens, ``labels`` are indices of
    labels and ``scores`` are probabilities.
    """

    sentences: Integers
    starts: Integers
    ends: Integers
    labels: Integers
    scores: Doubles

    def rows(self) -> Iterator[tuple[int, int, int, int, float]]:
        """Yield one span after the other, as plain numbers."""
        return zip(*(column.tolist() for column in self), strict=True)

    def where(self, mask: npt.NDArray[np.bool_]) -> Spans:
        """Return the spans at which ``mask`` (n,) is true."""
        return Spans(self.sentences[mask], self.starts[mask], self.ends[mask], self.labels[mask], self.scores[mask])


class Decoded(NamedTuple):
    """The tag indices (T, B) of a batch, and its spans if they were asked for."""

    paths: Integers
    spans: Spans | None = None


@dataclass(frozen=True)
class SpanDecoder:
    """Decodes the emissions of one layer.

    ``tags`` say how the tags write spans; None if only the paths are wanted. Spans less probable than the threshold
    (labels,) of their label are dropped, and their tokens become ``O``.
    """

    chain: Chain
    tags: SpanTags | None = None
    thresholds: Doubles | None = None

    def batch(self, emissions: Floats, lengths: Integers) -> Decoded:
        """Decode a batch: emissions (T, B, L), lengths (B,)."""
        paths = viterbi(emissions, lengths, self.chain)
        if self.tags is None:
            return Decoded(paths)
        sentences, starts, ends, labels = path_spans(paths, lengths, self.tags)
        if not len(sentences):
            return Decoded(paths, Spans(sentences, starts, ends, labels, np.empty(0)))
        rows, scored_paths = sentences, paths
        has_spans = np.bincount(sentences, minlength=len(lengths)) > 0
        if not has_spans.all():  # skip the sentences without spans
            scored = np.flatnonzero(has_spans)
            rows = (np.cumsum(has_spans) - 1)[sentences]
            emissions, lengths = emissions[: lengths[scored[0]], scored], lengths[scored]
            scored_paths = paths[:, scored]
        scores = posterior(emissions, lengths, self.chain).span_probabilities(rows, starts, ends, scored_paths)
        return self.above_thresholds(paths, Spans(sentences, starts, ends, labels, scores))

    def above_thresholds(self, paths: Integers, spans: Spans) -> Decoded:
        """Drop the spans below the thresholds."""
        if self.thresholds is None or self.tags is None:
            return Decoded(paths, spans)
        keep = spans.scores >= self.thresholds[spans.labels]
        dropped = spans.where(~keep)
        return Decoded(drop_spans(paths, dropped.sentences, dropped.starts, dropped.ends, self.tags), spans.where(keep))


class Window(NamedTuple):
    """Emissions (T, 1, L) of consecutive tokens of a long sentence, and of the tokens on either side.

    ``start`` is the index of the first token of ``emissions``. ``is_last`` says whether ``after`` reaches the end of
    the sentence.
    """

    start: int
    before: Floats
    emissions: Floats
    after: Floats
    is_last: bool

    def cut(self, columns: slice) -> Window:
        """Return the window with some columns of the emissions only."""
        before, emissions, after = (part[..., columns] for part in (self.before, self.emissions, self.after))
        return self._replace(before=before, emissions=emissions, after=after)


def surrounded(emissions: Iterator[Floats]) -> Iterator[Window]:
    """Yield the windows of a sentence, each with up to ``AROUND`` tokens on either side."""
    current = next(emissions)
    start, before = 0, current[:0]
    for following in emissions:
        yield Window(start, before, current, following[:AROUND], False)
        start, before, current = start + len(current), current[-AROUND:], following
    yield Window(start, before, current, current[:0], True)


class LongSentence:
    """Decodes one sentence of ``length`` tokens window by window.

    Each window is decoded together with the tokens after it, and starts where the previous window ended, so that the
    whole path is legal. A span's probability is computed from the window it starts in and the tokens around that window
    (if it ends farther away, from its visible part). At most three windows are in memory.
    """

    def __init__(self, decoder: SpanDecoder, length: int) -> None:
        self._decoder = decoder
        self._path: Integers = np.zeros((length, 1), np.int64)
        self._scores: list[Doubles] = []
        self._previous: Window | None = None  # its spans may end in the next window

    def read(self, window: Window) -> None:
        """Decode the next window."""
        chain = self._chain(window)
        if window.start:
            chain = replace(chain, start=chain.between[self._path[window.start - 1, 0]])
        ahead = np.concatenate([window.emissions, window.after])
        # The tags after the window are only a guess until the next window is read.
        self._path[window.start : window.start + len(ahead)] = viterbi(ahead, np.array([len(ahead)]), chain)
        self._score_previous()
        self._previous = window if self._decoder.tags else None

    def decoded(self) -> Decoded:
        """Return the path and the spans, once all windows are read."""
        self._score_previous()
        if self._decoder.tags is None:
            return Decoded(self._path)
        columns = path_spans(self._path, np.array([len(self._path)]), self._decoder.tags)
        return self._decoder.above_thresholds(self._path, Spans(*columns, np.concatenate(self._scores)))

    def _score_previous(self) -> None:
        """Compute the probabilities of the spans that start in the previous window."""
        window, tags = self._previous, self._decoder.tags
        if window is None or tags is None:
            return
        emissions = np.concatenate([window.before, window.emissions, window.after])
        offset = window.start - len(window.before)
        path = self._path[offset : offset + len(emissions)]
        starts = np.flatnonzero(tags.opens[path[:, 0]])
        starts = starts[(starts >= len(window.before)) & (starts < len(window.before) + len(window.emissions))]
        # A span that goes on past these tokens is cut at the last one.
        closes = np.append(np.flatnonzero(tags.closes[path[:, 0]]) + 1, len(path))
        ends = closes[np.searchsorted(closes[:-1], starts, side="right")]
        sums = posterior(emissions, np.array([len(emissions)]), self._chain(window))
        self._scores.append(sums.span_probabilities(np.zeros_like(starts), starts, ends, path))

    def _chain(self, window: Window) -> Chain:
        """The chain, free at an end of the window that is not an end of the sentence."""
        chain = self._decoder.chain
        free = np.zeros_like(chain.start)
        start = free if len(window.before) else chain.start
        return replace(chain, start=start, end=chain.end if window.is_last else free)
