"""Several layers of one file: each is read by itself, as if it were the only one, and joined here.

So a file may hold its layers in whichever ways its format has: columns, keys, character spans and tags.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise, zip_longest

from tagsmith.errors import DataError
from tagsmith.formats.options import Problem, ReadOptions
from tagsmith.formats.source import Source, open_source, rereadable, source_name
from tagsmith.text.document import Document, Sentence

Read = Callable[[Source, ReadOptions], Iterable[Document]]


def read_side_by_side(source: Source, each: Sequence[ReadOptions], read: Read) -> Iterator[Document]:
    """Read a source once for each layer, in step, and yield documents whose sentences have all of them, in that order.

    Raises DataError: as ``read``, and where the layers do not label the same tokens.

    Parameters
    ----------
    source
        A path, ``"-"`` or a stream; the latter two are held in memory.
    each
        The reading options of each layer.
    read
        Reads documents whose sentences have one layer.
    """
    path = source_name(source)
    text: str | None = None
    if not rereadable(source):
        with open_source(source, each[0].encoding) as stream:
            text = stream.read()
    problems: list[Problem] = each[0].problems
    before = list(problems)
    versions = [read(source if text is None else _stream(text, path), options) for options in each]
    for documents in zip_longest(*versions):
        if any(document is None for document in documents):
            raise _mismatch(each, path, 0)
        yield replace(documents[0], sentences=tuple(_joined(documents, each, path)))
    problems[:] = [*before, *dict.fromkeys(problems[len(before) :])]  # each reading reports what all layers share


def _stream(text: str, name: str) -> io.StringIO:
    stream = io.StringIO(text)
    stream.name = name
    return stream


def _joined(documents: Sequence[Document], each: Sequence[ReadOptions], path: str) -> Iterator[Sentence]:
    """Join the layers of one document, whose sentences end where they end in all layers."""
    first, *others = (document.sentences for document in documents)
    if all([sentence.words for sentence in version] == [sentence.words for sentence in first] for version in others):
        for sentences in zip(first, *others, strict=True):
            layers = [layer for sentence in sentences for layer in sentence.layers.items()]
            yield replace(sentences[0], layers=dict(layers))
        return
    # In one layer a span across the end of a sentence has joined two.
    words, _ = _flat(first)
    if any(_flat(version)[0] != words for version in others):
        raise _mismatch(each, path, first[0].line if first else 0)
    ends = [set(accumulate(map(len, sentences))) for sentences in (first, *others)]
    tags = [layer for version in (first, *others) for layer in _flat(version)[1].items()]
    starts = [start for sentence in first for start in sentence.starts]
    for begin, end in pairwise([0, *sorted(set.intersection(*ends))]):
        number = max(index for index, last in enumerate(accumulate(map(len, first))) if last <= end)
        yield replace(
            first[number],
            words=tuple(words[begin:end]),
            starts=tuple(starts[begin:end]),
            layers={name: tuple(flat[begin:end]) for name, flat in tags},
        )


def _flat(sentences: Sequence[Sentence]) -> tuple[list[str], dict[str, list[str]]]:
    """All words of a document, and all tags of its one layer."""
    layers: dict[str, list[str]] = {}
    for sentence in sentences:
        for name, tags in sentence.layers.items():
            layers.setdefault(name, []).extend(tags)
    return [word for sentence in sentences for word in sentence.words], layers


def _mismatch(each: Sequence[ReadOptions], path: str, line: int) -> DataError:
    names = ", ".join(str(options.layer) for options in each)
    return DataError(
        f"The layers {names} do not label the same tokens.",
        remedy="Give every layer a label for every token, or spans of the same text.",
        path=path,
        line=line or None,
    )
