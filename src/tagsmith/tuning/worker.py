"""Running trials: draw a recipe, train with it, report each epoch, stop the poor ones; in one process or several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from tagsmith.corpus.corpus import Corpus
from tagsmith.errors import RecipeError, TagsmithError, TrainingError
from tagsmith.model.frozen_vectors import FrozenVectors, frozen_vectors
from tagsmith.training.display import Silent
from tagsmith.training.recipe import Recipe, change_recipe
from tagsmith.training.task import prepare
from tagsmith.tuning.space import Space, draw, holds
from tagsmith.tuning.study import Trial, errors_of_the_database, finished_trial, next_trial, open_study


@dataclass(frozen=True)
class Search:
    """What every process of a search must know.

    ``trials`` counts those of an earlier run too; after ``deadline`` (:func:`time.time`) none begins.
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
    """A finished epoch of a running trial: an entry of its history."""

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
        tell(finished_trial(_run(search, study, trial, tell)))


def _run(search: Search, study: optuna.Study, trial: optuna.Trial, tell: Tell) -> FrozenTrial:
    """Run one trial and write its end into the study."""
    base, is_base = search.base.as_dict(), trial.user_attrs.get("base", False)
    # The base recipe is tried as it is, though some of its values may lie outside the user's space.
    possible = {name: values for name, values in search.space.items() if not is_base or holds(values, base[name])}
    drawn = {name: draw(values, trial, name) for name, values in possible.items()}
    changes = {name: base[name] for name in search.space} if is_base else drawn
    trial.set_user_attr("changes", changes)

    def after_epoch(entry: dict[str, Any]) -> None:
        trial.report(entry["dev"], entry["epoch"])
        tell(Epoch(trial.number, entry))
        if not is_base and trial.should_prune():  # so the result is never worse than the base on dev
            raise optuna.TrialPruned

    try:
        return study.tell(trial, _train(search, change_recipe(search.base, changes), after_epoch))
    except optuna.TrialPruned:
        pass
    except (TrainingError, RecipeError) as error:  # pruned, not failed: the sampler is to keep away from there
        trial.set_user_attr("problem", str(error))
    return study.tell(trial, state=TrialState.PRUNED)


def _train(search: Search, recipe: Recipe, after_epoch: Callable[[dict[str, Any]], None]) -> float:
    """Train with a recipe, keeping nothing on disk; return the best dev score."""
    from tagsmith.network.backend import keras
    from tagsmith.training.loop import TrainingRun

    keras.utils.clear_session()  # or the networks and compiled steps of earlier trials stay in memory
    if keras.config.backend() == "jax":
        import jax

        jax.clear_caches()
    task = prepare(search.corpus, recipe, search.vectors, search.seed)
    run = TrainingRun(task, recipe, search.seed, search.folder / "model")
    run.warm_up(Silent())
    run.train(Silent(), after_epoch)
    return max(run.progress.scores)


# ----------------------------------------------------------------------------------------- several processes


def work_in_processes(search: Search, tell: Tell, processes: int) -> None:
    """Run trials in spawned processes, since a backend with threads does not survive a fork.

    Raises TrainingError: one of them died or could not go on; the others have been ended.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, BaseProcess] = {}
    try:
        for place in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            arguments = (search, place, processes, theirs)
            process: BaseProcess = context.Process(target=_work_for_parent, args=arguments, daemon=True)
            process.start()
            theirs.close()  # so that the end of the process is the end of the pipe
            running[ours] = process
        while running:
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                try:
                    news = connection.recv()
                except EOFError:
                    _check_end(running.pop(connection))
                    continue
                if isinstance(news, str):
                    raise TrainingError(news)
                tell(news)
    finally:
        for process in running.values():
            process.kill()
            process.join()


def _check_end(process: BaseProcess) -> None:
    process.join()
    if process.exitcode:
        raise TrainingError(
            f"A process of the search ended with status {process.exitcode} (-9 often means too little memory). "
            "The finished trials are kept; go on with --resume, and with fewer --processes if memory is short."
        )


def _work_for_parent(search: Search, place: int, processes: int, connection: Connection) -> None:
    """Run trials on this process's share of the processors; send epochs, trials, or the text of an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "sched_setaffinity"):  # before Keras counts the processors
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, processors[place::processes] or [processors[place % len(processors)]])
    try:
        with errors_of_the_database(search.folder):
            work(search, connection.send)
    except TagsmithError as error:
        connection.send(str(error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
