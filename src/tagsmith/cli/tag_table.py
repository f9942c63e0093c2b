"""``tagsmith tag --text-column``: a table with a column of texts in, the same table with their spans out.

CSV, JSON lines, Parquet and Arrow are read and written a block of rows at a time, in constant memory. The other columns
stay as they are. In CSV, spans are JSON.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import IO, Any, NamedTuple, TextIO

from tagsmith.corpus.convert import open_binary_target, open_target
from tagsmith.errors import DataError
from tagsmith.formats.csv import rows_of
from tagsmith.formats.jsonl import records
from tagsmith.formats.options import ReadOptions
from tagsmith.formats.source import Place, Source, encodable, open_source, source_name
from tagsmith.formats.tables import arrow, with_json_types
from tagsmith.tagging.heads import Threshold
from tagsmith.tagging.tables import FIELDS, columns_of_texts, tag_frame
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.arguments import shown

BLOCK_ROWS = 2048
OF_ROWS, OF_TABLES = ("csv", "jsonl"), ("arrow", "parquet")
Pass = Callable[[Iterable[Any]], Iterator[Any]]


class Block(NamedTuple):
    """Some rows of a table, each with its line, and the names of the columns."""

    names: list[str]
    rows: list[tuple[int, dict[str, Any]]]
    separator: str = ","  # of columns in CSV


def tag_table(
    tagger: Tagger,
    source: Source,
    target: str,
    column: str,
    formats: tuple[str, str],
    threshold: Threshold | None,
    options: ReadOptions,
    whole: Pass,
) -> None:
    """Tag a column of a table.

    Raises DataError: the table has no such column, or it holds no texts; a new column's name is taken; the file is
    damaged, or in another format.

    Parameters
    ----------
    formats
        Of the file that is read, and of the one that is written: ``csv``, ``jsonl``, ``parquet`` or ``arrow``.
    whole
        Passes blocks on to the writer, and lets an interruption wait until it has written the one that it has.
    """
    for name in formats:
        if name not in (*OF_ROWS, *OF_TABLES):
            remedy = f"Name one of {', '.join((*OF_ROWS, *OF_TABLES))} with --input-format and --output-format."
            raise DataError(f"{name} has no columns of texts.", remedy=remedy, path=source_name(source))
    read, written = formats
    csv.field_size_limit(2**31 - 1)  # a cell may be as long as a text; Python's own limit is 131,072
    place = Place(source_name(source), options)
    if written in OF_ROWS:
        blocks = _blocks(source, read, place)
        if written == "csv":
            blocks = _with_the_first_columns(blocks, place)
        with open_target(target) as stream:
            tagged = whole(_tagged(tagger, blocks, column, threshold, place))
            (_write_csv if written == "csv" else _write_jsonl)(tagged, stream)
        return
    tables = _tables(source, read, place)
    with open_binary_target(target, written) as data:
        frames = (tag_frame(tagger, table, column, prefix="", tags=False, threshold=threshold) for table in tables)
        _write_tables(whole(frames), data, written)


# -------------------------------------------------------------------------------------------------- reading


def _blocks(source: Source, format: str, place: Place) -> Iterator[Block]:
    """Read rows as dictionaries; at least one block, which may be empty."""
    if format in OF_TABLES:
        return _table_rows(source, format)
    return (_csv_rows if format == "csv" else _jsonl_rows)(source, place)


def _with_the_first_columns(blocks: Iterable[Block], place: Place) -> Iterator[Block]:
    """Give every block the columns of the first. Raises DataError: a later one has others, which would be lost."""
    names: list[str] | None = None
    for block in blocks:
        names = block.names if names is None else names
        if new := set(block.names) - set(names):
            line = next(line for line, row in block.rows if not new.isdisjoint(row))
            problem = f"{min(new)!r} is in none of the first {BLOCK_ROWS:,} records, so there is no column for it."
            raise place.error(problem, "Write jsonl, or give the first record all keys, with null.", line)
        yield block._replace(names=names)


def _csv_rows(source: Source, place: Place) -> Iterator[Block]:
    with open_source(source, place.options.encoding, newline="") as stream:
        separator, numbered = rows_of(stream, place)
        line, names = next(numbered, (1, []))
        if not names or len(set(names)) < len(names):
            raise place.error("The first line does not name each column once.", "Give it different headings.", line)
        while True:
            found = list(islice(numbered, BLOCK_ROWS))
            for line, cells in found:
                if len(cells) != len(names):
                    remedy = "Put cells that contain the separator in quotation marks."
                    raise place.wrong_columns(len(cells), len(names), "", "the header", remedy, line)
            rows = [(line, dict(zip(names, cells, strict=True))) for line, cells in found]
            yield Block(names, rows, separator)
            if len(found) < BLOCK_ROWS:
                return


def _jsonl_rows(source: Source, place: Place) -> Iterator[Block]:
    with open_source(source, place.options.encoding) as stream:
        found = records(stream, place)
        while True:
            rows = list(islice(found, BLOCK_ROWS))
            for line, record in rows:
                if not isinstance(record, dict):
                    raise place.error("This record is not a JSON object.", 'Give {"text": "…"}.', line)
            yield Block(list(dict.fromkeys(chain.from_iterable(record for _, record in rows))), rows)
            if len(rows) < BLOCK_ROWS:
                return


def _table_rows(source: Source, format: str) -> Iterator[Block]:
    row = 0
    for batch in _batches(source, format):
        values = with_json_types(batch)
        yield Block(values.schema.names, list(enumerate(values.to_pylist(), row + 1)))
        row += batch.num_rows


def _batches(source: Source, format: str) -> Iterator[Any]:
    from tagsmith.formats import arrow, parquet

    batches: Iterator[Any] = (arrow if format == "arrow" else parquet).batches_of(source)
    return batches


def _tables(source: Source, format: str, place: Place) -> Iterator[Any]:
    """Read tables of one schema, that of the first; at least one, which may be empty."""
    pyarrow = arrow("Tagging a table")
    if format in OF_TABLES:
        for batch in _batches(source, format):
            yield pyarrow.Table.from_batches([batch])
        return
    schema = None
    for block in _with_the_first_columns(_blocks(source, format, place), place):
        try:
            with encodable("a table"):
                schema = schema or _schema(block, pyarrow)
                table = pyarrow.Table.from_pylist([row for _, row in block.rows], schema=schema)
        except (pyarrow.ArrowException, OverflowError) as error:
            problem = f"The records do not fit into columns of one type each: {str(error).partition(chr(10))[0]}."
            raise place.error(problem, "Write jsonl or csv.", block.rows[0][0]) from error
        yield table


def _schema(block: Block, pyarrow: Any) -> Any:
    """Find the types of the columns in the first block; without rows, they are strings."""
    if not block.rows:
        return pyarrow.schema([(name, pyarrow.string()) for name in block.names])
    return pyarrow.Table.from_pylist([{name: row.get(name) for name in block.names} for _, row in block.rows]).schema


# -------------------------------------------------------------------------------------------------- tagging, writing


def _tagged(
    tagger: Tagger, blocks: Iterable[Block], column: str, threshold: Threshold | None, place: Place
) -> Iterator[Block]:
    for number, block in enumerate(blocks):
        if number == 0 and block.names and column not in block.names:
            names = ", ".join(block.names)
            raise place.error(f"There is no column {column!r}.", f"Name one with --text-column: {names}.")
        yield _with_predictions(tagger, block, column, threshold, place)


def _with_predictions(tagger: Tagger, block: Block, column: str, threshold: Threshold | None, place: Place) -> Block:
    """Add the columns of predictions to rows; a row whose text is missing gets null there."""
    for line, row in block.rows:
        if not isinstance(row.get(column), str | None):
            raise place.error(f"{column!r} is {shown(row[column])}, not a text.", "Name a column of texts.", line)
    texts = [row[column] for _, row in block.rows if row.get(column) is not None]
    added = columns_of_texts(tagger, texts, threshold=threshold)
    if taken := set(added) & set(block.names):
        raise place.error(f"There is a column {min(taken)!r} already.", "Rename it: predictions are to go there.")
    columns = {name: map(_as_objects, values) for name, values in added.items()}
    rows = []
    for line, row in block.rows:
        none = row.get(column) is None
        rows.append((line, {**row, **{name: None if none else next(values) for name, values in columns.items()}}))
    return Block([*block.names, *added], rows, block.separator)


def _as_objects(values: list[Any]) -> list[Any]:
    """Return the fields of spans as objects; tokens and tags as they are."""
    if not values or isinstance(values[0], str):
        return values
    return [{**dict(zip(FIELDS, fields, strict=True)), "score": round(fields[-1], 6)} for fields in values]


def _write_csv(blocks: Iterable[Block], stream: TextIO) -> None:
    for number, block in enumerate(blocks):
        writer = csv.writer(stream, delimiter=block.separator, lineterminator="\n")
        if number == 0:
            writer.writerow(block.names)
        writer.writerows([_cell(row.get(name)) for name in block.names] for _, row in block.rows)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _write_jsonl(blocks: Iterable[Block], stream: TextIO) -> None:
    for block in blocks:
        for _, row in block.rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_tables(tables: Iterator[Any], stream: IO[bytes], format: str) -> None:
    pyarrow = arrow("Writing a table")
    from pyarrow.parquet import ParquetWriter

    first = next(tables)
    make = ParquetWriter if format == "parquet" else pyarrow.ipc.new_file
    with make(stream, first.schema) as writer:
        for table in chain([first], tables):
            writer.write_table(table)
