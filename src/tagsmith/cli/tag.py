"""``tagsmith tag``: text in, labeled text out, as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagsmith.cli.options import Column, Encoding, Separator, WordColumn, reading_options

if TYPE_CHECKING:
    from tagsmith.tagging.heads import Threshold
    from tagsmith.tagging.tagger import Tagger
    from tagsmith.text.document import Document

BLOCK_TOKENS = 65_536  # tagged at a time: enough to fill the batches, little enough to stay small


class InputFormat(StrEnum):
    """What is to be tagged."""

    AUTO = "auto"
    TEXT = "text"
    TOKENS = "tokens"
    CONLL = "conll"
    JSONL = "jsonl"


class OutputFormat(StrEnum):
    """What comes out."""

    AUTO = "auto"
    CONLL = "conll"
    JSONL = "jsonl"


_INPUT_BY_SUFFIX = {
    ".tokens": InputFormat.TOKENS,
    ".tok": InputFormat.TOKENS,
    ".conll": InputFormat.CONLL,
    ".iob": InputFormat.CONLL,
    ".iob2": InputFormat.CONLL,
    ".bio": InputFormat.CONLL,
    ".json": InputFormat.JSONL,
    ".jsonl": InputFormat.JSONL,
    ".ndjson": InputFormat.JSONL,
}
_CONVERT_FIRST = (".conllu", ".csv")


def tag_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.", show_default=False)],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT...", help="Files to tag. '-' or nothing: standard input.", show_default=False),
    ] = None,
    input_format: Annotated[
        InputFormat,
        typer.Option(
            help="text; tokens: a sentence a line, tokens between spaces; conll: a token a line; jsonl: objects "
            'with "text". auto goes by the ending; what it does not know is text.'
        ),
    ] = InputFormat.AUTO,
    output_format: Annotated[
        OutputFormat,
        typer.Option(
            help="conll: a token and its tag a line; jsonl: texts with spans. auto: jsonl for jsonl and for OUT.jsonl."
        ),
    ] = OutputFormat.AUTO,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The file to write; it appears when all is done. '-': standard output.",
        ),
    ] = Path("-"),
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P|LABEL=P",
            help="Drop spans less probable than P, of all labels or of one. May be repeated: --threshold 0.5 "
            "--threshold PER=0.9.",
            show_default=False,
        ),
    ] = None,
    column: Column = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Tag text from files or standard input, in constant memory."""
    from tagsmith.cli.tag_input import read_input
    from tagsmith.corpus.convert import open_target
    from tagsmith.formats import WRITERS
    from tagsmith.formats.options import WriteOptions
    from tagsmith.tagging.tagger import load

    tagger = load(model)
    sources = [(source, _input_format(source, input_format)) for source in inputs or [Path("-")]]
    written = _output_format(output_format, output, [kind for _, kind in sources])
    options = reading_options(None, column, word_column, separator, encoding)
    gold = "gold"
    while gold in tagger.layers:  # not the name of a layer that is added
        gold += "_"
    documents = read_input([(str(source), kind.value) for source, kind in sources], {**options, "layer": gold})
    layers = [tagger.layer(name) for name in tagger.layers]
    labels = [label for own in layers if own.gives_spans for label in own.labels] or tagger.labels
    least = _thresholds(threshold or [], labels)
    tagger.tag_layers([], threshold=least)  # says at once if that is impossible
    tagged = _tagged(tagger, documents, spans=written is OutputFormat.JSONL, threshold=least)
    further = tuple((own.name, own.scheme) for own in layers[1:])
    writing = WriteOptions(layer=tagger.model.layer, place="append", scheme=tagger.scheme, further=further)
    with open_target(str(output)) as stream:
        WRITERS[written.value](tagged, stream, writing)


def _input_format(source: Path, wanted: InputFormat) -> InputFormat:
    if wanted is not InputFormat.AUTO:
        return wanted
    suffix = source.suffix.lower()
    if suffix in _CONVERT_FIRST:
        from tagsmith.errors import DataError

        raise DataError(
            f"A {suffix} file cannot be tagged as it is.",
            remedy=f"Convert it first: tagsmith convert {source} {source.stem}.conll",
            path=source,
        )
    return _INPUT_BY_SUFFIX.get(suffix, InputFormat.TEXT)


def _output_format(wanted: OutputFormat, output: Path, inputs: Iterable[InputFormat]) -> OutputFormat:
    if wanted is not OutputFormat.AUTO:
        return wanted
    suffix = _INPUT_BY_SUFFIX.get(output.suffix.lower())
    if suffix is InputFormat.JSONL or (suffix is None and all(kind is InputFormat.JSONL for kind in inputs)):
        return OutputFormat.JSONL
    return OutputFormat.CONLL


def _thresholds(given: Iterable[str], labels: Iterable[str]) -> dict[str, float] | None:
    """Read ``0.5`` and ``LABEL=0.5``; what is said of one label goes before what is said of all."""
    from tagsmith.errors import DataError

    every, single = {}, {}
    for one in given:
        label, _, number = one.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise DataError(f"the threshold {one!r} is no number.", remedy="Write 0.5 or LABEL=0.5.") from None
        if label:
            single[label] = value
        else:
            every = dict.fromkeys(labels, value)
    return {**every, **single} or None


def _tagged(
    tagger: Tagger, documents: Iterable[Document], *, spans: bool, threshold: Threshold | None
) -> Iterator[Document]:
    """Tag many documents at a time, however short they are."""
    block: list[Document] = []
    size = 0
    for document in documents:
        block.append(document)
        size += 1 + sum(map(len, document.sentences))  # the 1 bounds blocks of empty documents too
        if size >= BLOCK_TOKENS:
            yield from tagger.tag_documents(block, spans=spans, threshold=threshold)
            block, size = [], 0
    if block:
        yield from tagger.tag_documents(block, spans=spans, threshold=threshold)
