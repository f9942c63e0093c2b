"""Which tokens carry a chosen label, probably enough; and where their text occurs again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.tagging.chain import Doubles
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import split_tag

SURE = 0.5  # the least score of a span whose text is looked for in the rest of the document
_OPENING = ("B", "S")
_NONE = -1


class Found(NamedTuple):
    """Tokens ``first`` to ``after`` (exclusive) of a sentence, the index of their label, and their score."""

    first: int
    after: int
    label: int
    score: float


class LabelColumns:
    """The columns of a layer's tags that belong to the chosen labels.

    Parameters
    ----------
    layer
        The layer whose probabilities are read.
    labels
        Some of its labels.
    """

    def __init__(self, layer: Layer, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        shape = len(layer.tags), len(labels)
        self._any, self._opening = np.zeros(shape), np.zeros(shape)  # (tags, labels)
        for row, tag in enumerate(layer.tags):
            letter, label = split_tag(tag) if layer.gives_spans else ("", tag)
            if label in self.labels and (letter or not layer.gives_spans):
                self._any[row, self.labels.index(label)] = 1.0
                self._opening[row, self.labels.index(label)] = letter in _OPENING

    def probabilities(self, marginals: Doubles) -> Doubles:
        """Return the probability that each token carries a chosen label, (tokens,), of marginals (tokens, tags)."""
        return np.asarray(marginals @ self._any.sum(axis=1))

    def marks(self, marginals: Doubles, threshold: float) -> Marks:
        """Return the label of each token that carries a chosen one with at least this probability."""
        scores = self.probabilities(marginals)
        each = marginals @ self._any  # (tokens, labels)
        labels = np.where(scores >= threshold, each.argmax(axis=1), _NONE)
        tokens = np.arange(len(labels))
        # A span goes on where its label does, unless a new one is more probable to begin there.
        opens = 2 * (marginals @ self._opening)[tokens, labels] > each[tokens, labels]
        return Marks(labels.tolist(), opens.tolist(), scores)


@dataclass
class Marks:
    """The labels of a sentence's tokens (indices; -1: none), whether each token begins a span, and its score."""

    labels: list[int]
    opens: list[bool]
    scores: npt.NDArray[np.float64] = field(repr=False)

    def spans(self) -> Iterator[Found]:
        """Yield the runs of tokens of one label, cut where a span begins."""
        first = 0
        for token in range(1, len(self.labels) + 1):
            if token < len(self.labels) and self.labels[token] == self.labels[first] and not self.opens[token]:
                continue
            if self.labels[first] != _NONE:
                yield Found(first, token, self.labels[first], float(self.scores[first:token].max()))
            first = token

    def add(self, first: int, after: int, label: int) -> None:
        """Make these tokens one span, unless all are in spans already."""
        if _NONE not in self.labels[first:after]:
            return
        if after < len(self.labels):
            self.opens[after] = True
        self.labels[first:after] = [label] * (after - first)
        self.opens[first:after] = [True] + [False] * (after - first - 1)


class Repeats:
    """Texts that were found in a document, to be found wherever else they occur in it.

    A text occurs where the same tokens do, in upper or lower case; but a single capitalized word (``Will``) does not
    occur in lower case.

    Parameters
    ----------
    least
        The least number of characters, without white space, of a text that is looked for.
    """

    LONGEST = 16  # tokens: longer texts do not repeat word for word, and the search stays linear

    def __init__(self, least: int) -> None:
        self._least = least
        self._labels: dict[tuple[str, ...], int] = {}
        self._lengths: dict[str, set[int]] = {}  # by first word
        self._capitalized: set[str] = set()

    def learn(self, words: Sequence[str], spans: Collection[Found]) -> None:
        """Remember the texts of those spans of a sentence that are sure and long enough."""
        for first, after, label, score in spans:
            if score < SURE or after - first > self.LONGEST or sum(map(len, words[first:after])) < self._least:
                continue
            text = tuple(word.casefold() for word in words[first:after])
            if text not in self._labels:
                self._labels[text] = label
                self._lengths.setdefault(text[0], set()).add(len(text))
                if len(text) == 1 and words[first][0].isupper():
                    self._capitalized.add(text[0])
            elif len(text) == 1 and not words[first][0].isupper():
                self._capitalized.discard(text[0])

    def mark(self, words: Sequence[str], marks: Marks) -> None:
        """Mark every occurrence in a sentence; the longest counts where several begin."""
        if not self._labels:
            return
        folded = [word.casefold() for word in words]
        token = 0
        while token < len(folded):
            left = len(folded) - token
            for length in sorted(self._lengths.get(folded[token], ()), reverse=True):
                if length > left:
                    continue
                label = self._labels.get(tuple(folded[token : token + length]))
                lower = length == 1 and folded[token] in self._capitalized and not words[token][0].isupper()
                if label is not None and not lower:
                    marks.add(token, token + length, label)
                    token += length - 1
                    break
            token += 1
