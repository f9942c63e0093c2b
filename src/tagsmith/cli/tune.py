"""``tagsmith tune``: search for a better recipe on labeled files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


def tune_command(
    train: TrainFiles,
    out: Annotated[Path, typer.Option("--out", help="The folder for the search and its results.", show_default=False)],
    dev: Annotated[
        Path | None,
        typer.Option(help="Labeled file that trials are compared on. [default: a tenth of TRAIN]", show_default=False),
    ] = None,
    format: Format = "auto",
    layer: Layers = None,
    column: Columns = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
    preset: Annotated[str, typer.Option(help="fast, balanced or accurate: what the search begins with.")] = "balanced",
    recipe: RecipeFile = None,
    changes: RecipeChanges = None,
    vectors: VectorsFile = None,
    space: Annotated[
        Path | None,
        typer.Option(help="TOML file of what to search. [default: around the recipe]", show_default=False),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials in the end, those before --resume included.")] = 20,
    processes: Annotated[int, typer.Option(min=1, help="Trials at a time, each in a process of its own.")] = 1,
    hours: Annotated[float | None, typer.Option(help="No trial begins after this time.", show_default=False)] = None,
    minutes: Annotated[float | None, typer.Option(help="The same in minutes; both add up.", show_default=False)] = None,
    seed: Seed = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted search, or with more trials.")
    ] = False,
) -> None:
    """Search for the recipe with the best dev score.

    The first trial is the recipe that the search begins with. Progress goes to standard error, a table of the best
    trials to standard output at the end. Ctrl-C keeps everything but the trials that are running.
    """
    from tagsmith.cli.train import check_files, chosen_recipe

    base = chosen_recipe(preset, recipe, changes or [])
    check_files([*train, *([dev] if dev else [])])

    from tagsmith.tuning.results import BEST, trials_table
    from tagsmith.tuning.tune import tune

    try:
        tuning = tune(
            list(train),
            out=out,
            dev=dev,
            recipe=base,
            space=space,
            vectors=vectors,
            trials=trials,
            processes=processes,
            minutes=None if hours is None and minutes is None else 60 * (hours or 0.0) + (minutes or 0.0),
            seed=seed,
            format=format,
            resume=resume,
            **reading_options(layer, column, word_column, separator, encoding),
        )
    except KeyboardInterrupt:
        best = f"the best recipe so far is in {out / BEST}; " if (out / BEST).is_file() else ""
        typer.echo(f"interrupted; {best}--resume goes on", err=True)
        raise typer.Exit(130) from None
    console = stdout_console()
    console.print(f"the best of {len(tuning.trials)} trials, by dev {tuning.measure}:", highlight=False)
    console.print(trials_table(tuning))
    typer.echo(f"best recipe: {out / BEST}")
