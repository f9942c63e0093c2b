"""Arrow's files (Feather) and streams, with the rows of :mod:`tagsmith.formats.tables`; ``datasets`` caches streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import IO, Any

from tagsmith.formats.format import Format
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.records import unlabeled_document_of
from tagsmith.formats.source import Source
from tagsmith.formats.tables import ROWS, arrow, errors_of, file_to_open, reader_of, table_of
from tagsmith.text.document import Document

_FILE = b"ARROW1"  # what a file begins with, unlike a stream


def batches_of(source: Source) -> Iterator[Any]:
    """Read the rows of a file in batches; the first one is empty.

    Raises DataError: the file is damaged. MissingExtraError: pyarrow is not installed.
    """
    pyarrow = arrow("Reading Arrow")
    opened = file_to_open(source)
    with errors_of("Arrow", source), ExitStack() as stack:
        data = stack.enter_context(pyarrow.memory_map(opened) if isinstance(opened, str) else opened)
        is_file = data.read(len(_FILE)) == _FILE
        data.seek(0)
        if is_file:
            reader = stack.enter_context(pyarrow.ipc.open_file(data))
            batches = map(reader.get_batch, range(reader.num_record_batches))
        else:
            batches = reader = stack.enter_context(pyarrow.ipc.open_stream(data))
        yield pyarrow.RecordBatch.from_pylist([], schema=reader.schema)
        for batch in batches:
            batch.validate(full=True)  # offsets that point outside would read any memory
            yield from (batch.slice(start, ROWS) for start in range(0, batch.num_rows, ROWS))


read = reader_of(batches_of)


def write(documents: Iterable[Document], stream: IO[bytes], options: WriteOptions) -> None:
    """Write a row a sentence, or a document, see :func:`~tagsmith.formats.tables.table_of`."""
    pyarrow = arrow("Writing Arrow")
    table = table_of(documents, options)
    with pyarrow.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


FORMAT = Format(
    "arrow",
    read,
    write_bytes=write,
    read_unlabeled=partial(read, document_of=unlabeled_document_of),
    suffixes=(".arrow", ".feather", ".ipc"),
    media_type="application/vnd.apache.arrow.file",
    holds_spans=True,
)
