"""Conversion of a labeled file to another format, another scheme, or both."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TextIO, TypeVar

from tagsmith.corpus.repair import TagRepair, repaired
from tagsmith.corpus.sources import format_of, read_file, select_layers
from tagsmith.errors import DataError
from tagsmith.files import new_folder, open_atomically, open_text_atomically
from tagsmith.formats import format_to_write
from tagsmith.formats.format import Format
from tagsmith.formats.options import AUTO, Problem, ReadOptions, WriteOptions, read_options
from tagsmith.formats.source import STDIN, Source, rereadable, source_name
from tagsmith.remote import entries, exists, is_folder, local_path, url_of
from tagsmith.text.document import Document
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, convert_tags, detect_scheme

Stream = TypeVar("Stream")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was converted: counts, the scheme before and after, what was repaired, and what the reader reported."""

    documents: int
    sentences: int
    tokens: int
    layer: str | None
    source_scheme: Scheme
    scheme: Scheme
    repairs: tuple[TagRepair, ...] = ()
    problems: tuple[Problem, ...] = ()


def convert(
    source: Source,
    target: str | Path | TextIO,
    *,
    target_format: str = AUTO,
    scheme: Scheme | str | None = None,
    repair: bool = False,
    **options: Any,
) -> Conversion:
    """Read a labeled file and write it in another format, another scheme, or both.

    A file is read twice, first to find its scheme and check its tags, so memory does not grow with its size; a stream
    or a pipe is held in memory. The target is written whole or not at all.

    Raises DataError: as the readers and writers; the target's suffix stands for no format that is written; a tag is
    illegal and ``repair`` is False; the tags cannot be written in the scheme.

    Parameters
    ----------
    source, target
        A path, ``"-"`` for standard input or output, or an open text stream.
    target_format
        ``"auto"`` goes by the target's suffix; without one, or for a stream, it is ``"conll"``.
    scheme
        The scheme to write, or its name; by default the one the file has.
    repair
        Whether illegal tags are made legal; otherwise the first is an error.
    options
        As for :func:`~tagsmith.corpus.sources.read_documents`.
    """
    wanted = None if scheme is None else Scheme(scheme)
    reading = read_options(**{"labels_required": scheme is not None or repair, **options})
    into = format_to_write(target, target_format, otherwise="conll", option="--to")
    reported = len(reading.problems)
    documents: Iterable[Document] = read_file(source, reading)
    if not rereadable(source):
        documents = list(documents)
    path = source_name(source)
    layer, source_scheme = _find_scheme(documents, reading, path)
    if rereadable(source):
        del reading.problems[reported:]  # the second reading reports them again
        documents = read_file(source, reading)
    counts = Counter(documents=0, sentences=0, tokens=0)
    repairs: list[TagRepair] = []
    target_scheme = wanted or source_scheme

    def change(document: Document) -> Document:
        counts.update(documents=1, sentences=len(document.sentences), tokens=sum(map(len, document.sentences)))
        if layer is None:
            return document
        sentences = [
            repaired(sentence, layer, source_scheme, path, repairs) if layer in sentence.layers else sentence
            for sentence in document.sentences
        ]
        if repairs and not repair:
            raise _illegal(repairs[0], source_scheme)
        if source_scheme is not target_scheme:
            sentences = [
                sentence.with_layer(layer, convert_tags(sentence.layers[layer], source_scheme, target_scheme))
                if layer in sentence.layers
                else sentence
                for sentence in sentences
            ]
        return replace(document, sentences=tuple(sentences))

    layers = () if layer is None else (Layer(layer, target_scheme),)
    as_texts = format_of(source, reading).holds_spans
    write_documents(into, map(change, documents), target, WriteOptions(layers=layers, as_texts=as_texts))
    return Conversion(
        **counts,
        layer=layer,
        source_scheme=source_scheme,
        scheme=target_scheme,
        repairs=tuple(repairs),
        problems=tuple(reading.problems),
    )


def _illegal(repair: TagRepair, scheme: Scheme) -> DataError:
    return DataError(
        f"The tag {repair.was!r} on {repair.word!r} is not legal in {scheme}: it {repair.reason}.",
        remedy="Correct it, or repair such tags with --repair.",
        path=repair.path,
        line=repair.line or None,
    )


def _find_scheme(documents: Iterable[Document], options: ReadOptions, path: str) -> tuple[str | None, Scheme]:
    """Find the layer and its scheme; no layer if there are no labels and none are required."""
    names: set[str] = set()

    def tags() -> Iterator[tuple[str, ...]]:
        for document in documents:
            for sentence in document.sentences:
                for name, layer in select_layers(sentence, options, path).layers.items():
                    names.add(name)
                    yield layer

    scheme = detect_scheme(tags())
    return next(iter(names), None), scheme


def write_documents(
    format: Format, documents: Iterable[Document], target: str | Path | TextIO, options: WriteOptions
) -> None:
    """Write documents to a path, ``"-"`` or a stream; to a new or empty folder where the format is several files.

    What is written appears as a whole or not at all.

    Raises DataError: as :func:`open_target` and the writers; several files need a folder, and there is none.
    """
    if format.write is not None:
        with open_target(target) as stream:
            format.write(documents, stream, options)
        return
    if format.write_bytes is not None:
        with open_binary_target(target, format.name) as data:
            format.write_bytes(documents, data, options)
        return
    assert format.write_folder is not None
    remedy = "Name a new folder."
    if not isinstance(target, str | Path) or str(target) == STDIN:
        raise DataError(f"{format.name} is several files, which go to a folder.", remedy=remedy)
    folder = local_path(target)
    if exists(folder) and (not is_folder(folder) or entries(folder)):
        raise DataError(f"{format.name} is several files; this is no empty folder.", remedy=remedy, path=folder)
    with new_folder(folder) as made:
        format.write_folder(documents, made, options)


@contextmanager
def open_target(target: str | Path | TextIO) -> Iterator[TextIO]:
    """Open a path, ``"-"`` (standard output) or a stream for writing; a file appears when all is written.

    Raises DataError: the file cannot be written, or is a directory.
    """
    if not isinstance(target, str | Path):
        yield target
        return
    if str(target) == STDIN:
        yield sys.stdout
        sys.stdout.flush()
        return
    with _new_file(Path(target), open_text_atomically) as stream:
        yield stream


@contextmanager
def open_binary_target(target: str | Path | TextIO, format: str) -> Iterator[IO[bytes]]:
    """Open a path, standard output or a stream for bytes, as :func:`open_target` does for text."""
    if isinstance(target, str | Path) and str(target) != STDIN:
        with _new_file(Path(target), open_atomically) as stream:
            yield stream
        return
    given: Any = sys.stdout if isinstance(target, str | Path) else target
    if given.isatty():
        raise DataError(f"{format} is not text, and this is a terminal.", remedy="Name a file with -o.")
    data = getattr(given, "buffer", given)
    yield data
    data.flush()


@contextmanager
def _new_file(path: Path, open_it: Callable[[Path], AbstractContextManager[Stream]]) -> Iterator[Stream]:
    if is_folder(path):
        raise DataError("This is a directory, not a file.", remedy="Name a file inside it.", path=path)
    with ExitStack() as opened:
        try:
            stream = opened.enter_context(open_it(path))
        except OSError as error:
            remedy = "Check the name, the network and your access." if url_of(path) else "Check the directory."
            raise DataError(f"No file can be written here: {error.strerror}.", remedy=remedy, path=path) from error
        yield stream
