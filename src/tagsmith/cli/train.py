"""``tagsmith train``: from labeled files to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli.options import (
    Columns,
    Encoding,
    Format,
    Layers,
    RecipeChanges,
    RecipeFile,
    Seed,
    Separator,
    TrainFiles,
    VectorsFile,
    WordColumn,
    reading_options,
    stdout_console,
)

if TYPE_CHECKING:
    from tagsmith.training.recipe import Recipe


def train_command(
    train: TrainFiles,
    out: Annotated[Path, typer.Option("--out", help="The model folder to write.", show_default=False)],
    dev: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labeled file that decides when to stop; may be repeated. [default: a tenth of TRAIN]",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Labeled file to score once, at the end; may be repeated.", show_default=False),
    ] = None,
    format: Format = "auto",
    layer: Layers = None,
    column: Columns = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
    preset: Annotated[str, typer.Option(help="fast, balanced or accurate.")] = "balanced",
    vectors: VectorsFile = None,
    seed: Seed = 0,
    recipe: RecipeFile = None,
    changes: RecipeChanges = None,
    partial: Annotated[
        bool | None,
        typer.Option(
            "--partial/--no-partial",
            help="Each TRAIN file has labels of its own; those it lacks are unknown there, not absent.",
            show_default=False,
        ),
    ] = None,
    knows: Annotated[
        list[str] | None,
        typer.Option(
            "--knows",
            metavar="FILE=LABEL,…",
            help="All labels that were looked for in a file, for --partial; may be repeated.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Go on from this model. Labels that TRAIN lacks it adds itself; with --partial they are unknown, "
            "with --no-partial absent.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Train a tagger on labeled files and write its model folder.

    Progress goes to standard error; at the end the scores go to standard output. Ctrl-C keeps the best model so far.
    """
    chosen = chosen_recipe(preset, recipe, changes or [], start)  # all before Keras is imported, which takes seconds

    from tagsmith.model.folder import check_target

    chosen_partial = partial if not knows else dict(map(_known, knows))
    check_files([*train, *(dev or ()), *(test or ())])
    check_target(out)

    from tagsmith.errors import TrainingError
    from tagsmith.training.train import train as run

    before = _state(out)
    options = reading_options(layer, column, word_column, separator, encoding)
    try:
        run(
            list(train),
            out=out,
            dev=list(dev) if dev else None,
            test=list(test) if test else None,
            recipe=chosen,
            vectors=vectors,
            seed=seed,
            partial=chosen_partial,
            start=start,
            format=format,
            resume=resume,
            **options,
        )
    except KeyboardInterrupt:
        going_on = "; --resume goes on" if out.with_name(f"{out.name}.training").is_dir() else ""
        typer.echo(f"interrupted; {_what_was_saved(out, before)}{going_on}", err=True)
        raise typer.Exit(130) from None
    except TrainingError as error:
        saved = _what_was_saved(out, before)
        raise TrainingError(f"{error} {saved[0].upper()}{saved[1:]}.") from error
    print_scores(out)


def chosen_recipe(preset: str, path: Path | None, changes: list[str], start: Path | None = None) -> Recipe:
    """Put the recipe together: the preset, changed by the file, changed by each ``--set``."""
    from tagsmith.training.recipe import make_recipe, read_recipe

    if start is not None:
        from tagsmith.model.folder import read_model
        from tagsmith.training.fine_tuning import fine_tuning_recipe

        return fine_tuning_recipe(read_model(start), preset, path, dict(map(_change, changes)))
    recipe = make_recipe(preset) if path is None else read_recipe(path, preset)
    return make_recipe(preset, {**recipe.as_dict(), **dict(map(_change, changes))}) if changes else recipe


def check_files(files: list[Path]) -> None:
    """Raise if a file cannot be opened."""
    from tagsmith.formats.source import open_source

    for path in files:
        if str(path) != "-":
            with open_source(path):
                pass


def _change(text: str) -> tuple[str, Any]:
    """Read ``field=value``, the value as TOML has it; a bare word is a string."""
    import tomllib

    from tagsmith.errors import RecipeError

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise RecipeError(f"--set {text} is not FIELD=VALUE.", remedy="Write, for example, --set units=100.")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()


def _known(text: str) -> tuple[str, list[str]]:
    """Read ``file=label,label``."""
    from tagsmith.errors import DataError

    name, equals, labels = text.rpartition("=")
    found = [label.strip() for label in labels.split(",") if label.strip()]
    if not equals or not found:
        raise DataError(
            f"--knows {text} is not FILE=LABEL,LABEL.", remedy="Write, for example, --knows news.conll=PER,LOC."
        )
    return name, found


def _state(folder: Path) -> tuple[int, int] | None:
    """Something that changes when a model is written to the folder."""
    config = folder / "config.json"
    if not config.is_file():
        return None
    status = config.stat()
    return status.st_ino, status.st_mtime_ns


def _what_was_saved(out: Path, before: tuple[int, int] | None) -> str:
    if _state(out) != before:
        return f"the best model so far is in {out}"
    return "no model was saved, since no epoch had ended"


def print_scores(folder: Path, parts: tuple[str, ...] = ("dev", "test")) -> None:
    """Print a table for each of the parts that the model in ``folder`` was scored on."""
    from tagsmith.model.folder import read_config
    from tagsmith.scores.scores import scores_from_dict
    from tagsmith.scores.tables import scores_tables

    console = stdout_console()
    for part, values in read_config(folder)["scores"].items():
        if part not in parts:
            continue
        for table in scores_tables(scores_from_dict(values), part):
            console.print(table)
