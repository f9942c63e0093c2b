"""Comma-separated values with a header, one token a row and a column that numbers the sentences (Kaggle's layout).

A sentence begins where its column has a new value; a blank value continues the sentence. So both usual layouts are
read: ``Sentence: 1`` on the first row only, or a number on each row. The tag's column is the layer ``"tags"`` (or the
name asked for). Every other column with a heading, such as ``POS``, is a layer called by the heading in lower case. The
``meta`` of a sentence holds ``values``: heading → the only value that its rows have there, None if they have several.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TextIO

from tagsmith.errors import DataError
from tagsmith.formats.columns import TAG_HEADINGS, WORD_HEADINGS, is_span_tag
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import (
    Place,
    Source,
    at_least_one,
    open_source,
    pick_layer,
    source_name,
)
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words

_SENTENCE_HEADINGS = ("sentence #", "sentence", "sentence_id", "sentence id", "sent_id", "sentence_number", "sent")
_SEPARATORS = ",;\t|"
_SENTENCES_TO_JUDGE = 20  # as many that are one word with spaces, and a tag with spaces, are no words


Row = tuple[int, list[str]]  # the line where it begins, and its cells


class _Columns(NamedTuple):
    """The places (from 0) of what is read from a row, and the number of cells in it."""

    sentence: int
    word: int
    layers: dict[str, int]  # the tag's comes last
    width: int
    others: dict[str, int]  # by the headings as they are written: all but these three


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents, one for each sentence; rows must be as long as the header, and no word or tag may be empty."""
    place = Place(source_name(source), options)
    nothing = place.empty("tokens", "Give a header and one token a row.")
    with open_source(source, options.encoding, newline="") as stream:
        rows = at_least_one((row for row in rows_of(stream, place)[1] if any(row[1])), nothing)
        columns = _find_columns(next(rows), place)
        sentences = at_least_one(_sentences(rows, columns, place), nothing)
        first = list(islice(sentences, _SENTENCES_TO_JUDGE))
        if all(map(_is_whole_sentence, first)):
            remedy = "Give each word, and its tag, a row of its own."
            raise place.error("Each row holds a whole sentence, not a word.", remedy, first[0].line)
        if first[0].layers and options.column is None and options.layer is None:
            _report_tags(first, place)
        for sentence in chain(first, sentences):
            yield Document(" ".join(sentence.words), (sentence,))


def _is_whole_sentence(sentence: Sentence) -> bool:
    """Whether the only word of a sentence, and its tag, are lists between spaces."""
    cells = (*sentence.words, *(tags[0] for tags in list(sentence.layers.values())[-1:]))
    return len(sentence) == 1 and bool(sentence.layers) and all(" " in cell for cell in cells)


def _report_tags(sentences: Sequence[Sentence], place: Place) -> None:
    """Report if a layer beside the tags looks more like tags of spans."""
    spans = {layer: {tag for sentence in sentences for tag in sentence.layers[layer]} for layer in sentences[0].layers}
    *others, tags = spans
    better = [layer for layer in others if len(spans[layer]) > 1 and all(map(is_span_tag, spans[layer]))]
    if better and not all(map(is_span_tag, spans[tags])):
        message = (
            f"the column {better[0]!r} looks more like tags of spans than the one that is read; --column {better[0]}"
        )
        place._replace(line=sentences[0].line).report(f"{message} reads it")


def rows_of(stream: Iterable[str], place: Place) -> tuple[str, Iterator[Row]]:
    """Split the rows, the header first, leaving out blank lines; return the separator, and the rows.

    The separator is that of the options, or the one that the header has most of.

    Raises DataError: the quotation marks are wrong, or the separator is no single character.
    """
    lines = iter(stream)
    first = next((line for line in lines if line.strip()), "")
    delimiter = place.options.separator or separator_of(first)
    try:
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    except (TypeError, ValueError) as error:
        raise place.error(f"The separator cannot be {delimiter!r}.", "Give one character.") from error
    return delimiter, _numbered(reader, place)


def separator_of(line: str) -> str:
    """Return the separator that a line has most of."""
    return max(_SEPARATORS, key=line.count)


def _numbered(reader: Any, place: Place) -> Iterator[Row]:
    number = 1  # of the line where the next row begins: a quoted cell may span lines
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        remedy = 'A cell that contains a quotation mark is written "like ""this""".'
        raise place.error(f"The row cannot be read: {error}.", remedy, number) from error


def _find_columns(header: Row, place: Place) -> _Columns:
    options = place.options
    line, cells = header
    headings = [cell.strip().lower() for cell in cells]

    def find(wanted: int | str | None, usual: Sequence[str]) -> int | None:
        if wanted is not None:
            return place.column(wanted, len(headings), line, headings)
        return next((headings.index(heading) for heading in usual if heading in headings), None)

    def missing(problem: str, remedy: str) -> DataError:
        return place.error(f"{problem}: the headings are {', '.join(map(repr, cells))}.", remedy, line)

    sentence = find(options.sentence_column, _SENTENCE_HEADINGS)
    if sentence is None:
        remedy = "Call it 'Sentence #'. If blank lines end the sentences, read the file as columns: --format conll"
        raise missing("No column numbers the sentences", f"{remedy} --separator '{place.options.separator or ','}'.")
    word = find(options.word_column, WORD_HEADINGS)
    if word is None:
        raise missing("No column holds the words", "Call it 'Word'.")
    layer = options.layer if options.column is not None or options.layer in headings else None
    tag = find(options.layer if options.column is None and layer else options.column, TAG_HEADINGS)
    others = {
        cells[number].strip(): number
        for number, heading in enumerate(headings)
        if number not in (sentence, word, tag) and heading and not heading.startswith("unnamed")
    }
    layers = {heading.lower(): number for heading, number in others.items()}
    if tag is not None:
        layers[layer or DEFAULT_LAYER] = tag
    if not layers and options.labels_required:
        raise missing("The file has no labels", "Name the column of the tags with --column.")
    return _Columns(sentence, word, layers, len(headings), others)


def _sentences(rows: Iterable[Row], columns: _Columns, place: Place) -> Iterator[Sentence]:
    current = ""
    members: list[Row] = []
    for line, cells in rows:
        if len(cells) != columns.width:
            remedy = "Put cells that contain the separator in quotation marks."
            raise place.wrong_columns(len(cells), columns.width, "", "the header", remedy, line)
        value = cells[columns.sentence].strip()
        if not value and not current:
            remedy = "Give the first row of each sentence, or every row, the number of its sentence."
            raise place.error("The first row does not number its sentence.", remedy, line)
        if value and value != current:
            if members:
                yield _sentence(members, columns, place)
            members, current = [], value
        members.append((line, cells))
    if members:
        yield _sentence(members, columns, place)


def _sentence(rows: Sequence[Row], columns: _Columns, place: Place) -> Sentence:
    words = [cells[columns.word].strip() for _, cells in rows]
    layers = {layer: [cells[number].strip() for _, cells in rows] for layer, number in columns.layers.items()}
    for what, column in (("word", words), *(("tag", tags) for tags in list(layers.values())[-1:])):
        if "" in column:
            raise place.empty_cell(what, rows[column.index("")][0])
    filled = {
        heading: {cells[number].strip() for _, cells in rows} - {""} for heading, number in columns.others.items()
    }
    values = {heading: next(iter(cells)) if len(cells) == 1 else None for heading, cells in filled.items() if cells}
    return sentence_from_words(words, layers, line=rows[0][0], meta={"values": values} if values else {})


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write one row a token: sentence number, word, the other layers, and the layer last.

    All sentences must have the same layers.
    """
    writer = csv.writer(stream, delimiter=options.separator or ",", lineterminator="\n")
    layers: list[str] = []
    sentences = (sentence for document in documents for sentence in document.sentences)
    for number, sentence in enumerate(sentences, 1):
        if number == 1:
            main_layer = pick_layer(sentence.layers, options.layer)
            layers = sorted(sentence.layers, key=lambda layer: layer == main_layer)  # stable: only this one moves
            writer.writerow(["Sentence #", "Word", *layers[:-1], *(["Tag"] if layers else [])])
        if different := sorted(sentence.layers.keys() ^ set(layers)):
            raise DataError(
                f"Some sentences do not have the layers {', '.join(different)}, so that one header does not fit all.",
                remedy="Write another format, or a file for each kind of sentence.",
                line=sentence.line or None,
            )
        columns = [sentence.layers[layer] for layer in layers]
        writer.writerows([f"Sentence: {number}", *cells] for cells in zip(sentence.words, *columns, strict=True))


def _begins(text: str) -> bool:
    """Whether the first line has headings for the sentence's number and the word."""
    first = text.lstrip().partition("\n")[0]
    cells = [cell.strip(' "\r').lower() for cell in first.split(separator_of(first))]
    return len(cells) > 1 and not {*_SENTENCE_HEADINGS}.isdisjoint(cells) and not {*WORD_HEADINGS}.isdisjoint(cells)


FORMAT = Format(
    "csv",
    read,
    write,
    suffixes=(".csv",),
    begins=_begins,
    media_type="text/csv; charset=utf-8",
)
