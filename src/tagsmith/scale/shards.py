"""Shards: input files cut into pieces of bounded size, each of whole rows, to be tagged anywhere and in any order.

Cutting only looks for line ends, so that one process can feed many others; those parse. A row is a line of *jsonl*, a
record of *csv*, a row of *parquet* or *arrow*. In *text* it is a paragraph, which ends at a blank line; one that is
longer than a shard is cut where a sentence ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tagsmith.errors import DataError
from tagsmith.formats import arrow, parquet
from tagsmith.formats.csv import separator_of
from tagsmith.formats.source import open_utf8, share_read
from tagsmith.formats.tables import arrow as pyarrow_for
from tagsmith.remote import size_of
from tagsmith.text.tokenizer import words_and_starts

SHARD_BYTES = 2 << 20  # some seconds of a worker's time: what a killed one costs
MOST_TIMES = 16  # as long as a shard may a row be: it has to be held in memory
WINDOW = 1 << 14  # bytes in which the end of a sentence is looked for where a long paragraph is cut
FORMATS = ("text", "jsonl", "csv", "parquet", "arrow")  # that can be cut
_LINE = 1 << 20  # bytes of a line that are read together


class Shard(NamedTuple):
    """Some rows of a file.

    ``source`` is the file, ``name`` what its results are called by, ``number`` counts its shards from 0. ``data`` are
    whole lines in UTF-8, not checked to be; of a table, a stream of Arrow. ``header`` is the first line of a csv file,
    ``separator`` what is between its columns. ``line`` is the number of the first line or, in a table, row, from 1;
    ``offset`` the characters of a text before it. ``end`` is the part of the file that is read by now, 0 to 1.
    """

    source: str
    name: str
    number: int
    format: str
    data: bytes
    line: int
    offset: int
    end: float
    header: bytes = b""
    separator: str = ","

    @property
    def digest(self) -> str:
        """A digest of the content and of where in the file it is."""
        place = f"{self.format} {self.separator} {self.line} {self.offset}\n"
        return hashlib.sha256(place.encode() + self.header + self.data).hexdigest()


class Input(NamedTuple):
    """A file to be cut: its path, what its results are called by, its format, and how to read it."""

    source: str
    name: str
    format: str
    encoding: str = "utf-8"
    separator: str | None = None


def shards_of(file: Input, size: int = SHARD_BYTES) -> Iterator[Shard]:
    """Cut a file into shards of about ``size`` bytes; there is one at least, which may be empty.

    Raises DataError: as reading the file does; a row is too long to be held in memory; a *jsonl* file is one array.
    """
    if file.format in ("parquet", "arrow"):
        return _table_shards(file, size)
    return _line_shards(file, size)


# -------------------------------------------------------------------------------------------------- lines


def _line_shards(file: Input, size: int) -> Iterator[Shard]:
    with open_utf8(file.source, file.encoding) as data:
        if file.format == "jsonl" and data.peek(1).lstrip()[:1] == b"[":
            remedy = "Write an object a line; or tag it without --workers."
            raise DataError("This is one JSON array, which cannot be cut.", remedy=remedy, path=file.source)
        lines = iter(lambda: data.readline(_LINE), b"")
        header, line, separator = _header(lines, file) if file.format == "csv" else (b"", 1, ",")
        offset, size_of_file = 0, size_of(file.source)
        for number, rows in enumerate(_pieces(lines, file.format, separator, size)):
            if len(rows) > MOST_TIMES * size:
                problem = f"A row here is longer than {MOST_TIMES * size:,} bytes."
                raise DataError(problem, remedy="Shorten it, or ask for larger shards.", path=file.source, line=line)
            end = share_read(data, size_of_file)
            yield Shard(file.source, file.name, number, file.format, rows, line, offset, end, header, separator)
            line += rows.count(b"\n")
            offset += _characters(rows) if file.format == "text" else 0


def _pieces(lines: Iterator[bytes], format: str, separator: str, size: int) -> Iterator[bytes]:
    """Yield whole rows of about ``size`` bytes together, or the beginning of one that is too long; once at least."""
    ends_row = ENDS_OF_ROWS[format](separator)
    held: list[bytes] = []
    length, count = 0, 0
    for line in lines:
        held.append(line)
        length += len(line)
        cut = length if ends_row(line) and length >= size else 0
        if not cut and length >= 2 * size and format == "text":
            held = [b"".join(held)]
            cut = _end_of_a_sentence(held[0])
        if cut or length > MOST_TIMES * size:
            rows = b"".join(held)
            yield rows[: cut or length]
            held, length, count = [rows[cut:]] if 0 < cut < length else [], length - (cut or length), count + 1
    if length or not count:
        yield b"".join(held)


class _RowEnds:
    """Says of one line of csv after the other whether a row ends with it: a quoted cell may span lines."""

    def __init__(self, separator: str) -> None:
        self.separator = separator.encode()
        self.quoted = False

    def __call__(self, line: bytes) -> bool:
        place = 0
        while (mark := line.find(b'"', place)) >= 0:
            if not self.quoted:  # a cell is quoted if it begins with a quotation mark
                before = line[max(0, mark - len(self.separator)) : mark]
                self.quoted = mark == 0 or before == self.separator
                place = mark + 1
            elif line[mark + 1 : mark + 2] == b'"':  # two stand for one
                place = mark + 2
            else:
                self.quoted = False
                place = mark + 1
        return not self.quoted and line.endswith(b"\n")


# What says of one line after the other whether a row ends with it; made with the separator of csv.
ENDS_OF_ROWS: dict[str, Callable[[str], Callable[[bytes], bool]]] = {
    "jsonl": lambda _: lambda line: line.endswith(b"\n"),
    "text": lambda _: lambda line: line.endswith(b"\n") and line.isspace(),
    "csv": _RowEnds,
}


def _header(lines: Iterator[bytes], file: Input) -> tuple[bytes, int, str]:
    """Read the headings of a csv file; return them, the number of the line behind them, and the separator."""
    line, length, separator = 1, 0, file.separator or ","
    held: list[bytes] = []
    ends_row: Callable[[bytes], bool] | None = None
    for piece in lines:
        line += piece.endswith(b"\n")
        if not held and not piece.strip():
            continue
        if ends_row is None:
            separator = file.separator or separator_of(piece.decode("utf-8", "replace"))
            ends_row = _RowEnds(separator)
        held.append(piece)
        length += len(piece)
        if ends_row(piece):
            break
        if length > _LINE:
            remedy = "Give the file a line of headings, or its quotation marks their partners."
            raise DataError("The first row does not end.", remedy=remedy, path=file.source, line=1)
    return b"".join(held), line, separator


def _end_of_a_sentence(paragraph: bytes) -> int:
    """Return where to cut a long paragraph: at the last but one sentence that begins in its last ``WINDOW`` bytes.

    The last may go on, and so may the one before it if the last is half a word. If there is none, cut between words;
    if there are no words, between characters.
    """
    begin = max(paragraph.rfind(space, 0, max(0, len(paragraph) - WINDOW)) for space in (b"\n", b" ")) + 1
    text = paragraph[begin:].decode("utf-8", "surrogateescape")
    # What cannot be decoded is no text; a character of as many bytes keeps the place of the others.
    starts = [starts[0] for _, starts in words_and_starts(text.encode("utf-8", "replace").decode()) if starts]
    if len(starts) > 2:
        return begin + len(text[: starts[-2]].encode("utf-8", "surrogateescape"))
    cut = max(paragraph.rfind(b"\n"), paragraph.rfind(b" ")) + 1
    if cut > len(paragraph) // 2:
        return cut
    cut = len(paragraph)
    while cut > 1 and paragraph[cut - 1] & 0xC0 == 0x80:  # inside a character
        cut -= 1
    return cut - 1


def _characters(data: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) & 0xC0 != 0x80))


# -------------------------------------------------------------------------------------------------- tables


def _table_shards(file: Input, size: int) -> Iterator[Shard]:
    batches_of = parquet.batches_of if file.format == "parquet" else arrow.batches_of
    held: list[Any] = []
    number, rows, first = 0, 0, 1

    def shard(end: float) -> Shard:
        return Shard(file.source, file.name, number, file.format, packed(held), first, 0, end)

    for batch in batches_of(file.source):
        if held and sum(one.nbytes for one in held) >= size:
            yield shard(0.0)
            number, first, held = number + 1, rows + 1, []
        held.append(batch)
        rows += batch.num_rows
    yield shard(1.0)


def packed(batches: list[Any]) -> bytes:
    """Return batches of one schema, at least one, as a stream of Arrow."""
    pyarrow = pyarrow_for("Tagging a table")
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpacked(data: bytes) -> Any:
    """Return the table that :func:`packed` packed."""
    return pyarrow_for("Tagging a table").ipc.open_stream(data).read_all()
