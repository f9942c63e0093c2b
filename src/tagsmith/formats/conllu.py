"""CoNLL-U, the format of Universal Dependencies: ten columns separated by tabs, one token a line.

The layers are ``upos``, ``xpos`` and ``feats``. ``lemma`` and ``deprel`` are read on request, and any other name is
looked up as a key of the last column (``MISC``), where tokens without it have ``O``; some token must have it. Multiword
ranges (``1-2``) and empty nodes (``1.1``) are not tokens, but they are kept and written back in their places. A comment
``# newdoc`` begins a document; before the first of them every sentence is a document by itself.

Offsets follow ``# text = …`` if the words can be found in it one after the other, else ``SpaceAfter=No``.

A sentence's ``meta`` holds what is needed to write it back to the byte: ``lines``, the raw line of each token, and
``extra``, pairs of a comment, range or empty node and the number of tokens before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TextIO

from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import (
    Place,
    Source,
    at_least_one,
    group_documents,
    nearest_first,
    numbered_lines,
    open_source,
    shortened,
    source_name,
    with_extra,
    written_layers,
)
from tagsmith.text.document import Document, Sentence
from tagsmith.text.schemes import OUTSIDE

COLUMNS = {"lemma": 2, "upos": 3, "xpos": 4, "feats": 5, "deprel": 7}
_ALWAYS = ("upos", "xpos", "feats")
_MISC = 9
_NO_LAYERS = {"SpaceAfter", "SpacesAfter", "SpacesBefore", "Translit", "LTranslit", "Gloss", "Ref"}  # keys of MISC
_NO_SPACE = "SpaceAfter=No"
_TEXT = "# text ="
_NUMBER = re.compile(r"\d{1,9}(?:[-.]\d{1,9})?")  # of a token, a multiword range or an empty node
_ROW = re.compile(r"\d+(?:[-.]\d+)?\t(?:[^\t\n]+\t){8}[^\t\n]+\r?")


class _Block(NamedTuple):
    """The lines of one sentence: the tokens, raw and as cells, and the lines between them."""

    line: int  # of the first token
    tokens: list[str]
    cells: list[list[str]]
    extra: list[tuple[int, str]]


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents; a line needs ten columns, a number and a word, and a sentence needs tokens."""
    place = Place(source_name(source), options)
    nothing = place.empty("tokens", "Give one token a line, in ten columns.")
    tags: dict[str, str] = {}  # one object a tag saves memory
    with open_source(source, options.encoding) as stream:
        blocks = at_least_one(_blocks(stream, place), nothing)
        checked = _with_layer(blocks, options.layer, place)
        yield from group_documents(_sentence(block, options, tags) for block in checked)


def _with_layer(blocks: Iterable[_Block], layer: str | None, place: Place) -> Iterator[_Block]:
    """Pass the sentences on; at their end raise if a layer that is no column was in the last column of no token."""
    keys: set[str] = set()
    for block in blocks:
        if layer not in keys:
            keys.update(*(_misc(cells[_MISC]) for cells in block.cells))
        yield block
    if layer is not None and layer not in COLUMNS and layer not in keys:
        layers = nearest_first((*COLUMNS, *keys - _NO_LAYERS), layer)
        raise place.error(f"There is no layer {layer!r} here.", f"The layers are: {', '.join(layers)}.")


def _blocks(stream: Iterable[str], place: Place) -> Iterator[_Block]:
    block = _Block(0, [], [], [])
    for number, line in numbered_lines(stream):
        if line.startswith("#"):
            block.extra.append((len(block.tokens), line))
        elif line:
            cells = line.split("\t")
            if not cells[0].isdecimal() or len(cells) != 10 or not cells[1] or len(cells[0]) > 9:
                _check_other_line(cells, place, number)
                block.extra.append((len(block.tokens), line))
                continue
            if not block.tokens:
                block = block._replace(line=number)
            block.tokens.append(line)
            block.cells.append(cells)
        elif block.tokens:
            yield block
            block = _Block(0, [], [], [])
        elif block.extra:
            problem = "This sentence has comments but no tokens."
            raise place.error(problem, "Remove the blank line, or the comments.", number)


def _check_other_line(cells: Sequence[str], place: Place, number: int) -> None:
    """Accept a multiword range or an empty node; raise for anything else."""
    remedy = "Correct the line, or read the file as conll."
    if len(cells) != 10:
        raise place.wrong_columns(len(cells), 10, ", separated by tabs", "CoNLL-U", remedy, number)
    if not _NUMBER.fullmatch(cells[0]):
        raise place.error(f"The first column is {shortened(cells[0])!r}, not the number of a token.", remedy, number)
    if not cells[1] and "." not in cells[0]:
        raise place.empty_cell("word", number)


def _sentence(
    block: _Block, options: ReadOptions, known_tags: dict[str, str]
) -> tuple[str, Sentence, Mapping[str, Any] | None]:
    """Make the sentence of a block, with its text, and the ``meta`` of the document that it begins."""
    words = [cells[1] for cells in block.cells]
    layers = {
        layer: tuple([known_tags.setdefault(cells[place], cells[place]) for cells in block.cells])
        for layer, place in COLUMNS.items()
        if layer in _ALWAYS or layer == options.layer
    }
    if options.layer is not None and options.layer not in COLUMNS:
        layers[options.layer] = tuple(_misc(cells[_MISC]).get(options.layer, OUTSIDE) for cells in block.cells)
    comments = [line for _, line in block.extra]
    text = next((line[len(_TEXT) :].strip() for line in comments if line.startswith(_TEXT)), "")
    starts = _find_words(words, text)
    if starts is None:
        text, starts = _space_words(words, block)
    meta = {"lines": tuple(block.tokens), "extra": tuple(block.extra)}
    begins = any(line.startswith("# newdoc") for line in comments)
    return text, Sentence(tuple(words), tuple(starts), layers, block.line, meta), {} if begins else None


def _misc(cell: str) -> Mapping[str, str]:
    pairs = (item.partition("=") for item in cell.split("|"))
    return {key: value for key, sign, value in pairs if sign}


def _find_words(words: Sequence[str], text: str) -> list[int] | None:
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


def _space_words(words: Sequence[str], block: _Block) -> tuple[str, list[int]]:
    """Make a text by ``SpaceAfter=No``; the parts of a multiword token touch if together they are its form."""
    touching = [_NO_SPACE in cells[_MISC] for cells in block.cells]
    before = list(accumulate(map(len, words), initial=0))  # characters before each word
    for position, line in block.extra:
        number, form, *_, misc = line.split("\t") if line[0] != "#" else ("", "", "")
        first, _, last = number.partition("-")
        if last:
            end = position + int(last) - int(first)
            fits = position <= end < len(words) and before[end + 1] - before[position] == len(form)
            if fits and "".join(words[position : end + 1]) == form:  # joined only then: ranges may overlap
                touching[position:end] = [True] * (end - position)
                touching[end] = _NO_SPACE in misc
    pieces = [word if touches else f"{word} " for word, touches in zip(words, touching, strict=True)]
    starts = list(accumulate(map(len, pieces[:-1]), initial=0))
    return "".join(pieces).rstrip(" "), starts


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write documents; what was read from CoNLL-U is written unchanged, except for the layers to write.

    A layer that has no column of its own goes into the last one (``MISC``) as ``layer=tag``, without the ``O``.
    """
    for document in documents:
        for index, sentence in enumerate(document.sentences):
            kept, extra = sentence.meta.get("lines"), sentence.meta.get("extra", ())
            if kept is None:
                rows, extra = _new_rows(document, index), _comments(document, sentence, extra)
            else:
                rows = [line.split("\t") for line in kept]
            _fill(rows, sentence, options)
            lines = with_extra(["\t".join(row) for row in rows], extra)
            stream.write("\n".join(lines) + "\n\n")


def _new_rows(document: Document, index: int) -> list[list[str]]:
    sentence = document.sentences[index]
    rows = []
    for number, token in enumerate(sentence.tokens, 1):
        following = sentence.starts[number] if number < len(sentence) else len(document.text)
        if number == len(sentence) and index + 1 < len(document.sentences):
            following = document.sentences[index + 1].start
        touches = following == token.end and token.end < len(document.text)
        rows.append([str(number), token.text, *["_"] * 7, _NO_SPACE if touches else "_"])
    return rows


def _comments(document: Document, sentence: Sentence, extra: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    kept = [(position, line) for position, line in extra if line.startswith("#")]
    if any(line.startswith(_TEXT) for _, line in kept):
        return kept
    text = " ".join(document.text[sentence.start : sentence.end].split("\n"))
    return [(0, f"{_TEXT} {text}"), *kept]


def _fill(rows: Sequence[list[str]], sentence: Sentence, options: WriteOptions) -> None:
    """Put layers into the cells of the rows: those that have a column, and those to write (by default all)."""
    written = written_layers(sentence, options) if options.layer is not None else sentence.layers
    for layer, tags in sentence.layers.items():
        if layer in COLUMNS or layer in written:
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
