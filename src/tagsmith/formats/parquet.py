"""Parquet: the files of Hugging Face's datasets and of data frames, with the rows of :mod:`tagsmith.formats.tables`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO, Any

from tagsmith.formats.format import Format
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.records import unlabeled_document_of
from tagsmith.formats.source import Source
from tagsmith.formats.tables import ROWS, arrow, errors_of, file_to_open, reader_of, table_of
from tagsmith.text.document import Document


def batches_of(source: Source) -> Iterator[Any]:
    """Read the rows of a file in batches; of a file without rows, an empty one.

    Raises DataError: the file is damaged. MissingExtraError: pyarrow is not installed.
    """
    pyarrow = arrow("Reading Parquet")
    from pyarrow.parquet import ParquetFile

    opened = file_to_open(source)
    with errors_of("Parquet", source), ParquetFile(opened) as file:
        if file.metadata.num_rows == 0:
            yield pyarrow.RecordBatch.from_pylist([], schema=file.schema_arrow)
        for batch in file.iter_batches(batch_size=ROWS):
            batch.validate(full=True)
            yield batch


read = reader_of(batches_of)


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
