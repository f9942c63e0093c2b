"""Parquet: the files of Hugging Face's datasets and of data frames, with the rows of :mod:`tagsmith.formats.tables`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO, Any

from tagsmith.errors import DataError
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.records import document_of, unlabeled_document_of
from tagsmith.formats.source import Source, source_name
from tagsmith.formats.tables import ROWS, RecordReader, arrow, documents_of_batches, file_to_open, table_of
from tagsmith.text.document import Document


def read(source: Source, options: ReadOptions, document_of: RecordReader = document_of) -> Iterator[Document]:
    """Read documents, one for each row.

    Raises DataError: as :func:`~tagsmith.formats.tables.documents_of_batches`; the file is damaged.
    MissingExtraError: pyarrow is not installed.
    """
    yield from documents_of_batches(batches_of(source), options, source_name(source), document_of)


def batches_of(source: Source) -> Iterator[Any]:
    """Read the rows of a file in batches; of a file without rows, an empty one. Errors are those of :func:`read`."""
    pyarrow = arrow("Reading Parquet")
    from pyarrow.parquet import ParquetFile

    opened = file_to_open(source)
    try:
        with ParquetFile(opened) as file:
            if file.metadata.num_rows == 0:
                yield pyarrow.RecordBatch.from_pylist([], schema=file.schema_arrow)
            for batch in file.iter_batches(batch_size=ROWS):
                batch.validate(full=True)
                yield batch
    except (pyarrow.ArrowException, OSError) as error:
        problem = f"This Parquet file cannot be read: {str(error).partition(chr(10))[0].rstrip('.')}."
        remedy = "Copy it again; it may be cut off or altered."
        raise DataError(problem, remedy=remedy, path=source_name(source)) from error


def write(documents: Iterable[Document], stream: IO[bytes], options: WriteOptions) -> None:
    """Write a row a sentence, or a document, see :func:`~tagsmith.formats.tables.table_of`."""
    arrow("Writing Parquet")
    from pyarrow.parquet import write_table

    write_table(table_of(documents, options), stream)


FORMAT = Format(
    "parquet",
    read,
    write_bytes=write,
    read_unlabeled=partial(read, document_of=unlabeled_document_of),
    suffixes=(".parquet", ".pq"),
    media_type="application/vnd.apache.parquet",
    holds_spans=True,
)
