"""Tuning: the search for the recipe with the best dev score, in a folder of its own."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

import optuna
from rich.console import Console

from tagsmith.corpus.corpus import Corpus, read_corpus
from tagsmith.corpus.folders import without_folders
from tagsmith.corpus.sources import Data
from tagsmith.errors import InputError, RecipeError, TrainingError
from tagsmith.files import only_one, write_atomically
from tagsmith.interrupts import catch_interrupts
from tagsmith.model.frozen_vectors import frozen_vectors
from tagsmith.remote import local_path, url_of
from tagsmith.streams import Remarks
from tagsmith.training.measure import deciding_measure
from tagsmith.training.recipe import Recipe, choose_recipe
from tagsmith.training.task import prepare
from tagsmith.tuning.display import SearchDisplay
from tagsmith.tuning.results import BEST, PLOT, TRIALS, Tuning, importance_plot, ranked, recipe_file, trials_file
from tagsmith.tuning.space import as_toml, choose_space, holds
from tagsmith.tuning.study import (
    DATABASE,
    create_study,
    errors_of_the_database,
    finished_trials,
    importances,
    open_study,
    queue_lost,
)
from tagsmith.tuning.worker import Search, Tell, work, work_in_processes

SPACE = "space.toml"
ENGINES = ("processes", "ray")


def tune(
    train: Data | Corpus | Mapping[str, Data],
    *,
    out: str | Path,
    dev: Data | None = None,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    space: Mapping[str, Any] | str | Path | None = None,
    vectors: str | Path | None = None,
    trials: int = 20,
    processes: int = 1,
    engine: str = "processes",
    address: str | None = None,
    minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    console: Console | None = None,
    **options: Any,
) -> Tuning:
    """Search for the recipe with the best dev score.

    The first trial is the recipe that the search begins with, so the result is never worse than it on the dev set.
    Every trial trains with the same seed. A test set plays no part: train with the result, and score that.

    Parameters
    ----------
    train, dev, preset, recipe, vectors, options
        As for :func:`tagsmith.train`; the search begins with this recipe.
    out
        A new folder for the study and its results: ``best.toml``, ``trials.csv``, ``importance.png``, ``space.toml``,
        ``study.db``.
    space
        What to search: a TOML file, or a mapping of fields to lists of values or to ``{"low", "high"}`` with
        ``"log"`` or ``"step"``. Default: :func:`tagsmith.tuning.space.default_space`.
    trials
        The number of trials in the end, those of an earlier run included.
    processes
        Trials at a time, each in a process of its own if there are several. (A script then needs the usual
        ``if __name__ == "__main__":``.)
    engine, address
        ``"processes"`` of this machine; or ``"ray"``: as many tasks of the Ray cluster at the address, which all see
        ``out``, or of Ray started on this machine.
    minutes
        No trial begins after this time; those that are running end.
    seed
        Decides what is drawn, and the training of every trial.
    resume
        Go on with the search in ``out``.
    console
        Where progress goes; default stderr.

    Returns
    -------
    Tuning
        The best recipe and all trials.

    Raises
    ------
    InputError
        The files, the recipe, the space, a number or the folder cannot be used.
    MissingExtraError
        The ``tune`` or the ``train`` extra is not installed.
    TrainingError
        No trial ran to its end, a process of the search died, or the study cannot be written.
    KeyboardInterrupt
        After Ctrl-C, once the results so far have been written. ``resume`` begins the running trials again.

    Examples
    --------
    >>> tune("train.conll", dev="dev.conll", out="search/", trials=50).recipe  # doctest: +SKIP
    """
    for name, number in (("trials", trials), ("processes", processes)):
        if number < 1:
            raise RecipeError(f"{name} is {number}.", remedy="It must be at least 1.")
    if engine not in ENGINES:
        raise RecipeError(f"There is no engine {engine!r}.", remedy=f"Choose one of {', '.join(ENGINES)}.")
    if minutes is not None and not 0 < minutes < math.inf:
        raise RecipeError(f"the time is {minutes:g} minutes.", remedy="It must be above 0 and finite.")
    folder, base = local_path(out), choose_recipe(preset, recipe, with_vectors=vectors is not None)
    searched = choose_space(space, base)
    if vectors is not None and "word_dim" in searched:
        raise RecipeError("word_dim cannot be searched: the pretrained vectors set it.", remedy="Leave it out.")
    _check_folder(folder, resume)
    console = console or Console(stderr=True, file=cast(TextIO, Remarks(sys.stderr)))
    train, dev, _, notes = without_folders(train, dev, ())
    for note in notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    corpus = read_corpus(train, dev, seed=seed, **options)
    frozen = None if vectors is None else frozen_vectors(vectors)
    identity = prepare(corpus, base, frozen, seed).identity
    deadline = None if minutes is None else time.time() + 60 * minutes
    search = Search(
        folder, corpus, base, searched, frozen if processes == 1 or engine == "ray" else vectors, seed, trials, deadline
    )
    folder.mkdir(parents=True, exist_ok=True)
    with catch_interrupts(), only_one(folder / ".search", seconds=0) as alone, errors_of_the_database(folder):
        if not alone:
            raise InputError("a search is running in this folder.", path=folder, remedy="Wait for it, or stop it.")
        study = _begin_or_resume(search, resume, identity)
        try:
            _run_trials(search, study, console, partial(_work, processes=processes, engine=engine, address=address))
        finally:  # after Ctrl-C too
            queue_lost(study)
            tuning = _write_results(search, study)
    if tuning is None:
        raise TrainingError(
            f"No trial ran to its end, so there is no best recipe. {folder / TRIALS} says what became of the trials; "
            "--resume goes on with more --trials or more time."
        )
    return tuning


def _check_folder(folder: Path, resume: bool) -> None:
    """Raise unless a search can begin in the folder or, for ``resume``, go on there."""
    if url_of(folder):
        remedy = "Name a folder of this machine."
        raise InputError("a search keeps a database, which cannot be elsewhere.", path=folder, remedy=remedy)
    has_study = (folder / DATABASE).is_file()
    if folder.exists() and not folder.is_dir():
        problem, remedy = "this is a file.", "Name a folder for the search."
    elif resume and not has_study:
        problem, remedy = "there is no search to resume here.", "Search without --resume."
    elif has_study and not resume:
        problem, remedy = "this folder holds a search.", "Go on with it by --resume, or choose another folder."
    elif not resume and folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        problem, remedy = "this folder is not empty and holds no search.", "Choose another folder."
    else:
        return
    raise InputError(problem, path=folder, remedy=remedy)


def _begin_or_resume(search: Search, resume: bool, identity: str) -> optuna.Study:
    base = search.base.as_dict()
    space = {name: as_toml(dimension) for name, dimension in search.space.items()}
    settings = {
        "another recipe": json.loads(json.dumps(base)),
        "another search space": space,
        "another seed": search.seed,
        "other data or vectors": identity,
    }
    if resume:
        study = open_study(search.folder)
        before = study.user_attrs.get("settings", {})
        if wrong := [name for name, value in settings.items() if before.get(name) != value]:
            raise RecipeError(
                f"this search was begun with {wrong[0]}.",
                path=search.folder,
                remedy="Resume with the same arguments and version of tagsmith, or search in another folder.",
            )
        queue_lost(study)
    else:
        allowed = {name: base[name] for name, dimension in search.space.items() if holds(dimension, base[name])}
        study = create_study(search.folder, allowed, settings)
    write_atomically(search.folder / SPACE, "".join(f"{name} = {text}\n" for name, text in space.items()))
    return study


def _work(search: Search, tell: Tell, *, processes: int, engine: str, address: str | None) -> None:
    """Run trials: here, in processes, or on Ray."""
    at_once = min(processes, search.trials)
    if engine == "ray":
        from tagsmith.tuning.on_ray import work_on_ray

        work_on_ray(search, tell, at_once, address)
    elif processes == 1:
        work(search, tell)
    else:
        work_in_processes(search, tell, at_once)


def _run_trials(search: Search, study: optuna.Study, console: Console, run: Callable[[Search, Tell], None]) -> None:
    done = list(finished_trials(study))
    display = SearchDisplay(console, search.trials, done, deciding_measure(search.corpus))
    with display.bar if console.is_terminal else nullcontext():
        sentences = f"{len(search.corpus.train):,} train, {len(search.corpus.dev):,} dev sentences"
        before = f"; {len(done)} done before" if done else ""
        display.message(f"{sentences}; searching {', '.join(search.space)}; {search.trials} trials{before}")
        run(search, display.tell)


def _write_results(search: Search, study: optuna.Study) -> Tuning | None:
    """Write what the finished trials show; return None if none of them is complete."""
    trials, measure = finished_trials(study), deciding_measure(search.corpus)
    if trials:
        write_atomically(search.folder / TRIALS, trials_file(trials, measure))
    if not ranked(trials):
        return None
    tuning = Tuning(search.base, measure, trials, importances(study, list(search.space)))
    write_atomically(search.folder / BEST, recipe_file(tuning))
    write_atomically(search.folder / PLOT, importance_plot(tuning, search.space))
    return tuning
