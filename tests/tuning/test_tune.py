"""The search, with training replaced by a rule: what is tried, what is stopped, what is kept, what is refused."""

from __future__ import annotations

import csv
import importlib
import io
import sqlite3
import sys
import time

import pytest
from rich.console import Console

from tagsmith.errors import InputError, MissingExtraError, RecipeError, TrainingError
from tagsmith.training.recipe import Recipe, make_recipe, read_recipe

pytest.importorskip("optuna")
from optuna.trial import TrialState
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tagsmith.files import only_one
from tagsmith.tuning import worker
from tagsmith.tuning.study import finished_trials, next_trial, open_study
from tagsmith.tuning.tune import tune

EPOCHS = 8
SPACE = {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}, "units": [8, 16, 200], "residual": [False, True]}
RECIPE = {"epochs": EPOCHS}
QUIET = Console(file=io.StringIO())


@pytest.fixture
def corpus(tmp_path):
    for name, sentences in (("train", 30), ("dev", 10)):
        (tmp_path / f"{name}.conll").write_text(
            "Ada B-PER\nlives O\nin O\nNew B-LOC\nYork I-LOC\n\n" * sentences, "utf-8"
        )
    train, dev = tmp_path / "train.conll", tmp_path / "dev.conll"
    return {"train": train, "dev": dev, "out": tmp_path / "search", "console": QUIET}


@pytest.fixture(autouse=True)
def quick(monkeypatch, request):
    """Leave out what takes longest: waiting for the disk at each write, and the plot."""

    def no_waiting(connection, record):
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", no_waiting)
    if request.function is not test_the_folder_holds_what_people_want_to_see:
        monkeypatch.setattr(sys.modules[tune.__module__], "importance_plot", lambda *_: b"")
    yield
    event.remove(Engine, "connect", no_waiting)


def quality(recipe: Recipe) -> float:
    """Best at a learning rate of 0.01, and better with 16 units."""
    return 0.9 - abs(recipe.learning_rate - 0.01) * 5 - (0.1 if recipe.architecture.units != 16 else 0.0)


@pytest.fixture
def trained(monkeypatch):
    """Train by rule; collect the recipes that were tried."""
    recipes = []

    def train(search, recipe, after_epoch):
        recipes.append(recipe)
        for epoch in range(1, recipe.epochs + 1):
            after_epoch({"epoch": epoch, "dev": max(quality(recipe), 0.0) * epoch / recipe.epochs})
        return max(quality(recipe), 0.0)

    monkeypatch.setattr(worker, "_train", train)
    return recipes


def search(corpus, **options):
    return tune(**{**corpus, "recipe": RECIPE, "space": SPACE, **options})


def test_the_first_trial_is_the_recipe_itself_and_the_best_is_no_worse(corpus, trained):
    tuning = search(corpus, trials=16)
    assert trained[0] == tuning.base == make_recipe(changes=RECIPE, with_vectors=False)
    assert [trial.number for trial in tuning.trials] == list(range(16))
    assert [trial.base for trial in tuning.trials] == [True] + [False] * 15
    assert tuning.score == max(trial.score for trial in tuning.trials if trial.complete) > quality(tuning.base)
    assert tuning.score == quality(tuning.recipe)
    assert tuning.measure == "F1"


def test_trials_that_look_poor_are_stopped_and_the_base_recipe_never_is(corpus, trained):
    tuning = search(corpus, trials=16, recipe={**RECIPE, "learning_rate": 0.2})  # as poor as can be
    stopped = [trial for trial in tuning.trials if not trial.complete]
    assert stopped
    assert all(EPOCHS // 3 <= trial.epochs < EPOCHS for trial in stopped)
    assert tuning.trials[0].complete
    assert max(trial.score for trial in stopped) < tuning.score


def test_what_is_drawn_depends_on_the_seed_alone(corpus, trained, tmp_path):
    first = [trial.changes for trial in search(corpus, trials=12).trials]
    again = [trial.changes for trial in search({**corpus, "out": tmp_path / "again"}, trials=12).trials]
    other = [trial.changes for trial in search({**corpus, "out": tmp_path / "other"}, trials=12, seed=1).trials]
    assert first == again
    assert first[0] == other[0]
    assert first[1:] != other[1:]
    assert len({str(changes) for changes in first}) > 8


def test_an_interrupted_search_keeps_its_trials_and_resumes_to_the_same_end(corpus, trained, tmp_path, monkeypatch):
    whole = search({**corpus, "out": tmp_path / "whole"}, trials=12)
    train = worker._train

    def interrupted(arguments, recipe, after_epoch):
        if len(trained) == 12 + 7:
            raise KeyboardInterrupt
        return train(arguments, recipe, after_epoch)

    monkeypatch.setattr(worker, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(corpus, trials=12)
    assert len((corpus["out"] / "trials.csv").read_text("utf-8").splitlines()) == 1 + 7
    assert (corpus["out"] / "best.toml").is_file()
    monkeypatch.setattr(worker, "_train", train)
    resumed = search(corpus, trials=12, resume=True)
    assert [trial.changes for trial in resumed.trials] == [trial.changes for trial in whole.trials]
    assert resumed.recipe == whole.recipe
    assert len(search(corpus, trials=15, resume=True).trials) == 15


def test_a_trial_whose_process_died_is_begun_anew_but_only_once(corpus, trained):
    search(corpus, trials=2)

    def die(most):
        study = open_study(corpus["out"])
        trial = next_trial(study, corpus["out"], most, 0, 1)
        assert next_trial(study, corpus["out"], most, 0, 1) is None  # the one that runs is counted
        return trial.suggest_categorical("units", SPACE["units"])

    units = die(3)
    again = search(corpus, trials=3, resume=True).trials
    assert [trial.number for trial in again] == [0, 1, 3]
    assert again[-1].changes["units"] == units
    assert len(trained) == 3

    for waiting in (1, 0):
        die(4)
        search(corpus, trials=1, resume=True)  # enough are finished: this only puts the study in order
        assert len(open_study(corpus["out"]).get_trials(states=[TrialState.WAITING])) == waiting
    assert len(search(corpus, trials=4, resume=True).trials) == 4


def test_a_recipe_outside_the_space_is_tried_as_it_is(corpus, trained):
    tuning = search(corpus, trials=6, space={"units": [8, 16], "learning_rate": [0.01, 0.02]})
    assert trained[0].architecture.units == 200
    assert tuning.trials[0].changes == {"units": 200, "learning_rate": 0.002}
    assert {recipe.architecture.units for recipe in trained[1:]} <= {8, 16}


def test_a_training_that_fails_counts_as_a_poor_one(corpus, trained, monkeypatch):
    train = worker._train

    def sometimes(arguments, recipe, after_epoch):
        if recipe.architecture.units == 8:
            raise TrainingError("The loss became nan.")
        return train(arguments, recipe, after_epoch)

    monkeypatch.setattr(worker, "_train", sometimes)
    tuning = search(corpus, trials=12)
    failed = [trial for trial in tuning.trials if trial.changes["units"] == 8]
    assert failed
    assert all(
        (trial.problem, trial.score, trial.complete) == ("The loss became nan.", None, False) for trial in failed
    )
    assert "The loss became nan." in (corpus["out"] / "trials.csv").read_text("utf-8")


def test_a_search_without_a_complete_trial_is_an_error(corpus, monkeypatch):
    def never(arguments, recipe, after_epoch):
        raise TrainingError("The loss became nan.")

    monkeypatch.setattr(worker, "_train", never)
    with pytest.raises(TrainingError, match="No trial ran to its end"):
        search(corpus, trials=2)
    assert not (corpus["out"] / "best.toml").exists()
    assert (corpus["out"] / "trials.csv").exists()


def test_no_trial_begins_after_the_time(corpus, trained, monkeypatch):
    start = time.time()
    monkeypatch.setattr(time, "time", lambda: start + 60 * len(trained))  # a trial takes a minute
    assert len(search(corpus, trials=9, minutes=2.5).trials) == 3
    assert len(search(corpus, trials=5, resume=True).trials) == 5


def test_the_folder_holds_what_people_want_to_see(corpus, trained):
    tuning = search(corpus, trials=10)
    out = corpus["out"]
    assert read_recipe(out / "best.toml") == read_recipe(out / "best.toml", "fast") == tuning.recipe
    text = (out / "best.toml").read_text("utf-8")
    best = next(trial for trial in tuning.trials if trial.complete and trial.score == tuning.score)
    assert f"# Trial {best.number}: dev F1 {100 * tuning.score:.2f} in epoch {EPOCHS} of {EPOCHS}." in text
    assert "units = 16  # was 200\n" in text
    rows = list(csv.DictReader(io.StringIO((out / "trials.csv").read_text("utf-8"))))
    assert [row["trial"] for row in rows] == [str(number) for number in range(10)]
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert rows[0]["units"] == "200"
    assert (out / "importance.png").read_bytes().startswith(b"\x89PNG")
    assert "units = [8, 16, 200]\n" in (out / "space.toml").read_text("utf-8")
    assert set(tuning.importances) == set(SPACE)
    assert sum(tuning.importances.values()) == pytest.approx(1.0)
    visible = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert visible == {"best.toml", "trials.csv", "importance.png", "space.toml", "study.db"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {**RECIPE, "layers": 2}}, "begun with another recipe"),
        ({"space": {"units": [8, 16]}}, "begun with another search space"),
        ({"seed": 1}, "begun with another seed"),
        ({"dev": None}, "begun with other data or vectors"),
    ],
)
def test_only_the_same_search_can_be_resumed(corpus, trained, changes, message):
    search(corpus, trials=1)
    with pytest.raises(RecipeError, match=message):
        search(corpus, **{"trials": 2, "resume": True, **changes})
    assert len(finished_trials(open_study(corpus["out"]))) == 1


def test_a_folder_that_is_in_the_way_is_refused_untouched(corpus, trained, tmp_path):
    with pytest.raises(InputError, match="no search to resume here"):
        search(corpus, resume=True)
    assert not corpus["out"].exists()
    search(corpus, trials=1)
    with pytest.raises(InputError, match=r"this folder holds a search.*--resume"):
        search(corpus)
    with pytest.raises(InputError, match="not empty and holds no search"):
        search({**corpus, "out": tmp_path})
    with pytest.raises(InputError, match="this is a file"):
        search({**corpus, "out": corpus["train"]})
    with only_one(corpus["out"] / ".search", 0) as alone:
        assert alone
        with pytest.raises(InputError, match="a search is running in this folder"):
            search(corpus, trials=2, resume=True)
    (corpus["out"] / "study.db").write_bytes(b"something else " * 1000)
    with pytest.raises(InputError, match="not the study of a search, or is damaged"):
        search(corpus, trials=2, resume=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "trials is 0"),
        ({"processes": 0}, "processes is 0"),
        ({"minutes": 0}, "the time is 0 minutes"),
        ({"minutes": float("nan")}, "the time is nan minutes"),
        ({"space": {"color": [1, 2]}}, "no field 'color'"),
        ({"recipe": {"color": 1}}, "no field 'color'"),
        ({"space": {"word_dim": [10, 20]}, "vectors": "glove.txt"}, "word_dim cannot be searched"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_written(corpus, trained, options, message):
    with pytest.raises(RecipeError, match=message) as caught:
        search(corpus, **options)
    assert caught.value.remedy
    assert not corpus["out"].exists()
    assert not trained


@pytest.mark.parametrize(("package", "extra"), [("optuna", "tune"), ("filelock", "tune"), ("keras", "train")])
def test_a_missing_extra_is_named(monkeypatch, package, extra):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else sys)
    with pytest.raises(MissingExtraError, match=rf"Tuning needs the '{extra}' extra"):
        importlib.reload(sys.modules["tagsmith.tuning"])


def test_a_path_may_hold_anything(corpus, trained, tmp_path):
    out = tmp_path / "50 % of? {it} #1 %20ä"
    assert len(search({**corpus, "out": out}, trials=2).trials) == 2
    assert (out / "study.db").is_file()
    assert [path.name for path in tmp_path.iterdir()].count(out.name) == 1


def test_several_layers_are_judged_by_the_mean_of_their_scores(tmp_path, trained):
    train = tmp_path / "train.conll"
    train.write_text("Ada NOUN B-PER\nleft VERB O\n\n" * 20, "utf-8")
    tuning = search(
        {"train": train, "out": tmp_path / "search", "console": QUIET},
        trials=2,
        column=("2", "3"),
        layer=("upos", "names"),
    )
    assert tuning.measure == "mean"
    assert len(tuning.trials) == 2


def test_sentences_in_memory_are_searched_like_files(corpus, trained):
    from_files = search(corpus, trials=2)
    sentence = (["Ada", "lives", "in", "New", "York"], ["B-PER", "O", "O", "B-LOC", "I-LOC"])
    out = corpus["out"].with_name("memory")
    in_memory = search({**corpus, "train": [sentence] * 30, "dev": [sentence] * 10, "out": out}, trials=2)
    assert in_memory.measure == "F1"
    assert [trial.changes for trial in in_memory.trials] == [trial.changes for trial in from_files.trials]


def test_trials_stopped_early_count_in_what_mattered(corpus, trained):
    tuning = search(corpus, trials=20)
    assert not all(trial.complete for trial in tuning.trials)
    assert max(tuning.importances, key=tuning.importances.get) == "learning_rate"
    assert tuning.importances["residual"] < 0.2  # it does nothing


@pytest.mark.parametrize("trials", [0, 1])
def test_a_full_disk_is_one_clear_error_and_the_search_goes_on_later(corpus, trained, monkeypatch, trials):
    """Full from the start, or after a trial."""

    def full(connection, cursor, statement, parameters, context, executemany):
        writes = statement.lstrip().upper().startswith(("INSERT", "CREATE", "UPDATE"))
        if writes and len(trained) >= trials and (not trials or "trial_values" in statement):
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(Engine, "before_cursor_execute", full)
    try:
        with pytest.raises(TrainingError, match=r"study\.db cannot be written: .*disk is full") as caught:
            search(corpus, trials=2)
    finally:
        event.remove(Engine, "before_cursor_execute", full)
    assert (corpus["out"] / "study.db").exists() == ("--resume" in str(caught.value)) == bool(trials)
    assert len(search(corpus, trials=2, resume=bool(trials)).trials) == 2
