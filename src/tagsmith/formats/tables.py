"""Tables in Arrow's memory layout: the rows of Parquet and Arrow files, of ``datasets`` and of data frames.

A row is a record (:mod:`tagsmith.formats.records`): tokens and their tags, or a text and its spans. The numbers of a
``ClassLabel`` become its names; Hugging Face's ``datasets`` keeps them in the metadata of the schema, under
``"huggingface"``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from tagsmith.errors import DataError, MissingExtraError
from tagsmith.formats.jsonl import record_of
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.records import document_of
from tagsmith.formats.source import Place, Source, at_least_one, encodable, open_file, read_bytes, source_name
from tagsmith.remote import local_path, url_of
from tagsmith.text.document import Document
from tagsmith.text.schemes import OUTSIDE

RecordReader = Callable[[Any, Place], Document | None]
ROWS = 1000  # read or written at a time
MOST_LEVELS = 50  # of lists and structs in each other; Arrow writes 64 at most


def arrow(doing: str) -> Any:
    """Import pyarrow. Raises MissingExtraError: it is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError(doing, "arrow") from error
    return pyarrow


# -------------------------------------------------------------------------------------------------- reading


def is_table(data: object) -> bool:
    """Whether data is a table in memory: of pyarrow, ``datasets``, pandas or Polars."""
    return hasattr(data, "__arrow_c_stream__") or (hasattr(data, "features") and hasattr(data, "with_format"))


def documents_of_table(table: Any, options: ReadOptions, name: str = "<memory>") -> Iterator[Document]:
    """Read the documents of a table in memory, see :func:`is_table`; errors call it by its name."""
    pyarrow = arrow("Reading a table")
    if not hasattr(table, "with_format"):
        reader = pyarrow.RecordBatchReader.from_stream(table)
        yield from documents_of_batches(reader, options, name)
        return
    batches = iter(table.with_format("arrow").iter(ROWS))  # datasets.Dataset, or IterableDataset
    known = {} if table.features is None else table.features.arrow_schema.metadata
    yield from documents_of_batches((batch.replace_schema_metadata(known) for batch in batches), options, name)


def documents_of_batches(
    batches: Iterable[Any], options: ReadOptions, name: str, document_of: RecordReader = document_of
) -> Iterator[Document]:
    """Read the documents of batches of rows; errors name the row, from 1, in place of a line."""
    place = Place(name, options)
    nothing = place.empty("rows", "Give a row for each sentence or text.")
    for number, record in enumerate(at_least_one(_records(batches, place), nothing), 1):
        document = document_of(record, place._replace(line=number))
        if document is not None:
            yield document


def _records(batches: Iterable[Any], place: Place) -> Iterator[dict[str, Any]]:
    row = 0
    for batch in batches:
        features = _features(batch.schema.metadata or {})
        for record in with_json_types(batch).to_pylist():
            row += 1
            yield {
                name: _named(value, features[name], place._replace(line=row)) if name in features else value
                for name, value in record.items()
                if value is not None
            }


def with_json_types(batch: Any) -> Any:
    """Return a batch as a table whose values are those of JSON: dates and decimals as strings, no binary columns."""
    import pyarrow

    types = pyarrow.types
    table = pyarrow.Table.from_batches([batch]) if isinstance(batch, pyarrow.RecordBatch) else batch
    for index in reversed(range(table.num_columns)):
        field = table.schema.field(index)
        kind = field.type
        if types.is_temporal(kind) or types.is_decimal(kind):
            table = table.set_column(index, field.name, table.column(index).cast(pyarrow.string()))
        elif types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
            table = table.remove_column(index)
    return table


def _features(metadata: Mapping[bytes, bytes]) -> Mapping[str, Any]:
    """Return what ``datasets`` says of the columns."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, LookupError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _named(value: Any, feature: Any, place: Place) -> Any:
    """Replace the numbers of a ClassLabel by its names, also inside lists and structs."""
    if isinstance(feature, list) and len(feature) == 1:  # how datasets of old wrote lists
        feature = {"feature": feature[0]}
    if not isinstance(feature, Mapping) or value is None:
        return value
    if feature.get("_type") == "ClassLabel" and isinstance(names := feature.get("names"), list):
        if not isinstance(value, int) or not 0 <= value < len(names):
            raise place.error(
                f"The label {value!r} is none of the {len(names)} names of its column.",
                "Leave out the rows without labels, or give them names.",
            )
        return names[value]
    inner = feature.get("feature", feature)
    if isinstance(value, list):
        return [_named(item, inner, place) for item in value]
    if isinstance(value, Mapping) and isinstance(inner, Mapping):  # a struct, or a Sequence of structs, stored as lists
        return {key: _named(item, _column(item, inner.get(key)), place) for key, item in value.items()}
    return value


def _column(value: Any, feature: Any) -> Any:
    """Return the feature of a column of structs that are stored as a struct of lists."""
    is_label = isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel"
    return {"feature": feature} if is_label and isinstance(value, list) else feature


def reader_of(batches_of: Callable[[Source], Iterator[Any]]) -> Callable[..., Iterator[Document]]:
    """Make the reader of a format of the function that reads the rows of its files in batches.

    It raises DataError as :func:`documents_of_batches`, and as ``batches_of``.
    """

    def read(source: Source, options: ReadOptions, document_of: RecordReader = document_of) -> Iterator[Document]:
        yield from documents_of_batches(batches_of(source), options, source_name(source), document_of)

    return read


@contextmanager
def errors_of(title: str, source: Source) -> Iterator[None]:
    """Raise DataError where pyarrow cannot read a file."""
    pyarrow = arrow(f"Reading {title}")
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        problem = f"This {title} file cannot be read: {str(error).partition(chr(10))[0].rstrip('.')}."
        remedy = "Copy it again; it may be cut off or altered."
        raise DataError(problem, remedy=remedy, path=source_name(source)) from error


def file_to_open(source: Source) -> str | IO[bytes]:
    """Return what pyarrow opens: the path of a file, a file elsewhere, or the bytes of standard input or of a stream.

    Raises DataError: as :func:`~tagsmith.formats.source.read_bytes`.
    """
    if isinstance(source, str | Path):
        if url_of(source):
            return open_file(source)
        if (path := local_path(source)).is_file():
            return str(path)
    return io.BytesIO(read_bytes(source))


# -------------------------------------------------------------------------------------------------- writing


def table_of(documents: Iterable[Document], options: WriteOptions) -> Any:
    """Make a table of documents: a row a sentence (tokens and tags) or, as texts, a row a document (text and spans).

    Tags are numbers, and their names are those of a ClassLabel of ``datasets``.
    """
    pyarrow = arrow("Writing a table")
    iterator = iter(documents)
    first = next(iterator, None)
    documents = () if first is None else chain([first], iterator)
    with encodable("a table"):
        if options.as_texts and not (first and first.meta.get("tokens")):
            return table_of_records((record_of(document, options) for document in documents), pyarrow)
        return _table_of_tokens(documents, pyarrow)


def table_of_records(records: Iterator[dict[str, Any]], pyarrow: Any) -> Any:
    """Make a row of each record; a column that has values of several kinds holds them as JSON."""
    blocks: list[dict[str, Any]] = [{"text": pyarrow.array([], pyarrow.string())}]
    as_json: set[str] = set()
    while rows := list(islice(records, ROWS)):
        columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(chain.from_iterable(rows))}
        blocks.append({name: _column_of(values, pyarrow) for name, values in columns.items()})
        as_json |= {name for name, column in blocks[-1].items() if isinstance(column, list)}
    names = dict.fromkeys(chain.from_iterable(blocks))
    as_json |= {name for name in names if not _have_one_kind([one[name] for one in blocks if name in one], pyarrow)}
    tables = [
        pyarrow.table({name: _as_json(one[name], pyarrow) if name in as_json else one[name] for name in one})
        for one in blocks
    ]
    return pyarrow.concat_tables(tables, promote_options="permissive")


def _column_of(values: list[Any], pyarrow: Any) -> Any:
    """Make a column of values, or return them as they are where Arrow or Parquet has no type for them."""
    try:
        column = pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError, OverflowError):
        return values
    return column if _can_be_written(column.type, pyarrow.types) else values


def _can_be_written(kind: Any, types: Any, levels: int = MOST_LEVELS) -> bool:
    """Whether a type has no struct without fields in it, which Parquet cannot write, and not too many levels."""
    if types.is_list(kind):
        return levels > 0 and _can_be_written(kind.value_type, types, levels - 1)
    if not types.is_struct(kind):
        return True
    fields = [kind.field(i).type for i in range(kind.num_fields)]
    return levels > 0 and bool(fields) and all(_can_be_written(field, types, levels - 1) for field in fields)


def _have_one_kind(columns: Iterable[Any], pyarrow: Any) -> bool:
    if any(isinstance(column, list) for column in columns):
        return False
    try:
        schemas = [pyarrow.schema([("column", column.type)]) for column in columns]
        pyarrow.unify_schemas(schemas, promote_options="permissive")
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return False
    return True


def _as_json(column: Any, pyarrow: Any) -> Any:
    values = column if isinstance(column, list) else column.to_pylist()
    return pyarrow.array([json.dumps(value, ensure_ascii=False) for value in values], pyarrow.string())


def _table_of_tokens(documents: Iterable[Document], pyarrow: Any) -> Any:
    """Make a row of each sentence; a sentence without a layer has null there."""
    strings = pyarrow.list_(pyarrow.string())
    blocks = [pyarrow.table({"tokens": pyarrow.array([], strings)})]
    sentences = chain.from_iterable(document.sentences for document in documents)
    while block := list(islice(sentences, ROWS)):
        layers = dict.fromkeys(chain.from_iterable(sentence.layers for sentence in block))
        rows = {layer: [sentence.layers.get(layer) for sentence in block] for layer in layers}
        rows = {"tokens": [sentence.words for sentence in block], **rows}
        blocks.append(pyarrow.table({name: pyarrow.array(values, strings) for name, values in rows.items()}))
    table = pyarrow.concat_tables(blocks, promote_options="default").combine_chunks()
    features: dict[str, Any] = {"tokens": _list_of({"dtype": "string", "_type": "Value"})}
    for index, layer in enumerate(table.column_names[1:], 1):
        tags, names = _numbered(table.column(index).combine_chunks(), pyarrow)
        table = table.set_column(index, layer, tags)
        features[layer] = _list_of({"names": names, "_type": "ClassLabel"})
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _list_of(feature: Mapping[str, Any]) -> dict[str, Any]:
    return {"feature": feature, "_type": "Sequence"}


def _numbered(tags: Any, pyarrow: Any) -> tuple[Any, list[str]]:
    """Replace lists of tags by lists of their numbers among the names, which are returned too."""
    from pyarrow import compute

    flat = tags.flatten()
    names = sorted(flat.unique().to_pylist(), key=lambda tag: (tag != OUTSIDE, tag.partition("-")[2], tag))
    numbers = compute.index_in(flat, value_set=pyarrow.array(names, pyarrow.string())).cast(pyarrow.int64())
    lengths = compute.fill_null(compute.list_value_length(tags), 0).to_numpy()
    offsets = pyarrow.array([0, *lengths.cumsum()], pyarrow.int32())
    return pyarrow.ListArray.from_arrays(offsets, numbers, mask=tags.is_null()), names
