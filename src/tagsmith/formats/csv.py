"""Comma-separated values, one token a row with a column that numbers the sentences: the Kaggle NER layout.

The first row names the columns. A sentence begins where its column has a new value; a blank value continues
the sentence, so both usual layouts are read: ``Sentence: 1`` on the first row only, or a number on each.
The tag's column is the layer ``"tags"`` (or the name asked for); every other named column, such as ``POS``,
is a layer of its own under its name in lower case.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TextIO

from tagsmith.errors import DataError
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import Source, open_source, pick_layer, source_name
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words

_SENTENCE_HEADERS = (
    "sentence #",
    "sentence",
    "sentence_id",
    "sentence id",
    "sent_id",
    "sentence_number",
    "sent",
)
_WORD_HEADERS = ("word", "token", "words", "tokens", "text", "form")
_TAG_HEADERS = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "entity", "ner tag")
_SEPARATORS = ",;\t|"
_HEADER = re.compile(r"(?!\s*[\[{])[^\n]*\bsentence(?:\b|_)[^\n]*\b(?:word|token)s?\b", re.IGNORECASE)


class _Columns(NamedTuple):
    """The places (from 0) of what is read from a row, and the number of cells in it."""

    sentence: int
    word: int
    layers: dict[str, int]
    width: int


class _Row(NamedTuple):
    line: int
    cells: list[str]


# --------------------------------------------------------------------------------------------------- reading


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents, one for each sentence.

    Raises
    ------
    DataError
        With file and line: for a missing header, a row with more or fewer cells than the header, an empty
        word or tag, a quotation mark that is never closed, a file without tokens; and as
        :func:`tagsmith.formats.source.open_source`.
    """
    name = source_name(source)
    with open_source(source, options.encoding, newline="") as stream:
        header, rows = _rows(stream, options, name)
        columns = _find_columns(header, options, name)
        found = False
        for sentence in _sentences(rows, columns, name):
            found = True
            yield Document(" ".join(sentence.words), (sentence,))
    if not found:
        raise DataError("The file holds no tokens.", remedy="Give one token a row below the header.", path=name)


def _rows(stream: Iterable[str], options: ReadOptions, name: str) -> tuple[_Row, Iterator[_Row]]:
    """Split the header and the rows, leaving out blank ones."""
    lines = iter(stream)
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise DataError("The file is empty.", remedy="Give a header and one token a row.", path=name)
    separator = options.separator or max(_SEPARATORS, key=first.count)
    rows = _parse(csv.reader(chain([first], lines), delimiter=separator, strict=True), name)
    return next(rows), rows


def _parse(reader: Iterator[list[str]], name: str) -> Iterator[_Row]:
    number = 1  # where the next row begins: a quoted cell may span lines
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"The row cannot be read: {error}.",
                remedy='A cell that holds a quotation mark is written "like ""this""".',
                path=name,
                line=number,
            ) from error
        if cells is None:
            return
        if any(cells):
            yield _Row(number, cells)
        number = reader.line_num + 1  # type: ignore[attr-defined]


def _find_columns(header: _Row, options: ReadOptions, name: str) -> _Columns:
    names = [cell.strip().lower() for cell in header.cells]
    sentence = _find(names, options.sentence_column, _SENTENCE_HEADERS, name)
    word = _find(names, options.word_column, _WORD_HEADERS, name)
    if sentence is None or word is None:
        what = "numbers the sentences" if sentence is None else "holds the words"
        raise DataError(
            f"No column {what}: the headers are {', '.join(map(repr, header.cells))}.",
            remedy="Call it 'Sentence #'." if sentence is None else "Call it 'Word'.",
            path=name,
            line=header.line,
        )
    tag = _find(names, options.column, _TAG_HEADERS, name)
    if options.column is None and options.layer in names:
        tag = names.index(options.layer)
    layers = {
        header_name: place
        for place, header_name in enumerate(names)
        if place not in (sentence, word, tag) and header_name and not header_name.startswith("unnamed")
    }
    if tag is not None:
        named = options.column is not None or options.layer in names
        layers[options.layer if named and options.layer else DEFAULT_LAYER] = tag
    if not layers and options.labels_required:
        raise DataError(
            f"The file has no labels: the headers are {', '.join(map(repr, header.cells))}.",
            remedy="Name the column of the tags with --column.",
            path=name,
            line=header.line,
        )
    return _Columns(sentence, word, layers, len(names))


def _find(names: Sequence[str], wanted: int | str | None, usual: Sequence[str], path: str) -> int | None:
    if wanted is None:
        return next((names.index(header) for header in usual if header in names), None)
    text = str(wanted).strip().lower()
    if text in names:
        return names.index(text)
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number == 0 or abs(number) > len(names):
        raise DataError(
            f"There is no column {wanted!r}.",
            remedy=f"Choose one of {', '.join(map(repr, names))}, or a number from 1 to {len(names)}.",
            path=path,
        )
    return number - 1 if number > 0 else len(names) + number


def _sentences(rows: Iterable[_Row], columns: _Columns, name: str) -> Iterator[Sentence]:
    current: str | None = None
    pending: list[_Row] = []
    for row in rows:
        if len(row.cells) != columns.width:
            few = "few" if len(row.cells) < columns.width else "many"
            raise DataError(
                f"This row has too {few} columns: {len(row.cells)}, where the header has {columns.width}.",
                remedy="Put cells that hold the separator in quotation marks.",
                path=name,
                line=row.line,
            )
        value = row.cells[columns.sentence].strip()
        if value and value != current:
            if pending:
                yield _sentence(pending, columns, name)
            pending, current = [], value
        elif current is None:
            raise DataError(
                "The first row does not number its sentence.",
                remedy="Give the first row of each sentence, or every row, the number of its sentence.",
                path=name,
                line=row.line,
            )
        pending.append(row)
    if pending:
        yield _sentence(pending, columns, name)


def _sentence(rows: Sequence[_Row], columns: _Columns, name: str) -> Sentence:
    words = [row.cells[columns.word].strip() for row in rows]
    layers = {layer: [row.cells[place].strip() for row in rows] for layer, place in columns.layers.items()}
    chosen = list(layers)[-1:]  # the tag's column comes last
    for what, cells in (("word", words), *(("tag", layers[layer]) for layer in chosen)):
        if "" in cells:
            raise DataError(
                f"The {what} is empty.",
                remedy="Fill the cell, or remove the row.",
                path=name,
                line=rows[cells.index("")].line,
            )
    return sentence_from_words(words, layers, line=rows[0].line)


# --------------------------------------------------------------------------------------------------- writing


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write one row a token: sentence number (on every row), word, the other layers, and the layer last.

    Every sentence must have the layers of the first.
    """
    writer = csv.writer(stream, delimiter=options.separator or ",", lineterminator="\n")
    number = 0
    names: list[str] = []
    for document in documents:
        for sentence in document.sentences:
            if not number:
                names = _ordered(sentence, options)
                headers = [("Tag" if layer == names[-1] else layer) for layer in names]
                writer.writerow(["Sentence #", "Word", *headers])
            number += 1
            columns = [sentence.layers[layer] for layer in names]
            writer.writerows([f"Sentence: {number}", *cells] for cells in zip(sentence.words, *columns, strict=True))


def _ordered(sentence: Sentence, options: WriteOptions) -> list[str]:
    chosen = pick_layer(sentence.layers, options.layer)
    names = [layer for layer in sentence.layers if layer != chosen]
    return [*names, chosen] if chosen in sentence.layers else names  # type: ignore[list-item]


FORMAT = Format(
    "csv",
    read,
    write,
    suffixes=(".csv",),
    begins=lambda text: _HEADER.match(text) is not None,
    media_type="text/csv; charset=utf-8",
)
