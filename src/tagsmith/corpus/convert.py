"""From any format and scheme to any other, with nothing lost in silence and nothing half-written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO, Unpack

from tagsmith.corpus.corpus import TagRepair, read_documents, repaired, select_layer
from tagsmith.errors import DataError
from tagsmith.files import open_text_atomically
from tagsmith.formats import AUTO, WRITERS, check_format, format_by_suffix
from tagsmith.formats.options import Problem, ReadKeywords, WriteOptions
from tagsmith.formats.source import STDIN, Source, source_name
from tagsmith.text.document import Document, Sentence
from tagsmith.text.schemes import Scheme, convert_tags, detect_scheme


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was converted: counts, the scheme before and after, and what had to be changed or reported."""

    documents: int
    sentences: int
    tokens: int
    layer: str | None
    source_scheme: Scheme
    scheme: Scheme
    repairs: tuple[TagRepair, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Counts:
    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    repairs: list[TagRepair] = field(default_factory=list)


def convert(
    source: Source,
    target: str | Path | TextIO,
    *,
    source_format: str = AUTO,
    target_format: str = AUTO,
    scheme: Scheme | None = None,
    repair: bool = False,
    write: WriteOptions | None = None,
    **options: Unpack[ReadKeywords],
) -> Conversion:
    """Read a labeled file and write it in another format, another scheme, or both.

    A file is read twice, first to find its scheme and check its tags, so its size does not matter; a stream
    is held in memory. The target appears whole or not at all.

    Parameters
    ----------
    source
        A path, ``"-"`` for standard input, or an open text stream.
    target
        A path, ``"-"`` for standard output, or an open text stream.
    source_format, target_format
        ``"auto"`` goes by the name of the file, the source also by what it holds; a target whose name says
        nothing is ``"conll"``.
    scheme
        The scheme to write; by default the one the file has.
    repair
        Whether illegal tags are made legal; otherwise the first is an error.
    write
        What the writer may be told; its ``scheme`` and ``layer`` are set here.
    options
        As for :func:`tagsmith.corpus.corpus.read_documents`.

    Raises
    ------
    DataError
        As the readers and writers; for illegal tags if ``repair`` is False; where the tags cannot be
        written in the scheme.
    """
    writer = WRITERS[check_format(_target_format(target, target_format))]
    problems: list[Problem] = options.setdefault("problems", [])
    reported = len(problems)
    options.setdefault("labels_required", scheme is not None or repair)
    first: Iterable[Document] = read_documents(source, format=source_format, **options)
    seekable = isinstance(source, str | Path) and str(source) != STDIN
    if not seekable:
        first = list(first)
    path = source_name(source)
    layer, found = _scheme_of(first, options, path)
    if seekable:
        del problems[reported:]  # or the second reading would report everything twice
        first = read_documents(source, format=source_format, **options)
    goal = scheme or found
    counts = _Counts()
    changed = _changed(first, counts, (layer, found, goal), repair, path)
    with open_target(target) as stream:
        writer(changed, stream, replace(write or WriteOptions(), scheme=goal, layer=layer))
    return Conversion(
        counts.documents,
        counts.sentences,
        counts.tokens,
        layer,
        found,
        goal,
        tuple(counts.repairs),
        tuple(problems),
    )


def _target_format(target: str | Path | TextIO, wanted: str) -> str:
    return format_by_suffix(target) or "conll" if wanted == AUTO else wanted


def _scheme_of(documents: Iterable[Document], options: ReadKeywords, path: str) -> tuple[str | None, Scheme]:
    """Find the layer and its scheme; no layer where there are no labels and none are required."""
    layers: set[str] = set()

    def tags() -> Iterator[tuple[str, ...]]:
        for document in documents:
            for sentence in document.sentences:
                for layer, own in select_layer(sentence, options, path).layers.items():
                    layers.add(layer)
                    yield own

    scheme = detect_scheme(tags())
    return next(iter(layers), None), scheme


def _changed(
    documents: Iterable[Document],
    counts: _Counts,
    change: tuple[str | None, Scheme, Scheme],
    repair: bool,
    path: str,
) -> Iterator[Document]:
    layer, source, target = change
    for document in documents:
        counts.documents += 1
        counts.sentences += len(document.sentences)
        counts.tokens += sum(map(len, document.sentences))
        if layer is None:
            yield document
            continue
        sentences = []
        for sentence in document.sentences:
            legal = _legal(sentence, layer, source, path, counts.repairs, repair=repair)
            if source is not target:
                legal = legal.with_layer(layer, convert_tags(legal.layers[layer], source, target))
            sentences.append(legal)
        yield replace(document, sentences=tuple(sentences))


def _legal(
    sentence: Sentence, layer: str, scheme: Scheme, path: str, repairs: list[TagRepair], *, repair: bool
) -> Sentence:
    before = len(repairs)
    legal = repaired(sentence, layer, scheme, path, repairs)
    if len(repairs) > before and not repair:
        fault = repairs[before]
        raise DataError(
            f"The tag {fault.was!r} on {fault.word!r} is not legal in {scheme}: it {fault.reason}.",
            remedy="Correct it, or repair such tags with --repair.",
            path=fault.path,
            line=fault.line or None,
        )
    return legal


@contextmanager
def open_target(target: str | Path | TextIO) -> Iterator[TextIO]:
    """Open a target for writing UTF-8; a file appears under its name only when all has been written.

    Raises
    ------
    DataError
        Where the file cannot be written, or is a directory.
    """
    if not isinstance(target, str | Path):
        yield target
        return
    if str(target) == STDIN:
        yield sys.stdout
        sys.stdout.flush()
        return
    path = Path(target)
    if path.is_dir():
        raise DataError("This is a directory, not a file.", remedy="Name a file inside it.", path=path)
    with ExitStack() as opened:
        try:
            stream = opened.enter_context(open_text_atomically(path))
        except OSError as error:
            raise DataError(
                f"No file can be written here: {error.strerror}.", remedy="Check the directory.", path=path
            ) from error
        yield stream
