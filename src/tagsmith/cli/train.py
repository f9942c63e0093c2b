"""``tagsmith train``: from labeled files to a model folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli import options
from tagsmith.errors import DataError, RecipeError

if TYPE_CHECKING:
    from tagsmith.training.recipe import Recipe


def train_command(
    train: options.TrainFiles,
    out: Annotated[Path, typer.Option("--out", help="The model folder to write.")],
    dev: Annotated[
        list[Path] | None,
        typer.Option(help="Labeled file that decides when to stop; may be repeated. [default: a tenth of TRAIN]"),
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
    seed: options.Seed = 0,
    recipe: options.RecipeFile = None,
    changes: options.RecipeChanges = None,
    partial: Annotated[
        bool | None,
        typer.Option("--partial/--no-partial", help="A label that a TRAIN file lacks is unknown there, not absent."),
    ] = None,
    knows: Annotated[
        list[str] | None,
        typer.Option(
            "--knows",
            metavar="FILE=LABEL,…",
            help="All labels that annotators looked for in a file; may be repeated, and implies --partial.",
        ),
    ] = None,
    has: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE=LAYER,…",
            help="The layers that a file has, if it lacks some; may be repeated, and implies --partial.",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Go on from this model, a folder, en or hf://OWNER/NAME. It pseudo-labels TRAIN with the labels that "
            "TRAIN lacks; with --partial these are unknown instead, with --no-partial absent.",
        ),
    ] = None,
    keep: options.Keep = None,
    devices: Annotated[
        int, typer.Option(metavar="N", help="On how many devices of JAX, such as GPUs; each takes a part of a batch.")
    ] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    force: options.Force = False,
) -> None:
    """Train a tagger on labeled files and write its model folder.

    Progress goes to standard error, the scores at the end to standard output. Ctrl-C keeps the best model so far in
    OUT.training/best, and --resume goes on.
    """
    # All before Keras is imported, which takes seconds.
    run_recipe = chosen_recipe(preset, recipe, changes or [], with_vectors=vectors is not None, start=start)
    kept = options.kept_layers(keep, start)

    from tagsmith.training.target import check_new_run

    check_files([*train, *(dev or ()), *(test or ())])
    check_new_run(out, resume=resume, force=force)
    known_labels = dict(_listed("--knows", text, "LABEL", "PER,LOC") for text in knows or ())
    layers_of_files = dict(_listed("--has", text, "LAYER", "pos,ner") for text in has or ())

    from tagsmith.training.train import train as run

    tagger = run(
        list(train),
        out=out,
        dev=dev,
        test=test,
        recipe=run_recipe,
        vectors=vectors,
        seed=seed,
        partial=known_labels or (True if has else partial),
        has=layers_of_files,
        start=start,
        keep=kept,
        devices=devices,
        format=format,
        resume=resume,
        force=force,
        **options.reading_options(layer, column, word_column, separator, encoding),
    )
    print_scores(tagger.model.scores)


def chosen_recipe(
    preset: str, path: Path | None, changes: list[str], *, with_vectors: bool, start: Path | None = None
) -> Recipe:
    """Return the preset, or the recipe of the model to go on from, changed by the file, then by each ``--set``."""
    from tagsmith.training.recipe import change_recipe, choose_recipe

    changed = dict(map(_change, changes))
    if start is not None:
        from tagsmith.model.folder import read_model
        from tagsmith.training.fine_tuning import fine_tuning_recipe

        return fine_tuning_recipe(read_model(start), preset, path, changed)
    return change_recipe(choose_recipe(preset, path, with_vectors=with_vectors), changed)


def check_files(files: list[Path]) -> None:
    """Raise if a file cannot be opened, or a folder has no labeled files."""
    from tagsmith.corpus.folders import files_of_folder, is_folder
    from tagsmith.formats.source import open_bytes, rereadable

    for path in files:
        if is_folder(path):
            files_of_folder(path)
        elif rereadable(path):
            with open_bytes(path):
                pass


def _change(text: str) -> tuple[str, Any]:
    """Read ``field=value``, the value as TOML has it; a bare word is a string."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise RecipeError(f"--set {text} is not FIELD=VALUE.", remedy="Write, for example, --set units=100.")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return name.strip(), value.strip()


def _listed(option: str, text: str, kind: str, example: str) -> tuple[str, list[str]]:
    """Read ``file=name,name``."""
    file, equals, listed = text.rpartition("=")
    names = [name.strip() for name in listed.split(",") if name.strip()]
    if not equals or not names:
        remedy = f"Write, for example, {option} news.conll={example}."
        raise DataError(f"{option} {text} is not FILE={kind},{kind}.", remedy=remedy)
    return file, names


def print_scores(scores: Mapping[str, Any], parts: Sequence[str] = ("dev", "test")) -> None:
    """Print a table for each of the parts that a model was scored on."""
    from tagsmith.scores.scores import scores_from_dict
    from tagsmith.scores.tables import scores_tables

    console = options.stdout_console()
    for part in parts:
        if part in scores:
            for table in scores_tables(scores_from_dict(scores[part]), part):
                console.print(table)
