"""The study: an Optuna database of trials, drawn one by one, none of them lost.

A trial is *complete* when its training ended by itself, *pruned* when its dev curve was poor or its training failed,
and *failed* when its process died; then it runs again. The lock on the search's folder shows at once that a trial's
process is gone; Optuna's heartbeat, which only ``Study.optimize`` keeps, would show it after a grace period.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from tagsmith.errors import InputError, TrainingError
from tagsmith.files import only_one
from tagsmith.training.best_epoch import best_epoch

DATABASE = "study.db"
NAME = "tagsmith"
RANDOM_TRIALS = 8  # before the sampler trusts what it has seen
PRUNING_AFTER = 4  # complete trials, before any curve can be called poor
LEAST_FOR_IMPORTANCE = 6  # trials: fewer say next to nothing
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial of a search."""

    number: int
    complete: bool  # False: it was stopped early, or its training failed
    base: bool  # True: its recipe is the one that the search began with
    score: float | None  # the best dev score, as a fraction of 1
    changes: dict[str, Any]  # its values of the searched fields
    best_epoch: int
    epochs: int  # how many there were
    seconds: float
    problem: str  # why its training failed, or nothing


def create_study(folder: Path, base: dict[str, Any], settings: dict[str, Any]) -> optuna.Study:
    """Begin a study whose first trial is the recipe ``base``, in the fields that the space allows it.

    If it cannot be written, the folder has no study.
    """
    try:
        study = optuna.create_study(study_name=NAME, storage=_storage(folder), direction="maximize")
        study.set_user_attr("settings", settings)
        study.enqueue_trial(base, user_attrs={"base": True})
    except BaseException:  # Ctrl-C too
        (folder / DATABASE).unlink(missing_ok=True)
        raise
    return study


def open_study(folder: Path) -> optuna.Study:
    """Open the study of a folder that has one.

    Raises InputError: the file is damaged.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return optuna.load_study(study_name=NAME, storage=_storage(folder))
    except (SQLAlchemyError, KeyError, RuntimeError) as error:
        raise InputError(
            "this is not the study of a search, or is damaged.",
            path=folder / DATABASE,
            remedy="Search in another folder.",
        ) from error


@contextmanager
def errors_of_the_database(folder: Path) -> Iterator[None]:
    """Turn what Optuna and SQLAlchemy raise when the study cannot be written into a TrainingError with the reason."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (DBAPIError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        kept = "The finished trials are kept; go on with --resume." if (folder / DATABASE).exists() else ""
        reason = getattr(cause, "orig", None) or cause
        raise TrainingError(f"{folder / DATABASE} cannot be written: {reason}. {kept}".rstrip()) from error


def _storage(folder: Path) -> optuna.storages.RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = (folder / DATABASE).resolve()
    # Not through a URL, which cannot hold every path with every version of SQLAlchemy. The timeout is in seconds, while
    # another process writes.
    connect = partial(sqlite3.connect, path, timeout=60, check_same_thread=False)
    return optuna.storages.RDBStorage(f"sqlite:///{DATABASE}", engine_kwargs={"creator": connect})


# -------------------------------------------------------------------------------------------------- trials


def next_trial(study: optuna.Study, folder: Path, most: int, seed: int, warmup: int) -> optuna.Trial | None:
    """Begin the next trial; None if ``most`` are finished or running.

    What is drawn depends on the seed and the trials so far, so a resumed search draws what it would have drawn.
    """
    with only_one(folder / ".next-trial", seconds=-1):  # or two processes would both begin the last trial
        begun = len(study.get_trials(deepcopy=False, states=(*FINISHED, TrialState.RUNNING)))
        if begun >= most:
            return None
        trial_seed = int(np.random.SeedSequence([seed, begun]).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(seed=trial_seed, n_startup_trials=RANDOM_TRIALS, constant_liar=True)
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=PRUNING_AFTER, n_warmup_steps=warmup)
        return study.ask()


def queue_lost(study: optuna.Study) -> None:
    """Mark the trials whose processes are gone as failed, and queue them again.

    The base recipe always runs again, another only once: it may be what kills its process.
    """
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        base = trial.user_attrs.get("base", False)
        if base or not trial.user_attrs.get("again", False):
            study.enqueue_trial(trial.params, user_attrs={"again": True, "base": base})


def finished_trials(study: optuna.Study) -> tuple[Trial, ...]:
    """Return the trials that are over, in the order of their numbers."""
    return tuple(map(finished_trial, study.get_trials(states=FINISHED)))


def finished_trial(trial: FrozenTrial) -> Trial:
    """Return what a trial of Optuna's, which is over, says."""
    curve = [score for _, score in sorted(trial.intermediate_values.items())]
    best = best_epoch(curve)
    return Trial(
        trial.number,
        trial.state is TrialState.COMPLETE,
        trial.user_attrs.get("base", False),
        curve[best - 1] if curve else None,
        dict(trial.user_attrs.get("changes", {})),
        best,
        len(curve),
        trial.duration.total_seconds() if trial.duration else 0.0,
        trial.user_attrs.get("problem", ""),
    )


def importances(study: optuna.Study, names: Sequence[str]) -> dict[str, float]:
    """Return each field's share in what sets the good trials apart from all, by PED-ANOVA; empty for too few trials.

    PED-ANOVA asks only which trials are good, so those stopped early count, with their best score. Without them the
    most important values would be missing: those so poor that no trial with them is complete.
    """
    copies = [
        optuna.trial.create_trial(
            params=trial.params,
            distributions=trial.distributions,
            value=max(trial.intermediate_values.values(), default=0.0),
        )
        for trial in study.get_trials(states=FINISHED)
    ]
    seen = [name for name in names if sum(name in copy.params for copy in copies) >= LEAST_FOR_IMPORTANCE - 1]
    if len(copies) < LEAST_FOR_IMPORTANCE or len({copy.value for copy in copies}) < 2 or not seen:
        return {}
    together = optuna.create_study(direction="maximize")
    together.add_trials(copies)
    share = max(0.1, min(0.5, 5 / len(copies)))  # the method wants five good trials
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share)
    with warnings.catch_warnings():  # docs/tuning.md says that it is rough for few trials
        warnings.simplefilter("ignore")
        shares = optuna.importance.get_param_importances(together, evaluator=evaluator, params=seen)
    return {name: float(value) for name, value in shares.items() if np.isfinite(value)}
