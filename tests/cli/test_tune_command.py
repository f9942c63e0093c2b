"""``tagsmith tune`` in processes of its own, with real training."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import processes

pytest.importorskip("optuna")
SIZES = ("units=8", "word_dim=8", "characters=none", "epochs=3", "batch_tokens=128", "least_steps=1")
TINY = tuple(f"--set={size}" for size in (*SIZES, "average_epochs=0", "learning_rate=0.02"))
SPACE = "learning_rate = {low = 0.001, high = 0.05, log = true}\nshape_dim = [4, 8]\n"  # each shape compiles once


@pytest.fixture
def options(corpus: Path, tmp_path: Path) -> list[object]:
    """Arguments of a search that takes seconds, its results in ``search``."""
    (tmp_path / "space.toml").write_text(SPACE, "utf-8")
    files = [corpus / "train.conll", "--dev", corpus / "dev.conll", "--out", tmp_path / "search"]
    return ["tune", *files, "--space", tmp_path / "space.toml", *TINY]


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_the_best_recipe_trains_to_the_score_that_was_found(tagsmith, options, corpus: Path, tmp_path: Path):
    done = tagsmith(*options, "--trials=3")
    assert done.returncode == 0, done.stderr.decode()
    table, progress = done.stdout.decode(), done.stderr.decode()
    assert "the best of 3 trials, by dev F1:" in table
    assert "0 (base)" in table
    assert f"best recipe: {tmp_path / 'search' / 'best.toml'}" in table
    assert [line.split()[1] for line in progress.splitlines() if line.startswith("trial")] == ["0", "1", "2"]
    assert {path.name for path in tmp_path.iterdir()} == {"space.toml", "search"}  # no model, no checkpoint
    best = max(float(row["dev F1"]) for row in trials(tmp_path / "search") if row["state"] == "complete")
    recipe = ("--recipe", tmp_path / "search" / "best.toml")
    model = tmp_path / "model"
    done = tagsmith("train", corpus / "train.conll", "--dev", corpus / "dev.conll", "--out", model, *recipe)
    assert done.returncode == 0, done.stderr.decode()
    history = [json.loads(line) for line in (model / "history.jsonl").read_text("utf-8").splitlines()]
    assert f"{100 * max(entry['dev'] for entry in history):.2f}" == f"{best:.2f}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed differently there")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_search_in_two_processes_that_is_stopped_can_be_resumed(tagsmith, options, tmp_path: Path, sent: int):
    command = [sys.executable, "-m", "tagsmith", *map(str, options), "--trials=4", "--processes=2"]
    with processes.started(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("trial"):
                break
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        workers = [int(child) for child in children.read_text(encoding="utf-8").split()] if children.exists() else []
        process.send_signal(sent)
        said = process.stderr.read()  # to its end: the workers have ended too
    assert "Traceback" not in said
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert said.endswith(
            f"interrupted; the best recipe so far is in {tmp_path}/search/best.toml; --resume goes on\n"
        )
        assert 1 <= len(trials(tmp_path / "search")) < 4
    deadline = time.monotonic() + 20
    while any(_runs(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives the search"
        time.sleep(0.1)
    done = tagsmith(*options, "--trials=4", "--processes=2", "--resume")
    assert done.returncode == 0, done.stderr.decode()
    assert " done before" in done.stderr.decode()
    rows = trials(tmp_path / "search")
    assert len(rows) == 4
    assert len({(row["learning_rate"], row["shape_dim"]) for row in rows}) == 4
    assert "0.02" in {row["learning_rate"] for row in rows}  # the base recipe, even if its first trial was killed


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").split()[2] != "Z"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--trials=0", "trials"),
        ("--processes=0", "processes"),
        ("--hours=-1", "the time is -60 minutes"),
        ("--set=color=3", "a recipe has no field 'color'"),
        ("--preset=cheap", "there is no preset 'cheap'"),
        ("--recipe=missing.toml", "missing.toml: the recipe cannot be read"),
        ("--space=missing.toml", "missing.toml: the search space cannot be read"),
        ("--dev=missing.conll", "missing.conll"),
        ("--vectors=missing.txt", "missing.txt: There is no such file"),
        ("--resume", "there is no search to resume here"),
    ],
)
def test_impossible_options_are_clear_errors_that_leave_nothing(
    run_here, corpus: Path, tmp_path: Path, option: str, message: str
):
    status, out, err = run_here("tune", corpus / "train.conll", "--out", tmp_path / "search", option)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
