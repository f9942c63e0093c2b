"""Emissions → tag paths and spans with their probabilities, for batches and for sentences read in windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.tagging.chain import Chain, Floats, Integers
from tagsmith.tagging.decode import SpanTags, drop_spans, path_spans, viterbi
from tagsmith.tagging.marginals import posterior

# Tokens on either side of a window that decoding looks at: what lies farther off has no influence left.
AROUND = 512


class Spans(NamedTuple):
    """The spans of a batch as arrays (n,), ordered by sentence and place.

    ``sentences`` is the sentence's place in the batch; ``firsts`` and ``lasts`` are tokens, ``lasts`` inclusive;
    ``labels`` index the labels; ``scores`` are probabilities.
    """

    sentences: Integers
    firsts: Integers
    lasts: Integers
    labels: Integers
    scores: npt.NDArray[np.float64]

    def rows(self) -> Iterator[tuple[int, int, int, int, float]]:
        """Yield one span after the other, as plain numbers."""
        return zip(*(column.tolist() for column in self), strict=True)

    def chosen(self, keep: npt.NDArray[np.bool_]) -> Spans:
        """Return some of the spans."""
        return Spans(self.sentences[keep], self.firsts[keep], self.lasts[keep], self.labels[keep], self.scores[keep])


class Decoded(NamedTuple):
    """The tag rows (T, B) of a batch, and its spans where they were asked for."""

    paths: Integers
    spans: Spans | None = None


class SpanDecoder:
    """What to make of emissions.

    Parameters
    ----------
    chain
        Transition scores, the illegal ones barred.
    tags
        How the tags write spans; None: only the paths are wanted.
    thresholds
        (labels,) the least probability of a span of each label; spans below are dropped, and their tokens get ``O``.
    """

    def __init__(
        self, chain: Chain, tags: SpanTags | None = None, thresholds: npt.NDArray[np.float64] | None = None
    ) -> None:
        self._chain, self._tags, self._thresholds = chain, tags, thresholds

    def batch(self, emissions: Floats, lengths: Integers) -> Decoded:
        """Decode a batch: emissions (T, B, L), lengths (B,)."""
        paths = viterbi(emissions, lengths, self._chain)
        if self._tags is None:
            return Decoded(paths)
        return self._finished(paths, self._scored(emissions, lengths, paths))

    def windows(self, windows: Iterator[Floats], length: int) -> Decoded:
        """Decode one sentence of ``length`` tokens whose emissions (T, 1, L) come window by window.

        Each window is decoded together with the ``AROUND`` tokens behind it, and begins where the window before left
        off, so that the whole is legal. A span's probability is computed from ``AROUND`` tokens on either side of the
        window (of a span that goes on farther, from its part). No more than three windows are in memory.
        """
        reading = Reading(length)
        for piece in pieces(windows):
            self.read(piece, reading)
        return self.end(reading)

    def read(self, piece: Piece, reading: Reading) -> None:
        """Decode the next piece of the sentence that ``reading`` is about."""
        whole = reading.whole
        chain = self._chain_of(piece)
        if piece.begin:
            chain = replace(chain, start=chain.between[whole[piece.begin - 1, 0]])
        ahead = np.concatenate([piece.own, piece.after])
        path = viterbi(ahead, np.array([len(ahead)]), chain)
        whole[piece.begin : piece.begin + len(ahead)] = path  # what lies behind the window is decided later
        if reading.last is not None:
            reading.scores.append(self._scores_of_piece(reading.last, whole))
        reading.last = piece if self._tags else None

    def end(self, reading: Reading) -> Decoded:
        """Return what came of the pieces."""
        whole = reading.whole
        if self._tags is None or reading.last is None:
            return Decoded(whole)
        reading.scores.append(self._scores_of_piece(reading.last, whole))
        spans = Spans(*path_spans(whole, np.array([len(whole)]), self._tags), np.concatenate(reading.scores))
        return self._finished(whole, spans)

    def _scores_of_piece(self, piece: Piece, whole: Integers) -> npt.NDArray[np.float64]:
        """Return the probabilities of the spans that begin in a piece."""
        assert self._tags is not None
        emissions = np.concatenate([piece.before, piece.own, piece.after])
        begin = piece.begin - len(piece.before)
        path = whole[begin : begin + len(emissions)]
        own = range(len(piece.before), len(piece.before) + len(piece.own))
        firsts = np.flatnonzero(self._tags.opens[path[:, 0]])
        firsts = firsts[(firsts >= own.start) & (firsts < own.stop)]
        closes = np.append(np.flatnonzero(self._tags.closes[path[:, 0]]), len(path) - 1)
        lasts = closes[np.searchsorted(closes[:-1], firsts)]  # of a span that goes on behind the piece: its part
        probabilities = posterior(emissions, np.array([len(emissions)]), self._chain_of(piece))
        return probabilities.span_probabilities(np.zeros_like(firsts), firsts, lasts, path)

    def _chain_of(self, piece: Piece) -> Chain:
        """The chain, without what it says of the sentence's ends where the piece does not reach them."""
        nothing = np.zeros_like(self._chain.start)
        start = self._chain.start if not len(piece.before) else nothing
        return replace(self._chain, start=start, end=self._chain.end if piece.is_last else nothing)

    def _scored(self, emissions: Floats, lengths: Integers, paths: Integers) -> Spans:
        assert self._tags is not None
        sentences, firsts, lasts, labels = path_spans(paths, lengths, self._tags)
        if not len(sentences):
            return Spans(sentences, firsts, lasts, labels, np.empty(0))
        places = sentences
        has_spans = np.bincount(sentences, minlength=len(lengths)) > 0
        if not has_spans.all():  # the others' probabilities are not needed
            chosen = np.flatnonzero(has_spans)
            places = (np.cumsum(has_spans) - 1)[sentences]
            emissions, lengths, paths = emissions[: lengths[chosen[0]], chosen], lengths[chosen], paths[:, chosen]
        probabilities = posterior(emissions, lengths, self._chain)
        scores = probabilities.span_probabilities(places, firsts, lasts, paths)
        return Spans(sentences, firsts, lasts, labels, scores)

    def _finished(self, paths: Integers, spans: Spans) -> Decoded:
        if self._thresholds is None or self._tags is None:
            return Decoded(paths, spans)
        keep = spans.scores >= self._thresholds[spans.labels]
        dropped = spans.chosen(~keep)
        return Decoded(
            drop_spans(paths, dropped.sentences, dropped.firsts, dropped.lasts, self._tags), spans.chosen(keep)
        )


class Reading:
    """How far the decoding of one long sentence has come.

    ``whole`` (T, 1) is its path, ``scores`` the probabilities of its spans, piece by piece, and ``last`` the piece
    before, whose spans may end in the one that follows.
    """

    def __init__(self, length: int) -> None:
        self.whole: Integers = np.zeros((length, 1), np.int64)
        self.scores: list[npt.NDArray[np.float64]] = []
        self.last: Piece | None = None


class Piece(NamedTuple):
    """A window's emissions (T, 1, L), the number of its first token, and the emissions on either side.

    ``is_last``: what stands after it reaches the sentence's end.
    """

    begin: int
    before: Floats
    own: Floats
    after: Floats
    is_last: bool

    def cut(self, columns: slice) -> Piece:
        """Return the piece with some of its columns only."""
        before, own, after = (part[..., columns] for part in (self.before, self.own, self.after))
        return self._replace(before=before, own=own, after=after)


def pieces(windows: Iterator[Floats]) -> Iterator[Piece]:
    """Yield each window with what stands around it."""
    before = own = next(windows)
    before, begin = before[:0], 0
    for following in windows:
        yield Piece(begin, before, own, following[:AROUND], False)
        begin, before, own = begin + len(own), own[-AROUND:], following
    yield Piece(begin, before, own, own[:0], True)
