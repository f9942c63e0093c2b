"""What is done with a shard, wherever that is: parse its rows, let the worker tag them, write the results.

The results of a shard are a file of their own, which appears whole or not at all and always has the same name. So a
shard may be tagged twice, after a machine has died, and nothing is lost or doubled.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

from tagsmith.errors import DataError, MissingExtraError, ModelError
from tagsmith.files import open_atomically, open_text_atomically
from tagsmith.formats.running_text import PART, paragraphs
from tagsmith.formats.tables import arrow, table_of_records, with_json_types
from tagsmith.remote import make_folder, remove_file
from tagsmith.scale.shards import ENDS_OF_ROWS, Shard, unpacked
from tagsmith.scale.worker import Worker
from tagsmith.text.arguments import shown

BATCH_ROWS = 2048  # tagged together
ENDINGS = {"jsonl": ".jsonl", "csv": ".csv", "parquet": ".parquet", "arrow": ".arrow"}  # the formats of results
REJECTS = "_rejects"  # readers of a folder of tables leave out what begins with a line
TABLES = ("parquet", "arrow")
MOST_REASON = 500  # characters


@dataclass(frozen=True)
class Job:
    """What a run does with every shard: the worker, the folder of results, and their format (None: as the input's)."""

    worker: Worker
    folder: str
    format: str | None = None

    def format_of(self, given: str) -> str:
        """Return the format of the results of a file in this format."""
        return self.format or ("jsonl" if given == "text" else given)

    def output(self, name: str, number: int, given: str) -> str:
        """Return the name of the results of a shard, below the folder."""
        return f"{name}-{number:05}{ENDINGS[self.format_of(given)]}"


class Done(NamedTuple):
    """A shard whose results are written: how many rows it had, how many of them were tagged, how many rejected.

    ``output`` is the file of the results, ``size`` how many bytes it has.
    """

    name: str
    number: int
    digest: str
    rows: int
    tagged: int
    rejected: int
    output: str
    size: int


class Failed(NamedTuple):
    """A shard that could not be tagged, and why."""

    name: str
    number: int
    error: Exception


Results = Generator[Done | Failed, None, None]  # what an engine yields


class Row(NamedTuple):
    """A row as it is in the file: the line that it begins on, its bytes, and its offset in characters."""

    line: int
    data: bytes
    offset: int


class Reject(NamedTuple):
    """A row that could not be tagged, and why."""

    line: int
    reason: str
    record: str


def tag_shard(job: Job, shard: Shard) -> Done:
    """Tag a shard and write its results; a row that cannot be read or tagged goes to the rejects.

    Raises DataError: the table has no such column, or a new column's name is taken in every row; ModelError, OSError.
    """
    format, output = job.format_of(shard.format), job.output(shard.name, shard.number, shard.format)
    if shard.format in TABLES:
        rows, given, tagged, rejects = _tagged_table(job.worker, shard)
        names, new = tagged.column_names, tagged.column_names[given:]
        records: Iterable[dict[str, Any]] = (_rounded(one, new) for one in with_json_types(tagged).to_pylist())
    else:
        rows, added, kept, rejects = _tagged_lines(job.worker, shard)
        new, column = added.column_names, job.worker.column or "text"
        headings = _headings(shard, column)
        names = [*headings, *new]
        like = {"text": "", "offset": 0} if shard.format == "text" else dict.fromkeys(headings or [column], "")
        tagged = _joined(kept, added, like) if format in TABLES else None
        records = ({**record, **_rounded(more, new)} for record, more in zip(kept, added.to_pylist(), strict=True))
    _write_rejects(job, shard, rejects)
    path = Path(job.folder, output)
    make_folder(path.parent)
    with open_atomically(path) as stream:
        if format in TABLES:
            count = _write_table(stream, format, tagged)
        else:
            count = _write_records(stream, format, records, names, shard.separator)
        size = stream.tell()
    return Done(shard.name, shard.number, shard.digest, rows, count, len(rejects), output, size)


# -------------------------------------------------------------------------------------------------- parsing


def rows_of(shard: Shard) -> Iterator[Row]:
    """Yield the rows of a shard of lines, without blank ones."""
    ends_row = ENDS_OF_ROWS[shard.format](shard.separator)
    line, offset = shard.line, shard.offset
    first, held = line, list[bytes]()
    for piece in chain(io.BytesIO(shard.data), [b""]):  # at the end, a row may lack its line end
        held.append(piece)
        line += 1
        if piece and not ends_row(piece):
            continue
        data = b"".join(held)
        if data and not data.isspace():
            yield Row(first, data, offset)
        offset += _length(data) if shard.format == "text" else 0
        first, held = line, []


def _length(data: bytes) -> int:
    return len(data.decode("utf-8", "replace"))


def _parsed(shard: Shard, column: str, new: set[str]) -> tuple[list[tuple[Row, dict[str, Any]]], list[Reject]]:
    """Parse the rows of a shard of lines: each with its record, and those that cannot be read or have a new column."""
    parsed: list[tuple[Row, dict[str, Any]]] = []
    rejects: list[Reject] = []
    headings = _headings(shard, column)
    taken: DataError | None = None
    for row in rows_of(shard):
        try:
            text = row.data.decode()
            if shard.format == "text":
                parsed += [(row, {"text": part, "offset": begin}) for part, begin in _parts(text, row.offset)]
                continue
            record = _record(text, headings, shard)
            if not isinstance(value := record.get(column), str | None):
                raise ValueError(f"{column!r} is {shown(value)}, not a text")
            if "\\u" in text:  # half of a surrogate pair, which JSON can hold, is no text
                json.dumps(record, ensure_ascii=False).encode()
            if names := new & record.keys():
                taken = taken or _taken(min(names), shard.source, row.line)
                raise ValueError(f"there is a column {min(names)!r} already")
        except (ValueError, RecursionError, csv.Error) as error:
            rejects.append(_reject(row, error))
            continue
        parsed.append((row, record))
    if taken is not None and not parsed:
        raise taken
    if parsed and not any(column in record for _, record in parsed):
        first, record = parsed[0]
        raise _no_column(column, record, shard, first.line)
    return parsed, rejects


def _headings(shard: Shard, column: str) -> list[str]:
    """Return the headings of a csv file, of another none. Raises DataError: they cannot be read, or lack the column."""
    if shard.format != "csv" or not shard.header:
        return []
    try:
        headings = _cells(shard.header, shard.separator)
    except (ValueError, csv.Error) as error:
        remedy = "Mend it, or name the encoding with --encoding."
        raise DataError(f"The first line cannot be read: {error}.", remedy=remedy, path=shard.source) from error
    if len(set(headings)) < len(headings):
        problem = "The first line does not name each column once."
        raise DataError(problem, remedy="Give it different headings.", path=shard.source)
    if column not in headings:
        raise _no_column(column, headings, shard, 1)
    return headings


def _no_column(column: str, names: Iterable[str], shard: Shard, line: int) -> DataError:
    remedy = f"Name one with --text-column: {', '.join(names)}."
    return DataError(f"There is no column {column!r}.", remedy=remedy, path=shard.source, line=line)


def _parts(text: str, offset: int) -> Iterator[tuple[str, int]]:
    if len(text) < PART:
        yield text.rstrip(), offset
        return
    for part, begin, _ in paragraphs(io.StringIO(text, newline="\n")):
        yield part.rstrip(), offset + begin


def _record(text: str, headings: Sequence[str], shard: Shard) -> dict[str, Any]:
    if shard.format == "csv":
        cells = _cells(text.encode(), shard.separator)
        if len(cells) != len(headings):
            raise ValueError(f"it has {len(cells)} cells, and the first line {len(headings)}")
        return dict(zip(headings, cells, strict=True))
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError(f"it is {shown(record)}, not a JSON object")
    return record


def _cells(line: bytes, separator: str) -> list[str]:
    csv.field_size_limit(2**31 - 1)  # a cell may be as long as a text
    reader = csv.reader(io.StringIO(line.decode(), newline=""), delimiter=separator, strict=True)
    found = [cells for cells in reader if cells]
    if len(found) > 1:  # to Python they are rows; a shard has been cut where there are line feeds
        raise ValueError("it has carriage returns without line feeds")
    return found[0] if found else []


def _reason(error: BaseException) -> str:
    return str(error)[:MOST_REASON] or type(error).__name__


def _reject(row: Row, error: BaseException) -> Reject:
    return Reject(row.line, _reason(error), row.data.decode("utf-8", "backslashreplace").rstrip("\r\n"))


# -------------------------------------------------------------------------------------------------- tagging


def _tagged_lines(worker: Worker, shard: Shard) -> tuple[int, Any, list[dict[str, Any]], list[Reject]]:
    """Parse the rows of a shard of lines and tag them.

    Return how many there are; what is added to each record, and the records; and those that cannot be tagged.
    """
    pyarrow = arrow("Tagging a table")
    column = worker.column or "text"
    new = {*worker.schema(pyarrow.schema([(column, pyarrow.string())])).names} - {column}
    parsed, rejects = _parsed(shard, column, new)
    count = len(parsed) + len(rejects)
    texts = [record.get(column) for _, record in parsed]
    added, errors = _tagged(worker, pyarrow.table({column: pyarrow.array(texts, pyarrow.string())}))
    added = added.drop_columns([column])
    rejects += [_reject(parsed[place][0], error) for place, error in errors.items()]
    return count, added, [record for place, (_, record) in enumerate(parsed) if place not in errors], rejects


def _tagged_table(worker: Worker, shard: Shard) -> tuple[int, int, Any, list[Reject]]:
    """Tag a shard of a table.

    Return how many rows and columns it has, the rows with further columns, and those that cannot be tagged.
    """
    given = unpacked(shard.data)
    _check_type(given, worker.column or "text", shard)
    try:
        tagged, errors = _tagged(worker, given)
    except DataError as error:
        raise DataError(error.problem, remedy=error.remedy, path=shard.source) from error
    records = {place: json.dumps(given.slice(place, 1).to_pylist()[0], default=str) for place in errors}
    rejects = [Reject(shard.line + place, _reason(errors[place]), records[place]) for place in errors]
    return given.num_rows, given.num_columns, tagged, rejects


def _check_type(given: Any, column: str, shard: Shard) -> None:
    """Raise DataError: the column holds neither texts nor tokens, so that every row would be rejected for itself."""
    types = arrow("Tagging a table").types
    if given.column_names.count(column) != 1 or given[column].null_count == given.num_rows:
        return
    kind = given[column].type
    if types.is_integer(kind) or types.is_boolean(kind) or str(kind).endswith(("binary", "binary_view")):
        remedy = "Name another with --text-column, or cast it to strings."
        raise DataError(f"The column {column!r} holds {kind}, not texts.", remedy=remedy, path=shard.source)


def _tagged(worker: Worker, given: Any) -> tuple[Any, dict[int, Exception]]:
    """Tag a table; return that of the rows which can be tagged, and by their places what is wrong with the others.

    Raises what the worker raises of a table without rows: no row is to blame for that.
    """
    tables, errors = [worker(given.slice(0, 0))], {}
    # Those to come, the next one last.
    blocks = [(start, given.slice(start, BATCH_ROWS)) for start in range(0, given.num_rows, BATCH_ROWS)][::-1]
    while blocks:
        start, block = blocks.pop()
        try:
            tables.append(worker(block))
        except (ModelError, MissingExtraError):
            raise
        except Exception as error:  # whatever a row does, it costs that row alone
            half = block.num_rows // 2
            if half:
                blocks += [(start + half, block.slice(half)), (start, block.slice(0, half))]
            else:
                errors[start] = error
    return arrow("Tagging a table").concat_tables(tables), errors


# -------------------------------------------------------------------------------------------------- writing


def _write_table(stream: IO[bytes], format: str, table: Any) -> int:
    """Write a table to a file of Parquet or Arrow; return the number of rows."""
    pyarrow = arrow("Writing a table")
    if format == "parquet":
        from pyarrow.parquet import write_table

        write_table(table, stream)
    else:
        with pyarrow.ipc.new_file(stream, table.schema) as writer:
            writer.write_table(table)
    return int(table.num_rows)


def _write_records(
    stream: IO[bytes], format: str, records: Iterable[dict[str, Any]], names: Sequence[str], separator: str
) -> int:
    """Write records as JSON lines, or as csv with these columns, where spans are JSON; return their number."""
    text = io.TextIOWrapper(stream, "utf-8", newline="")
    count = 0
    try:
        writer = csv.writer(text, delimiter=separator, lineterminator="\n")
        if format == "csv":
            writer.writerow(names)
        for record in records:
            if format == "csv":
                writer.writerow([_cell(record.get(name)) for name in names])
            else:
                text.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
            count += 1
        text.flush()
    finally:
        text.detach()
    return count


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else value


def _rounded(record: dict[str, Any], added: Iterable[str]) -> dict[str, Any]:
    """Round what was added to a record as everywhere in JSON: probabilities have six digits."""
    for name in added:
        for span in record[name] or ():
            if isinstance(span, dict):
                span["score"] = round(span["score"], 6)
    return record


def _joined(records: Sequence[dict[str, Any]], added: Any, like: dict[str, Any]) -> Any:
    """Return a table of records with columns added to it; values of several kinds in a column become JSON.

    Without records, it has the columns of one that would be ``like`` this: readers of a folder of tables take those of
    the first for those of all.
    """
    rows = records or [like]
    table = table_of_records(iter(rows), arrow("Writing a table")).slice(0, len(records))
    table = table.select(list(dict.fromkeys(chain.from_iterable(rows))))
    for name in added.column_names:
        table = table.append_column(name, added.column(name))
    return table


def _taken(name: str, source: str, line: int) -> DataError:
    remedy = "Rename it, or tag another column: predictions are to go there."
    return DataError(f"There is a column {name!r} already.", remedy=remedy, path=source, line=line)


def _write_rejects(job: Job, shard: Shard, rejects: Sequence[Reject]) -> None:
    """Write the rows that could not be tagged beside the results, or remove those of an earlier run."""
    path = Path(job.folder, REJECTS, f"{shard.name}-{shard.number:05}.jsonl")
    if not rejects:
        remove_file(path)
        return
    make_folder(path.parent)
    with open_text_atomically(path) as stream:
        for line, reason, record in sorted(rejects):
            values = {"source": shard.source, "line": line, "reason": reason, "record": record}
            stream.write(json.dumps(values, ensure_ascii=False) + "\n")
