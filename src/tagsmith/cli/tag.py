"""``tagsmith tag``: text in, labeled text out, as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagsmith.cli.options import Column, Encoding, Separator, WordColumn, reading_options
from tagsmith.errors import DataError

if TYPE_CHECKING:
    from tagsmith.formats.format import Format
    from tagsmith.tagging.heads import Threshold
    from tagsmith.tagging.tagger import Tagger
    from tagsmith.text.document import Document

BLOCK_TOKENS = 65_536  # tagged at a time: enough to fill the batches, little enough to stay small
_TOKENS_SUFFIXES = (".tokens", ".tok")


def tag_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")],
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="INPUT", help="Files to tag. '-' or nothing: standard input.")
    ] = None,
    input_format: Annotated[
        str,
        typer.Option(
            help="text; tokens: a sentence a line, tokens between spaces; or a file format, such as conll or jsonl. "
            "auto goes by the suffix; an unknown one is text."
        ),
    ] = "auto",
    output_format: Annotated[
        str,
        typer.Option(
            help="A file format, such as conll (a token and its tag a line) or jsonl (texts with spans). auto goes by "
            "OUT's suffix, then by the format of the inputs; otherwise it is conll."
        ),
    ] = "auto",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The file to write; '-': standard output.")
    ] = Path("-"),
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P|LABEL=P",
            help="Drop spans less probable than P, of all labels or of one: --threshold 0.5 --threshold PER=0.9.",
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
    from tagsmith.formats.options import WriteOptions, read_options
    from tagsmith.tagging.tagger import load

    tagger = load(model)
    sources = [(str(source), _input_format(source, input_format, encoding)) for source in inputs or [Path("-")]]
    written = _output_format(output_format, output, {name for _, name in sources})
    options = read_options(**reading_options(None, column, word_column, separator, encoding))
    layers = tagger.model.layers
    labels = [label for layer in layers if layer.gives_spans for label in layer.labels] or tagger.labels
    least = _thresholds(threshold or [], labels)
    tagger.tag_layers([], threshold=least)  # raises now if that is impossible
    tagged = _tagged(tagger, read_input(sources, options, tagger.layers), spans=written.holds_spans, threshold=least)
    with open_target(str(output)) as stream:
        written.write(tagged, stream, WriteOptions(layers=layers, place="append"))


def _input_format(source: Path, wanted: str, encoding: str) -> str:
    from tagsmith.cli.tag_input import TEXT_READERS
    from tagsmith.formats import FORMATS, check_running_text, format_by_suffix
    from tagsmith.formats.source import suffix_of

    if wanted == "auto":
        if suffix_of(source) in _TOKENS_SUFFIXES:
            return "tokens"
        if by_suffix := format_by_suffix(source):
            return by_suffix
        check_running_text(source, encoding)
        return "text"
    if wanted not in (known := [*TEXT_READERS, *FORMATS]):
        raise DataError(f"There is no input format {wanted!r}.", remedy=f"Choose one of {', '.join(known)}.")
    return wanted


def _output_format(wanted: str, output: Path, inputs: set[str]) -> Format:
    from tagsmith.formats import FORMATS, format_to_write

    same = inputs & FORMATS.keys() if len(inputs) == 1 else set()
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
