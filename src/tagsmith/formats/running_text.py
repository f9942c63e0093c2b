"""Unlabeled text: *tokens* has a sentence a line, with spaces between the tokens; *text* has paragraphs.

A paragraph ends at a blank line. A long one is passed on in parts, cut where a sentence ends, so that every sentence is
found as if the whole text had been read. Only if no sentence ends for ``LONGEST`` tokens is one cut, between words. The
record of a *text* document says where the document begins in its file (``offset``, in characters); the offsets of
tokens and spans index the document's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TextIO

from tagsmith.formats.format import Reader
from tagsmith.formats.options import ReadOptions
from tagsmith.formats.source import Source, open_source
from tagsmith.text.document import Document, Sentence
from tagsmith.text.tokenizer import words_and_starts

PART = 1 << 16  # characters of a long paragraph that are passed on together
LONGEST = 1 << 21  # tokens, about 10 MB of text: far more than a sentence has, and few enough to stay in memory
_TOKEN = re.compile(r"[^ \t\r\n]+")

WordsAndStarts = tuple[tuple[str, ...], tuple[int, ...]]


class Paragraph(NamedTuple):
    """A paragraph or a part of one, where it begins in the stream, and its sentences, which only a part has yet."""

    text: str
    begin: int
    sentences: list[WordsAndStarts] | None = None


def read_tokens(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read a sentence a line; an empty line is an empty document, so that lines and records correspond."""
    with open_source(source, options.encoding) as stream:
        for line in stream:
            text = line.rstrip("\r\n")
            tokens = list(_TOKEN.finditer(text))
            words, starts = tuple(token.group() for token in tokens), tuple(token.start() for token in tokens)
            yield Document(text, (Sentence(words, starts),) if words else ())


def read_text(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read paragraphs of text, cut into sentences and tokens."""
    with open_source(source, options.encoding) as stream:
        for text, begin, sentences in paragraphs(stream):
            yield _document(text, _cut_sentences(text) if sentences is None else sentences, begin)


def paragraphs(stream: TextIO) -> Iterator[Paragraph]:
    """Yield the paragraphs of a stream that hold more than white space, long ones in parts."""
    begin = 0  # where the paragraph, or what is left of it, begins in the file
    parts: list[str] = []
    size, enough = 0, PART
    line_begins = True
    for piece in iter(lambda: stream.readline(PART), ""):  # a line may be as long as the file
        line_ends = piece.endswith("\n")
        if line_begins and line_ends and piece.isspace():
            yield from _paragraph("".join(parts), begin)
            begin += size + len(piece)
            parts, size, enough = [], 0, PART
            continue
        line_begins = line_ends
        parts.append(piece)
        size += len(piece)
        if size >= enough:
            text = "".join(parts)
            sentences = _cut_sentences(text)
            if len(sentences) > 2:  # the last may go on, and so may the one before it if the last is half a word
                _, starts = sentences[-2]
                cut = starts[0]
                yield Paragraph(text[:cut], begin, sentences[:-2])
                begin += cut
                parts, size = [text[cut:]], size - cut
            enough = max(PART, 2 * size)  # so that reading again takes no more than twice the time
    yield from _paragraph("".join(parts), begin)


def _paragraph(text: str, begin: int) -> Iterator[Paragraph]:
    if text and not text.isspace():
        yield Paragraph(text, begin)


def _document(text: str, sentences: Iterable[WordsAndStarts], begin: int) -> Document:
    members = tuple(Sentence(words, starts) for words, starts in sentences)
    return Document(text.rstrip(), members, (), {"record": {"offset": begin}})


def _cut_sentences(text: str) -> list[WordsAndStarts]:
    """Cut a text into sentences, and those of more than ``LONGEST`` tokens into pieces."""
    sentences = words_and_starts(text)
    if all(len(words) <= LONGEST for words, _ in sentences):
        return sentences
    return [piece for sentence in sentences for piece in _pieces(text, *sentence)]


def _pieces(text: str, words: tuple[str, ...], starts: tuple[int, ...]) -> Iterator[WordsAndStarts]:
    first = 0
    while len(words) - first > LONGEST:
        # Between words if possible: text without a space may have to be tokenized as a whole.
        last = next((i for i in range(first + LONGEST, first, -1) if text[starts[i] - 1].isspace()), first + LONGEST)
        yield words[first:last], starts[first:last]
        first = last
    yield words[first:], starts[first:]


TEXT_READERS: dict[str, Reader] = {"text": read_text, "tokens": read_tokens}
