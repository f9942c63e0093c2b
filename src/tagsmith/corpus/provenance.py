"""What labeled data were read: names, digests and sizes. A model keeps them, and can say what it learned from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from tagsmith.corpus.sources import IN_MEMORY, Part, groups_of
from tagsmith.formats.options import ReadOptions
from tagsmith.formats.source import STDIN, Source, open_file, without_query
from tagsmith.remote import is_file, local_path
from tagsmith.text.document import Sentence


@dataclass(frozen=True, slots=True)
class DataSource:
    """A file, or data in memory, as it was read.

    ``name`` is a file's name without its folders, which may tell more than their owner likes; ``""`` in memory and for
    streams. ``sha256`` is that of the file's bytes; otherwise of one line of JSON a sentence, ``[words, layers]``.
    ``documents`` is None where each sentence is one by itself.
    """

    name: str
    sha256: str
    sentences: int
    tokens: int
    documents: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that are known as JSON-ready values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Reading:
    """Reads the sentences of one part of the data, and notes what is read."""

    def __init__(self, part: Part) -> None:
        self.path = _regular_file(part.file)
        self._sentences = self._tokens = self._documents = 0
        self._content = hashlib.sha256()

    def sentences(self, part: Part, options: ReadOptions) -> Iterator[Sentence]:
        """Yield the sentences, as :func:`~tagsmith.corpus.sources.sentences_of` does."""
        for group, _ in groups_of(part, options):
            self._documents += bool(group)
            for sentence in group:
                self.note(sentence)
                yield sentence

    def note(self, sentence: Sentence) -> None:
        """Take in a sentence."""
        self._sentences += 1
        self._tokens += len(sentence)
        if self.path is None:
            layers = {name: list(tags) for name, tags in sentence.layers.items()}
            self._content.update(json.dumps([list(sentence.words), layers]).encode() + b"\n")

    def source(self) -> DataSource:
        """Return what was read, once all of it has been."""
        documents = self._documents if 0 < self._documents < self._sentences else None
        name = "" if self.path is None else without_query(self.path).name
        sha256 = self._content.hexdigest() if self.path is None else file_digest(self.path)
        return DataSource(name, sha256, self._sentences, self._tokens, documents)


def _regular_file(source: Source | None) -> Path | None:
    """Return the path of a file that can be read again: no stream, pipe or folder, nor a name that no file can have."""
    with suppress(OSError):
        if isinstance(source, str | Path) and str(source) != STDIN and is_file(source):
            return local_path(source)
    return None


def source_of(sentences: Sequence[Sentence]) -> DataSource:
    """Describe sentences in memory."""
    noted = Reading(Part(IN_MEMORY, sentences))
    for sentence in sentences:
        noted.note(sentence)
    return noted.source()


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with open_file(path) as stream:
        return hashlib.file_digest(cast(BufferedReader, stream), "sha256").hexdigest()
