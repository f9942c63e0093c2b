"""What a reader or writer may be told, the same for every format, and what a reader may report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from tagsmith.text.schemes import Scheme


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that could be read, but perhaps not as its author meant it."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class AlignmentProblem(Problem):
    """A labeled span whose ends are not the ends of tokens, or that cannot stand beside another.

    ``span`` is what the file says, in characters, ``text`` what stands there, ``nearest`` the token start and
    the token end that are nearest to it, and ``used`` the characters that are labeled instead, or None where
    the span could not be used.
    """

    text: str
    label: str
    span: tuple[int, int]
    nearest: tuple[int, int] | None
    used: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a labeled file.

    Parameters
    ----------
    layer
        The name of the layer to read. By default ``conll``, ``csv`` and ``jsonl`` call theirs ``"tags"``;
        ``conllu`` has ``"upos"``, ``"xpos"`` and ``"feats"``.
    column, word_column
        Where the tag and the word stand: the number of the column, from 1, or from -1 at the end; in ``csv``
        the header will do too.
    sentence_column
        Where the number of the sentence stands (``csv``).
    separator
        What separates columns; found out by default.
    encoding
        How the bytes of the file are to be read as text.
    labels_required
        False where the file is to be tagged, so that labels may be missing.
    alignment
        What to do with a character span whose ends are not those of tokens: ``"snap"`` takes all
        tokens that it touches, ``"skip"`` leaves it out, ``"error"`` raises. The first two report it.
    problems
        A list that collects what is to be reported.
    by_name
        In ``jsonl``: the layer is the key of that name, in the record or in its ``"layers"``; else any labels will do.
    """

    layer: str | None = None
    column: int | str | None = None
    word_column: int | str | None = None
    sentence_column: int | str | None = None
    separator: str | None = None
    encoding: str = "utf-8"
    labels_required: bool = True
    alignment: Literal["snap", "skip", "error"] = "snap"
    problems: list[Problem] = field(default_factory=list)
    by_name: bool = False


class _Keywords(TypedDict, total=False):
    word_column: int | str | None
    sentence_column: int | str | None
    separator: str | None
    encoding: str
    labels_required: bool
    alignment: Literal["snap", "skip", "error"]
    problems: list[Problem]
    by_name: bool


class ReadKeywords(_Keywords, total=False):
    """The fields of :class:`ReadOptions` as keyword arguments."""

    layer: str | None
    column: int | str | None


class LayersKeywords(_Keywords, total=False):
    """The same, where several layers may be read: their names, or their columns, or both in the same order."""

    layer: str | Sequence[str] | None
    column: int | str | Sequence[int | str] | None


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write labeled documents.

    Parameters
    ----------
    layer
        The layer to write; by default the only one, or ``"tags"``. In ``conllu``, which writes its own
        columns as they are, the layer that replaces its column.
    place
        Where a file is written back that had columns: ``"replace"`` puts the layer where its labels were read
        from, ``"append"`` makes it an extra last column (``conll``).
    separator
        Between columns; by default that of the file the sentence came from, else a tab (``csv``: a comma).
    scheme
        The scheme of the layer, where spans must be made of tags (``jsonl``).
    further
        More layers to write, each with its scheme: in ``conll`` as further columns; in ``jsonl`` all layers, ``layer``
        included, then stand under ``"layers"``.
    """

    layer: str | None = None
    place: Literal["replace", "append"] = "replace"
    separator: str | None = None
    scheme: Scheme = Scheme.IOB2
    further: tuple[tuple[str, Scheme], ...] = ()
