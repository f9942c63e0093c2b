"""Documents, sentences, tokens and spans, with exact character offsets.

A :class:`Sentence` is a run of tokens with any number of *layers*: named sequences that give each token one
tag (``"ner"``, ``"upos"``, …). A :class:`Document` is a text with its sentences; every offset, whether of a token
or of a span, indexes ``Document.text``, so ``document.text[token.start:token.end] == token.text`` always holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

DEFAULT_LAYER = "tags"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: ``text`` stands at characters ``start`` to ``end`` (exclusive) of its document's text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """A labeled stretch of characters, ``start`` to ``end`` (exclusive), of a document's text.

    ``score`` is the model's probability for the span, or None where it is not a prediction.
    """

    start: int
    end: int
    label: str
    text: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A run of tokens and their tags.

    Parameters
    ----------
    words
        The token texts.
    starts
        Where each token starts in the document's text; same length as ``words``.
    layers
        Layer name → one tag per token.
    line
        The 1-based line of the source file where the sentence's first token stands; 0 if it came from no file.
    meta
        What a format needs to write the sentence back as it was (comments, raw rows), by format-private keys.
    """

    words: tuple[str, ...]
    starts: tuple[int, ...]
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    line: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.words) != len(self.starts):
            raise ValueError(f"{len(self.words)} words but {len(self.starts)} starts")
        for name, tags in self.layers.items():
            if len(tags) != len(self.words):
                raise ValueError(f"layer {name!r} has {len(tags)} tags for {len(self.words)} words")

    def __len__(self) -> int:
        return len(self.words)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens with their offsets."""
        return tuple(Token(word, start, start + len(word)) for word, start in zip(self.words, self.starts, strict=True))

    @property
    def start(self) -> int:
        """Where the first token starts."""
        return self.starts[0] if self.starts else 0

    @property
    def end(self) -> int:
        """Where the last token ends."""
        return self.starts[-1] + len(self.words[-1]) if self.starts else 0

    def with_layer(self, name: str, tags: Sequence[str]) -> Sentence:
        """Return a copy with layer ``name`` set to ``tags`` (one per token)."""
        return replace(self, layers={**self.layers, name: tuple(tags)})


@dataclass(frozen=True, slots=True)
class Document:
    """A text and its sentences.

    ``spans`` are in characters of ``text``. For a tagged or labeled document they restate the tags of one
    layer; for data read from character spans (``jsonl``) they are the spans as read. What a model of several layers
    has tagged holds the spans of each layer that has any in ``layer_spans``; ``spans`` are those of the first.
    """

    text: str
    sentences: tuple[Sentence, ...]
    spans: tuple[Span, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    layer_spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)


def sentence_from_words(
    words: Sequence[str],
    layers: Mapping[str, Sequence[str]] | None = None,
    *,
    start: int = 0,
    line: int = 0,
    meta: Mapping[str, Any] | None = None,
) -> Sentence:
    """Make a sentence of words whose original spacing is unknown: one space between neighbors.

    ``start`` is where the first word stands in the document's text.
    """
    starts = []
    position = start
    for word in words:
        starts.append(position)
        position += len(word) + 1
    kept = {name: tuple(tags) for name, tags in (layers or {}).items()}
    return Sentence(tuple(words), tuple(starts), kept, line, meta or {})


def document_from_sentences(sentences: Iterable[Sentence], meta: Mapping[str, Any] | None = None) -> Document:
    """Join sentences of :func:`sentence_from_words` into one document: one newline between neighbors."""
    moved = []
    parts = []
    position = 0
    for sentence in sentences:
        plain = sentence_from_words(sentence.words, start=position)
        moved.append(replace(sentence, starts=plain.starts))
        parts.append(" ".join(sentence.words))
        position += len(parts[-1]) + 1
    return Document("\n".join(parts), tuple(moved), (), meta or {})
