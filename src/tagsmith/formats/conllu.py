"""CoNLL-U, the format of Universal Dependencies: ten columns separated by tabs, one token a line.

The layers are ``upos``, ``xpos`` and ``feats``; ``lemma`` and ``deprel`` are there on request, and any
other name asked for is looked up as a key of the last column (``MISC``), where tokens without it have
``O``. Multiword ranges (``1-2``) and empty nodes (``1.1``) are no tokens, but are kept and written back
where they were. A comment ``# newdoc`` begins a document; before the first of them every sentence is a
document of its own.

Offsets follow ``# text = …`` where the words can be found in it one after the other, else ``SpaceAfter=No``.

A sentence keeps in its ``meta`` what it needs to be written back to the byte: ``lines``, the raw line of each
token, and ``extra``, pairs of the number of tokens before it and the line of a comment, range or empty node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TextIO

from tagsmith.errors import DataError
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import Source, joined, open_source, source_name
from tagsmith.text.document import Document, Sentence
from tagsmith.text.schemes import OUTSIDE

COLUMNS = {"lemma": 2, "upos": 3, "xpos": 4, "feats": 5, "deprel": 7}
_ALWAYS = ("upos", "xpos", "feats")
_MISC = 9
_NO_SPACE = "SpaceAfter=No"
_TEXT = "# text ="
_ROW = re.compile(r"\d+(?:[-.]\d+)?\t(?:[^\t\n]+\t){8}[^\t\n]+\r?")


class _Block(NamedTuple):
    """The lines of one sentence: raw token lines, and what stands between them."""

    line: int  # of the first token
    tokens: list[str]
    cells: list[list[str]]
    extra: list[tuple[int, str]]


# --------------------------------------------------------------------------------------------------- reading


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents, one at a time.

    Raises
    ------
    DataError
        With file and line: for a line without ten columns or without a number before its word, an empty
        word, a sentence without tokens; for a file without tokens; and as
        :func:`tagsmith.formats.source.open_source`.
    """
    name = source_name(source)
    pending: list[tuple[str, Sentence]] = []
    grouped = False
    cache: dict[str, str] = {}
    empty = True
    with open_source(source, options.encoding) as stream:
        for block in _blocks(stream, name):
            empty = False
            text, sentence = _sentence(block, options, cache)
            if any(line.startswith("# newdoc") for _, line in block.extra):
                if pending:
                    yield joined(pending, {})
                pending, grouped = [], True
            if grouped:
                pending.append((text, sentence))
            else:
                yield Document(text, (sentence,))
    if pending:
        yield joined(pending, {})
    if empty:
        raise DataError("The file holds no tokens.", remedy="Give one token a line, in ten columns.", path=name)


def _blocks(stream: Iterable[str], name: str) -> Iterator[_Block]:
    block = _Block(0, [], [], [])
    number = 0
    for number, raw in enumerate(stream, 1):
        line = raw.removesuffix("\n").removesuffix("\r")
        if line.startswith("#"):
            block.extra.append((len(block.tokens), line))
        elif line and not line.isspace():
            cells = line.split("\t")
            if not cells[0].isdecimal() or len(cells) != 10 or not cells[1]:
                _check_other_line(cells, name, number)
                block.extra.append((len(block.tokens), line))
                continue
            if not block.tokens:
                block = block._replace(line=number)
            block.tokens.append(line)
            block.cells.append(cells)
        elif block.tokens or block.extra:
            yield _checked(block, name, number)
            block = _Block(0, [], [], [])
    if block.tokens or block.extra:
        yield _checked(block, name, number)


def _checked(block: _Block, name: str, number: int) -> _Block:
    if not block.tokens:
        raise DataError(
            "A sentence ends here that has comments but no tokens.",
            remedy="Remove the blank line, or the comments.",
            path=name,
            line=number,
        )
    return block


def _check_other_line(cells: Sequence[str], name: str, number: int) -> None:
    """Let pass a multiword range or an empty node; raise for anything else."""
    if len(cells) != 10:
        few = "few" if len(cells) < 10 else "many"
        problem = f"This line has too {few} columns: {len(cells)}, separated by tabs, where CoNLL-U has 10."
    elif cells[0].replace("-", ".", 1).replace(".", "", 1).isdecimal():
        if cells[1] or "." in cells[0]:
            return
        problem = "The word is empty."
    else:
        problem = f"The first column is {cells[0]!r}, not the number of a token."
    raise DataError(problem, remedy="Correct the line, or read the file as conll.", path=name, line=number)


def _sentence(block: _Block, options: ReadOptions, cache: dict[str, str]) -> tuple[str, Sentence]:
    words = [cells[1] for cells in block.cells]
    layers = {
        layer: tuple([cache.setdefault(cells[COLUMNS[layer]], cells[COLUMNS[layer]]) for cells in block.cells])
        for layer in _ALWAYS
    }
    wanted = options.layer
    if wanted is not None and wanted not in layers:
        place = COLUMNS.get(wanted, _MISC)
        layers[wanted] = tuple(
            _misc(cells[_MISC]).get(wanted, OUTSIDE) if place == _MISC else cells[place] for cells in block.cells
        )
    text = next((line[len(_TEXT) :].strip() for _, line in block.extra if line.startswith(_TEXT)), "")
    starts = _find(words, text)
    if starts is None:
        text, starts = _space(block)
    meta = {"lines": tuple(block.tokens), "extra": tuple(block.extra)}
    return text, Sentence(tuple(words), tuple(starts), layers, block.line, meta)


def _misc(cell: str) -> Mapping[str, str]:
    pairs = (item.partition("=") for item in cell.split("|"))
    return {key: value for key, sign, value in pairs if sign}


def _find(words: Sequence[str], text: str) -> list[int] | None:
    """Find the words in the text one after the other with only white space between; None if that fails."""
    starts, position = [], 0
    for word in words:
        if not text.startswith(word, position):
            start = text.find(word, position)
            if start < 0 or not text[position:start].isspace():
                return None
            position = start
        starts.append(position)
        position += len(word)
    return starts


def _space(block: _Block) -> tuple[str, list[int]]:
    """Make a text by ``SpaceAfter=No``; the parts of a multiword token touch if they make up its form."""
    glued = [_NO_SPACE in cells[_MISC] for cells in block.cells]
    words = [cells[1] for cells in block.cells]
    for position, line in block.extra:
        number, form, *_, misc = line.split("\t") if line[0] != "#" else ("", "", "")
        first, _, last = number.partition("-")
        if last:
            end = position + int(last) - int(first)
            if "".join(words[position : end + 1]) == form:
                glued[position:end] = [True] * (end - position)
                glued[end] = _NO_SPACE in misc
    parts, starts, length = [], [], 0
    for word, touches in zip(words, glued, strict=True):
        starts.append(length)
        part = word if touches else f"{word} "
        parts.append(part)
        length += len(part)
    return "".join(parts).rstrip(" "), starts


# --------------------------------------------------------------------------------------------------- writing


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write documents; what was read from CoNLL-U is written as it was, with the layer in its column.

    A layer that has no column of its own goes into the last one (``MISC``) as ``layer=tag``, ``O`` left out.
    """
    for document in documents:
        for index, sentence in enumerate(document.sentences):
            rows = _kept_rows(sentence) or _new_rows(document, index)
            _fill(rows, sentence, options)
            lines = ["\t".join(row) for row in rows]
            kept = "lines" in sentence.meta
            extra = sentence.meta.get("extra", ())
            if not kept:
                extra = _comments(document, sentence, extra)
            for position, line in reversed(extra):
                lines.insert(position, line)
            stream.write("\n".join(lines) + "\n\n")


def _kept_rows(sentence: Sentence) -> list[list[str]]:
    return [line.split("\t") for line in sentence.meta.get("lines", ())]


def _new_rows(document: Document, index: int) -> list[list[str]]:
    sentence = document.sentences[index]
    rows = []
    for number, token in enumerate(sentence.tokens, 1):
        following = sentence.starts[number] if number < len(sentence) else len(document.text)
        if number == len(sentence) and index + 1 < len(document.sentences):
            following = document.sentences[index + 1].start
        touches = following == token.end and token.end < len(document.text)
        misc = _NO_SPACE if touches else "_"
        rows.append([str(number), token.text, "_", "_", "_", "_", "_", "_", "_", misc])
    return rows


def _comments(document: Document, sentence: Sentence, extra: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    kept = [(position, line) for position, line in extra if line.startswith("#")]
    if any(line.startswith(_TEXT) for _, line in kept):
        return kept
    text = " ".join(document.text[sentence.start : sentence.end].split("\n"))
    return [(0, f"{_TEXT} {text}"), *kept]


def _fill(rows: Sequence[list[str]], sentence: Sentence, options: WriteOptions) -> None:
    """Put the sentence's layers into the cells of its rows."""
    for layer, tags in sentence.layers.items():
        if layer not in COLUMNS and options.layer not in (None, layer):
            continue
        place = COLUMNS.get(layer, _MISC)
        for row, tag in zip(rows, tags, strict=True):
            row[place] = tag if place != _MISC else _with_misc(row[_MISC], layer, tag)


def _with_misc(cell: str, key: str, value: str) -> str:
    items = [item for item in cell.split("|") if item not in ("", "_")]
    places = [index for index, item in enumerate(items) if item.startswith(f"{key}=")]
    if value == OUTSIDE:
        items = [item for item in items if not item.startswith(f"{key}=")]
    elif places:
        items[places[0]] = f"{key}={value}"
    else:
        items.append(f"{key}={value}")
    return "|".join(items) or "_"


def _begins(text: str) -> bool:
    rows = [line for line in text.split("\n")[:-1] if line.strip() and not line.startswith("#")]
    return bool(rows) and all(_ROW.fullmatch(row) for row in rows)


FORMAT = Format("conllu", read, write, suffixes=(".conllu",), begins=_begins)
