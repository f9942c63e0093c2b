"""Parallel lines: a file of words and one of tags, a sentence a line in each (``seq.in`` and ``seq.out``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from tagsmith.errors import DataError
from tagsmith.files import open_text_atomically
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import Place, Source, at_least_one, open_source, source_name, written_layers
from tagsmith.remote import is_file
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words

TAGS_BESIDE = {".in": ".out", ".words": ".tags"}  # the endings of words and of their tags
WORDS, TAGS = "seq.in", "seq.out"  # the files that are written
_SPACE = re.compile(r"[ \t\r\n]+")


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read a document a line; ``source`` is the path of the words or of the tags.

    Raises DataError: the other file is missing (of words to be tagged, none is needed); the files differ in their
    numbers of lines, or two lines in their numbers of words and tags.
    """
    words, tags = _both(source)
    place = Place(str(words), options)
    if not is_file(tags) and not options.labels_required:
        with open_source(words, options.encoding) as stream:
            yield from (_document(_cut(line), None, place, number) for number, line in enumerate(stream, 1))
        return
    nothing = place.empty("tokens", f"Write a sentence a line, and its tags into {tags.name}.")
    yield from at_least_one(_documents(tags, place), nothing)


def _both(source: Source) -> tuple[Path, Path]:
    """Return the paths of the words and of the tags."""
    if isinstance(source, str | Path):
        path = Path(source)
        for words, tags in TAGS_BESIDE.items():
            if path.suffix.lower() in (words, tags):
                return path.with_suffix(words), path.with_suffix(tags)
    endings = " or ".join(f"{words} and {tags}" for words, tags in TAGS_BESIDE.items())
    raise DataError(
        "Words and tags on parallel lines are two files.",
        remedy=f"Name one whose other stands beside it; their names end in {endings}.",
        path=source_name(source),
    )


def _documents(tags: Path, place: Place) -> Iterator[Document]:
    with open_source(place.path, place.options.encoding) as one, open_source(tags, place.options.encoding) as other:
        for number, (line, tag_line) in enumerate(zip_longest(one, other), 1):
            if line is None or tag_line is None:
                short, long = (place.path, tags) if line is None else (tags, place.path)
                problem = f"The file ends after {number - 1:,} lines, but {Path(long).name} goes on."
                raise DataError(problem, remedy="Give each sentence a line in both.", path=short)
            words, its_tags = _cut(line), _cut(tag_line)
            if len(words) != len(its_tags):
                problem = f"There are {len(words)} words here, but {len(its_tags)} tags in {tags.name}."
                raise place.error(problem, "Give one tag for each word.", number)
            if words:
                yield _document(words, its_tags, place, number)


def _cut(line: str) -> list[str]:
    return [word for word in _SPACE.split(line) if word]


def _document(words: list[str], tags: list[str] | None, place: Place, line: int) -> Document:
    layers = {} if tags is None else {place.options.layer or DEFAULT_LAYER: tags}
    sentences = (sentence_from_words(words, layers, line=line, meta={"record": True}),) if words else ()
    return Document(" ".join(words), sentences)


def write(documents: Iterable[Document], folder: Path, options: WriteOptions) -> None:
    """Write ``seq.in`` and ``seq.out``; a word cannot contain a space."""
    with open_text_atomically(folder / WORDS) as words, open_text_atomically(folder / TAGS) as tags:
        for document in documents:
            for sentence in document.sentences:
                names = written_layers(sentence, options)
                its_tags = sentence.layers[names[0]] if names else ("O",) * len(sentence)
                _check(sentence, its_tags)
                words.write(" ".join(sentence.words) + "\n")
                tags.write(" ".join(its_tags) + "\n")


def _check(sentence: Sentence, tags: Iterable[str]) -> None:
    bad = next((text for text in (*sentence.words, *tags) if _cut(text) != [text]), None)
    if bad is not None:
        raise DataError(
            f"{bad!r} cannot be written between spaces.",
            remedy="Write another format.",
            line=sentence.line or None,
        )


FORMAT = Format(
    "parallel",
    read,
    write_folder=write,
    suffixes=tuple(TAGS_BESIDE),
    companions={tags: words for words, tags in TAGS_BESIDE.items()},
)
