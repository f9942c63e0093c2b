"""Sentences as arrays: a corpus of millions of tokens in memory, and views of it.

As Python objects a token takes some 170 bytes (its string, its offset, its tag, and the pointers to them); here it
takes sixteen: four for its word, eight for its offset, four for the tag of each layer. A :class:`Sentence` is made
when it is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import eq
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from tagsmith.formats.source import token_line
from tagsmith.text.document import Sentence

Rows = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
NO_TAG = -1  # the row of a token whose sentence lacks the layer


@dataclass(frozen=True)
class TagColumn:
    """The tags of one layer: its distinct tags, and for each token the row of its tag, (tokens,), or ``NO_TAG``."""

    names: tuple[str, ...]
    rows: Rows


@dataclass(frozen=True)
class TokenStore:
    """All tokens of a corpus one after another, and where its sentences begin."""

    words: tuple[str, ...]  # the distinct words, in the order of their first appearance
    word_rows: Rows  # (tokens,) rows of ``words``
    starts: Rows  # (tokens,) where each token starts in its document's text
    columns: Mapping[str, TagColumn]  # layer → its tags
    firsts: Integers  # (sentences,) the first token
    lengths: Integers  # (sentences,)
    lines: Integers  # (sentences,) the line of the file; 0: none
    sources: Rows  # (sentences,) rows of ``paths``
    paths: tuple[str, ...]
    meta: Mapping[int, Mapping[str, Any]]  # what a few sentences need to tell on which line their tokens stand
    unknown: Mapping[str, Booleans] = field(default_factory=dict)  # layer → (tokens,) whose tag nobody knows, if any


class Sentences(Sequence[Sentence]):
    """A read-only sequence of sentences: a view of a :class:`TokenStore`.

    Parameters
    ----------
    store
        The tokens.
    places
        (sentences,) which sentences of the store, in this order; by default all.

    Examples
    --------
    >>> from tagsmith.text.document import sentence_from_words
    >>> sentences = hold_sentences([sentence_from_words(["John", "lives"], {"tags": ["B-PER", "O"]})])
    >>> sentences[0].words, sentences[0].layers["tags"]
    (('John', 'lives'), ('B-PER', 'O'))
    """

    def __init__(self, store: TokenStore, places: Integers | None = None) -> None:
        self.store = store
        self.places = np.arange(len(store.firsts)) if places is None else places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Sentence: ...
    @overload
    def __getitem__(self, index: slice) -> Sentences: ...
    def __getitem__(self, index: int | slice) -> Sentence | Sentences:
        """Make a sentence, or a view of some of them."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._sentence(int(self.places[index]))

    def __iter__(self) -> Iterator[Sentence]:
        return map(self._sentence, self.places.tolist())

    def __eq__(self, other: object) -> bool:
        """Whether the other is a sequence of equal sentences."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def _sentence(self, place: int) -> Sentence:
        store = self.store
        tokens = slice(store.firsts[place], store.firsts[place] + store.lengths[place])
        layers = {
            name: tuple(map(column.names.__getitem__, column.rows[tokens].tolist()))
            for name, column in store.columns.items()
            if not store.lengths[place] or column.rows[tokens.start] != NO_TAG
        }
        return Sentence(
            tuple(map(store.words.__getitem__, store.word_rows[tokens].tolist())),
            tuple(store.starts[tokens].tolist()),
            layers,
            int(store.lines[place]),
            store.meta.get(place, {}),
        )

    # --- arrays

    def take(self, indices: npt.NDArray[np.integer]) -> Sentences:
        """Return a view of some of the sentences, in the order of ``indices``."""
        return Sentences(self.store, self.places[indices])

    @property
    def lengths(self) -> Integers:
        """Tokens of each sentence, (sentences,)."""
        lengths: Integers = self.store.lengths[self.places]
        return lengths

    def token_places(self) -> Integers | slice:
        """Where the tokens stand in the store, sentence after sentence: (tokens,), or a slice if nothing is between."""
        lengths, firsts = self.lengths, self.store.firsts[self.places]
        if (firsts[1:] == (firsts + lengths)[:-1]).all():
            return slice(int(firsts[0]), int(firsts[-1] + lengths[-1])) if len(firsts) else slice(0, 0)
        places: Integers = np.arange(lengths.sum()) + np.repeat(firsts - np.cumsum(lengths) + lengths, lengths)
        return places

    def words(self) -> list[tuple[str, ...]]:
        """The words of each sentence."""
        names = self.store.words.__getitem__
        rows = self.store.word_rows[self.token_places()].tolist()
        return [tuple(map(names, rows[first:end])) for first, end in pairwise([0, *np.cumsum(self.lengths).tolist()])]

    def tags(self, layer: str) -> list[list[str]]:
        """The tags of each sentence in a layer, which all of them must have."""
        column = self.store.columns[layer]
        rows, names = column.rows[self.token_places()].tolist(), column.names.__getitem__
        return [list(map(names, rows[first:end])) for first, end in pairwise([0, *np.cumsum(self.lengths).tolist()])]

    def unknown_tokens(self, layer: str) -> dict[int, list[int]]:
        """Return the tokens whose tag nobody knows, by the index of their sentence, where there are any."""
        unknown = self.store.unknown.get(layer)
        if unknown is None:
            return {}
        found: dict[int, list[int]] = {}
        ends = np.cumsum(self.lengths)
        places = np.flatnonzero(unknown[self.token_places()])
        indices = np.searchsorted(ends, places, side="right")
        for index, token in zip(indices.tolist(), (places - (ends - self.lengths)[indices]).tolist(), strict=True):
            found.setdefault(index, []).append(token)
        return found

    def path_of(self, index: int) -> str:
        """The file of a sentence."""
        return self.store.paths[int(self.store.sources[self.places[index]])]

    def line_of(self, index: int, token: int) -> int:
        """The line on which a token of a sentence stands; 0 if there is none."""
        return token_line(self[index], token)

    def with_tags(self, layer: str, changed: Mapping[int, Sequence[str]]) -> Sentences:
        """Return the view with new tags in a layer for some of its sentences, by index; the others keep theirs."""
        none = TagColumn((), np.full(len(self.store.word_rows), NO_TAG, np.int32))
        column = self.store.columns.get(layer, none)
        rows, numbers = column.rows.copy(), {tag: row for row, tag in enumerate(column.names)}
        for index, tags in changed.items():
            first = self.store.firsts[self.places[index]]
            rows[first : first + len(tags)] = [numbers.setdefault(tag, len(numbers)) for tag in tags]
        columns = {**self.store.columns, layer: TagColumn(tuple(numbers), rows)}
        return Sentences(replace(self.store, columns=columns), self.places)


class SentenceCollector:
    """Collects sentences into a :class:`TokenStore`, keeping none of the objects that readers make."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}
        self._word_rows, self._starts = array("i"), array("i")
        self._lengths, self._lines, self._sources = array("q"), array("q"), array("i")
        self._tags: dict[str, tuple[dict[str, int], array[int]]] = {}
        self._meta: dict[int, Mapping[str, Any]] = {}
        self._paths: list[str] = []

    def __len__(self) -> int:
        return len(self._lengths)

    def begin_source(self, path: str) -> None:
        """Say where the sentences that follow come from."""
        self._paths.append(path)

    def add(self, sentence: Sentence) -> None:
        """Add a sentence. Equal words and equal tags of a layer are one string each."""
        words = self._words
        for name in sentence.layers:
            if name not in self._tags:
                self._tags[name] = ({}, array("i", [NO_TAG]) * len(self._word_rows))
        self._word_rows.extend([words.setdefault(word, len(words)) for word in sentence.words])
        self._starts.extend(sentence.starts)
        for name, (tag_rows, rows) in self._tags.items():
            tags = sentence.layers.get(name)
            if tags is None:
                rows.extend([NO_TAG] * len(sentence))
            else:
                rows.extend([tag_rows.setdefault(tag, len(tag_rows)) for tag in tags])
        if meta := _meta_of_lines(sentence.meta):
            self._meta[len(self._lengths)] = meta
        self._lengths.append(len(sentence))
        self._lines.append(sentence.line)
        self._sources.append(len(self._paths) - 1)

    def store(self) -> TokenStore:
        """Return what was collected; the arrays share its memory."""
        lengths = np.array(self._lengths, np.int64)
        return TokenStore(
            tuple(self._words),
            _shared(self._word_rows, np.int32),
            _shared(self._starts, np.int32),
            {name: TagColumn(tuple(tags), _shared(rows, np.int32)) for name, (tags, rows) in self._tags.items()},
            np.cumsum(lengths) - lengths,
            lengths,
            np.array(self._lines, np.int64),
            np.array(self._sources, np.int32),
            tuple(self._paths),
            self._meta,
        )


def hold_sentences(sentences: Iterable[Sentence], path: str = "<memory>") -> Sentences:
    """Hold sentences as arrays; they are read once, one at a time."""
    collector = SentenceCollector()
    collector.begin_source(path)
    for sentence in sentences:
        collector.add(sentence)
    return Sentences(collector.store())


def _meta_of_lines(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`~tagsmith.formats.source.token_line` needs of a sentence's meta."""
    between = [(position, "") for position, _ in meta.get("extra", ()) if position > 0]
    return ({"extra": between} if between else {}) | ({"record": True} if "record" in meta else {})


def _shared(numbers: array[int], kind: Any) -> npt.NDArray[Any]:
    return np.frombuffer(numbers, kind) if numbers else np.zeros(0, kind)
