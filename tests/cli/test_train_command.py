from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import processes
import tagsmith as package
from random_model import random_model
from tagsmith.model.folder import write_model


def test_the_folder_holds_the_model_and_the_streams_hold_what_they_should(trained):
    folder, done = trained
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "vocabulary.json", "weights.safetensors"} <= names
    assert {"README.md", "history.jsonl", "learning_curve.png"} <= names
    assert [path.name for path in folder.parent.glob("*tiny-model*") if path.is_dir()].count("tiny-model.training") == 0
    config = json.loads((folder / "config.json").read_bytes())
    assert config["recipe"]["units"] == 16
    assert config["recipe"]["characters"] == "none"
    assert config["recipe"]["seed"] == 0
    assert set(config["scores"]) == {"dev", "test"}
    sources = {part: [one["name"] for one in data["sources"]] for part, data in config["data"].items()}
    assert sources == {"train": ["train.conll"], "dev": ["dev.conll"], "test": ["dev.conll"]}
    assert config["data"]["train"]["sentences"] == 150
    digest = config["data"]["train"]["sources"][0]["sha256"]
    assert f"| train | train.conll | 150 | {config['data']['train']['tokens']:,} |  | `{digest}` |" in (
        folder / "README.md"
    ).read_text("utf-8")
    if done is not None:  # it was trained for this process
        table, progress = done.stdout.decode(), done.stderr.decode()
        assert table.index("dev") < table.index("test")
        assert "ORGANIZATION" in table
        assert "epoch   4" in progress
        assert "epoch" not in table


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--set=color=3", "a recipe has no field 'color'"),
        ("--set=units", "--set units is not FIELD=VALUE"),
        ("--set=units=many", "units"),
        ("--set=units=-4", "units"),
        ("--preset=cheap", "there is no preset 'cheap'"),
        ("--recipe=missing.toml", "missing.toml: the recipe cannot be read"),
        ("--vectors=missing.txt", "missing.txt: There is no such file"),
        ("--resume", "there is no run to resume here"),
    ],
)
def test_impossible_options_are_one_clear_error(run_here, corpus: Path, tmp_path: Path, option: str, message: str):
    status, out, err = run_here("train", corpus / "train.conll", "--out", tmp_path / "model", option)
    assert status == 2
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_else_is_not_overwritten(run_here, corpus: Path, tmp_path: Path):
    (tmp_path / "letter.txt").write_text("dear", "utf-8")
    status, _, err = run_here("train", corpus / "train.conll", "--out", tmp_path)
    assert status == 2
    assert "is not empty and holds no model" in err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_keeps_the_best_model_and_resume_goes_on(run_here, tiny, corpus, tmp_path, sent, status):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('preset = "fast"\nepochs = 400\nbatch_tokens = 128\n', "utf-8")
    folder = tmp_path / "model"
    write_model(random_model(), folder)
    before = (folder / "config.json").read_bytes()
    arguments = ["train", corpus / "train.conll", "--out", folder, "--recipe", recipe, *tiny]
    command = [sys.executable, "-m", "tagsmith", *map(str, arguments), "--force"]
    with processes.started(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("epoch   2"):
                process.send_signal(sent)
                break
        said = process.stderr.read()
    assert process.returncode == status
    *_, last = said.splitlines()
    assert last.startswith("interrupted; an unfinished run (")
    assert "--resume (in Python: resume=True) goes on" in last
    best = tmp_path / "model.training" / "best"
    assert str(best) in last
    assert "Traceback" not in said
    assert len(package.load(best).tag([["Ann", "left"]])[0]) == 2
    assert (folder / "config.json").read_bytes() == before  # the older model is not touched
    status, _, err = run_here(*arguments)
    assert status == 2
    assert "an unfinished run (" in err
    status, _, err = run_here(*arguments, "--resume", "--set=epochs=3")
    assert status == 2
    assert "a run with other data, recipe, vectors or seed" in err
