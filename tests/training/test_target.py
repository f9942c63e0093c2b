"""Where a run writes: nothing is replaced unasked, one run at a time, and what cannot work is said first."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import processes
from random_model import LAYERS, random_layers_model, random_model
from tagsmith.errors import ModelError, RecipeError
from tagsmith.model.folder import write_model
from tagsmith.text.schemes import Scheme
from tagsmith.training.checkpoint import FILE, Progress, save_checkpoint
from tagsmith.training.target import (
    check_new_run,
    check_space,
    describe_model,
    describe_run,
    discard_run,
    reserved,
    training_folder,
    what_is_kept,
)

DATE = r"20\d\d-\d\d-\d\d \d\d:\d\d"
HISTORY = [{"epoch": number, "dev": dev, "measure": "F1"} for number, dev in enumerate([0.25, 0.5, 0.4], 1)]


def write_scored(folder: Path, model=None, **scores) -> None:
    write_model(replace(model or random_model(), scores={"dev": scores}), folder)


def unfinished(out: Path) -> None:
    save_checkpoint(training_folder(out), "run", Progress(history=HISTORY), {}, {})


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "model"


def refusal(out: Path, *, resume: bool = False, force: bool = False) -> str:
    with pytest.raises(ModelError) as caught:
        check_new_run(out, resume=resume, force=force)
    assert str(out) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("model", [False, True])
@pytest.mark.parametrize("run", [False, True])
@pytest.mark.parametrize("choice", ["", "resume", "force"])
def test_what_is_there_is_replaced_only_when_asked_for(out, model, run, choice):
    if model:
        write_scored(out, f1=0.812)
    if run:
        unfinished(out)
    allowed = choice == "force" or (choice == "resume" and (run or not model)) or not (model or run)
    if allowed:
        check_new_run(out, resume=choice == "resume", force=choice == "force")
        return
    said = refusal(out, resume=choice == "resume")
    assert "--force (in Python: force=True)" in said
    assert ("dev F1 81.20" in said) == model
    assert ("an unfinished run (3 epochs, best dev F1 50.00" in said) == run
    assert ("--resume (in Python: resume=True)" in said) == run
    assert ("no run to resume" in said) == (choice == "resume")


def test_going_on_and_beginning_anew_exclude_each_other(out):
    with pytest.raises(RecipeError, match="--resume or --force"):
        check_new_run(out, resume=True, force=True)


def test_a_model_is_described_by_its_dev_score_and_date(out):
    import re

    assert describe_model(out) == ""
    write_scored(out, f1=0.5, accuracy=0.9)
    assert re.fullmatch(rf"a model \(dev F1 50\.00, {DATE}\)", describe_model(out))
    write_scored(out, random_model(scheme=Scheme.PLAIN, labels=("NOUN", "VERB")), f1=0.5, accuracy=0.9)
    assert re.fullmatch(rf"a model \(dev accuracy 90\.00, {DATE}\)", describe_model(out))
    several = random_layers_model(layers=LAYERS)
    scores = {layer.name: {"f1": 0.5, "accuracy": 0.9} for layer in several.layers}
    write_scored(out, several, layers=scores)
    expected = 100 * sum(0.5 if layer.gives_spans else 0.9 for layer in several.layers) / len(several.layers)
    assert f"dev mean {expected:.2f}" in describe_model(out)
    write_model(random_model(), out)
    assert re.fullmatch(rf"a model \({DATE}\)", describe_model(out))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]"])
def test_what_cannot_be_read_is_not_replaced_either(out, content):
    out.mkdir()
    (out / "config.json").write_bytes(content)
    training_folder(out).mkdir()
    (training_folder(out) / FILE).write_bytes(content)
    said = refusal(out)
    assert "a model that cannot be read" in said
    assert "an unfinished run that cannot be read" in said


def test_one_run_at_a_time(out):
    with reserved(out) as folder:
        assert folder == training_folder(out)
        code = "import sys; from pathlib import Path; from tagsmith.training.target import reserved\n"
        code += "with reserved(Path(sys.argv[1])): pass"
        other = processes.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, check=False)
        assert other.returncode == 1
        assert "another run is training a model for this folder now" in other.stderr
    with reserved(out):
        pass
    assert list(out.parent.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_the_folder_that_it_leads_to(out):
    link = out.with_name("latest")
    link.symlink_to(out)
    assert training_folder(link) == training_folder(out.resolve())
    with reserved(out), pytest.raises(ModelError, match="another run"), reserved(link):
        pass


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert training_folder(Path()) == training_folder(tmp_path)


def test_folders_that_were_made_for_nothing_are_removed(tmp_path):
    (tmp_path / "mine").mkdir()
    with reserved(tmp_path / "mine" / "deep" / "er" / "model") as folder:
        assert folder.is_dir()
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_only_the_state_of_a_run_is_discarded(out):
    unfinished(out)
    (training_folder(out) / "notes.txt").write_text("mine", "utf-8")
    write_model(random_model(), training_folder(out) / "best")
    with reserved(out) as folder:
        discard_run(folder)
    assert [path.name for path in training_folder(out).iterdir()] == ["notes.txt"]


def test_what_killed_runs_left_is_removed_before_anything_else(out):
    unfinished(out)
    left = [out.with_name(".model.01234567.part"), training_folder(out) / f".{FILE}.01234567.part"]
    left[0].mkdir()
    left[1].write_text("half", "utf-8")
    with reserved(out):
        assert not any(path.exists() for path in left)
    assert describe_run(training_folder(out))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with (
        pytest.raises(ModelError, match="closed/model: no model can be written here: Permission denied"),
        reserved(tmp_path / "closed" / "model"),
    ):
        pass


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine", "utf-8")
    with pytest.raises(ModelError, match="file/model: no model can be written here"), reserved(tmp_path / "file/model"):
        pass
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_a_disk_that_is_too_full_is_refused(out):
    check_space(out, 1)
    with pytest.raises(ModelError, match=r"too full: training writes about 1,000,000,000\.0 MB"):
        check_space(out, 10**15)


def test_what_is_kept_is_what_is_there(out):
    assert what_is_kept(out) == "no epoch had been saved, so nothing is kept"
    unfinished(out)
    assert "3 epochs" in what_is_kept(out)
    assert "best model" not in what_is_kept(out)
    write_model(random_model(), training_folder(out) / "best")
    assert f"its best model so far is in {training_folder(out) / 'best'}" in what_is_kept(out)
