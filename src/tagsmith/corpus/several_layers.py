"""Several layers of one file, side by side: each is read by itself, as if it were the only one, and joined here.

So a file may hold its layers in whichever ways its format has: columns, keys, character spans and tags.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise, zip_longest
from pathlib import Path

from tagsmith.errors import DataError
from tagsmith.formats.options import LayersKeywords, Problem, ReadKeywords
from tagsmith.formats.source import STDIN, Source, open_source, source_name
from tagsmith.text.document import Document, Sentence

Read = Callable[[Source, ReadKeywords], Iterable[Document]]


def single_options(options: LayersKeywords) -> list[ReadKeywords]:
    """Return the reading options of each layer: one for each name or column in ``options``, at least one.

    Columns without names are called by their heading, or ``column3``.

    Raises
    ------
    DataError
        There are not as many names as columns, or a name occurs twice.
    """
    names, columns = _several(options.get("layer")), _several(options.get("column"))
    common: ReadKeywords = {**options, "layer": None, "column": None}
    if max(len(names), len(columns)) <= 1:
        found = dict(common)
        for key, given in (("layer", names), ("column", columns)):
            if given:
                found[key] = given[0]
            elif key not in options:
                del found[key]
        return [found]  # type: ignore[list-item]
    if names and columns and len(names) != len(columns):
        raise DataError(
            f"There are {len(names)} layers but {len(columns)} columns.",
            remedy="Name one layer for each column, or leave the layers out.",
        )
    names = names or [f"column{own}" if str(own).lstrip("-").isdecimal() else str(own) for own in columns]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"The layer {twice!r} is given twice.", remedy="Name each layer once.")
    return [
        {**common, "layer": str(name), "column": columns[number] if columns else None, "by_name": True}
        for number, name in enumerate(names)
    ]


def _several(given: int | str | Sequence[int | str] | None) -> list[int | str]:
    if given is None:
        return []
    return [given] if isinstance(given, int | str) else list(given)


def read_side_by_side(source: Source, each: Sequence[ReadKeywords], read: Read) -> Iterator[Sentence]:
    """Read a source once for each layer, in step, and yield its sentences with all of them, in that order.

    Parameters
    ----------
    source
        A path, ``"-"`` or a stream; the latter two are held in memory.
    each
        The reading options of each layer.
    read
        Reads documents whose sentences have one layer.

    Raises
    ------
    DataError
        As ``read``, and where the layers do not label the same tokens.
    """
    path = source_name(source)
    text: str | None = None
    if not isinstance(source, str | Path) or str(source) == STDIN:  # what can be read only once
        with open_source(source, each[0].get("encoding", "utf-8")) as stream:
            text = stream.read()
    problems = each[0].get("problems")
    before: list[Problem] = list(problems or ())
    versions = [read(source if text is None else _stream(text, path), own) for own in each]
    for documents in zip_longest(*versions):
        if any(document is None for document in documents):
            raise _mismatch(each, path, 0)
        yield from _joined(documents, each, path)
    if problems is not None:  # each reading has reported what is the same for all layers
        problems[:] = [*before, *dict.fromkeys(problems[len(before) :])]


def _stream(text: str, name: str) -> io.StringIO:
    stream = io.StringIO(text)
    stream.name = name
    return stream


def _joined(documents: Sequence[Document], each: Sequence[ReadKeywords], path: str) -> Iterator[Sentence]:
    """Join the layers of one document, whose sentences end where they end in all layers."""
    first, *others = (document.sentences for document in documents)
    if all(len(own) == len(first) for own in others):
        whole = [(sentence, *(own[number] for own in others)) for number, sentence in enumerate(first)]
        if all(sentence.words == own.words for sentence, *rest in whole for own in rest):
            for sentence, *rest in whole:
                layers = [layer for own in (sentence, *rest) for layer in own.layers.items()]
                yield replace(sentence, layers=dict(layers))
            return
    # A span across the end of a sentence joins two: in its layer alone, so far.
    flat = [_flat(sentences) for sentences in (first, *others)]
    if any(words != flat[0][0] for words, _ in flat):
        raise _mismatch(each, path, first[0].line if first else 0)
    ends = [set(accumulate(map(len, sentences))) for sentences in (first, *others)]
    for begin, end in pairwise([0, *sorted(set.intersection(*ends))]):
        words = flat[0][0][begin:end]
        layers = [(name, tuple(tags[begin:end])) for _, own in flat for name, tags in own.items()]
        number = max(index for index, last in enumerate(accumulate(map(len, first))) if last <= end)
        starts = [start for sentence in first for start in sentence.starts][begin:end]
        yield replace(first[number], words=tuple(words), starts=tuple(starts), layers=dict(layers))


def _flat(sentences: Sequence[Sentence]) -> tuple[list[str], dict[str, list[str]]]:
    """All words of a document, and all tags of its one layer."""
    layers: dict[str, list[str]] = {}
    for sentence in sentences:
        for name, tags in sentence.layers.items():
            layers.setdefault(name, []).extend(tags)
    return [word for sentence in sentences for word in sentence.words], layers


def _mismatch(each: Sequence[ReadKeywords], path: str, line: int) -> DataError:
    names = ", ".join(str(own.get("layer")) for own in each)
    return DataError(
        f"The layers {names} do not label the same tokens.",
        remedy="Give every layer a label for every token, or spans of the same text.",
        path=path,
        line=line or None,
    )
