"""One search in its folder: the study begun or resumed, its trials run, its results written."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import optuna
from rich.console import Console

from tagsmith.errors import InputError, RecipeError, TrainingError
from tagsmith.files import only_one, write_atomically
from tagsmith.training.measure import deciding_measure
from tagsmith.tuning.display import SearchDisplay
from tagsmith.tuning.results import BEST, PLOT, TRIALS, Tuning, importance_plot, ranked, recipe_file, trials_file
from tagsmith.tuning.study import DATABASE, create_study, finished_trials, importances, open_study, queue_lost
from tagsmith.tuning.worker import Search, work, work_in_processes

SPACE = "space.toml"


def check_folder(folder: Path, resume: bool) -> None:
    """Raise unless a search can begin in the folder or, for ``resume``, go on there."""
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


def run_search(search: Search, identity: str, resume: bool, processes: int, console: Console) -> Tuning:
    """Run a search, write its results and return them; ``identity`` says which data and vectors it trains on."""
    search.folder.mkdir(parents=True, exist_ok=True)
    with only_one(search.folder / ".search", seconds=0) as alone:
        if not alone:
            remedy = "Wait for it, or stop it."
            raise InputError("a search is running in this folder.", path=search.folder, remedy=remedy)
        study = _begin_or_resume(search, resume, identity)
        try:
            _run_trials(search, study, processes, console)
        finally:  # after Ctrl-C too
            queue_lost(study)
            tuning = _write_results(search, study)
    if tuning is None:
        raise TrainingError(
            f"No trial ran to its end, so there is no best recipe. {search.folder / TRIALS} says what became of the "
            "trials; --resume goes on with more --trials or more time."
        )
    return tuning


def _begin_or_resume(search: Search, resume: bool, identity: str) -> optuna.Study:
    base = search.base.as_dict()
    space = {name: dimension.as_toml() for name, dimension in search.space.items()}
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
        return study
    write_atomically(search.folder / SPACE, "".join(f"{name} = {text}\n" for name, text in space.items()))
    allowed = {name: base[name] for name, dimension in search.space.items() if base[name] in dimension}
    return create_study(search.folder, allowed, settings)


def _run_trials(search: Search, study: optuna.Study, processes: int, console: Console) -> None:
    done = list(finished_trials(study))
    display = SearchDisplay(console, search.trials, done, deciding_measure(search.corpus))
    with display.bar if console.is_terminal else nullcontext():
        sentences = f"{len(search.corpus.train):,} train, {len(search.corpus.dev):,} dev sentences"
        before = f"; {len(done)} done before" if done else ""
        display.message(f"{sentences}; searching {', '.join(search.space)}; {search.trials} trials{before}")
        if processes == 1:
            work(search, display.tell)
        else:
            work_in_processes(search, display.tell, min(processes, search.trials))


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
