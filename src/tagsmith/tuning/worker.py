"""Running trials, alone or beside other processes: take the next, train, report each epoch, stop the poor ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from tagsmith.corpus.corpus import Corpus
from tagsmith.errors import RecipeError, TrainingError
from tagsmith.model.frozen_vectors import FrozenVectors, frozen_vectors
from tagsmith.training.display import Silent
from tagsmith.training.recipe import Recipe, make_recipe
from tagsmith.training.task import prepare
from tagsmith.tuning.space import Space
from tagsmith.tuning.study import Trial, finished_trial, next_trial, open_study


@dataclass(frozen=True)
class Search:
    """What every process of a search must know.

    ``trials`` is how many there are to be in the end; after ``deadline`` (:func:`time.time`) none begins.
    """

    folder: Path
    corpus: Corpus
    base: Recipe
    space: Space
    vectors: str | Path | FrozenVectors | None
    seed: int
    trials: int
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Epoch:
    """A running trial's news: an entry of its history."""

    number: int
    entry: dict[str, Any]


Tell = Callable[[Epoch | Trial], None]


def work(search: Search, tell: Tell) -> None:
    """Run trials until there are enough or the time is over."""
    study = open_study(search.folder)
    if search.vectors is not None and not isinstance(search.vectors, FrozenVectors):
        search = replace(search, vectors=frozen_vectors(search.vectors))  # once, not once a trial
    warmup = search.base.epochs // 3  # epochs; a low learning rate begins slowly
    while search.deadline is None or time.time() < search.deadline:
        trial = next_trial(study, search.folder, search.trials, search.seed, warmup)
        if trial is None:
            return
        _run(search, study, trial, tell)
        tell(finished_trial(study, trial.number))


def _run(search: Search, study: optuna.Study, trial: optuna.Trial, tell: Tell) -> None:
    """Run one trial and write its end into the study."""
    is_base = trial.user_attrs.get("base", False)
    base = search.base.as_dict()
    # The base recipe may lie outside the user's space in some fields; it is tried as it is.
    fields = [name for name in search.space if not is_base or base[name] in search.space[name]]
    drawn = {name: search.space[name].draw(trial, name) for name in fields}
    changes = {name: base[name] for name in search.space} if is_base else drawn
    trial.set_user_attr("changes", changes)

    def after_epoch(entry: dict[str, Any]) -> None:
        trial.report(entry["dev"], entry["epoch"])
        tell(Epoch(trial.number, entry))
        if not is_base and trial.should_prune():  # so the result is never worse than the base on dev
            raise optuna.TrialPruned

    try:
        score = _train(search, make_recipe(changes={**base, **changes}), after_epoch)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except (TrainingError, RecipeError) as error:  # pruned, not failed: the sampler is to keep away from there
        trial.set_user_attr("problem", str(error))
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, score)


def _train(search: Search, recipe: Recipe, after_epoch: Callable[[dict[str, Any]], None]) -> float:
    """Train with a recipe, keeping nothing on disk; return the best dev score."""
    from tagsmith.network.backend import keras
    from tagsmith.training.loop import Run

    keras.utils.clear_session()  # or the networks and compiled steps of earlier trials stay in memory
    if keras.config.backend() == "jax":
        import jax

        jax.clear_caches()
    run = Run(prepare(search.corpus, recipe, search.vectors, search.seed), recipe, search.seed, search.folder / "model")
    run.warm_up(Silent())
    run.train(Silent(), after_epoch)
    return run.progress.best_score
