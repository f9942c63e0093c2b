"""``tagsmith evaluate``: how well a model does on a labeled file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagsmith.cli import options
from tagsmith.errors import DataError, place_of, visible

if TYPE_CHECKING:
    from tagsmith.model.folder import Model
    from tagsmith.scores.evaluation import Evaluation
    from tagsmith.text.layer import Layer


class CountedAs(StrEnum):
    """Which spans count."""

    CONLLEVAL = "conlleval"
    STRICT = "strict"


JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the scores as JSON; with '-', print nothing else.")
]
ReportFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write an HTML page: scores, charts and every error in its sentence."),
]
Against = Annotated[
    Path | None,
    typer.Option(
        metavar="OTHER",
        help="In the report, compare with a model folder, hf://OWNER/NAME, or a file of predictions for DATA.",
    ),
]
Mode = Annotated[
    CountedAs,
    typer.Option(help="conlleval: count spans as the CoNLL-2000 scorer does; strict: count only well-formed spans."),
]
Details = Annotated[
    bool,
    typer.Option(
        "--details", help="Show the kinds of errors, the types confused, the matching schemas and the buckets too."
    ),
]
Train = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Training data, to score seen and unseen mentions; may be repeated."),
]
By = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY",
        help="Score the sentences of each value of a key of the JSON objects or comments, of a column, "
        "or of 'source', the file; may be repeated.",
    ),
]
Documents = Annotated[bool, typer.Option("--documents", help="Make the intervals by drawing documents, not sentences.")]
Resamples = Annotated[
    int | None,
    typer.Option(min=0, help="Resamples of the intervals; 0: no intervals. [default: 10,000, fewer for large files]"),
]
Precision = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Choose the least threshold of each label that reaches this precision on DATA, which should be dev.",
    ),
]


def evaluate_command(
    model: options.ModelFolder,
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Labeled files; of a folder, the test file.")],
    json_file: JsonFile = None,
    report: ReportFile = None,
    against: Against = None,
    mode: Mode = CountedAs.CONLLEVAL,
    details: Details = False,
    train: Train = None,
    by: By = None,
    documents: Documents = False,
    resamples: Resamples = None,
    precision: Precision = None,
    format: options.Format = "auto",
    layer: options.Layers = None,
    column: options.Columns = None,
    word_column: options.WordColumn = None,
    separator: options.Separator = None,
    encoding: options.Encoding = "utf-8",
) -> None:
    """Tag labeled files with a model and score the result."""
    from tagsmith.cli.calibration import check_precision, judge, print_judged
    from tagsmith.cli.evaluate_report import write_report
    from tagsmith.corpus.convert import open_target
    from tagsmith.tagging.tagger import load

    _check_outputs(json_file, report, against)
    check_precision(precision)
    tagger = load(model)
    name = ", ".join(map(place_of, data))
    files = _files(data, "test" if precision is None else "dev")
    _warn_of_training_data(files, tagger.model)
    reading = options.reading_options(layer, column, word_column, separator, encoding)
    problems: list[object] = []
    labeled = tagger.labeled(files, format=format, problems=problems, **reading)
    scores = tagger.evaluate(
        labeled,
        mode=mode.value,
        train=_files(train, "train") if train else None,
        by=by or (),
        documents=documents,
        resamples=resamples,
        format=format,
        problems=problems,
        **reading,
    )
    options.echo_problems(problems)
    scored = layer[0] if layer and len(tagger.layers) > 1 else tagger.layers[0]
    by_layer = scores.layers or {scored: scores}
    for scored_layer, evaluation in by_layer.items():
        _check_labels(evaluation, tagger.layer(scored_layer), name)
    judged = judge(tagger, labeled, json_file is not None or details, precision)
    if report is not None:
        write_report(
            report,
            tagger,
            labeled,
            scores,
            mode.value,
            model=model,
            data=data,
            files=files,
            against=against,
            reading=options.reading_options(layer, encoding=encoding),
        )
    if json_file is not None:
        with open_target(json_file) as stream:
            stream.write(json.dumps({**scores.as_dict(), **judged.as_dict()}, indent=2, ensure_ascii=False) + "\n")
    if str(json_file) != "-":
        _print_tables(scores, by_layer, name, details)
        print_judged(judged, name, details)


def _check_outputs(json_file: Path | None, report: Path | None, against: Path | None) -> None:
    """Raise if the outputs have wrong names, or one that is asked for has no place."""
    options.check_suffix(json_file, ".json")
    options.check_suffix(report, ".html", ".htm")
    if json_file is not None and json_file == report and str(report) != os.devnull:
        raise DataError("--json and --report name the same file.", remedy="Name two files.", path=report)
    if against is not None and report is None:
        raise DataError(
            "--against is for the report, and there is none.",
            remedy="Name its file with --report, or compare with 'tagsmith compare'.",
        )


def _files(data: list[Path], part: str) -> list[Path]:
    """Replace folders by their files of a part, and tell which."""
    from tagsmith.corpus.folders import is_folder, part_of_folder

    files: list[Path] = []
    for item in data:
        if is_folder(item):
            found, note = part_of_folder(item, part)
            typer.echo(visible(note), err=True)
            files += found
        else:
            files.append(item)
    return files


def _warn_of_training_data(files: list[Path], model: Model) -> None:
    """Print a warning for each file that the model was trained on, by its digest."""
    from tagsmith.corpus.provenance import file_digest
    from tagsmith.remote import is_file

    sources = [*model.data.get("train", {}).get("sources", ()), *model.data.get("before", ())]
    known = {one["sha256"] for one in sources if one["name"]}
    for path in files:
        if known and is_file(path) and file_digest(path) in known:
            note = f"warning: {place_of(path)}: this file is what the model was trained on; new text will score lower"
            typer.echo(visible(note), err=True)


def _print_tables(scores: Evaluation, by_layer: Mapping[str, Evaluation], name: str, details: bool) -> None:
    from tagsmith.scores.tables import detail_tables, scores_tables

    console = options.stdout_console()
    for table in scores_tables(scores, name):
        console.print(table)
    if not details:
        return
    for layer, evaluation in by_layer.items():
        if scores.layers:
            console.print(f"\n{visible(layer)}", markup=False)
        for table in detail_tables(evaluation):
            console.print(table)


def _check_labels(scores: Evaluation, layer: Layer, data: str) -> None:
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
