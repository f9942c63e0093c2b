"""Spark: the columns of predictions added to a DataFrame, by the executors.

The model goes to the executors as one archive, which Spark unpacks once on each machine. Spark has no other way to send
a folder: ``addFile`` takes one in local mode alone.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tagsmith.errors import DataError, MissingExtraError
from tagsmith.files import write_atomically
from tagsmith.model.configuration import Precision
from tagsmith.scale.worker import Worker, model_files
from tagsmith.text.arguments import shown

PIECE_ROWS, PIECE_BYTES = 2048, 4 << 20  # of a batch of Spark, tagged together: its texts may be long


def tag_dataframe(
    df: Any,
    model: str | Path,
    column: str = "text",
    *,
    prefix: str = "",
    tags: bool = False,
    threshold: float | Mapping[str, float] | None = None,
    precision: Precision | None = None,
    ship: bool = True,
) -> Any:
    """Add the predictions for a column of texts, or of arrays of tokens, to a DataFrame of Spark.

    The result is as lazy as any DataFrame: rows are tagged when it is written or collected. A task that dies is run
    again by Spark, and has no effect but its rows.

    Parameters
    ----------
    df
        A DataFrame of Spark, which may be a stream.
    model
        A model folder of this machine, or the name of a model: ``en``, ``hf://owner/name``.
    column, prefix, tags, threshold
        As for :meth:`tagsmith.Tagger.tag_frame`, which adds the same columns.
    precision
        As for :class:`tagsmith.Tagger`.
    ship
        Whether the model is sent to the executors. If not, every executor must find it by itself under ``model``: a
        path that all of them see, or a name. Executors refuse a model other than that of this machine.

    Returns
    -------
    DataFrame
        The rows and columns of ``df``, and the new columns: spans as an array of structs with ``start``, ``end``
        (offsets in characters of a text, or in tokens), ``label``, ``text`` and ``score``; tags and tokens as arrays of
        strings. They are null where the text is null.

    Raises
    ------
    DataError
        ``df`` is another kind of frame; there is no such column, or it holds neither texts nor tokens; a new column's
        name is taken; the threshold is impossible; a column is of a type that Spark cannot pass to Python.
    ModelError
        As :func:`tagsmith.load`.
    MissingExtraError
        PySpark is not installed, or not pandas and pyarrow with it.

    Examples
    --------
    >>> tagged = tag_dataframe(spark.read.parquet("texts.parquet"), "en")  # doctest: +SKIP
    >>> tagged.write.parquet("tagged.parquet")  # doctest: +SKIP
    """
    types, struct = _spark_types()
    import pyarrow

    if not hasattr(df, "mapInArrow"):
        remedy = "Those of pandas and Polars are tagged by Tagger.tag_frame."
        raise DataError(f"The frame is {shown(df)}, not a DataFrame of Spark.", remedy=remedy)
    names = list(df.columns)
    place = _place(names, column)
    given = pyarrow.schema([(column, _arrow_type(df.schema.fields[place]))])
    worker = Worker(str(model), column, prefix, tags, threshold, precision).pinned()
    added = types.from_arrow_schema(worker.schema(given).remove(0))
    _check_new(added.names, names)
    archive = _ship(df.sparkSession, worker) if ship else None
    # Spark looks columns up by name, so names with dots and those of several columns would fail here.
    numbered = df.toDF(*(f"c{number}" for number in range(len(names))))
    try:
        return numbered.mapInArrow(_Task(worker, place, archive), struct([*df.schema.fields, *added.fields]))
    except NotImplementedError as error:
        kinds = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in df.schema.fields)
        problem = f"Spark cannot pass one of these columns to Python: {kinds}."
        raise DataError(problem, remedy="Drop those of intervals, or cast them to strings.") from error


@dataclass(frozen=True)
class _Task:
    """What an executor does with the batches of a partition."""

    worker: Worker
    place: int  # of the column
    archive: str | None  # that holds the model

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow
        from pyspark import SparkFiles

        worker = self.worker
        if self.archive is not None:
            worker = replace(worker, model=SparkFiles.get(self.archive))
        for batch in batches:
            for piece in _pieces(batch, self.place):
                texts = piece.column(self.place)
                try:
                    tagged = worker(pyarrow.RecordBatch.from_arrays([texts], [worker.column]))
                except UnicodeDecodeError as error:  # Spark does not check the bytes that it reads
                    problem = f"The column {worker.column!r} holds what is not UTF-8: {error}."
                    raise DataError(problem, remedy="Apply pyspark.sql.functions.make_valid_utf8 to it.") from error
                names = [*piece.schema.names, *tagged.schema.names[1:]]
                yield pyarrow.RecordBatch.from_arrays([*piece.columns, *tagged.columns[1:]], names)


def _pieces(batch: Any, place: int) -> Iterator[Any]:
    rows = max(1, min(PIECE_ROWS, batch.num_rows * PIECE_BYTES // max(1, batch.column(place).nbytes)))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


# -------------------------------------------------------------------------------------------- the model


def _ship(spark: Any, worker: Worker) -> str:
    """Send a model to the executors of a session, once; return the name of the archive."""
    name = f"tagsmith-{worker.digest}.zip"
    try:
        context = spark.sparkContext
    except AttributeError:  # Spark Connect: a client that has no context
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(_archive(worker))
            spark.addArtifacts(str(path), archive=True)
        return name
    if not any(path.endswith(name) for path in context.listArchives):
        from pyspark import SparkFiles

        path = Path(SparkFiles.getRootDirectory(), "tagsmith", name)  # Spark deletes this folder when it stops
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, _archive(worker))
        context.addArchive(str(path))
    return name


def _archive(worker: Worker) -> bytes:
    """Pack a model, into the same bytes each time. Raises ModelError: as :func:`model_files`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in model_files(worker).items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


# -------------------------------------------------------------------------------------------- checks


def _spark_types() -> tuple[Any, Any]:
    """Import what knows the types of Spark. Raises MissingExtraError: PySpark or what it needs is not installed."""
    try:
        import pandas  # noqa: F401  (mapInArrow refuses to work without it)
        import pyarrow  # noqa: F401
        from pyspark.sql.pandas import types
        from pyspark.sql.types import StructType
    except ImportError as error:
        raise MissingExtraError("Tagging a DataFrame of Spark", "spark") from error
    return types, StructType


def _place(names: list[str], column: str) -> int:
    if names.count(column) != 1:
        problem = f"The DataFrame has {'two columns' if column in names else 'no column'} {column!r}."
        raise DataError(problem, remedy=f"Name one of its columns: {', '.join(names)}.")
    return names.index(column)


def _arrow_type(field: Any) -> Any:
    import pyarrow

    kind = field.dataType.simpleString()
    if field.dataType.typeName() == "string":
        return pyarrow.string()
    if field.dataType.typeName() == "array" and field.dataType.elementType.typeName() == "string":
        return pyarrow.list_(pyarrow.string())
    problem = f"The column {field.name!r} is {kind}, neither string nor array<string>."
    raise DataError(problem, remedy="Name another column, or cast it.")


def _check_new(added: Iterable[str], there: Iterable[str]) -> None:
    taken = {name.lower() for name in there}  # Spark does not tell 'Spans' from 'spans'
    for name in added:
        if name.lower() in taken:
            remedy = "Give a prefix for the new ones: prefix='predicted_'."
            raise DataError(f"The DataFrame has a column {name!r} already.", remedy=remedy)
