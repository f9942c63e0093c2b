"""One file per format, each with ``read(source, options)`` and ``write(documents, stream, options)``.

A format is registered here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO

from tagsmith.errors import DataError
from tagsmith.formats import conll, conllu, csv, jsonl
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import Source, open_source
from tagsmith.text.document import Document

READERS: dict[str, Callable[[Source, ReadOptions], Iterator[Document]]] = {
    "conll": conll.read,
    "conllu": conllu.read,
    "csv": csv.read,
    "jsonl": jsonl.read,
}
WRITERS: dict[str, Callable[[Iterable[Document], TextIO, WriteOptions], None]] = {
    "conll": conll.write,
    "conllu": conllu.write,
    "csv": csv.write,
    "jsonl": jsonl.write,
}
AUTO = "auto"

_BY_SUFFIX = {
    ".conllu": "conllu",
    ".csv": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".conll": "conll",
    ".iob2": "conll",
}
_JSON_START = re.compile(r"\s*(?:\[\s*)?\{\s*(?:\"|\})")
_CSV_HEADER = re.compile(r"[^\n]*\bsentence(?:\b|_)[^\n]*\b(?:word|token)s?\b", re.IGNORECASE)
_CONLLU_ROW = re.compile(r"^\d+(?:[-.]\d+)?\t(?:[^\t\n]+\t){8}[^\t\n]+$", re.MULTILINE)


def detect_format(source: Source, encoding: str = "utf-8") -> str:
    """Name the format of a file by its ending or, where that does not tell, by how it begins.

    Whatever is not recognized, and every stream, is ``"conll"``.
    """
    suffix = format_of_name(source)
    if suffix is not None:
        return suffix
    if not isinstance(source, str | Path) or str(source) == "-":
        return "conll"
    with open_source(source, encoding) as stream:
        text = stream.read(4096)
    if _JSON_START.match(text):
        return "jsonl"
    if _CSV_HEADER.match(text):
        return "csv"
    rows = [line for line in text.split("\n")[:-1] if line.strip() and not line.startswith("#")]
    if rows and all(_CONLLU_ROW.match(row.removesuffix("\r")) for row in rows):
        return "conllu"
    return "conll"


def format_of_name(target: Source) -> str | None:
    """Name the format that the ending of a file's name stands for, or None."""
    return _BY_SUFFIX.get(Path(target).suffix.lower()) if isinstance(target, str | Path) else None


def check_format(name: str) -> str:
    """Return ``name`` if it is a format.

    Raises
    ------
    DataError
        If it is none; the message lists those there are.
    """
    if name not in READERS:
        raise DataError(f"There is no format {name!r}.", remedy=f"Choose one of {', '.join(READERS)}.")
    return name
