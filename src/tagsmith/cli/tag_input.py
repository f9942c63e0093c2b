"""Input of ``tagsmith tag``: documents of sentences and tokens, read one at a time in constant memory.

Beside the registered formats there are two of unlabeled text. *tokens* has a sentence a line, with spaces between the
tokens. *text* has paragraphs, which end at blank lines. A long one is passed on in parts, cut where a sentence ends, so
that every sentence is found as if the whole text had been read. Only if no sentence ends for ``LONGEST`` tokens is one
cut, between words. The record of a *text* document says where the document begins in its file (``offset``, in
characters); the offsets of tokens and spans index the document's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, check_running_text, companion_format, format_by_suffix
from tagsmith.formats.format import Reader
from tagsmith.formats.options import AUTO, ReadOptions
from tagsmith.formats.source import Source, open_source, source_name, suffix_of
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence
from tagsmith.text.tokenizer import words_and_starts

PART = 1 << 16  # characters of a long paragraph that are passed on together
LONGEST = 1 << 21  # tokens, about 10 MB of text: far more than a sentence has, and few enough to stay in memory
_TOKEN = re.compile(r"[^ \t\r\n]+")

_TEXT_SUFFIXES = frozenset({"", ".txt", ".text"})
_TOKENS_SUFFIXES = frozenset({".tokens", ".tok"})
_SHOWN = 5

WordsAndStarts = tuple[tuple[str, ...], tuple[int, ...]]


def read_input(
    sources: Sequence[tuple[str, str]], options: ReadOptions, predicted: Sequence[str]
) -> Iterator[Document]:
    """Read files, each given with the name of its format, one after the other.

    If there are several, the record of each document names its file (``source``). A file's layers stay beside the
    ``predicted`` ones; those that would be replaced by them, or be taken for them, become ``gold_tags``, ``gold_upos``.
    """
    for source, name in sources:
        read = TEXT_READERS[name] if name in TEXT_READERS else FORMATS[name].read_for_tagging
        for document in read(source, options):
            if any(sentence.layers for sentence in document.sentences):
                sentences = tuple(_with_gold(sentence, predicted) for sentence in document.sentences)
                document = replace(document, sentences=sentences)
            if len(sources) > 1:
                record = {"source": source_name(source), **document.meta.get("record", {})}
                document = replace(document, meta={**document.meta, "record": record})
            yield document


def input_format(source: Path, wanted: str, encoding: str) -> str:
    """Return the name of the format to read a file in: the one wanted or, for ``auto``, that of its suffix."""
    if wanted == AUTO:
        if companion := companion_format(source):
            return companion
        if suffix_of(source) in _TOKENS_SUFFIXES:
            return "tokens"
        if by_suffix := format_by_suffix(source):
            return by_suffix
        check_running_text(source, encoding)
        return "text"
    if wanted not in (known := [*TEXT_READERS, *FORMATS]):
        raise DataError(f"There is no input format {wanted!r}.", remedy=f"Choose one of {', '.join(known)}.")
    return wanted


def files_to_tag(folder: Path, wanted: str, outside: Path | None) -> tuple[list[Path], str]:
    """Find the files to tag in a folder and those inside it, and say which are left out.

    For ``auto`` these are texts and files in a known format. Hidden files, and those in the folder ``outside``, where
    results go, are left out without a word.

    Raises DataError: there is no such file.
    """
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not companion_format(path))
    inner = (path.relative_to(folder) for path in found)
    files = [folder / path for path in inner if not any(part.startswith(".") for part in path.parts)]
    if outside is not None and outside.resolve() != folder.resolve():
        files = [path for path in files if not path.resolve().is_relative_to(outside.resolve())]
    taken = [path for path in files if wanted != AUTO or has_known_suffix(path)]
    left = [str(path.relative_to(folder)) for path in files if path not in set(taken)]
    names = ", ".join(left[:_SHOWN]) + (f" and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else "")
    if not taken:
        problem = f"There is no text in this folder{f', only {names}' if left else ''}."
        raise DataError(problem, remedy="Name the files, or their format with --input-format.", path=folder)
    note = f"{folder}: {len(taken):,} files" + (f" (left out: {names}; --input-format takes all)" if left else "")
    return taken, note


def has_known_suffix(path: Path) -> bool:
    """Whether a file's suffix is none, or that of a text or a known format."""
    return suffix_of(path) in _TEXT_SUFFIXES | _TOKENS_SUFFIXES or format_by_suffix(path) is not None


def _with_gold(sentence: Sentence, predicted: Sequence[str]) -> Sentence:
    layers: dict[str, tuple[str, ...]] = {}
    for name, tags in sentence.layers.items():
        while name in (DEFAULT_LAYER, *predicted, *layers):
            name = f"gold_{name}"
        layers[name] = tags
    return replace(sentence, layers=layers)


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
    begin = 0  # where the paragraph, or what is left of it, begins in the file
    parts: list[str] = []
    size, enough = 0, PART
    line_begins = True
    with open_source(source, options.encoding) as stream:
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
                    yield _document(text[:cut], sentences[:-2], begin)
                    begin += cut
                    parts, size = [text[cut:]], size - cut
                enough = max(PART, 2 * size)  # so that reading again takes no more than twice the time
        yield from _paragraph("".join(parts), begin)


def _paragraph(text: str, begin: int) -> Iterator[Document]:
    """Make a document of a paragraph, unless there is none."""
    if text and not text.isspace():
        yield _document(text, _cut_sentences(text), begin)


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
