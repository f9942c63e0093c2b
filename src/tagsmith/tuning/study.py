"""A search's memory: an Optuna study in SQLite, its trials handed out one by one, and none of them lost.

A trial is *complete* when its training ran to its own end, *pruned* when it was stopped for a poor dev curve or because
its training failed, and *failed* when the process that ran it died; a failed one is begun anew.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import optuna
from optuna.trial import TrialState

from tagsmith.errors import InputError, RecipeError

DATABASE = "study.db"
NAME = "tagsmith"
RANDOM_TRIALS = 8  # before the sampler trusts what it has seen
PRUNING_AFTER = 4  # complete trials, before any curve can be called poor
LEAST_FOR_IMPORTANCE = 6  # trials: fewer say next to nothing
MOST_ATTEMPTS = 2  # at a trial whose process dies: it may be what killed it
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial of a search.

    Parameters
    ----------
    number
        Its number in the study.
    complete
        False if it was stopped early.
    base
        True for the recipe that the search began with.
    score
        Its best dev score, as a fraction of 1; None if there was none.
    changes
        What its recipe has in the searched fields.
    best_epoch, epochs, seconds
        The epoch of that score, and how many there were; how long it took.
    problem
        Why its training failed, or nothing.
    """

    number: int
    complete: bool
    base: bool
    score: float | None
    changes: dict[str, Any]
    best_epoch: int
    epochs: int
    seconds: float
    problem: str = ""


def open_study(folder: Path) -> optuna.Study:
    """Open the study of a folder that has one.

    Raises
    ------
    InputError
        The file is damaged.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return optuna.load_study(study_name=NAME, storage=_storage(folder))
    except (SQLAlchemyError, KeyError, RuntimeError) as error:
        raise InputError(
            "this is not the study of a search, or is damaged.",
            path=folder / DATABASE,
            remedy="Search anew in another folder.",
        ) from error


def create_study(folder: Path, base: dict[str, Any], settings: dict[str, Any]) -> optuna.Study:
    """Begin a study whose first trial is the recipe ``base``, in the fields that the space allows it."""
    study = optuna.create_study(study_name=NAME, storage=_storage(folder), direction="maximize")
    study.set_user_attr("settings", settings)
    study.enqueue_trial(base, user_attrs={"base": True})
    return study


def check_settings(study: optuna.Study, settings: dict[str, Any], folder: Path) -> None:
    """Raise :class:`RecipeError` unless the study was begun with these settings."""
    before = study.user_attrs.get("settings", {})
    wrong = [name for name, value in settings.items() if before.get(name) != value]
    if wrong:
        raise RecipeError(
            f"this search was begun with {wrong[0]}.",
            path=folder,
            remedy="Resume with the same arguments and version of tagsmith, or search in another folder.",
        )


def _storage(folder: Path) -> optuna.storages.RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    waits = {"connect_args": {"timeout": 60}}  # seconds, while another process writes
    return optuna.storages.RDBStorage(f"sqlite:///{quote(str((folder / DATABASE).resolve()))}", engine_kwargs=waits)


@contextmanager
def only_one(path: Path, seconds: float = 60.0) -> Iterator[bool]:
    """Hold a lock that no other process can hold; yield False if it cannot be had in that time.

    It is SQLite's: the one lock of the standard library that is the same on every system and ends with its owner.
    """
    connection = sqlite3.connect(path, timeout=seconds, isolation_level=None)
    try:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            yield False
        else:
            yield True
    finally:
        connection.close()


# -------------------------------------------------------------------------------------------------- trials


def next_trial(study: optuna.Study, folder: Path, most: int, seed: int, warmup: int) -> optuna.Trial | None:
    """Begin the next trial; None if ``most`` are finished or running.

    What is drawn depends on the seed and on the trials so far, not on who asks, so that a resumed search draws
    what it would have drawn.
    """
    with only_one(folder / ".next-trial"):  # or two processes would both begin the last trial
        states = [trial.state for trial in study.get_trials(deepcopy=False)]
        begun = sum(state in (*FINISHED, TrialState.RUNNING) for state in states)
        if begun >= most:
            return None
        own_seed = int(np.random.SeedSequence([seed, begun]).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=RANDOM_TRIALS, constant_liar=True)
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=PRUNING_AFTER, n_warmup_steps=warmup)
        return study.ask()


def take_back_lost(study: optuna.Study) -> int:
    """Mark trials whose process is gone as failed and queue them again; return how many there were."""
    lost = study.get_trials(states=(TrialState.RUNNING,))
    for trial in lost:
        study.tell(trial.number, state=TrialState.FAIL)
        attempt = trial.user_attrs.get("attempt", 1)
        base = trial.user_attrs.get("base", False)
        if attempt < MOST_ATTEMPTS or base:
            study.enqueue_trial(trial.params, user_attrs={"attempt": attempt + 1, "base": base})
    return len(lost)


def finished_trials(study: optuna.Study) -> tuple[Trial, ...]:
    """Return the trials that are over, in the order of their numbers."""
    return tuple(map(_as_trial, study.get_trials(states=FINISHED)))


def finished_trial(study: optuna.Study, number: int) -> Trial:
    """Return one of them."""
    return _as_trial(study.get_trials(deepcopy=False)[number])


def _as_trial(trial: optuna.trial.FrozenTrial) -> Trial:
    curve = trial.intermediate_values
    best = max(curve, key=lambda epoch: (curve[epoch], epoch), default=0)  # as training chooses
    return Trial(
        trial.number,
        trial.state is TrialState.COMPLETE,
        trial.user_attrs.get("base", False),
        curve.get(best),
        dict(trial.user_attrs.get("changes", {})),
        best,
        len(curve),
        trial.duration.total_seconds() if trial.duration else 0.0,
        trial.user_attrs.get("problem", ""),
    )


def importances(study: optuna.Study, names: Sequence[str]) -> dict[str, float]:
    """Return how much of the difference between the good trials and all of them is due to each field.

    By PED-ANOVA, which asks only which trials are good; so those stopped early count, with the best score they had.
    Left out they would hide what matters most: values so poor that no trial with them ran to its end. Nothing is
    returned where the trials are too few to say anything.
    """
    copies = [
        optuna.trial.create_trial(params=trial.params, distributions=trial.distributions, value=_best_score(trial))
        for trial in study.get_trials(states=FINISHED)
    ]
    seen = [name for name in names if sum(name in copy.params for copy in copies) >= LEAST_FOR_IMPORTANCE - 1]
    if len(copies) < LEAST_FOR_IMPORTANCE or len({copy.value for copy in copies}) < 2 or not seen:
        return {}
    together = optuna.create_study(direction="maximize")
    together.add_trials(copies)
    share = max(0.1, min(0.5, 5 / len(copies)))  # the method wants five good trials
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share)
    with warnings.catch_warnings():  # that it is inexact for few trials is said where the result is shown
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(together, evaluator=evaluator, params=seen)
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _best_score(trial: optuna.trial.FrozenTrial) -> float:
    return max(trial.intermediate_values.values(), default=0.0)
