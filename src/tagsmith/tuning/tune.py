"""The search for a better recipe: check what was asked, run the trials, write what was found."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from tagsmith.corpus.corpus import Sources, load_corpus
from tagsmith.errors import InputError, MissingExtraError, RecipeError, TrainingError
from tagsmith.formats.options import LayersKeywords
from tagsmith.model.frozen_vectors import frozen_vectors
from tagsmith.training.recipe import Recipe, choose_recipe
from tagsmith.training.task import prepare
from tagsmith.tuning.space import Space, default_space, make_space, read_space

if TYPE_CHECKING:
    import optuna
    from rich.console import Console

    from tagsmith.tuning.study import Trial
    from tagsmith.tuning.worker import Search

BEST, TRIALS, PLOT, SPACE = "best.toml", "trials.csv", "importance.png", "space.toml"


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search found.

    Parameters
    ----------
    recipe
        The best recipe.
    base
        The recipe that the search began with.
    score, measure
        The best dev score, as a fraction of 1, and what it is: ``"F1"`` or ``"accuracy"``.
    trials
        Every finished trial, in the order of their numbers.
    importances
        How much each field mattered, the most important first; empty where there are too few trials.
    """

    recipe: Recipe
    base: Recipe
    score: float
    measure: str
    trials: tuple[Trial, ...]
    importances: dict[str, float]


def tune(
    train: Sources,
    *,
    out: str | Path,
    dev: Sources | None = None,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    space: Mapping[str, Any] | str | Path | None = None,
    vectors: str | Path | None = None,
    trials: int = 20,
    processes: int = 1,
    minutes: float | None = None,
    seed: int = 0,
    format: str = "auto",
    resume: bool = False,
    console: Console | None = None,
    **options: Unpack[LayersKeywords],
) -> Tuning:
    """Search for the recipe with the best dev score.

    The first trial is the recipe that the search begins with, so the result is never worse than it on the dev set.
    Every trial trains with the same seed. A test set plays no part: train with the result, and score that.

    Parameters
    ----------
    train, dev, format, options
        As for :func:`tagsmith.train`.
    out
        A new folder for the study and its results: ``best.toml``, ``trials.csv``, ``importance.png``, ``space.toml``,
        ``study.db``.
    preset, recipe
        The recipe to begin with, as for :func:`tagsmith.train`.
    space
        What to search: a TOML file, or a mapping of fields to lists of values or to ``{"low", "high"}`` with
        ``"log"`` or ``"step"``. Default: :func:`tagsmith.tuning.space.default_space`.
    vectors
        Pretrained word vectors, as for :func:`tagsmith.train`.
    trials
        How many trials there are to be in the end, those of an earlier run included.
    processes
        How many trials run at a time, each in a process of its own if there are several. (A script then needs the usual
        ``if __name__ == "__main__":``.)
    minutes
        No trial begins when this time is over; those that are running end.
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
        No trial ran to its end, or a process of the search died.
    KeyboardInterrupt
        After Ctrl-C, once the results so far have been written. ``resume`` begins the trials that were running anew.

    Examples
    --------
    >>> tune("train.conll", dev="dev.conll", out="search/", trials=50).recipe  # doctest: +SKIP
    """
    _check_numbers(trials, processes, minutes)
    for package, extra in (("optuna", "tune"), ("keras", "train")):
        if find_spec(package) is None:
            raise MissingExtraError("Tuning", extra)
    folder, base = Path(out), choose_recipe(preset, recipe)
    chosen = _choose_space(space, base, vectors)

    from rich.console import Console

    from tagsmith.tuning.study import only_one
    from tagsmith.tuning.worker import Search

    _check_folder(folder, resume)
    corpus = load_corpus(train, dev, format=format, seed=seed, **options)
    loaded = None if vectors is None else frozen_vectors(vectors)
    task = prepare(corpus, base, loaded, seed)
    deadline = None if minutes is None else time.time() + 60 * minutes
    search = Search(folder, corpus, base, chosen, loaded if processes == 1 else vectors, seed, trials, deadline)
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder / ".search", seconds=0) as alone:
        if not alone:
            raise InputError("a search is running in this folder.", path=folder, remedy="Wait for it, or stop it.")
        study = _open(search, resume, task.identity)
        try:
            _run(search, study, processes, task.measure, console or Console(stderr=True, file=sys.stderr))
        finally:  # after Ctrl-C too
            found = _write_results(search, study, task.measure)
    if found is None:
        raise TrainingError(
            f"No trial ran to its end, so there is no best recipe. More time and --resume go on; {folder / TRIALS} "
            "says what became of the others."
        )
    return found


def _check_numbers(trials: int, processes: int, minutes: float | None) -> None:
    for name, value in (("trials", trials), ("processes", processes)):
        if value < 1:
            raise RecipeError(f"{name} is {value}.", remedy="It must be at least 1.")
    if minutes is not None and not 0 < minutes < math.inf:
        raise RecipeError(f"the time is {minutes:g} minutes.", remedy="It must be above 0 and finite.")


def _choose_space(space: Mapping[str, Any] | str | Path | None, base: Recipe, vectors: str | Path | None) -> Space:
    if space is None:
        return default_space(base)
    chosen = read_space(Path(space), base) if isinstance(space, str | Path) else make_space(space, base)
    if vectors is not None and "word_dim" in chosen:
        raise RecipeError("word_dim cannot be searched: the pretrained vectors set it.", remedy="Leave it out.")
    return chosen


def _check_folder(folder: Path, resume: bool) -> None:
    """Raise unless a search can begin in the folder or, for ``resume``, go on there."""
    from tagsmith.tuning.study import DATABASE

    if folder.exists() and not folder.is_dir():
        raise InputError("this is a file.", path=folder, remedy="Name a folder for the search.")
    has_study = (folder / DATABASE).is_file()
    if resume and not has_study:
        raise InputError("there is no search to resume here.", path=folder, remedy="Search without --resume.")
    if has_study and not resume:
        raise InputError(
            "this folder holds a search.", path=folder, remedy="Go on with it by --resume, or choose another folder."
        )
    if not has_study and folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError("this folder is not empty and holds no search.", path=folder, remedy="Choose another folder.")


def _open(search: Search, resume: bool, identity: str) -> optuna.Study:
    """Begin the study, or take it up as an earlier process left it."""
    from tagsmith.tuning.study import check_settings, create_study, open_study, take_back_lost

    base = search.base.as_dict()
    space = {name: dimension.as_toml() for name, dimension in search.space.items()}
    settings = {
        "another recipe": json.loads(json.dumps(base)),
        "another search space": space,
        "another seed": search.seed,
        "other data or vectors": identity,
    }
    if not resume:
        (search.folder / SPACE).write_text("".join(f"{name} = {text}\n" for name, text in space.items()), "utf-8")
        allowed = {name: base[name] for name, dimension in search.space.items() if base[name] in dimension}
        return create_study(search.folder, allowed, settings)
    study = open_study(search.folder)
    check_settings(study, settings, search.folder)
    take_back_lost(study)
    return study


# -------------------------------------------------------------------------------------------------- running


def _run(search: Search, study: optuna.Study, processes: int, measure: str, console: Console) -> None:
    """Run the trials that are left; whatever ends this, no trial is left running."""
    from tagsmith.tuning.display import open_search_display
    from tagsmith.tuning.processes import run_processes
    from tagsmith.tuning.study import finished_trials, take_back_lost
    from tagsmith.tuning.worker import work

    done = list(finished_trials(study))
    with open_search_display(console, search.trials, done, measure) as display:
        sentences = f"{len(search.corpus.train):,} train, {len(search.corpus.dev):,} dev sentences"
        before = f"; {len(done)} done before" if done else ""
        display.message(f"{sentences}; searching {', '.join(search.space)}; {search.trials} trials{before}")
        try:
            if processes == 1:
                work(search, display.tell)
            else:
                run_processes(search, min(processes, search.trials), display)
        finally:
            take_back_lost(study)


def _write_results(search: Search, study: optuna.Study, measure: str) -> Tuning | None:
    """Write what the finished trials show; return None if none of them ran to its end."""
    from tagsmith.tuning.results import (
        best_recipe,
        importance_plot,
        ranked,
        recipe_file,
        trials_file,
        write_whole,
    )
    from tagsmith.tuning.study import finished_trials, importances

    trials = finished_trials(study)
    if trials:
        write_whole(search.folder / TRIALS, trials_file(trials, measure))
    best = ranked(trials)[:1]
    if not best:
        return None
    write_whole(search.folder / BEST, recipe_file(search.base, trials, measure))
    shares = importances(study, list(search.space))
    write_whole(search.folder / PLOT, importance_plot(shares, trials, search.space, measure))
    return Tuning(best_recipe(search.base, trials), search.base, best[0].score or 0.0, measure, trials, shares)
