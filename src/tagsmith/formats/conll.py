"""CoNLL-style columns: one token a line, blank lines between sentences.

Columns are separated by tabs or, if the first row has none, by runs of spaces and tabs; with tabs a word
may hold spaces. A line ``-DOCSTART- …`` begins a document; before the first of them every sentence is a
document of its own, so that huge files are read in constant memory. A line that begins with ``#`` is a
comment where it cannot be a token: it has fewer columns than the rows have or, in files without tabs, is
like ``# key = value``. So the tokens ``#`` and ``#hashtag`` stay tokens.

What a sentence needs to be written back as it was is in its ``meta``: ``extra``, pairs of the number of
tokens before it and the comment; ``rows``, all cells of each token, where there are more than a word and a
tag; ``columns``, the places of word and tag in a row; ``separator``, where it is not a tab.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TextIO

from tagsmith.errors import DataError
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import NoTokensError, Source, joined, open_source, pick_layer, source_name, token_line
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words

DOCSTART = "-DOCSTART-"
_KEY_VALUE = re.compile(r"#\s*[\w.:-]+\s*=")
_SENTENCES_TO_JUDGE = 8  # how many are looked at to find out whether the first column counts tokens


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
    """The rows of one sentence, or a ``-DOCSTART-`` line (no rows)."""

    line: int  # of the first row
    rows: list[list[str]]
    extra: list[tuple[int, str]]
    separator: str | None
    docstart: str | None = None


# --------------------------------------------------------------------------------------------------- reading


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents, one at a time.

    Raises
    ------
    DataError
        With file and line: for a row with more or fewer columns than the first, an empty word or tag, a
        column that is not there, a file without tokens, or without labels where they are required; and as
        :func:`open_source`.
    """
    name = source_name(source)
    with open_source(source, options.encoding) as stream:
        blocks = _blocks(stream, options.separator, name)
        first = _first_sentences(blocks)
        word, tag = _columns(first, options, name)
        pending: list[tuple[str, Sentence]] = []
        docstart: str | None = None
        cache: dict[str, str] = {}
        for block in chain(first, blocks):
            if block.docstart is not None:
                if pending:
                    yield joined(pending, {"docstart": docstart})
                pending, docstart = [], block.docstart
                continue
            sentence = _sentence(block, (word, tag), options, name, cache)
            if docstart is None:
                yield Document(" ".join(sentence.words), (sentence,))
            else:
                pending.append((" ".join(sentence.words), sentence))
        if pending:
            yield joined(pending, {"docstart": docstart})


def _first_sentences(blocks: Iterator[_Block]) -> list[_Block]:
    first, sentences = [], 0
    for block in blocks:
        first.append(block)
        sentences += bool(block.rows)
        if sentences == _SENTENCES_TO_JUDGE:
            break
    return first


def _blocks(stream: Iterable[str], separator: str | None, name: str) -> Iterator[_Block]:
    """Cut the lines into sentences, checking the number of columns."""
    lines, layout = _layout(stream, separator, name)
    rows: list[list[str]] = []
    extra: list[tuple[int, str]] = []
    start = 0
    for number, raw in enumerate(lines, 1):
        line = _chomp(raw)
        if not line or line.isspace():
            if rows:
                yield _Block(start, rows, extra, layout.separator)
                rows, extra = [], []
            continue
        cells = layout.split(line)
        if line[0] == "#" and layout.is_comment(line, cells):
            extra.append((len(rows), line))
        elif cells[0] == DOCSTART or line.startswith(DOCSTART + " "):
            if rows:
                yield _Block(start, rows, extra, layout.separator)
            yield _Block(number, [], extra, layout.separator, line)
            rows, extra = [], []
        elif len(cells) != layout.columns:
            raise _miscounted(cells, layout, name, number)
        else:
            if not rows:
                start = number
            rows.append(cells)
    if rows:
        yield _Block(start, rows, extra, layout.separator)


def _chomp(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def _layout(stream: Iterable[str], separator: str | None, name: str) -> tuple[Iterator[str], _Layout]:
    """Find separator and number of columns from the first row that is surely a token; give the lines back."""
    lines = iter(stream)
    seen: list[str] = []
    candidate: tuple[int, str] | None = None  # a line that begins with # and may be a token
    for line in lines:
        seen.append(line)
        text = _chomp(line)
        if not text or text.isspace() or text.startswith(DOCSTART):
            continue
        if not text.startswith("#"):
            candidate = (len(seen), text)
            break
        if (separator or "\t") in text or not (candidate or text.startswith("# ")):
            candidate = (len(seen), text)
    if candidate is None:
        raise NoTokensError("The file holds no tokens.", remedy="Give one token a line.", path=name)
    number, text = candidate
    if separator is None and "\t" in text:
        separator = "\t"
    elif separator == " ":
        separator = None  # a run of spaces is one separator
    columns = len(_Layout(separator, 0, 0).split(text))
    return chain(seen, lines), _Layout(separator, columns, number)


def _miscounted(cells: Sequence[str], layout: _Layout, name: str, number: int) -> DataError:
    few = "too few" if len(cells) < layout.columns else "too many"
    between = "white space" if layout.separator is None else f"{layout.separator!r}"
    return DataError(
        f"This line has {few} columns: {len(cells)}, separated by {between}, "
        f"where line {layout.line} has {layout.columns}.",
        remedy="Give every token a line with the same columns and a blank line between sentences, "
        "or name the separator.",
        path=name,
        line=number,
    )


def _columns(blocks: Sequence[_Block], options: ReadOptions, name: str) -> tuple[int, int | None]:
    """Find the places (from 0) of the word and of the tag in a row; no tag where there are no labels."""
    sentences = [block for block in blocks if block.rows]
    if not sentences:
        raise NoTokensError("The file holds no tokens.", remedy="Give one token a line.", path=name)
    count, line = len(sentences[0].rows[0]), sentences[0].line
    counted = count > 1 and _first_column_counts(sentences) and (count > 2 or not options.labels_required)
    word = 1 if counted else 0
    if options.word_column is not None:
        word = _place(options.word_column, count, name, line)
    if options.column is not None:
        return word, _place(options.column, count, name, line)
    if counted and count == 5 and name.endswith(".iob2"):
        return word, 2  # Universal NER: number, word, tag, -, annotator
    tag = count - 1
    if tag != word:
        return word, tag
    if options.labels_required:
        raise DataError(
            "The file has no labels: its lines hold one column, the word.",
            remedy="Give each line a word and a tag, or name the separator.",
            path=name,
            line=line,
        )
    return word, None


def _first_column_counts(sentences: Sequence[_Block]) -> bool:
    longest = max(len(sentence.rows) for sentence in sentences)
    return longest > 1 and all(
        [row[0] for row in sentence.rows] == [str(number + 1) for number in range(len(sentence.rows))]
        for sentence in sentences
    )


def _place(column: int | str, count: int, name: str, line: int) -> int:
    try:
        number = int(column)
    except ValueError:
        raise DataError(
            f"{column!r} is no column: this format has no headers.",
            remedy="Give the number of a column, from 1, or from -1 at the end.",
            path=name,
        ) from None
    if number == 0 or abs(number) > count:
        raise DataError(
            f"There is no column {number}: this line has too few columns, {count}.",
            remedy=f"Give a number from 1 to {count}, or from -{count} to -1.",
            path=name,
            line=line,
        )
    return number - 1 if number > 0 else count + number


def _sentence(
    block: _Block, columns: tuple[int, int | None], options: ReadOptions, name: str, cache: dict[str, str]
) -> Sentence:
    rows = block.rows
    word, tag = columns
    words = [row[word] for row in rows]
    meta: dict[str, Any] = {}
    if block.extra:
        meta["extra"] = tuple(block.extra)
    layers: dict[str, Sequence[str]] = {}
    if tag is not None:
        tags = [cache.setdefault(row[tag], row[tag]) for row in rows]  # one object a tag saves memory
        layers[options.layer or DEFAULT_LAYER] = tags
    if len(rows[0]) > 2 or word != 0:
        meta["rows"] = tuple(map(tuple, rows))
        meta["columns"] = columns
    if block.separator != "\t":
        meta["separator"] = block.separator or " "
    sentence = sentence_from_words(words, layers, line=block.line, meta=meta)
    if "" in words or (tag is not None and "" in tags):
        raise _empty_cell(sentence, words, name)
    return sentence


def _empty_cell(sentence: Sentence, words: Sequence[str], name: str) -> DataError:
    what, index = ("word", words.index("")) if "" in words else ("tag", -1)
    if index < 0:
        (tags,) = sentence.layers.values()
        index = tags.index("")
    return DataError(
        f"The {what} is empty.",
        remedy="Two separators may stand side by side, or one at the end of the line.",
        path=name,
        line=token_line(sentence, index),
    )


# --------------------------------------------------------------------------------------------------- writing


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write documents: kept columns and comments as they were read, the layer in its column or as a new one.

    A sentence that was not read from columns is written as word and tag, or the word alone if it has no such
    layer.

    Raises
    ------
    DataError
        Where a word cannot be written: it holds the separator or a line break.
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
    for position, text in reversed(sentence.meta.get("extra", ())):
        if text.startswith("#"):
            lines.insert(position, text)
    return "\n".join(lines) + "\n\n"


def _rows(sentence: Sentence, options: WriteOptions) -> list[tuple[str, ...]]:
    rows = _rows_of_one(sentence, options)
    for layer, _ in options.further:
        if layer in sentence.layers:
            rows = [(*row, tag) for row, tag in zip(rows, sentence.layers[layer], strict=True)]
    return rows


def _rows_of_one(sentence: Sentence, options: WriteOptions) -> list[tuple[str, ...]]:
    layer = pick_layer(sentence.layers, options.layer)
    tags = sentence.layers.get(layer) if layer is not None else None
    kept = sentence.meta.get("rows")
    if kept is None:
        original = next(iter(sentence.layers.values()), None)
        if tags is None:
            return [(word,) for word in sentence.words]
        if options.place == "append" and original is not None and original is not tags:
            return list(zip(sentence.words, original, tags, strict=True))
        return list(zip(sentence.words, tags, strict=True))
    if tags is None:
        return list(kept)
    _, place = sentence.meta["columns"]
    if options.place == "append" or place is None:
        return [(*row, tag) for row, tag in zip(kept, tags, strict=True)]
    return [(*row[:place], tag, *row[place + 1 :]) for row, tag in zip(kept, tags, strict=True)]


FORMAT = Format("conll", read, write, suffixes=(".conll", ".iob", ".iob2", ".bio"))
