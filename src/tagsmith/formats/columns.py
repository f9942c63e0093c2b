"""Whether a text is in columns, and doubts whether the ones that are read hold the words and the tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tagsmith.text.schemes import OUTSIDE, split_tag

WORD_HEADINGS = ("word", "token", "words", "tokens", "text", "form")
TAG_HEADINGS = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "entity", "ner tag")
_OTHER_HEADINGS = ("iob", "bio", "pos", "upos", "xpos", "chunk", "tag1", "ne")
_CHUNKS = frozenset(
    ["NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "NC", "VC", "PC", "AC"]
)
_SPAN_TAG = re.compile(r"O|[BIESLUM]-\S+")
_MANY_TAGS = 100  # more different tags among the first sentences than any tag set has there
_ENOUGH_ROWS = 3
_LEAST_OF_PAIRS = 6  # cells of a row that is a sentence; four may be two readings of a word and its tag


@dataclass(frozen=True, slots=True)
class _Column:
    number: int  # from 1
    cells: tuple[str, ...]
    distinct: frozenset[str]

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(split_tag(tag)[1] for tag in self.distinct if tag != OUTSIDE)

    @property
    def has_spans(self) -> bool:
        """Whether all cells are tags of spans, not all of them ``O``, and not the chunks of CoNLL-2000."""
        labels = self.labels
        return bool(labels) and all(map(is_span_tag, self.distinct)) and 2 * len(labels & _CHUNKS) < len(labels)

    @property
    def labeled(self) -> int:
        return len(self.cells) - self.cells.count(OUTSIDE)

    def shown(self) -> str:
        examples = sorted(self.distinct - {OUTSIDE})[:3]
        return f"column {self.number} ({', '.join(examples)}{', …' if len(self.distinct) > len(examples) else ''})"


def is_span_tag(tag: str) -> bool:
    """Whether a cell is ``O`` or one of the letters ``B I E S L U M``, a hyphen and a label."""
    return tag == OUTSIDE or all(split_tag(tag))


def is_header(row: Sequence[str], word: int, tag: int | None) -> bool:
    """Whether a row names its columns."""
    if tag is None or row[word].lower() not in WORD_HEADINGS:
        return False
    return row[tag].lower() in (*TAG_HEADINGS, *_OTHER_HEADINGS)


def numbers_first(rows: Sequence[Sequence[str]], word: int) -> bool:
    """Whether numbers stand where the words should be, with two columns or more behind them."""
    columns = len(rows[0])
    return len(rows) >= _ENOUGH_ROWS and word + 2 < columns and all(row[word].isdecimal() for row in rows)


def sentence_in_a_line(row: Sequence[str]) -> bool:
    """Whether a row is ``word tag word tag …``."""
    return len(row) >= _LEAST_OF_PAIRS and len(row) % 2 == 0 and all(map(is_span_tag, row[1::2]))


def swapped(rows: Sequence[Sequence[str]], word: int, tag: int) -> bool:
    """Whether tags of spans stand where the words should be, and something else where the tags should be."""
    words, tags = _column(rows, word), _column(rows, tag)
    return len(rows) >= _ENOUGH_ROWS and words.has_spans and not all(map(is_span_tag, tags.distinct))


def doubt_of_columns(rows: Sequence[Sequence[str]], word: int, tag: int) -> str | None:
    """Say why another column may hold the tags, and how to choose it; None if nothing speaks for that.

    Parameters
    ----------
    rows
        The cells of the first tokens, as many in each row.
    word, tag
        The places, from 0, of the columns that are read.
    """
    if len(rows) < _ENOUGH_ROWS:
        return None
    columns = [_column(rows, place) for place in range(len(rows[0]))]
    words, tags = columns[word], columns[tag]
    others = [column for column in columns if column not in (words, tags) and column.has_spans]
    best = max(others, key=lambda column: column.labeled, default=None)
    read = f"The tags are read from column {tags.number}"
    if best is not None:
        choose = f"--column {best.number} reads that one."
        if not all(map(is_span_tag, tags.distinct)):
            return f"{read}, but {best.shown()} looks more like tags of spans; {choose}"
        if any(_same(words, column) for column in columns if column is not words):
            return f"{read}, but the words stand twice, and {best.shown()} holds tags too; {choose}"
        if best.labeled > 2 * tags.labeled and not tags.labels <= best.labels:
            return f"{read}, but {best.shown()} labels more of the words; {choose}"
    if len(tags.distinct) > _MANY_TAGS and 5 * len(words.distinct) < len(tags.distinct):
        return (
            f"{read}, where {len(tags.distinct)} different ones stand beside {len(words.distinct)} different words: "
            f"perhaps the columns are swapped; --word-column {tags.number} --column {words.number} swaps them."
        )
    return None


def _column(rows: Sequence[Sequence[str]], place: int) -> _Column:
    cells = tuple(row[place] for row in rows)
    return _Column(place + 1, cells, frozenset(cells))


def _same(one: _Column, other: _Column) -> bool:
    return sum(a == b for a, b in zip(one.cells, other.cells, strict=True)) > 0.95 * len(one.cells)


def looks_like_columns(beginning: str, whole: bool) -> bool:
    """Whether lines are tokens with tags: tags of spans, or cells between tabs and blank lines between sentences.

    ``whole`` says whether the file ends there; otherwise its last line may be cut off.
    """
    lines = beginning.split("\n") if whole else beginning.split("\n")[:-1]
    tokens = [line.rstrip("\r") for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    separator = "\t" if tokens and "\t" in tokens[0] else None
    rows = [token.split(separator) for token in tokens]
    if not rows or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return False
    is_cut = any(not line.strip() for line in lines[1:-1])
    return all(_SPAN_TAG.fullmatch(row[-1]) for row in rows) or (separator is not None and is_cut)
