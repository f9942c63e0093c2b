"""``tagsmith evaluate``: how well a model does on a labeled file."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagsmith.cli.options import (
    Columns,
    Encoding,
    Format,
    Layers,
    Separator,
    WordColumn,
    reading_options,
    stdout_console,
)

if TYPE_CHECKING:
    from tagsmith.scores.scores import Scores
    from tagsmith.tagging.tagger import Tagger
    from tagsmith.text.layer import Layer


class CountedAs(StrEnum):
    """Which spans count."""

    CONLLEVAL = "conlleval"
    STRICT = "strict"


def evaluate_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.", show_default=False)],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A labeled file.", show_default=False)],
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write the scores as JSON; '-': to standard output, without the table.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML page of the scores.", show_default=False)
    ] = None,
    mode: Annotated[
        CountedAs,
        typer.Option(help="conlleval: by the rules of the CoNLL-2000 scorer; strict: only well-formed spans count."),
    ] = CountedAs.CONLLEVAL,
    format: Format = "auto",
    layer: Layers = None,
    column: Columns = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Tag a labeled file with a model and score the result."""
    from tagsmith.corpus.convert import open_target
    from tagsmith.scores.tables import scores_tables
    from tagsmith.tagging.tagger import load

    tagger = load(model)
    options = reading_options(layer, column, word_column, separator, encoding)
    scores = tagger.evaluate(data, mode=mode.value, format=format, **options)
    scored = layer[0] if layer and len(tagger.layers) > 1 else tagger.layers[0]  # or all, see scores.layers
    for name, one in (scores.layers or {scored: scores}).items():
        _check_labels(one, tagger.layer(name), data)
    if report is not None:
        with open_target(report) as stream:
            stream.write(_page(scores, tagger, scored, model, data, mode))
    if json_file is not None:
        with open_target(json_file) as stream:
            stream.write(json.dumps(scores.as_dict(), indent=2, ensure_ascii=False) + "\n")
    if str(json_file) != "-":
        for table in scores_tables(scores, str(data)):
            stdout_console().print(table)


def _check_labels(scores: Scores, layer: Layer, data: Path) -> None:
    """Raise if nothing is labeled; tell of labels that the model cannot give."""
    from tagsmith.errors import DataError

    if not scores.support:
        raise DataError(
            "The file has no labels: no tag in it marks a span.",
            remedy="Choose the column or layer that holds the labels with --column or --layer.",
            path=data,
        )
    unknown = [label for label, one in scores.types.items() if one.support and label not in layer.labels]
    if unknown:
        names = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
        typer.echo(f"note: the model does not know {len(unknown)} label(s) of this file: {names}", err=True)


def _page(scores: Scores, tagger: Tagger, scored: str, model: Path, data: Path, mode: CountedAs) -> str:
    from tagsmith import __version__
    from tagsmith.scores.report import html_report

    layers = [tagger.layer(name) for name in scores.layers or (scored,)]
    settings = {
        "model": str(model),
        "data": str(data),
        "layer": ", ".join(layer.name for layer in layers),
        "scheme": ", ".join(layer.scheme.value for layer in layers),
        "mode": mode.value,
        "tagsmith": __version__,
    }
    return html_report(scores, settings)
