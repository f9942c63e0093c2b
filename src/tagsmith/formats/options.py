"""Options of readers and writers, the same for every format, and what readers report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from tagsmith.errors import DataError
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that could be read, but perhaps not as its author meant it."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


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


AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read labeled data; :func:`read_options` makes one from keyword arguments."""

    format: str = AUTO  # a format's name; "auto" goes by the file's name, else by how it begins
    layers: tuple[str, ...] = ()  # the layers to read; by default the only one, else "tags", else "upos"
    # Where the tags of each layer stand: the column's number, from 1, or from -1 at the end; in csv also its heading.
    columns: tuple[int | str, ...] = ()
    word_column: int | str | None = None
    sentence_column: int | str | None = None  # csv: where the number of the sentence stands
    separator: str | None = None  # what separates columns; detected by default
    encoding: str = "utf-8"
    labels_required: bool = True  # False: labels may be missing, because the data are to be tagged
    # A character span that does not end where tokens do: take all tokens that it touches, leave it out (both are
    # reported), or raise.
    alignment: Literal["snap", "skip", "error"] = "snap"
    problems: list[Problem] = field(default_factory=list)  # what readers report
    by_name: bool = False  # of several layers: a jsonl record holds this layer under a key of its name

    @property
    def layer(self) -> str | None:
        """The layer to read, for a reader, which reads one at a time."""
        return self.layers[0] if self.layers else None

    @property
    def column(self) -> int | str | None:
        """The column of its tags."""
        return self.columns[0] if self.columns else None

    def for_each_layer(self) -> list[ReadOptions]:
        """Return the options for reading one layer at a time: as many as there are layers, at least one."""
        if max(len(self.layers), len(self.columns)) <= 1:
            return [self]
        columns: list[tuple[int | str, ...]] = [(column,) for column in self.columns] or [()] * len(self.layers)
        return [
            replace(self, layers=(name,), columns=column, by_name=True)
            for name, column in zip(self.layers, columns, strict=True)
        ]


def read_options(
    *,
    layer: str | Sequence[str] | None = None,
    column: int | str | Sequence[int | str] | None = None,
    **others: Any,
) -> ReadOptions:
    """Make the options from the keyword arguments of ``train``, ``evaluate`` and their like.

    ``layer`` and ``column`` name one layer or several, in the same order. Columns without names are called by their
    heading, or ``column3``. The other keywords are the fields of :class:`ReadOptions`.

    Raises DataError: an option is unknown, there are not as many layers as columns, or a layer occurs twice.
    """
    names, columns = tuple(map(str, _several(layer))), _several(column)
    known = {option.name for option in fields(ReadOptions)} - {"layers", "columns", "by_name"}
    if unknown := sorted(set(others) - known):
        raise DataError(
            f"There is no option {unknown[0]!r}.", remedy=f"Options: layer, column, {', '.join(sorted(known))}."
        )
    if names and len(columns) > 1 and len(names) != len(columns):
        raise DataError(
            f"There are {len(names)} layers but {len(columns)} columns.",
            remedy="Name one layer for each column, or leave the layers out.",
        )
    if len(names) > 1 and len(columns) == 1:
        raise DataError(
            f"There are {len(names)} layers but 1 column.", remedy="Name one column for each layer, or leave it out."
        )
    if not names and len(columns) > 1:
        names = tuple(f"column{one}" if str(one).lstrip("-").isdecimal() else str(one) for one in columns)
    if others.get("separator") == "":
        raise DataError("The separator is empty.", remedy="Give one, or leave it out to have it found.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"The layer {twice!r} is given twice.", remedy="Name each layer once.")
    return ReadOptions(layers=names, columns=columns, **others)


def _several(given: int | str | Sequence[int | str] | None) -> tuple[int | str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, int | str) else tuple(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How to write labeled documents.

    Parameters
    ----------
    layers
        The layers to write, with their schemes; by default the only one, or ``"tags"``. The first takes the place of
        the labels that a file had; more of them are further columns (``conll``), or keys under ``"layers"``
        (``jsonl``, which then lists the first there too).
    place
        Where a file is written back that had columns: ``"replace"`` puts the first layer where its labels were read
        from, ``"append"`` adds a last column (``conll``).
    separator
        Between columns; by default that of the file the sentence came from, else a tab (``csv``: a comma).
    as_texts
        Whether the documents came as texts, not as tokens: then a row of a table is a document with its text and its
        spans, else a sentence with its tokens and their tags (``parquet``, ``arrow``).
    """

    layers: tuple[Layer, ...] = ()
    place: Literal["replace", "append"] = "replace"
    separator: str | None = None
    as_texts: bool = False

    @property
    def layer(self) -> str | None:
        """The name of the first layer."""
        return self.layers[0].name if self.layers else None

    @property
    def scheme(self) -> Scheme:
        """Its scheme."""
        return self.layers[0].scheme if self.layers else Scheme.IOB2
