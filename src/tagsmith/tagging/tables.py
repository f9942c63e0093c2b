"""Tables with the predictions as further columns: data frames, and the batches of ``datasets``.

A column holds texts, or lists of tokens; null stays null. What is predicted is made column by column in Arrow's memory
layout: one array of all labels, one of all starts, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from tagsmith.errors import DataError
from tagsmith.formats.source import encodable
from tagsmith.formats.tables import arrow
from tagsmith.text.arguments import check_strings, check_text, shown

if TYPE_CHECKING:
    from tagsmith.tagging.heads import Threshold
    from tagsmith.tagging.tagger import Tagger

BLOCK_ROWS = 4096  # tagged at a time
SPANS, TOKENS = "spans", "tokens"
_COLUMNS_OF_TOKENS = (TOKENS, "words")
_TYPES_OF_TOKENS = ("list", "large_list", "fixed_size_list", "array")  # as pyarrow, Polars and pandas call them
FIELDS = ("start", "end", "label", "text", "score")  # of a span
_Field = tuple[int, int, str, str, float | None]


# -------------------------------------------------------------------------------------------- frames


def tag_frame(
    tagger: Tagger, frame: Any, column: str | None, *, prefix: str, tags: bool, threshold: Threshold | None
) -> Any:
    """Return the frame with columns of predictions, see ``Tagger.tag_frame``."""
    pyarrow = arrow("Tagging a table")
    kind = type(frame).__module__.partition(".")[0]
    if kind not in ("pandas", "polars", "pyarrow") or not hasattr(frame, "columns"):
        remedy = "Give a DataFrame of pandas or Polars (collect a LazyFrame first), or a table of pyarrow."
        raise DataError(f"The frame is {shown(frame)}.", remedy=remedy)
    names = list(frame.column_names if kind == "pyarrow" else frame.columns)
    values = frame[_column(column, names)]
    if kind == "pandas":  # which has several values that mean missing
        rows = values.astype(object).where(values.notna(), None).tolist()
    else:
        rows = values.to_pylist() if kind == "pyarrow" else values.to_list()
    type_of_values = str(values.type if kind == "pyarrow" else values.dtype).lower()
    tokens = type_of_values.startswith(_TYPES_OF_TOKENS) or any(isinstance(row, list | np.ndarray) for row in rows)
    blocks = [
        predicted_columns(tagger, rows[start : start + BLOCK_ROWS], tags=tags, threshold=threshold, tokens=tokens)
        for start in range(0, max(len(rows), 1), BLOCK_ROWS)
    ]
    columns = {f"{prefix}{name}": pyarrow.chunked_array([block[name] for block in blocks]) for name in blocks[0]}
    _check_new(columns, names)
    if kind == "pandas":
        from pandas import Series
        from pandas.arrays import ArrowExtensionArray

        added = {name: Series(ArrowExtensionArray(values), index=frame.index) for name, values in columns.items()}
        return frame.assign(**added)
    if kind == "polars":
        from polars import from_arrow

        return frame.with_columns(**{name: from_arrow(values) for name, values in columns.items()})
    for name, values in columns.items():
        frame = frame.append_column(name, values)
    return frame


def _column(wanted: str | None, names: Iterable[Any]) -> str:
    names = list(names)
    if wanted is None:
        wanted = next((name for name in (*_COLUMNS_OF_TOKENS, "text") if name in names), None)
        problem = "The table has no column 'tokens', 'words' or 'text'."
    else:
        problem = f"The table has no column {wanted!r}."
    if wanted is None or wanted not in names:
        raise DataError(problem, remedy=f"Name one of its columns: {', '.join(map(str, names))}.")
    if names.count(wanted) > 1:
        raise DataError(f"The table has several columns {wanted!r}.", remedy="Give them different names.")
    return wanted


def _check_new(columns: Iterable[str], there: Iterable[Any]) -> None:
    if taken := set(columns) & set(there):
        name = min(taken)
        raise DataError(
            f"The table has a column {name!r} already.", remedy="Give a prefix for the new ones: prefix='predicted_'."
        )


# -------------------------------------------------------------------------------------------- datasets


@dataclass(frozen=True)
class BatchTagger:
    """What ``tagger.as_map()`` returns: called with a batch of ``datasets``, it returns the columns to add."""

    tagger: Tagger
    column: str | None
    prefix: str
    threshold: Threshold | None

    def __call__(self, batch: Any) -> Any:
        """Tag a batch: a mapping of columns or, of a dataset ``with_format``, a table or a data frame."""
        if not isinstance(batch, Mapping):
            return tag_frame(self.tagger, batch, self.column, prefix=self.prefix, tags=True, threshold=self.threshold)
        column = _column(self.column, batch)
        rows = batch[column]
        if isinstance(rows, str) or (column in _COLUMNS_OF_TOKENS and rows and isinstance(rows[0], str)):
            problem = f"{column!r} of this batch is that of a single row."
            raise DataError(problem, remedy="Tag many rows at a time: dataset.map(tagger.as_map(), batched=True).")
        columns = predicted_columns(self.tagger, rows, tags=True, threshold=self.threshold)
        added = {f"{self.prefix}{name}": values.to_pylist() for name, values in columns.items()}
        _check_new(added, batch)
        return added

    def features(self, dataset: Any) -> Any:
        """Return the features that a dataset has with the columns that are added, for ``dataset.map(features=…)``.

        Without them, ``datasets`` guesses the types of new columns from the first batch, which may hold no span.
        """
        from datasets import Features

        pyarrow = arrow("Tagging a dataset")
        first = dataset[:1]
        columns = predicted_columns(self.tagger, first[_column(self.column, first)], tags=True, threshold=None)
        added = pyarrow.schema([(f"{self.prefix}{name}", values.type) for name, values in columns.items()])
        return Features({**dataset.features, **Features.from_arrow_schema(added)})


# -------------------------------------------------------------------------------------------- predictions


def predicted_columns(
    tagger: Tagger, rows: Sequence[Any], *, tags: bool, threshold: Threshold | None, tokens: bool = False
) -> dict[str, Any]:
    """Tag rows that are texts, or lists of tokens; return arrays of pyarrow by name, one value a row.

    ``tokens`` says which columns there are if no row has a value: those of tokens, or those of texts.

    ``spans`` are lists of structs: ``start``, ``end`` (in characters of a text, or in tokens), ``label``, ``text``,
    ``score``. The tags of a layer have the layer's name; those of texts come with their ``tokens``, for layers without
    spans or with ``tags``. Of several layers with spans, the columns are called ``ner_spans`` and so on.
    """
    missing = [row is None or (isinstance(row, float) and row != row) for row in rows]  # pandas writes NaN
    given = {number: row for number, (row, none) in enumerate(zip(rows, missing, strict=True), 1) if not none}
    if any(isinstance(row, str) for row in given.values()) or not (given or tokens):
        for number, text in given.items():
            check_text(text, f"The text of row {number}")
        return _of_texts(tagger, list(given.values()), missing, tags, threshold)
    for number, words in given.items():
        if not isinstance(words, list | tuple | np.ndarray):
            problem = f"Row {number} is {shown(words)}, neither a text nor a list of tokens."
            raise DataError(problem, remedy="Name another column.")
        check_strings(words, f"Row {number}", "word")
    return _of_tokens(tagger, list(map(list, given.values())), missing, threshold)


def _of_texts(
    tagger: Tagger, texts: list[str], missing: list[bool], tags: bool, threshold: Threshold | None
) -> dict[str, Any]:
    spans = _span_columns(tagger).values()
    columns = columns_of_texts(tagger, texts, tags=tags, threshold=threshold)
    return {name: _lists(rows, missing, _structs if name in spans else _strings) for name, rows in columns.items()}


def columns_of_texts(
    tagger: Tagger, texts: list[str], *, tags: bool = False, threshold: Threshold | None = None
) -> dict[str, list[list[Any]]]:
    """Tag texts; return the columns of :func:`predicted_columns` as lists of strings, or of the fields of spans."""
    documents = tagger.tag_texts(texts, threshold=threshold)
    columns: dict[str, list[list[Any]]] = {}
    written = [layer.name for layer in tagger.model.layers if tags or not layer.gives_spans]
    if written:
        columns[TOKENS] = [[word for sentence in one.sentences for word in sentence.words] for one in documents]
    for name in written:
        columns[name] = [[tag for sentence in one.sentences for tag in sentence.layers[name]] for one in documents]
    for name, column in _span_columns(tagger).items():
        spans = (document.layer_spans.get(name, document.spans) for document in documents)
        columns[column] = [[(one.start, one.end, one.label, one.text, one.score) for one in found] for found in spans]
    return columns


def _of_tokens(
    tagger: Tagger, sentences: list[list[str]], missing: list[bool], threshold: Threshold | None
) -> dict[str, Any]:
    tagged = tagger._tagged(sentences, tagger._heads, True, threshold)
    columns: dict[str, Any] = {}
    spans = _span_columns(tagger)
    for name, layer in zip(tagger.layers, tagged, strict=True):
        columns[name] = _lists(list(layer.tags), missing, _strings)
        if name in spans:
            fields = [
                [(start, end, label, " ".join(words[start:end]), score) for start, end, label, score in found]
                for words, found in ((words, layer.spans.get(n, ())) for n, words in enumerate(sentences))
            ]
            columns[spans[name]] = _lists(fields, missing, _structs)
    return columns


def _span_columns(tagger: Tagger) -> dict[str, str]:
    """Name the columns of the layers that give spans: layer → column."""
    layers = [layer.name for layer in tagger.model.layers if layer.gives_spans]
    return {name: SPANS if len(layers) == 1 else f"{name}_{SPANS}" for name in layers}


def _lists(rows: Sequence[Sequence[Any]], missing: Sequence[bool], flat: Callable[[list[Any]], Any]) -> Any:
    """Make an array of lists: the next of the rows, or null where a row is missing."""
    import pyarrow

    lengths = np.zeros(len(missing), np.int64)
    lengths[~np.array(missing, bool)] = [len(row) for row in rows]
    offsets = pyarrow.array(np.concatenate([[0], lengths.cumsum()]).astype(np.int32))
    with encodable("a table"):
        values = flat(list(chain.from_iterable(rows)))
    return pyarrow.ListArray.from_arrays(offsets, values, mask=pyarrow.array(missing, pyarrow.bool_()))


def _strings(values: list[str]) -> Any:
    import pyarrow

    return pyarrow.array(values, pyarrow.string())


def _structs(spans: list[_Field]) -> Any:
    import pyarrow

    starts, ends, labels, texts, scores = zip(*spans, strict=True) if spans else ((),) * 5
    whole, text, number = pyarrow.int64(), pyarrow.string(), pyarrow.float64()
    columns = zip((starts, ends, labels, texts, scores), (whole, whole, text, text, number), strict=True)
    arrays = [pyarrow.array(values, kind) for values, kind in columns]
    return pyarrow.StructArray.from_arrays(arrays, FIELDS)
