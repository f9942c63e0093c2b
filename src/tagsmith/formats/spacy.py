"""spaCy's ``DocBin`` (``.spacy``), the files that ``spacy train`` takes; read and written by spaCy itself.

``doc.ents`` are the layer ``"tags"``, ``token.pos_`` the layer ``"upos"`` and ``token.tag_`` the layer ``"xpos"``, as
far as a document has them. A group of ``doc.spans`` is a layer under its key. spaCy's tokens of nothing but space are
no tokens here; where they are needed again, writing makes new ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import IO, Any

from tagsmith.errors import DataError, MissingExtraError
from tagsmith.formats.alignment import build_document
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import Place, Source, at_least_one, encodable, read_bytes, source_name, spans_to_write
from tagsmith.text.document import Document, Sentence, Span, Token
from tagsmith.text.schemes import Scheme

OTHER_SPANS = "sc"  # spaCy's own key for spans that may overlap, which doc.ents must not
MISSING = "_"  # a token without a part of speech among others with one, as in CoNLL-U
_LAYERS = {"upos": "pos_", "xpos": "tag_"}


def _tokens_module() -> Any:
    try:
        from spacy import tokens
    except ImportError as error:
        raise MissingExtraError("Reading and writing a DocBin", "spacy") from error
    return tokens


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents; errors name the number of the document, from 1, in place of a line.

    Raises DataError: the file is no DocBin, or is damaged; it has no tokens. MissingExtraError: spaCy is not installed.
    """
    tokens = _tokens_module()
    from spacy.vocab import Vocab

    place = Place(source_name(source), options)
    try:
        docs = list(tokens.DocBin().from_bytes(read_bytes(source)).get_docs(Vocab()))
    except DataError:
        raise
    except Exception as error:  # zlib, msgpack and NumPy each raise their own
        problem = f"This is no DocBin of spaCy's, or it is damaged: {str(error)[:100]}."
        raise DataError(problem, remedy="Write it again: DocBin(docs=docs).to_disk(path).", path=place.path) from error
    nothing = place.empty("documents with tokens", "Add docs to the DocBin.")
    made = (_document(doc, place._replace(line=number)) for number, doc in enumerate(docs, 1))
    yield from at_least_one((document for document in made if document.sentences), nothing)


def _document(doc: Any, place: Place) -> Document:
    tokens = [token for token in doc if not token.text.isspace()]
    placed = [Token(token.text, token.idx, token.idx + len(token)) for token in tokens]
    document = build_document(doc.text, _sentences(doc, placed), place, spans=_spans(doc, place.options.layer))
    for name, attribute in _LAYERS.items():
        tags = [getattr(token, attribute) for token in tokens]
        if any(tags):
            document = _with_layer(document, name, [tag or MISSING for tag in tags])
    return document


def _with_layer(document: Document, name: str, tags: Iterable[str]) -> Document:
    rest = iter(tags)
    sentences = [sentence.with_layer(name, tuple(islice(rest, len(sentence)))) for sentence in document.sentences]
    return replace(document, sentences=tuple(sentences))


def _sentences(doc: Any, tokens: Sequence[Token]) -> list[list[Token]]:
    """Group tokens by sentences; where spaCy has found none, they are found as in any text."""
    from tagsmith.text.tokenizer import split_sentences  # loads the regex library

    if doc.has_annotation("SENT_START"):
        starts = [sentence.start_char for sentence in doc.sents]
    else:
        starts = [start for start, _ in split_sentences(doc.text)]
    return [list(group) for _, group in groupby(tokens, lambda token: bisect_right(starts, token.start))]


def _spans(doc: Any, wanted: str | None) -> list[Span] | None:
    """Return the spans of a group, or the entities and the spans beside them; None if there are no such labels."""
    if wanted in doc.spans:
        found = doc.spans[wanted]
    elif wanted in _LAYERS or not (doc.has_annotation("ENT_IOB") or OTHER_SPANS in doc.spans):
        return None
    else:
        found = (*doc.ents, *doc.spans.get(OTHER_SPANS, ()))
    spans = {Span(span.start_char, span.end_char, span.label_, span.text) for span in found}
    return sorted(spans, key=lambda span: (span.start, span.end, span.label))


def write(documents: Iterable[Document], stream: IO[bytes], options: WriteOptions) -> None:
    """Write a Doc a document: tokens, sentences, entities, and plain layers as parts of speech or tags.

    Spans that overlap are all in ``doc.spans["sc"]``; those that are the longest, or the first, are entities too.
    """
    tokens = _tokens_module()
    from spacy.vocab import Vocab

    vocab, packed = Vocab(), tokens.DocBin()
    for document in documents:
        with encodable("a DocBin"):
            packed.add(_doc(document, options, vocab))
    stream.write(packed.to_bytes())


def _doc(document: Document, options: WriteOptions, vocab: Any) -> Any:
    from spacy.tokens import Doc

    pieces = list(_pieces(document))
    doc = Doc(
        vocab,
        words=[piece.text for piece in pieces],
        spaces=[piece.space for piece in pieces],
        sent_starts=[piece.begins for piece in pieces],
    )
    if any(piece.sentence is not None for piece in pieces):
        _set_tags(doc, pieces, options)
    if options.scheme is not Scheme.PLAIN:
        _set_spans(doc, spans_to_write(document, options))
    return doc


@dataclass(frozen=True, slots=True)
class _Piece:
    """A token of spaCy's: a word, or space that is more than the one space that may follow a word."""

    text: str
    space: bool  # one space follows
    begins: bool  # a sentence begins
    sentence: Sentence | None  # None: it is space
    index: int = 0  # of the word in its sentence


def _pieces(document: Document) -> Iterator[_Piece]:
    text, end = document.text, 0
    words = [(sentence, index) for sentence in document.sentences for index in range(len(sentence))]
    starts = [*(sentence.starts[index] for sentence, index in words), len(text)]
    if gap := text[: starts[0]]:
        yield _Piece(gap, False, False, None)
    for (sentence, index), following in zip(words, starts[1:], strict=True):
        word = sentence.words[index]
        end = sentence.starts[index] + len(word)
        space = text[end : end + 1] == " " and end < following
        yield _Piece(word, space, index == 0, sentence, index)
        if gap := text[end + space : following]:
            yield _Piece(gap, False, False, None)


def _set_tags(doc: Any, pieces: Sequence[_Piece], options: WriteOptions) -> None:
    """Set the parts of speech and tags of plain layers."""
    from spacy.parts_of_speech import IDS

    plain = {layer.name for layer in options.layers if layer.scheme is Scheme.PLAIN}
    for token, piece in zip(doc, pieces, strict=True):
        layers = {} if piece.sentence is None else piece.sentence.layers
        for name, tags in layers.items():
            tag = tags[piece.index]
            if name == "upos" and tag in IDS:
                token.pos_ = tag
            elif name in ("xpos", *plain):
                token.tag_ = tag


def _set_spans(doc: Any, spans: Iterable[Span]) -> None:
    from spacy.util import filter_spans

    found = [doc.char_span(span.start, span.end, span.label, alignment_mode="expand") for span in spans]
    given = [span for span in found if span is not None]
    entities = filter_spans(given)
    doc.set_ents(entities, default="outside")
    if len(entities) < len(given):
        doc.spans[OTHER_SPANS] = given


FORMAT = Format(
    "spacy",
    read,
    write_bytes=write,
    suffixes=(".spacy",),
    media_type="application/octet-stream",
    holds_spans=True,
)
