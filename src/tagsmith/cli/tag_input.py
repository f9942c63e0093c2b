"""What ``tagsmith tag`` reads: documents cut into sentences and tokens, one at a time, in constant memory.

====== ======================================================================================================
text   Paragraphs, which end at blank lines. A long one is handed on in parts, cut where a sentence ends, so that
       every sentence is found as if the whole text had been read. Only where no sentence ends for ``LONGEST``
       tokens is one cut, between words.
tokens A sentence a line; its tokens stand between spaces.
conll  Sentences, or documents where ``-DOCSTART-`` lines mark them; with all their columns.
jsonl  Objects with a ``text`` or with ``tokens``, a list of words; with all their other keys.
====== ======================================================================================================

A document of *text* says in its record where it begins in its file (``offset``, in characters); the offsets of its
tokens and spans index its own text. Where several files are read, the records say which one (``source``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO

from tagsmith.corpus.corpus import read_documents
from tagsmith.errors import DataError
from tagsmith.formats.jsonl import read_records
from tagsmith.formats.options import ReadKeywords
from tagsmith.formats.source import NoTokensError, open_source, source_name
from tagsmith.text.document import Document, Sentence, document_from_sentences, sentence_from_words
from tagsmith.text.tokenizer import words_and_starts

PART = 1 << 16  # characters of a long paragraph that are handed on together
LONGEST = 1 << 21  # tokens, about 10 MB of text: far more than a sentence has, and few enough to stay in memory
_TOKEN = re.compile(r"[^ \t\r\n]+")

Found = tuple[list[str], list[int]]


def read_input(sources: Sequence[tuple[str, str]], options: ReadKeywords) -> Iterator[Document]:
    """Read files, each given with its format, one after the other.

    Raises
    ------
    DataError
        A file cannot be read as what it is said to be. A file without tokens is no error.
    """
    for source, kind in sources:
        extra = {"source": source_name(source)} if len(sources) > 1 else {}
        if kind == "conll":
            yield from _conll_documents(source, options)
        else:
            with open_source(source, options.get("encoding", "utf-8")) as stream:
                yield from _STREAMS[kind](stream, source_name(source), extra)


def _conll_documents(source: str, options: ReadKeywords) -> Iterator[Document]:
    wanted: ReadKeywords = {**options, "labels_required": False}
    try:
        yield from read_documents(source, format="conll", **wanted)
    except NoTokensError:
        return


# ------------------------------------------------------------------------------------------------------ text


def text_documents(stream: TextIO, name: str, extra: dict[str, Any]) -> Iterator[Document]:
    """Read paragraphs of text; ``extra`` goes into each document's record."""
    begin = 0  # where the paragraph, or what is left of it, begins in the file
    parts: list[str] = []
    size, enough = 0, PART
    line_begins = True
    for piece in iter(lambda: stream.readline(PART), ""):  # a line may be as long as the file
        ends = piece.endswith("\n")
        if line_begins and ends and piece.isspace():
            yield from _paragraph("".join(parts), begin, extra)
            begin += size + len(piece)
            parts, size, enough = [], 0, PART
            continue
        line_begins = ends
        parts.append(piece)
        size += len(piece)
        if size >= enough:
            text = "".join(parts)
            found = _sentences(text)
            if len(found) > 1:  # the last may go on, and is read again with what follows
                cut = found[-1][1][0]
                yield _document(text[:cut], found[:-1], begin, extra)
                begin += cut
                parts, size = [text[cut:]], size - cut
            enough = max(PART, 2 * size)  # so that reading again takes no more than twice the time
    yield from _paragraph("".join(parts), begin, extra)


def _paragraph(text: str, begin: int, extra: dict[str, Any]) -> Iterator[Document]:
    """Make a document of a paragraph, unless there is none."""
    if text and not text.isspace():
        yield _document(text, _sentences(text), begin, extra)


def _document(text: str, found: Iterable[Found], begin: int, extra: dict[str, Any]) -> Document:
    sentences = tuple(Sentence(tuple(words), tuple(starts)) for words, starts in found)
    return Document(text.rstrip(), sentences, (), {"record": {**extra, "offset": begin}})


def _sentences(text: str) -> list[Found]:
    """Cut a text into sentences, and those of more than ``LONGEST`` tokens into pieces."""
    found = words_and_starts(text)
    if all(len(words) <= LONGEST for words, _ in found):
        return found
    return [piece for sentence in found for piece in _pieces(text, *sentence)]


def _pieces(text: str, words: list[str], starts: list[int]) -> Iterator[Found]:
    first = 0
    while len(words) - first > LONGEST:
        # Between words if there are any: what stands between spaces may have to be taken apart as a whole.
        last = next((i for i in range(first + LONGEST, first, -1) if text[starts[i] - 1].isspace()), first + LONGEST)
        yield words[first:last], starts[first:last]
        first = last
    yield words[first:], starts[first:]


# ----------------------------------------------------------------------------------------- tokens and records


def token_documents(stream: TextIO, name: str, extra: dict[str, Any]) -> Iterator[Document]:
    """Read a sentence a line; an empty line is an empty document, so that lines and records correspond."""
    for line in stream:
        text = line.rstrip("\r\n")
        tokens = list(_TOKEN.finditer(text))
        words, starts = tuple(token.group() for token in tokens), tuple(token.start() for token in tokens)
        sentences = (Sentence(words, starts),) if words else ()
        yield Document(text, sentences, (), {"record": extra} if extra else {})


def json_documents(stream: TextIO, name: str, extra: dict[str, Any]) -> Iterator[Document]:
    """Read JSON objects; what they hold beside text and tokens is kept."""
    for line, record in read_records(stream, name):
        if not isinstance(record, dict):
            raise DataError("This is not a JSON object.", remedy='Give {"text": "…"}.', path=name, line=line)
        text, words = record.get("text"), record.get("tokens")
        meta = {"record": {**extra, **record}}
        if isinstance(text, str):
            found = words_and_starts(text)
            yield Document(text, tuple(Sentence(tuple(w), tuple(s), {}, line) for w, s in found), (), meta)
        elif isinstance(words, list) and all(isinstance(word, str) and word for word in words):
            sentences = [sentence_from_words(words, line=line)] if words else []
            yield document_from_sentences(sentences, meta)
        else:
            raise DataError(
                "This object has no text.",
                remedy='Give it a "text", or "tokens": a list of words.',
                path=name,
                line=line,
            )


_STREAMS: dict[str, Callable[[TextIO, str, dict[str, Any]], Iterator[Document]]] = {
    "text": text_documents,
    "tokens": token_documents,
    "jsonl": json_documents,
}
