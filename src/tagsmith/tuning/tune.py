"""Tuning: the search for the recipe with the best dev score."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tagsmith.corpus.corpus import Corpus, read_corpus
from tagsmith.corpus.sources import Data
from tagsmith.errors import MissingExtraError, RecipeError
from tagsmith.model.frozen_vectors import frozen_vectors
from tagsmith.training.recipe import Recipe, choose_recipe
from tagsmith.training.task import prepare
from tagsmith.tuning.space import Space, default_space, make_space, read_space

if TYPE_CHECKING:
    from tagsmith.tuning.results import Tuning


def tune(
    train: Data | Corpus,
    *,
    out: str | Path,
    dev: Data | None = None,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    space: Mapping[str, Any] | str | Path | None = None,
    vectors: str | Path | None = None,
    trials: int = 20,
    processes: int = 1,
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
        No trial ran to its end, or a process of the search died.
    KeyboardInterrupt
        After Ctrl-C, once the results so far have been written. ``resume`` begins the running trials again.

    Examples
    --------
    >>> tune("train.conll", dev="dev.conll", out="search/", trials=50).recipe  # doctest: +SKIP
    """
    _check_numbers(trials, processes, minutes)
    for package, extra in (("optuna", "tune"), ("filelock", "tune"), ("keras", "train")):
        if find_spec(package) is None:
            raise MissingExtraError("Tuning", extra)
    folder, base = Path(out), choose_recipe(preset, recipe)
    chosen = _choose_space(space, base, vectors)

    from tagsmith.tuning.search import check_folder, run_search
    from tagsmith.tuning.worker import Search

    check_folder(folder, resume)
    corpus = read_corpus(train, dev, seed=seed, **options)
    frozen = None if vectors is None else frozen_vectors(vectors)
    identity = prepare(corpus, base, frozen, seed).identity
    deadline = None if minutes is None else time.time() + 60 * minutes
    search = Search(folder, corpus, base, chosen, frozen if processes == 1 else vectors, seed, trials, deadline)
    return run_search(search, identity, resume, processes, console or Console(stderr=True, file=sys.stderr))


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
