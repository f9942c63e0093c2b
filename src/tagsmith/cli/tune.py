"""``tagsmith tune``: search for a better recipe on labeled files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.cli import options
from tagsmith.interrupts import Interrupted, signal_of


def tune_command(
    train: options.TrainFiles,
    out: Annotated[Path, typer.Option("--out", help="The folder for the search and its results.")],
    dev: Annotated[
        Path | None, typer.Option(help="Labeled file that trials are scored on. [default: a tenth of TRAIN]")
    ] = None,
    format: options.Format = "auto",
    layer: options.Layers = None,
    column: options.Columns = None,
    word_column: options.WordColumn = None,
    separator: options.Separator = None,
    encoding: options.Encoding = "utf-8",
    preset: options.Preset = "balanced",
    recipe: options.RecipeFile = None,
    changes: options.RecipeChanges = None,
    vectors: options.VectorsFile = None,
    space: Annotated[
        Path | None, typer.Option(help="TOML file of what to search. [default: ten fields around the recipe]")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials in total, those before --resume included.")] = 20,
    processes: Annotated[int, typer.Option(min=1, help="Trials at a time, each in its own process.")] = 1,
    engine: Annotated[str, typer.Option(help="What runs the trials: processes of this machine, or ray.")] = "processes",
    address: Annotated[
        str | None, typer.Option(metavar="auto|HOST:PORT", help="The Ray cluster. [default: one on this machine]")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="No trial begins after this time.")] = None,
    minutes: Annotated[float | None, typer.Option(help="The same in minutes; both add up.")] = None,
    seed: options.Seed = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted search, or add trials to a finished one.")
    ] = False,
) -> None:
    """Search for the recipe with the best dev score.

    The first trial is the recipe that the search begins with. Progress goes to standard error, a table of the best
    trials to standard output at the end. Ctrl-C loses only the trials that are running.
    """
    from tagsmith.cli.train import check_files, chosen_recipe

    base = chosen_recipe(preset, recipe, changes or [], with_vectors=vectors is not None)
    check_files([*train, *([dev] if dev else [])])

    from tagsmith.tuning.results import BEST, trials_table
    from tagsmith.tuning.tune import tune

    time = None if hours is None and minutes is None else 60 * (hours or 0.0) + (minutes or 0.0)
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
            engine=engine,
            address=address,
            minutes=time,
            seed=seed,
            format=format,
            resume=resume,
            **options.reading_options(layer, column, word_column, separator, encoding),
        )
    except KeyboardInterrupt as error:
        best = f"the best recipe so far is in {out / BEST}; " if (out / BEST).is_file() else ""
        raise Interrupted(f"interrupted; {best}--resume goes on", signal_of(error)) from None
    console = options.stdout_console()
    console.print(f"the best of {len(tuning.trials)} trials, by dev {tuning.measure}:", highlight=False)
    console.print(trials_table(tuning))
    typer.echo(f"best recipe: {out / BEST}")
