"""``tagsmith evaluate``: how well a model does on a labeled file."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagsmith.cli import options
from tagsmith.errors import DataError, visible

if TYPE_CHECKING:
    from tagsmith.scores.scores import Scores
    from tagsmith.text.layer import Layer


class CountedAs(StrEnum):
    """Which spans count."""

    CONLLEVAL = "conlleval"
    STRICT = "strict"


def evaluate_command(
    model: options.ModelFolder,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A labeled file; of a folder, the test file.")],
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the scores as JSON; with '-', print nothing else."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scores as an HTML page.")] = None,
    mode: Annotated[
        CountedAs,
        typer.Option(
            help="conlleval: count spans as the CoNLL-2000 scorer does; strict: count only well-formed spans."
        ),
    ] = CountedAs.CONLLEVAL,
    format: options.Format = "auto",
    layer: options.Layers = None,
    column: options.Columns = None,
    word_column: options.WordColumn = None,
    separator: options.Separator = None,
    encoding: options.Encoding = "utf-8",
) -> None:
    """Tag a labeled file with a model and score the result."""
    from tagsmith import __version__
    from tagsmith.corpus.convert import open_target
    from tagsmith.corpus.folders import is_folder, part_of_folder
    from tagsmith.model.hub import hub_name
    from tagsmith.scores.report import html_report
    from tagsmith.scores.tables import scores_tables
    from tagsmith.tagging.tagger import load

    options.check_suffix(json_file, ".json")
    options.check_suffix(report, ".html", ".htm")
    if json_file is not None and json_file == report and str(report) != os.devnull:
        raise DataError("--json and --report name the same file.", remedy="Name two files.", path=report)
    tagger = load(model)
    files: Path | list[Path] = data
    if is_folder(data):
        files, note = part_of_folder(data, "test")
        typer.echo(visible(note), err=True)
    reading = options.reading_options(layer, column, word_column, separator, encoding)
    problems: list[object] = []
    scores = tagger.evaluate(files, mode=mode.value, format=format, problems=problems, **reading)
    options.echo_problems(problems)
    scored = layer[0] if layer and len(tagger.layers) > 1 else tagger.layers[0]
    by_layer = scores.layers or {scored: scores}
    layers = [tagger.layer(name) for name in by_layer]
    for model_layer in layers:
        _check_labels(by_layer[model_layer.name], model_layer, data)
    if report is not None:
        settings = {
            "model": str(hub_name(model) or model),
            "data": str(data),
            "layer": ", ".join(model_layer.name for model_layer in layers),
            "scheme": ", ".join(model_layer.scheme.value for model_layer in layers),
            "mode": mode.value,
            "tagsmith": __version__,
        }
        with open_target(report) as stream:
            stream.write(html_report(scores, settings))
    if json_file is not None:
        with open_target(json_file) as stream:
            stream.write(json.dumps(scores.as_dict(), indent=2, ensure_ascii=False) + "\n")
    if str(json_file) != "-":
        for table in scores_tables(scores, str(data)):
            options.stdout_console().print(table)


def _check_labels(scores: Scores, layer: Layer, data: Path) -> None:
    """Raise if nothing is labeled; print a note about labels that the model cannot give."""
    if not scores.support:
        raise DataError(
            "The file has no labels: no tag in it marks a span.",
            remedy="Choose the column or layer that holds the labels with --column or --layer.",
            path=data,
        )
    unknown = [label for label, counts in scores.types.items() if counts.support and label not in layer.labels]
    if unknown:
        same = {label.lower(): label for label in layer.labels}
        named = [f"{one} (it knows {same[one.lower()]})" if one.lower() in same else one for one in unknown[:5]]
        names = ", ".join(named) + (", …" if len(unknown) > 5 else "")
        note = f"note: the model does not know {len(unknown)} label(s) of this file: {names}"
        typer.echo(visible(note), err=True)
