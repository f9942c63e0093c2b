"""Inline tags: a sentence a line, and after each word its tag, as in ``Ann/NNP left/VBD`` or ``Ann=B-PER left=O``.

The files of targeted sentiment have the sentence once more before it: ``The wine is good .####The=O wine=T-POS …``.
Then the offsets of tokens are those in that text, if all words are found there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from tagsmith.errors import DataError
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import Place, Source, at_least_one, open_source, source_name, written_layers
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words

_SEPARATORS = ("/", "_", "|", "=")
_HASHES = "####"
_SPACE = re.compile(r"[ \t]+")
_BETWEEN = re.compile(r"[ \t\r\n]")


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read a document a line."""
    file = Place(source_name(source), options)
    nothing = file.empty("tokens", "Write each word with its tag, such as Ann/B-PER.")
    with open_source(source, options.encoding) as stream:
        yield from at_least_one(_documents(stream, file), nothing)


def _documents(stream: TextIO, file: Place) -> Iterator[Document]:
    separator = file.options.separator
    for number, raw in enumerate(stream, 1):
        line = raw.strip(" \t\r\n")
        if not line:
            continue
        text, hashes, tagged = line.rpartition(_HASHES)
        tokens = _SPACE.split(tagged.strip(" \t"))
        separator = separator or _find_separator(tokens, file, number)
        pairs = [token.rpartition(separator) for token in tokens]
        if bad := next((token for token, pair in zip(tokens, pairs, strict=True) if not (pair[0] and pair[2])), None):
            problem = f"The token {bad!r} is not a word and a tag with {separator!r} between them."
            raise file.error(problem, f"Write it as word{separator}TAG.", number)
        words, tags = [word for word, _, _ in pairs], [tag for _, _, tag in pairs]
        layers = {file.options.layer or DEFAULT_LAYER: tags}
        meta = {"inline": (separator, bool(hashes)), "record": True}
        sentence = sentence_from_words(words, layers, line=number, meta=meta)
        starts = _found_in(text, words) if hashes else None
        if starts is None:
            yield Document(" ".join(words), (sentence,))
        else:
            yield Document(text, (Sentence(sentence.words, tuple(starts), sentence.layers, number, meta),))


def _find_separator(tokens: list[str], file: Place, line: int) -> str:
    """Return what stands between every word of a line and its tag."""
    found = [one for one in _SEPARATORS if all(token.strip(one) and one in token.strip(one) for token in tokens)]
    if found:
        return found[0]
    problem = f"The words of this line have no tags after one of {' '.join(_SEPARATORS)}."
    raise file.error(problem, "Write each word with its tag, such as Ann/B-PER, or name the separator.", line)


def _found_in(text: str, words: list[str]) -> list[int] | None:
    """Return where the words stand in a text, one after the other; None if they do not."""
    starts, place = [], 0
    for word in words:
        place = text.find(word, place)
        if place < 0:
            return None
        starts.append(place)
        place += len(word)
    return starts


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write a sentence a line, with the separator that it was read with, or ``/``; words cannot contain spaces."""
    for document in documents:
        for sentence in document.sentences:
            stream.write(_line(document, sentence, options) + "\n")


def _line(document: Document, sentence: Sentence, options: WriteOptions) -> str:
    read_with, hashes = sentence.meta.get("inline", ("/", False))
    separator = options.separator or read_with
    names = written_layers(sentence, options)
    tags = sentence.layers[names[0]] if names else ("O",) * len(sentence)
    for word, tag in zip(sentence.words, tags, strict=True):
        if _BETWEEN.search(word + tag) or not word or not tag or separator in tag or _HASHES in word + separator + tag:
            raise DataError(
                f"The token {word!r} with the tag {tag!r} cannot be written with {separator!r} between them.",
                remedy="Write another format, or name another separator.",
                line=sentence.line or None,
            )
    line = " ".join(f"{word}{separator}{tag}" for word, tag in zip(sentence.words, tags, strict=True))
    text = document.text[sentence.start : sentence.end]
    return f"{text}{_HASHES}{line}" if hashes and "\n" not in text and _HASHES not in text else line


FORMAT = Format("inline", read, write, suffixes=(".inline",))
