"""Checkpoints: whole or not at all, and only for the run that wrote them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from tagsmith.errors import ModelError, RecipeError
from tagsmith.training.checkpoint import FILE, Progress, load_checkpoint, read_progress, save_checkpoint

PROGRESS = Progress(updates=12, history=[{"epoch": 1, "dev": 1 / 3}])
SURROUNDINGS = {"processors": "2", "NumPy": "2.3"}
GROUPS = {
    "weights": {"word/trained": np.float32([[1.0, np.pi], [-0.0, 1e-38]]), "a|b": np.arange(3, dtype=np.int8)},
    "optimizer": {"0": np.array(7, np.int64), "1": np.float32([[1, 2, 3], [4, 5, 6]]).T},
}


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    folder = tmp_path / "not" / "there" / "yet"
    save_checkpoint(folder, "run", PROGRESS, GROUPS, SURROUNDINGS)
    progress, groups, surroundings = load_checkpoint(folder, "run")
    assert progress == read_progress(folder) == PROGRESS
    assert surroundings == SURROUNDINGS
    assert groups.keys() == GROUPS.keys()
    for group, named in GROUPS.items():
        assert groups[group].keys() == named.keys()
        for name, array in named.items():
            assert groups[group][name].dtype == array.dtype
            assert groups[group][name].shape == array.shape
            assert groups[group][name].tobytes() == array.tobytes()
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_the_next_checkpoint_replaces_the_last(tmp_path):
    save_checkpoint(tmp_path, "run", PROGRESS, GROUPS, SURROUNDINGS)
    save_checkpoint(tmp_path, "run", Progress(updates=4), {"weights": {"w": np.zeros(1)}}, {})
    progress, groups, _ = load_checkpoint(tmp_path, "run")
    assert progress == Progress(updates=4)
    assert list(groups) == ["weights"]


def test_a_write_that_fails_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, "run", PROGRESS, GROUPS, SURROUNDINGS)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, "run", Progress(updates=4), GROUPS, SURROUNDINGS)
    assert load_checkpoint(tmp_path, "run")[0] == PROGRESS


def test_another_runs_checkpoint_is_refused(tmp_path):
    save_checkpoint(tmp_path, "run", PROGRESS, GROUPS, SURROUNDINGS)
    with pytest.raises(RecipeError, match="other data, recipe, vectors or seed") as caught:
        load_checkpoint(tmp_path, "another")
    assert str(tmp_path / FILE) in str(caught.value)
    assert caught.value.remedy


def test_a_file_of_another_origin_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(safetensors.numpy.save({"w": np.zeros(2)}))
    with pytest.raises((RecipeError, ModelError)) as caught:
        load_checkpoint(tmp_path, "run")
    assert str(tmp_path / FILE) in str(caught.value)
    assert caught.value.remedy


def test_nothing_to_resume(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match="no run to resume") as caught:
            load_checkpoint(folder, "run")
        assert caught.value.remedy


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused_by_name(tmp_path, share):
    save_checkpoint(tmp_path, "run", PROGRESS, GROUPS, SURROUNDINGS)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match="damaged") as caught:
        load_checkpoint(tmp_path, "run")
    assert str(tmp_path / FILE) in str(caught.value)
    assert caught.value.remedy


def test_a_file_of_other_content_is_refused(tmp_path):
    for content in (b"\xff" * 200, b"\0" * 200, json.dumps({"epoch": 1}).encode()):
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(ModelError, match="damaged"):
            load_checkpoint(tmp_path, "run")
