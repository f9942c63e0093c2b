"""``tagsmith tag``: text in, labeled text out, as a stream."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tagsmith.cli.options import (
    MODEL_HELP,
    Column,
    Encoding,
    Separator,
    WordColumn,
    echo_problems,
    reading_options,
)
from tagsmith.errors import DataError, InputError, visible
from tagsmith.interrupts import catch_interrupts

if TYPE_CHECKING:
    from tagsmith.formats.format import Format
    from tagsmith.formats.options import ReadOptions
    from tagsmith.tagging.heads import Threshold
    from tagsmith.tagging.tagger import Tagger
    from tagsmith.text.document import Document

Written = TypeVar("Written")
BLOCK_TOKENS = 65_536  # tagged at a time: enough to fill the batches, little enough to stay small
NEW_OBJECTS = 100_000  # until Python looks for garbage


def tag_command(
    model: Annotated[Path | None, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)] = None,
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT", help="Files or folders to tag. '-' or nothing: standard input."),
    ] = None,
    wanted_input: Annotated[
        str,
        typer.Option(
            "--input-format",
            help="text; tokens: a sentence a line, tokens between spaces; or a file format, such as conll or jsonl. "
            "auto goes by the suffix; an unknown one is text.",
        ),
    ] = "auto",
    wanted_output: Annotated[
        str,
        typer.Option(
            "--output-format",
            help="A file format, such as conll (a token and its tag a line) or jsonl (texts with spans). auto goes by "
            "OUT's suffix, then by the format of the inputs; otherwise it is conll.",
        ),
    ] = "auto",
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The file to write; '-': standard output. A folder, such as OUT/, gets a file for each input.",
        ),
    ] = "-",
    scheme: Annotated[
        str | None, typer.Option(help="The scheme to write, such as bare or BIOES. [default: the training data's]")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P|LABEL=P",
            help="Drop spans less probable than P, of all labels or of one: --threshold 0.5 --threshold PER=0.9.",
        ),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Tag this column of a table (csv, jsonl, parquet, arrow) and add the spans as a further one.",
        ),
    ] = None,
    column: Column = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Cut texts and tables into shards, and let so many processes tag them into the folder OUT/. A rerun "
            "does only what is missing.",
        ),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="What runs the workers: processes, or ray. [default: processes]")
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="auto|HOST:PORT", help="The Ray cluster. [default: one on this machine]")
    ] = None,
    shard_size: Annotated[float, typer.Option(metavar="MB", help="About how large shards are.")] = 2.0,
) -> None:
    """Tag text from files, folders or standard input, in constant memory."""
    from tagsmith.formats.options import read_options
    from tagsmith.tagging.tagger import load

    if workers is not None or engine is not None or address is not None:
        from tagsmith.cli.tag_shards import Sharding, tag_in_shards

        if scheme is not None:
            raise InputError("--workers writes spans, which no scheme changes.", remedy="Leave --scheme out.")
        tag_in_shards(
            _named(model),
            inputs or [Path("-")],
            output,
            (wanted_input, wanted_output),
            text_column,
            lambda labels: _thresholds(threshold or [], labels),
            (encoding, separator),
            Sharding(workers, engine, address, shard_size),
        )
        return
    tagger = load(_named(model), scheme=scheme)
    options = read_options(**reading_options(None, column, word_column, separator, encoding))
    layers = tagger.model.layers
    labels = [label for layer in layers if layer.gives_spans for label in layer.labels] or tagger.labels
    least = _thresholds(threshold or [], labels)
    tagger.tag_layers([], threshold=least)  # raises now if that is impossible
    given = inputs or [Path("-")]
    if text_column is not None:
        _tag_text_column(tagger, given, output, text_column, (wanted_input, wanted_output), least, options)
        return
    _tag_documents(tagger, given, output, (wanted_input, wanted_output), least, options)


def _tag_documents(
    tagger: Tagger,
    given: Sequence[Path],
    output: str,
    formats: tuple[str, str],
    least: Threshold | None,
    options: ReadOptions,
) -> None:
    """Tag the documents of files, folders and standard input, into one output or a file for each input."""
    from tagsmith.cli.tag_input import files_to_tag, input_format, read_input
    from tagsmith.corpus.convert import write_documents
    from tagsmith.formats import FORMATS
    from tagsmith.formats.options import WriteOptions
    from tagsmith.formats.source import without_query
    from tagsmith.remote import is_folder, make_folder, whole

    wanted_input, wanted_output = formats
    layers = tagger.model.layers
    into = _output_folder(output, given)
    if into is not None and Path("-") in given:
        raise DataError("Standard input has no name in a folder.", remedy="Name a file with -o.", path=into)
    sources: list[tuple[Path, Path]] = []  # each file, and its place below the folder of results
    for path in given:
        if str(path) != "-" and is_folder(path):
            files, note = files_to_tag(path, wanted_input, into)
            if whole(output) in map(whole, [path, *files]):
                raise _overwritten(Path(output))
            typer.echo(visible(note), err=True)
            sources += [(file, file.relative_to(path)) for file in files]
        else:
            sources.append((path, Path(without_query(path).name)))
    named = [(str(source), input_format(source, wanted_input, options.encoding)) for source, _ in sources]
    targets: dict[str, list[tuple[str, str]]] = {output: named}
    if _output_format(wanted_output, "", {name for _, name in named}).write_folder:
        into = None  # the files of all documents go to one folder
    if into is not None:
        targets = _targets(into, sources, named, wanted_output)
    for target, read in targets.items():
        written = _output_format(wanted_output, target, {name for _, name in read})
        documents = read_input(read, options, tagger.layers)
        tagged = _tagged(tagger, documents, spans=written.holds_spans, threshold=least)
        if into is not None:
            make_folder(Path(target).parent)
        as_texts = any(name == "text" or FORMATS[name].holds_spans for _, name in read if name != "tokens")
        form = WriteOptions(layers=layers, place="append", as_texts=as_texts)
        write_documents(written, _written_whole(tagged), target, form)
    echo_problems(options.problems)


def _named(model: Path | None) -> Path:
    """Raise if no model is named, and say which one is at hand."""
    if model is not None:
        return model
    from tagsmith.model.packaged import packaged_remedy

    raise InputError("There is no model to tag with.", remedy=f"Name one: tagsmith tag MODEL. {packaged_remedy()}")


def _tag_text_column(
    tagger: Tagger,
    inputs: Sequence[Path],
    output: str,
    column: str,
    wanted: tuple[str, str],
    threshold: Threshold | None,
    options: ReadOptions,
) -> None:
    """Tag a column of one table; see :mod:`tagsmith.cli.tag_table`."""
    from tagsmith.cli.tag_table import tag_table
    from tagsmith.formats import detect_format, format_to_write
    from tagsmith.formats.options import AUTO
    from tagsmith.remote import is_folder

    if len(inputs) > 1 or is_folder(inputs[0]):
        raise DataError("--text-column takes one table at a time.", remedy="Tag them one by one.")
    source, (read, written) = str(inputs[0]), wanted
    read = detect_format(source, options.encoding) if read == AUTO else read
    target = format_to_write(output, written, otherwise=read, option="--output-format").name
    tag_table(tagger, source, output, column, (read, target), threshold, options, _written_whole)


def _written_whole(documents: Iterable[Written]) -> Iterator[Written]:
    """Pass documents, or blocks of rows, on to a writer; an interruption waits until it has written the one it has."""
    with catch_interrupts() as interrupts:
        for document in documents:
            interrupts.holding = True
            yield document
            interrupts.holding = False
            interrupts.check()


def _output_folder(output: str, inputs: Sequence[Path]) -> Path | None:
    """Return the folder that gets a file for each input, or None if there is one output."""
    from tagsmith.remote import exists, is_folder, local_path

    folder = output.endswith(("/", os.sep)) or is_folder(output)
    if output != "-" and not folder and not Path(output).suffix:
        folder = not exists(output) and any(str(path) != "-" and is_folder(path) for path in inputs)
    return local_path(output) if folder else None


def _targets(
    folder: Path, sources: Sequence[tuple[Path, Path]], named: Sequence[tuple[str, str]], wanted: str
) -> dict[str, list[tuple[str, str]]]:
    """Name the result of each input: as the input, with the suffix of the output's format."""
    from tagsmith.cli.tag_input import has_known_suffix
    from tagsmith.remote import whole

    formats = [_output_format(wanted, "", {name}) for _, name in named]
    suffixes = [one.file_ending for one in formats]
    places = [folder / place for _, place in sources]
    stems = [place.stem if has_known_suffix(place) else place.name for place in places]
    if len(set(zip((place.parent for place in places), stems, suffixes, strict=True))) < len(places):
        stems = [place.name for place in places]  # there are a.txt and a.tokens
    targets = [place.with_name(stem + end) for place, stem, end in zip(places, stems, suffixes, strict=True)]
    if len(set(targets)) < len(targets):
        raise DataError("Two inputs have the same name.", remedy="Tag them one by one.", path=folder)
    existing = {whole(source) for source, _ in sources}
    if own := next((target for target in targets if whole(target) in existing), None):
        raise _overwritten(own)
    return {str(target): [source] for target, source in zip(targets, named, strict=True)}


def _overwritten(path: Path) -> DataError:
    return DataError("This is an input too.", remedy="Name another file or folder with -o.", path=path)


def _output_format(wanted: str, output: str, inputs: set[str]) -> Format:
    from tagsmith.formats import FORMATS, format_to_write

    same = inputs & FORMATS.keys() if len(inputs) == 1 else set()
    if output == "-":
        same = {name for name in same if not FORMATS[name].write_folder}
    return format_to_write(output, wanted, otherwise=next(iter(same), "conll"), option="--output-format")


def _thresholds(given: Iterable[str], labels: Iterable[str]) -> dict[str, float] | None:
    """Read ``0.5`` and ``LABEL=0.5``; the threshold of one label has priority over that of all."""
    every, single = {}, {}
    for text in given:
        label, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise DataError(f"the threshold {text!r} is not a number.", remedy="Write 0.5 or LABEL=0.5.") from None
        if label:
            single[label] = value
        else:
            every = dict.fromkeys(labels, value)
    return {**every, **single} or None


def _tagged(
    tagger: Tagger, documents: Iterable[Document], *, spans: bool, threshold: Threshold | None
) -> Iterator[Document]:
    """Tag many documents at a time, however short they are; meanwhile the next are read and the last are written."""
    from tagsmith.tagging.batching import one_ahead

    def tag(block: list[Document]) -> list[Document]:
        return tagger.tag_documents(block, spans=spans, threshold=threshold)

    with rare_collections():
        yield from chain.from_iterable(one_ahead(tag, _blocks(documents)))


def _blocks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    block: list[Document] = []
    size = 0
    for document in documents:
        block.append(document)
        size += 1 + sum(map(len, document.sentences))  # the 1 bounds blocks of empty documents too
        if size >= BLOCK_TOKENS:
            yield block
            block, size = [], 0
    if block:
        yield block


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for garbage in cycles rarely: documents have none, and there are many of them."""
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
