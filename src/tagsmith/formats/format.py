"""A file format: its name, reader, writer, suffixes, and how its files begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TextIO

from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import NoTokensError, Source
from tagsmith.text.document import Document

Reader = Callable[[Source, ReadOptions], Iterator[Document]]
Writer = Callable[[Iterable[Document], TextIO, WriteOptions], None]
BytesWriter = Callable[[Iterable[Document], IO[bytes], WriteOptions], None]
FolderWriter = Callable[[Iterable[Document], Path, WriteOptions], None]


@dataclass(frozen=True, slots=True)
class Format:
    """A file format. A module of this package that has one, called ``FORMAT``, is found by the package itself.

    Parameters
    ----------
    name
        What users call it: ``--from``, ``--to``, ``--input-format``.
    read
        Reads labeled documents one at a time, in constant memory. Raises :class:`~tagsmith.errors.DataError` with file,
        line and remedy for whatever is wrong, and as :func:`~tagsmith.formats.source.open_source`;
        :class:`~tagsmith.formats.source.NoTokensError` for a file without tokens.
    write
        Writes documents as one text. Raises :class:`~tagsmith.errors.DataError` for what the format cannot express.
    write_bytes
        Writes documents as bytes, where the format is no text; then there is no ``write``.
    write_folder
        Writes documents into a folder, where the format is several files; then there is no ``write`` either.
    suffixes
        The endings of its files' names, in lower case, with the dot.
    read_suffixes
        Endings of files that it reads, but that mean another format where it would write.
    resembles
        Tells from the first characters, and whether these are all, that a file which nothing claims may be one.
    ending
        The ending of the files that it writes, where no suffix stands for it.
    companions
        Endings of files that stand beside another and are read with it, each with the ending of that other.
    begins
        Tells from the first thousands of characters of a file whether it is in this format; None where that cannot be
        told. No two formats may claim the same file.
    media_type
        The content type of its files on the web.
    holds_spans
        Whether its files hold spans with their probabilities, which tagging then has to find, or tags alone.
    read_unlabeled
        Reads documents that are to be tagged; by default ``read`` with ``labels_required=False``.
    """

    name: str
    read: Reader
    write: Writer | None = None
    suffixes: tuple[str, ...] = ()
    begins: Callable[[str], bool] | None = None
    media_type: str = "text/plain; charset=utf-8"
    holds_spans: bool = False
    read_unlabeled: Reader | None = None
    read_suffixes: tuple[str, ...] = ()
    resembles: Callable[[str, bool], bool] | None = None
    ending: str = ""
    write_bytes: BytesWriter | None = None
    write_folder: FolderWriter | None = None
    companions: Mapping[str, str] = field(default_factory=dict)

    @property
    def file_ending(self) -> str:
        """What the names of its files end in."""
        own = f".{self.name}"
        return own if own in self.suffixes else self.ending or (self.suffixes or ("",))[0]

    def read_for_tagging(self, source: Source, options: ReadOptions) -> Iterator[Document]:
        """Read documents that are to be tagged: they need no labels, and a file without tokens is no error."""
        try:
            yield from (self.read_unlabeled or self.read)(source, replace(options, labels_required=False))
        except NoTokensError:
            return
