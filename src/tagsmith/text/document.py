"""Documents, sentences, tokens and spans, with exact character offsets.

A :class:`Sentence` is a sequence of tokens with any number of *layers*: named sequences with one tag per token
(``"ner"``, ``"upos"``, …). A :class:`Document` is a text with its sentences. The offsets of tokens and spans index
``Document.text``, so ``document.text[token.start:token.end] == token.text`` always holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from tagsmith.errors import DataError
from tagsmith.text.arguments import check_text, shown

DEFAULT_LAYER = "tags"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: characters ``start`` to ``end`` (exclusive) of its document's text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """A labeled span: characters ``start`` to ``end`` (exclusive) of its document's text.

    ``score`` is the model's probability of the span, or None if it is not a prediction.
    """

    start: int
    end: int
    label: str
    text: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sequence of tokens and their tags.

    ``meta`` holds what a format needs to write the sentence back as it was (comments, raw rows).
    """

    words: tuple[str, ...]
    starts: tuple[int, ...]  # the offset of each word in the document's text
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name → one tag per word
    line: int = 0  # of the first word in its source file, from 1; 0 if there is no file
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the numbers of words, starts and tags; a token is looked at only when it is used."""
        if isinstance(self.words, str) or self.words is None or self.starts is None:
            raise DataError(
                f"The words of a sentence are {shown(self.words)}, and their offsets {shown(self.starts)}.",
                remedy='Give a tuple: Sentence(("John", "lives"), (0, 5)); tokenize a text with tokenize_text.',
            )
        if len(self.words) != len(self.starts):
            raise DataError(
                f"A sentence has {len(self.words)} words but {len(self.starts)} starts.",
                remedy="Give the offset of each word in the text.",
            )
        try:
            layers = self.layers.items()
        except AttributeError:
            raise DataError(
                f"The layers of a sentence are {shown(self.layers)}, not a mapping.",
                remedy='Name the layer of the tags: {"tags": ("B-PER", "O")}.',
            ) from None
        for name, tags in layers:
            if isinstance(tags, str) or len(tags) != len(self.words):
                given = shown(tags) if isinstance(tags, str) else f"{len(tags)} tags"
                raise DataError(
                    f"The layer {name!r} has {given} for {len(self.words)} words.",
                    remedy="Give a tuple with one tag for each word.",
                )

    def __len__(self) -> int:
        return len(self.words)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens with their offsets."""
        return tuple(Token(word, start, start + len(word)) for word, start in zip(self.words, self.starts, strict=True))

    @property
    def start(self) -> int:
        """The start of the first token."""
        return self.starts[0] if self.starts else 0

    @property
    def end(self) -> int:
        """The end of the last token."""
        return self.starts[-1] + len(self.words[-1]) if self.starts else 0

    def with_layer(self, name: str, tags: Sequence[str]) -> Sentence:
        """Return a copy with layer ``name`` set to ``tags`` (one per token)."""
        return replace(self, layers={**self.layers, name: tuple(tags)})


@dataclass(frozen=True, slots=True)
class Document:
    """A text and its sentences.

    ``spans`` are in characters of ``text``. In a tagged or labeled document they restate the tags of one layer; in data
    read from character spans (``jsonl``) they are the spans as read. If a model of several layers tagged the document,
    ``layer_spans`` holds the spans of each layer that has spans, and ``spans`` those of the first such layer.
    """

    text: str
    sentences: tuple[Sentence, ...]
    spans: tuple[Span, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    layer_spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text(self.text, "The text of a document")
        if isinstance(self.sentences, Sentence | str) or not all(isinstance(one, Sentence) for one in self.sentences):
            raise DataError(
                "The sentences of a document are not all of the type Sentence.",
                remedy="Give a tuple of Sentence; tagger(text) makes a document of a text.",
            )


def sentence_from_words(
    words: Sequence[str],
    layers: Mapping[str, Sequence[str]] | None = None,
    *,
    start: int = 0,
    line: int = 0,
    meta: Mapping[str, Any] | None = None,
) -> Sentence:
    """Make a sentence of words whose spacing is unknown, with one space between them.

    ``start`` is the offset of the first word in the document's text.
    """
    starts = tuple(accumulate((len(word) + 1 for word in words[:-1]), initial=start)) if words else ()
    tags_by_layer = {name: tuple(tags) for name, tags in (layers or {}).items()}
    return Sentence(tuple(words), starts, tags_by_layer, line, meta or {})


def document_from_sentences(sentences: Iterable[Sentence], meta: Mapping[str, Any] | None = None) -> Document:
    """Join sentences of :func:`sentence_from_words` into one document, with a newline between them."""
    moved: list[Sentence] = []
    position = 0
    for sentence in sentences:
        moved.append(replace(sentence, starts=sentence_from_words(sentence.words, start=position).starts))
        position = max(moved[-1].end, position) + 1
    return Document("\n".join(" ".join(sentence.words) for sentence in moved), tuple(moved), (), meta or {})
