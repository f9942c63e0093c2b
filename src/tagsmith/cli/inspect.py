"""``tagsmith inspect``: a careful look at labeled files or a model: facts, labels, problems, likely label errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli import options
from tagsmith.cli.inspect_data import DataFile, cover, data_section, read_data, splits_report, splits_section
from tagsmith.cli.inspect_errors import errors_report, errors_section, export_errors, show_errors
from tagsmith.cli.inspect_model import model_report, model_section
from tagsmith.cli.inspect_view import Section, html_page, show
from tagsmith.errors import DataError

if TYPE_CHECKING:
    from tagsmith.training.label_errors import LabelErrors

SECTIONS = {"corpus": data_section, "splits": splits_section, "model": model_section, "label errors": errors_section}


def inspect_command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Labeled files, folders of them, or models (folders, en, hf://OWNER/NAME). Several files are "
            "compared: training with dev and test by their names, or else the first file with each of the others.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, all problems included.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write everything as an HTML page, too.")] = None,
    find_errors: Annotated[
        bool,
        typer.Option(
            "--find-errors",
            help="Rank likely label errors instead: models that did not see a sentence confidently disagree with it. "
            "Trains FOLDS models.",
        ),
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Likely errors to print.")] = 20,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Write the sentences of the TOP likely errors, as suggestions to check on the Label page.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Models that --find-errors trains.")] = 4,
    seed: options.Seed = 0,
    vectors: options.VectorsFile = None,
    speed: Annotated[bool, typer.Option("--speed", help="Measure how fast a model tags here.")] = False,
    format: options.Format = "auto",
    layer: options.Layer = None,
    column: options.Column = None,
    word_column: options.WordColumn = None,
    separator: options.Separator = None,
    encoding: options.Encoding = "utf-8",
) -> None:
    """Take a careful look at labeled files or a model: counts, labels, scheme, and problems with what to do.

    With --vectors it says how many words have a vector.
    """
    options.check_suffix(report, ".html", ".htm")
    options.check_suffix(export, ".jsonl")
    if export is not None and not find_errors:
        raise DataError("--export writes likely label errors.", remedy="Add --find-errors.")
    reading = options.reading_options(layer, column, word_column, separator, encoding)
    files = _without_folders(paths)
    errors: LabelErrors | None = None
    if find_errors:
        errors = _find(files, vectors, folds, seed, {"format": format, **reading})
        reports = [errors_report(errors)]
    else:
        reports = _look(files, format, reading, vectors, speed)
    if report is not None:
        _write_page(report, [SECTIONS[one["kind"]](one) for one in reports])
    if as_json:
        typer.echo(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2, ensure_ascii=False))
    elif errors is not None:
        show_errors(errors, top, options.stdout_console())
    else:
        for one in reports:
            show(SECTIONS[one["kind"]](one), options.stdout_console())
    if export is not None and errors is not None:  # last: what took minutes to find is printed even if this fails
        export_errors(errors, export, top)


def _look(
    paths: Sequence[Path], format: str, reading: dict[str, Any], vectors: str | None, speed: bool
) -> list[dict[str, Any]]:
    """Report on each file and model, and then on what several files share."""
    from tagsmith.model.folder import names_model
    from tagsmith.remote import is_folder

    reports: list[dict[str, Any]] = []
    data: list[DataFile] = []
    for path in paths:
        if is_folder(path) or names_model(path):
            reports.append(model_report(path, speed=speed))
        else:
            data.append(read_data(path, format, dict(reading)))
            reports.append(data[-1].report)
    if vectors is not None and data:
        cover(data, vectors)
    return [*reports, splits_report(data)] if len(data) > 1 else reports


def _find(paths: Sequence[Path], vectors: str | None, folds: int, seed: int, reading: dict[str, Any]) -> LabelErrors:
    from tagsmith.model.folder import names_model
    from tagsmith.remote import is_folder

    for path in paths:
        if is_folder(path) or names_model(path):
            raise DataError("--find-errors looks at labeled data; this is a model.", remedy="Name files.", path=path)
    from tagsmith.cli.train import check_files

    check_files(list(paths))  # before Keras is imported, which takes seconds

    from tagsmith.training.label_errors import find_label_errors

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    return find_label_errors(list(paths), vectors=vectors, folds=folds, seed=seed, tell=tell, **reading)


def _without_folders(paths: Sequence[Path]) -> list[Path]:
    """Replace folders of labeled files by these; model folders stay."""
    from tagsmith.corpus.folders import files_of_folder
    from tagsmith.remote import exists, is_folder

    files: list[Path] = []
    for path in paths:
        if is_folder(path) and not exists(path / "config.json"):
            try:
                found = files_of_folder(path)
            except DataError as error:
                problem = f"{error.problem} Nor is it a model folder: it holds no config.json."
                raise DataError(problem, remedy=error.remedy, path=path) from None
            files += [file for part in found.parts.values() for file in part] + found.others
        else:
            files.append(path)
    return files


def _write_page(path: Path, sections: Sequence[Section]) -> None:
    from tagsmith import __version__
    from tagsmith.corpus.convert import open_target

    with open_target(path) as stream:
        stream.write(html_page(sections, __version__))
