"""``tagsmith distill``: the accuracy of several models at the speed of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagsmith.cli import options
from tagsmith.cli.train import check_files, chosen_recipe, print_scores
from tagsmith.errors import visible

if TYPE_CHECKING:
    from tagsmith.formats.options import ReadOptions
    from tagsmith.text.document import Document


def distill_command(
    teachers: Annotated[
        list[Path],
        typer.Argument(
            metavar="TEACHER...",
            help="Models to learn from (folders, en, hf://OWNER/NAME), and JSONL files of predictions.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The model folder to write.")],
    train: Annotated[
        list[Path] | None, typer.Option(help="Labeled file to learn from as well; may be repeated.")
    ] = None,
    unlabeled: Annotated[
        list[Path] | None,
        typer.Option(
            help="File or folder that the teachers label: text, or a file format, whose labels are not looked at; may "
            "be repeated."
        ),
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option(help="Labeled file that decides when to stop; may be repeated. [default: a tenth of it all]"),
    ] = None,
    test: Annotated[
        list[Path] | None, typer.Option(help="Labeled file to score once, at the end; may be repeated.")
    ] = None,
    format: options.Format = "auto",
    layer: options.Layers = None,
    column: options.Columns = None,
    word_column: options.WordColumn = None,
    separator: options.Separator = None,
    encoding: options.Encoding = "utf-8",
    preset: options.Preset = "balanced",
    vectors: options.VectorsFile = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="MODEL", help="Go on from this model; its network and vectors are kept."),
    ] = None,
    keep: options.Keep = None,
    seed: options.Seed = 0,
    recipe: options.RecipeFile = None,
    changes: options.RecipeChanges = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    force: options.Force = False,
) -> None:
    """Teach one model what others say, of labeled and of unlabeled text.

    The teachers' probabilities are averaged. Train them with different seeds, say, or presets. The new model tags as
    fast as any of its preset.
    """
    run_recipe = chosen_recipe(preset, recipe, changes or [], with_vectors=vectors is not None, start=start)
    kept = options.kept_layers(keep, start)

    from tagsmith.training.target import check_new_run

    check_files([*(train or ()), *(dev or ()), *(test or ())])
    check_new_run(out, resume=resume, force=force)

    from tagsmith.formats.options import read_options
    from tagsmith.training.distillation import distill

    reading = options.reading_options(layer, column, word_column, separator, encoding)
    tagger = distill(
        list(teachers),
        out=out,
        train=train,
        unlabeled=_documents(unlabeled or [], read_options(**reading), encoding),
        dev=dev,
        test=test,
        recipe=run_recipe,
        vectors=vectors,
        start=start,
        keep=kept,
        seed=seed,
        resume=resume,
        force=force,
        format=format,
        **reading,
    )
    print_scores(tagger.model.scores)


def _documents(paths: Sequence[Path], reading: ReadOptions, encoding: str) -> Iterator[Document]:
    """Read what is not labeled, as ``tagsmith tag`` reads it."""
    from tagsmith.cli.tag_input import files_to_tag, input_format, read_input
    from tagsmith.remote import is_folder

    files: list[Path] = []
    for path in paths:
        if is_folder(path):
            in_folder, note = files_to_tag(path, "auto", None)
            typer.echo(visible(note), err=True)
            files += in_folder
        else:
            files.append(path)
    return read_input([(str(file), input_format(file, "auto", encoding)) for file in files], reading, ())
