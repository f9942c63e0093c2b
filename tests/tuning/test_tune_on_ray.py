"""A search whose trials run on Ray, in the study that processes would use."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tagsmith.errors import RecipeError, TrainingError

pytest.importorskip("optuna")
pytest.importorskip("ray")
from tagsmith.tuning.tune import tune

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves sockets open
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
SPACE = {"learning_rate": [0.01, 0.003, 0.001]}
RECIPE = {"epochs": 2, "units": 4, "word_dim": 4, "characters": "none", "batch_tokens": 128, "least_steps": 1}


@pytest.fixture
def arguments(tmp_path):
    sentences = [(["Ada", "lives", "in", "York"], ["B-PER", "O", "O", "B-LOC"])] * 20
    quiet = Console(file=io.StringIO())
    return {
        "train": sentences, "dev": sentences[:5], "out": tmp_path / "search", "space": SPACE, "recipe": RECIPE,
        "console": quiet,
    }  # fmt: skip


def test_the_trials_run_on_ray_and_go_on_in_processes(arguments):
    tuning = tune(**arguments, trials=3, processes=2, engine="ray")
    assert [trial.number for trial in tuning.trials] == [0, 1, 2]
    assert sum(trial.complete for trial in tuning.trials) >= 1
    assert (arguments["out"] / "best.toml").is_file()
    assert (
        tuning.trials[0].score
        == tune(**{**arguments, "out": arguments["out"].parent / "one"}, trials=1).trials[0].score
    )
    more = tune(**arguments, trials=4, resume=True)
    assert more.trials[:3] == tuning.trials
    assert len(more.trials) == 4


def test_what_cannot_be_is_refused(arguments):
    with pytest.raises(RecipeError, match="no engine 'spark'"):
        tune(**arguments, engine="spark")
    with pytest.raises((RecipeError, TrainingError)):
        tune(**arguments, trials=0, engine="ray")
