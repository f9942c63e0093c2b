"""The CoNLL format: columns, one token a line, a blank line after each sentence.

Columns are separated by tabs or, if the first row has none, by runs of spaces and tabs; with tabs a word may contain
spaces. A line ``-DOCSTART- …`` begins a document, however it is written (``-docstart-``, ``--DOCSTART--``). Before the
first of them every sentence is a document by itself, so that huge files are read in constant memory. A line that begins
with ``#`` is a comment where it cannot be a token: it has fewer columns than the rows or, in files without tabs, looks
like ``# key = value``. So the tokens ``#`` and ``#hashtag`` stay tokens. A first line that names its columns (``word
tag``) is left out, and reported.

A sentence's ``meta`` holds what is needed to write it back unchanged: ``extra``, pairs of a comment and the number of
tokens before it; ``rows``, all cells of each token, if there are more than a word and a tag; ``columns``, the places
of word and tag in a row; ``headings``, if a first line names the columns; ``separator``, if it is not a tab.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TextIO

from tagsmith.errors import DataError
from tagsmith.formats.columns import (
    doubt_of_columns,
    is_header,
    is_span_tag,
    looks_like_columns,
    numbers_first,
    sentence_in_a_line,
    swapped,
)
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import (
    Place,
    Source,
    at_least_one,
    group_documents,
    numbered_lines,
    open_source,
    source_name,
    token_line,
    with_extra,
    written_layers,
)
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words
from tagsmith.text.schemes import OUTSIDE

_DOCSTART = re.compile(r"-+DOCSTART-*(?:[ \t]|$)", re.IGNORECASE)
_KEY_VALUE = re.compile(r"#\s*[\w.:-]+\s*=")
_LEAST_OF_TEXT = 5  # columns between spaces that may be the words of a sentence instead
_CARRIAGE_RETURNS = 3  # in the first line: they are how old Macintosh files end lines
_ROWS_TO_CLAIM = 3  # fewer lines that look like words and tags may be anything
_UNIVERSAL_NER = 5  # columns of its files: number, word, tag, -, annotator
_SENTENCES_TO_JUDGE = 100  # the first sentences show which columns hold words and tags


class _Layout(NamedTuple):
    """How lines become cells: the separator (None: runs of spaces and tabs) and the number of columns."""

    separator: str | None
    columns: int
    line: int  # of the row that set the number of columns

    def split(self, line: str) -> list[str]:
        if self.separator is None:
            # str.split() would also split at U+0085, U+00A0, …, which occur inside tokens.
            return [cell for cell in line.replace("\t", " ").split(" ") if cell]
        return line.split(self.separator)

    def is_comment(self, line: str, cells: Sequence[str]) -> bool:
        """Whether a line that begins with ``#`` is no token."""
        if len(cells) < self.columns:
            return True
        if self.columns == 1:
            return line.startswith("# ")
        if self.separator is not None:
            return False
        return bool(_KEY_VALUE.match(line)) or (line.startswith("# ") and len(cells) > self.columns)


class _Block(NamedTuple):
    """The rows of one sentence, and the ``-DOCSTART-`` line if a document begins with it."""

    line: int  # of the first row
    rows: list[list[str]]
    extra: list[tuple[int, str]]
    docstart: str | None


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents; all rows must have the same number of columns, and no word or tag may be empty."""
    place = Place(source_name(source), options)
    with open_source(source, options.encoding) as stream:
        lines, layout = _find_layout(stream, place)
        blocks = at_least_one(_blocks(lines, layout, place), _nothing(place))
        first = list(islice(blocks, _SENTENCES_TO_JUDGE))
        columns = _find_columns(first, place)
        first, headings = _without_header(first, columns, place)
        if options.column is None and columns[1] == layout.columns - 1:  # the last, because nothing said which
            _check_columns(first, (columns[0], columns[1]), layout, place)
        tags: dict[str, str] = {}  # one object a tag saves memory
        blocks = chain(first, blocks)
        if layout.separator == "\t":
            blocks = _with_spaces_said(blocks, columns, place)
        if columns[1] is not None and place.options.labels_required:
            blocks = _with_words(blocks, columns[0], columns[1], place)
        yield from group_documents(
            _sentence(block, columns, headings, layout.separator, place, tags) for block in blocks
        )


def _nothing(place: Place) -> DataError:
    return place.empty("tokens", "Give one token a line.")


def _find_layout(stream: Iterable[str], place: Place) -> tuple[Iterator[tuple[int, str]], _Layout]:
    """Take separator and number of columns from the first line that is surely a token; give the lines back too."""
    separator = place.options.separator
    lines = numbered_lines(stream)
    seen: list[tuple[int, str]] = []
    row: tuple[int, str] | None = None
    for number, line in lines:
        seen.append((number, line))
        if not line or _DOCSTART.match(line):
            continue
        if not line.startswith("#"):
            row = number, line
            break
        if (separator or "\t") in line or not (row or line.startswith("# ")):  # perhaps a token
            row = number, line
    if row is None:
        raise _nothing(place)
    number, line = row
    if line.count("\r") >= _CARRIAGE_RETURNS:
        raise place.error("The lines end with carriage returns alone.", "Convert them: tr '\\r' '\\n'.", number)
    if separator is None and "\t" in line:
        separator = "\t"
    elif separator == " ":
        separator = None  # a run of spaces is one separator
    columns = len(_Layout(separator, 0, 0).split(line))
    return chain(seen, lines), _Layout(separator, columns, number)


def _blocks(lines: Iterable[tuple[int, str]], layout: _Layout, place: Place) -> Iterator[_Block]:
    """Cut the lines into sentences, checking the number of columns."""
    rows: list[list[str]] = []
    extra: list[tuple[int, str]] = []
    start = 0
    docstart: str | None = None
    lacking: list[int] = []  # lines without their last columns
    separator, columns, first = layout
    tabs_are_said = separator is not None or place.options.separator is not None
    for number, line in lines:
        cells = line.split(separator) if separator else layout.split(line)
        begins = line[:1] == "-" and _DOCSTART.match(line) is not None
        if not line or begins:
            if rows:
                yield _Block(start, rows, extra, docstart)
                rows, extra, docstart = [], [], None
            if begins:
                docstart, extra = line, []
        elif line[0] == "#" and layout.is_comment(line, cells):
            extra.append((len(rows), line))
        else:
            if len(cells) != columns:
                cells = _with_annotator(line, cells, layout, place, number)
                lacking.append(number)
            if not rows:
                start = number
            rows.append(cells)
            if not tabs_are_said and "\t" in line:
                tabs_are_said = True
                message = f"There is a tab here, where line {first} has spaces; both separate columns."
                place._replace(line=number).report(message)
    if lacking:
        message = f"{len(lacking):,} lines, this one first, lack the columns after the tag; '-' stands for them."
        place._replace(line=lacking[0]).report(message)


def _with_annotator(line: str, cells: list[str], layout: _Layout, place: Place, number: int) -> list[str]:
    """Complete a row of Universal NER that ends after its tag, as most of its English training set do."""
    if layout.columns == _UNIVERSAL_NER and 3 <= len(cells) < _UNIVERSAL_NER and place.path.endswith(".iob2"):
        return cells + ["-"] * (_UNIVERSAL_NER - len(cells))
    raise _wrong_columns(line, cells, layout, place, number)


def _wrong_columns(line: str, cells: Sequence[str], layout: _Layout, place: Place, number: int) -> DataError:
    separator, columns, first = layout
    between = ", separated by " + ("white space" if separator is None else repr(separator))
    remedy = "Give all lines the same columns, put a blank line between sentences, or name the separator."
    if separator == "\t" and len(line.split()) == columns:
        remedy = "It has spaces, or several tabs, where other lines have one tab: --separator ' ' takes them all."
    elif separator is None and min(columns, len(cells)) >= _LEAST_OF_TEXT:
        remedy = "If this is running text, it has no labels to read: give one word and its tag a line."
    return place.wrong_columns(len(cells), columns, between, f"line {first}", remedy, number)


def _find_columns(blocks: Sequence[_Block], place: Place) -> tuple[int, int | None]:
    """Find the places (from 0) of the word and of the tag in a row; no tag if there are no labels."""
    options = place.options
    count, line = len(blocks[0].rows[0]), blocks[0].line
    several = any(len(block.rows) > 1 for block in blocks)
    counted = several and any(
        all(row[0] == str(number) for block in blocks for number, row in enumerate(block.rows, first))
        for first in (1, 0)
    )
    counted = counted and count > 1 and (count > 2 or not options.labels_required)
    word = 1 if counted else 0
    if options.word_column is not None:
        word = place.column(options.word_column, count, line)
    if options.column is not None:
        tag = place.column(options.column, count, line)
        if tag == word:
            problem = f"Column {options.column} holds the words, so it cannot hold the tags too."
            raise place.error(
                problem, "Name another with --column, or the column of the words with --word-column.", line
            )
        return word, tag
    if counted and count == _UNIVERSAL_NER and place.path.endswith(".iob2"):
        return word, 2
    if word != count - 1:
        return word, count - 1
    if options.labels_required:
        problem = "The file has no labels: its lines hold one column, the word."
        found = next((separator for separator in ",;|/" if all(separator in row[0] for row in blocks[0].rows)), None)
        remedy = f"such as --separator '{found}'" if found else "or name the separator"
        raise place.error(problem, f"Give each line a word and a tag, {remedy}.", line)
    return word, None


def _check_columns(blocks: Sequence[_Block], columns: tuple[int, int], layout: _Layout, place: Place) -> None:
    """Raise for running text, and if words and tags stand the other way round; report other doubts."""
    rows, (word, tag) = [row for block in blocks for row in block.rows], columns
    place = place._replace(line=blocks[0].line)
    if layout.separator is None and layout.columns >= _LEAST_OF_TEXT and len(rows) == len(blocks):
        raise place.error("This seems to be running text, which has no labels.", "Give one word and its tag a line.")
    if all(map(sentence_in_a_line, rows)):
        raise place.error(
            "Each line seems to be a sentence, words and tags in turn.", "Give one word and its tag a line."
        )
    if place.options.word_column is None and numbers_first(rows, word):
        problem = f"Column {word + 1}, where the words should be, holds numbers."
        remedy = f"Choose the words with --word-column {word + 2}; if sentences are numbered, put a first line of"
        raise place.error(
            problem, f"{remedy} headings there: Sentence #, Word, Tag. --word-column {word + 1} keeps them."
        )
    if place.options.word_column is None and swapped(rows, word, tag):
        raise place.error(
            f"Column {word + 1} holds tags of spans, and column {tag + 1}, where the tags should be, does not.",
            f"If they are swapped, give --word-column {tag + 1} --column {word + 1}.",
        )
    if doubt := doubt_of_columns(rows, word, tag):
        place.report(doubt)


def _without_header(
    blocks: list[_Block], columns: tuple[int, int | None], place: Place
) -> tuple[list[_Block], tuple[str, ...]]:
    """Leave out a first row that names the columns, and report it; return the names too."""
    (first, *others) = blocks
    if not is_header(first.rows[0], *columns) or len(first.rows) == len(blocks) == 1:
        return blocks, ()
    place._replace(line=first.line).report(f"{' '.join(first.rows[0])!r} looks like a header and was left out")
    extra = [(max(position - 1, 0), text) for position, text in first.extra]
    rest = _Block(first.line + 1, first.rows[1:], extra, first.docstart)
    return [rest, *others] if rest.rows else others, tuple(first.rows[0])


def _with_spaces_said(blocks: Iterable[_Block], columns: tuple[int, int | None], place: Place) -> Iterator[_Block]:
    """Report the first word and the first tag with a space in it: only tabs separate columns, so it belongs to it."""
    waiting = {"word": columns[0], "tag": columns[1]}
    for block in blocks:
        for what, column in list(waiting.items()):
            cells = [] if column is None else [row[column] for row in block.rows]
            if " " not in "\n".join(cells):
                continue
            del waiting[what]
            cell, index = next((cell, index) for index, cell in enumerate(cells) if " " in cell)
            line = block.line + index + sum(0 < position <= index for position, _ in block.extra)
            message = f"The {what} {cell!r} contains a space; only tabs separate the columns of this file."
            place._replace(line=line).report(message)
        yield block


def _with_words(blocks: Iterable[_Block], word: int, tag: int, place: Place) -> Iterator[_Block]:
    """Leave out rows of an empty word and the tag ``O``, which are no tokens; report each."""
    for block in blocks:
        if all(row[word] for row in block.rows):
            yield block
            continue
        rows, extra, begin = list[list[str]](), list(block.extra), 0
        for index, row in enumerate(block.rows):
            line = block.line + index + sum(0 < position <= index for position, _ in block.extra)
            if row[word] or row[tag] != OUTSIDE:
                begin = begin or line
                rows.append(row)
                continue
            place._replace(line=line).report("left out: the word is empty")
            extra = [(position - (position > len(rows)), text) for position, text in extra]
            if rows:  # it stays a line between tokens, as comments are
                extra.append((len(rows), "\t".join(row)))
        if rows:
            yield _Block(begin, rows, sorted(extra, key=lambda pair: pair[0]), block.docstart)


def _sentence(
    block: _Block,
    columns: tuple[int, int | None],
    headings: tuple[str, ...],
    separator: str | None,
    place: Place,
    known_tags: dict[str, str],
) -> tuple[str, Sentence, Mapping[str, Any] | None]:
    """Make the sentence of a block, with its text, and the ``meta`` of the document that begins with it."""
    rows = block.rows
    word, tag = columns
    words = [row[word] for row in rows]
    meta: dict[str, Any] = {}
    if block.extra:
        meta["extra"] = tuple(block.extra)
    layers: dict[str, Sequence[str]] = {}
    if tag is not None:
        tags = [known_tags.setdefault(row[tag], row[tag]) for row in rows]
        layers[place.options.layer or DEFAULT_LAYER] = tags
    if len(rows[0]) > 2 or word != 0:
        meta["rows"] = tuple(map(tuple, rows))
        meta["columns"] = columns
        if headings:
            meta["headings"] = headings
    if separator != "\t":
        meta["separator"] = separator or " "
    sentence = sentence_from_words(words, layers, line=block.line, meta=meta)
    for what, cells in (("word", words), *(("tag", tags) for tags in layers.values())):
        if "" in cells:
            raise place.empty_cell(what, token_line(sentence, cells.index("")))
    return " ".join(words), sentence, None if block.docstart is None else {"docstart": block.docstart}


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write documents: the columns and comments that were read, with the layer in its column or in a new one.

    A sentence that was not read from columns gets a column of words and one of tags, if it has the layer. A word that
    contains the separator or a line break cannot be written.
    """
    for document in documents:
        if "docstart" in document.meta:
            stream.write(f"{document.meta['docstart']}\n\n")
        for sentence in document.sentences:
            stream.write(_render(sentence, options))


def _render(sentence: Sentence, options: WriteOptions) -> str:
    separator = options.separator or sentence.meta.get("separator", "\t")
    lines = []
    for row in _rows(sentence, options):
        line = separator.join(row)
        if "\n" in line or "" in row or line.count(separator) != len(row) - 1:
            raise DataError(
                f"The token {' '.join(row)!r} cannot be written in columns separated by {separator!r}.",
                remedy="Write another format, or name another separator.",
                line=sentence.line or None,
            )
        lines.append(line)
    comments = [(position, text) for position, text in sentence.meta.get("extra", ()) if text.startswith("#")]
    return "\n".join(with_extra(lines, comments)) + "\n\n"


def _rows(sentence: Sentence, options: WriteOptions) -> Iterable[tuple[str, ...]]:
    layers = written_layers(sentence, options)
    kept = sentence.meta.get("rows")
    columns = list(zip(*kept, strict=True)) if kept else [sentence.words]
    if options.place == "append" and not kept:
        columns += [tags for layer, tags in sentence.layers.items() if layer not in layers]
    if options.place == "replace" and kept and layers:
        place = sentence.meta["columns"][1]
        if place is not None:
            columns[place] = sentence.layers[layers.pop(0)]
    columns += [sentence.layers[layer] for layer in layers]
    return zip(*columns, strict=True)


def _begins(text: str) -> bool:
    """Whether the lines are as many columns each, and the last is a tag of a scheme of spans."""
    lines = [line for line in text.split("\n")[:-1] if line.strip() and line[0] != "#" and not _DOCSTART.match(line)]
    rows = [line.split() for line in lines]
    tags = {row[-1] for row in rows}
    return (
        len(rows) >= _ROWS_TO_CLAIM
        and len(rows[0]) > 1
        and all(len(row) == len(rows[0]) for row in rows)
        and all(map(is_span_tag, tags))
        and (len(tags) > 1 or len(rows) >= 10 * _ROWS_TO_CLAIM)
    )


FORMAT = Format(
    "conll",
    read,
    write,
    suffixes=(".conll", ".iob", ".iob2", ".bio"),
    begins=_begins,
    resembles=looks_like_columns,
)
