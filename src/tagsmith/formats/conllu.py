"""CoNLL-U, the format of Universal Dependencies: ten columns separated by tabs, one token a line.

The layers are ``upos``, ``xpos`` and ``feats``. ``lemma`` and ``deprel`` are read on request, and any other name is
looked up as a key of the last column (``MISC``), where tokens without it have ``O``; some token must have it. Multiword
ranges (``1-2``) and empty nodes (``1.1``) are not tokens, but they are kept and written back in their places. A comment
``# newdoc`` begins a document; before the first of them every sentence is a document by itself.

Offsets follow ``# text = …`` if the words can be found in it one after the other, else ``SpaceAfter=No``.

CoNLL-U Plus (``.conllup``, https://universaldependencies.org/ext-format.html) is read and written too: a first line
``# global.columns = ID FORM UPOS NER`` names other columns, of which each is a layer, by its name in lower case.

A sentence's ``meta`` holds what is needed to write it back to the byte: ``lines``, the raw line of each token,
``extra``, pairs of a comment, range or empty node and the number of tokens before it, and ``conllu_columns``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TextIO

from tagsmith.errors import DataError
from tagsmith.formats.alignment import find_words
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

_NAMES = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_ON_REQUEST = ("lemma", "deprel")
_NEVER = ("id", "form", "head", "deps", "misc")
_GLOBAL = "# global.columns ="
_NO_LAYERS = {"SpaceAfter", "SpacesAfter", "SpacesBefore", "Translit", "LTranslit", "Gloss", "Ref"}  # keys of MISC
_NO_SPACE = "SpaceAfter=No"
_TEXT = "# text ="
_NUMBER = re.compile(r"\d{1,9}(?:[-.]\d{1,9})?")  # of a token, a multiword range or an empty node
_ROW = re.compile(r"\d+(?:[-.]\d+)?\t(?:[^\t\n]+\t){8}[^\t\n]+\r?")


class Columns(NamedTuple):
    """What the columns of a file hold, and where its words, and the numbers and notes of its tokens stand."""

    names: tuple[str, ...]
    word: int
    number: int | None
    misc: int | None

    @property
    def layers(self) -> dict[str, int]:
        """The columns that are layers."""
        return {name: place for place, name in enumerate(self.names) if name not in _NEVER}

    def misc_of(self, cells: Sequence[str]) -> str:
        """Return a token's notes, ``""`` where there are none."""
        return "" if self.misc is None else cells[self.misc]


CONLLU = Columns(_NAMES, 1, 0, 9)


def _global_columns(line: str, place: Place) -> Columns:
    """Read the first line of a CoNLL-U Plus file."""
    names = tuple(line.removeprefix(_GLOBAL).lower().split())
    if "form" not in names or len(set(names)) < len(names):
        raise place.error(
            "The columns of this CoNLL-U Plus file have no FORM, or one name twice.",
            f"Name each once, such as {_GLOBAL} ID FORM UPOS.",
            1,
        )
    number, misc = (names.index(name) if name in names else None for name in ("id", "misc"))
    return Columns(names, names.index("form"), number, misc)


class _Block(NamedTuple):
    """The lines of one sentence: the tokens, raw and as cells, and the lines between them."""

    columns: Columns
    line: int  # of the first token
    tokens: list[str]
    cells: list[list[str]]
    extra: list[tuple[int, str]]


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents; a line needs all columns, a number and a word, and a sentence needs tokens."""
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
            keys.update(block.columns.layers, *(_misc(block.columns.misc_of(cells)) for cells in block.cells))
        yield block
    if layer is not None and layer not in keys:
        layers = nearest_first(keys - _NO_LAYERS, layer)
        raise place.error(f"There is no layer {layer!r} here.", f"The layers are: {', '.join(layers)}.")


def _blocks(stream: Iterable[str], place: Place) -> Iterator[_Block]:
    columns = CONLLU
    block = _Block(columns, 0, [], [], [])
    for number, line in numbered_lines(stream):
        if number == 1 and line.startswith(_GLOBAL):
            columns = _global_columns(line, place)
            block = _Block(columns, 0, [], [], [(0, line)])
        elif line.startswith("#"):
            block.extra.append((len(block.tokens), line))
        elif line:
            cells = line.split("\t")
            if not _is_token(cells, columns):
                _check_other_line(cells, columns, place, number)
                block.extra.append((len(block.tokens), line))
                continue
            if not block.tokens:
                block = block._replace(line=number)
            block.tokens.append(line)
            block.cells.append(cells)
        elif block.tokens:
            yield block
            block = _Block(columns, 0, [], [], [])
        elif block.extra and not block.extra[-1][1].startswith(_GLOBAL):
            problem = "This sentence has comments but no tokens."
            raise place.error(problem, "Remove the blank line, or the comments.", number)


def _is_token(cells: Sequence[str], columns: Columns) -> bool:
    if len(cells) != len(columns.names) or not cells[columns.word]:
        return False
    number = "1" if columns.number is None else cells[columns.number]
    return number.isdecimal() and len(number) <= 9


def _check_other_line(cells: Sequence[str], columns: Columns, place: Place, number: int) -> None:
    """Accept a multiword range or an empty node; raise for anything else."""
    remedy = "Correct the line, or read the file as conll."
    if len(cells) != len(columns.names):
        what = "CoNLL-U" if columns is CONLLU else "the first line"
        raise place.wrong_columns(len(cells), len(columns.names), ", separated by tabs", what, remedy, number)
    given = "1" if columns.number is None else cells[columns.number]
    if not _NUMBER.fullmatch(given):
        which = "first" if columns.number == 0 else "ID"
        raise place.error(f"The {which} column is {shortened(given)!r}, not the number of a token.", remedy, number)
    if not cells[columns.word] and "." not in given:
        raise place.empty_cell("word", number)


def _sentence(
    block: _Block, options: ReadOptions, known_tags: dict[str, str]
) -> tuple[str, Sentence, Mapping[str, Any] | None]:
    """Make the sentence of a block, with its text, and the ``meta`` of the document that it begins."""
    columns = block.columns
    words = [cells[columns.word] for cells in block.cells]
    layers = {
        layer: tuple([known_tags.setdefault(cells[place], cells[place]) for cells in block.cells])
        for layer, place in columns.layers.items()
        if layer not in _ON_REQUEST or layer == options.layer
    }
    if options.layer is not None and options.layer not in columns.layers:
        notes = (_misc(columns.misc_of(cells)) for cells in block.cells)
        layers[options.layer] = tuple(note.get(options.layer, OUTSIDE) for note in notes)
    comments = [line for _, line in block.extra]
    text = next((line[len(_TEXT) :].strip() for line in comments if line.startswith(_TEXT)), "")
    starts = find_words(words, text)
    if starts is None:
        text, starts = _space_words(words, block)
    meta = {"lines": tuple(block.tokens), "extra": tuple(block.extra), "conllu_columns": columns}
    begins = any(line.startswith("# newdoc") for line in comments)
    return text, Sentence(tuple(words), tuple(starts), layers, block.line, meta), {} if begins else None


def _misc(cell: str) -> Mapping[str, str]:
    pairs = (item.partition("=") for item in cell.split("|"))
    return {key: value for key, sign, value in pairs if sign}


def _space_words(words: Sequence[str], block: _Block) -> tuple[str, list[int]]:
    """Make a text by ``SpaceAfter=No``; the parts of a multiword token touch if together they are its form."""
    columns = block.columns
    touching = [_NO_SPACE in columns.misc_of(cells) for cells in block.cells]
    before = list(accumulate(map(len, words), initial=0))  # characters before each word
    for position, line in block.extra:
        if line[0] == "#" or columns.number is None:
            continue
        cells = line.split("\t")
        form, misc = cells[columns.word], columns.misc_of(cells)
        first, _, last = cells[columns.number].partition("-")
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
    columns: Columns = sentence.meta.get("conllu_columns", CONLLU)
    written = written_layers(sentence, options) if options.layer is not None else sentence.layers
    for layer, tags in sentence.layers.items():
        place = columns.layers.get(layer, columns.misc)
        if layer in written and place is None:
            raise DataError(
                f"This CoNLL-U Plus file has no column for the layer {layer!r}.",
                remedy=f"Its columns are: {', '.join(columns.names)}. Write another format.",
                line=sentence.line or None,
            )
        if place is not None and (layer in columns.layers or layer in written):
            for row, tag in zip(rows, tags, strict=True):
                row[place] = tag if layer in columns.layers else _with_misc(row[place], layer, tag)


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
    return text.startswith(_GLOBAL) or (bool(rows) and all(_ROW.fullmatch(row) for row in rows))


FORMAT = Format("conllu", read, write, suffixes=(".conllu", ".conllup"), begins=_begins)
