"""The model folder: whole or not at all, verified when read, nothing in it that runs."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from random_model import random_model
from tagsmith.errors import ModelError
from tagsmith.model.folder import (
    FORMAT_VERSION,
    REQUIRED,
    Model,
    ModelFile,
    model_files,
    model_from_files,
    read_model,
    with_card,
    write_model,
)
from tagsmith.scores.aligned import align_tags
from tagsmith.scores.intervals import score_intervals
from tagsmith.scores.scores import score_tags, scores_from_dict
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme

TAGS = [["B-PER", "O"], ["O"]], [["B-PER", "B-LOC"], ["O"]]
SCORES = replace(score_tags(*TAGS), intervals=score_intervals(align_tags(*TAGS), resamples=9))
EXTRAS = {"README.md": "# é\n".encode(), "learning_curve.png": b"\x89PNG\r\n\x1a\n"}
MODEL = replace(random_model(seed=1), scores={"dev": SCORES.as_dict()}, extras=EXTRAS)
OTHER = random_model(seed=2)
CHECKED = (*REQUIRED, ModelFile.CONFIG, ModelFile.LEARNING_CURVE)
FILES = (*CHECKED, ModelFile.CARD)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "model"
    write_model(MODEL, folder)
    return folder


@pytest.fixture
def folder(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "model"))


def assert_same(some: Model, other: Model) -> None:
    assert some.weights.keys() == other.weights.keys()
    for name, array in some.weights.items():
        assert array.dtype == other.weights[name].dtype
        np.testing.assert_array_equal(array, other.weights[name])
    nothing: dict = {}
    assert replace(some, weights=nothing) == replace(other, weights=nothing)


def test_a_crf_may_bar_transitions_but_not_all_tags_of_a_sentence(tmp_path):
    barred = np.float32(-1e9)
    some, every = ({**MODEL.weights}, {**MODEL.weights})
    some["crf/0/start"] = np.array([barred, *MODEL.weights["crf/0/start"][1:]])  # O at the beginning
    write_model(replace(MODEL, weights=some), tmp_path / "some")
    assert_same(read_model(tmp_path / "some"), replace(MODEL, weights=some))
    tags = Tagger(read_model(tmp_path / "some")).tag([["the"] * length for length in (1, 2, 9)])
    assert all(sentence[0] != "O" for sentence in tags)
    every["crf/0/between"] = np.full_like(MODEL.weights["crf/0/between"], barred)  # more than one token
    write_model(replace(MODEL, weights=every), tmp_path / "every")
    with pytest.raises(ModelError, match=r"weights\.safetensors.*bars all tags of some sentence"):
        read_model(tmp_path / "every")
    with pytest.raises(ModelError, match=r"output/bias has a number"):
        write_model(replace(MODEL, weights={**MODEL.weights, "output/bias": np.full(9, barred)}), tmp_path / "other")


def test_what_is_written_is_what_is_read(written):
    assert_same(read_model(written), MODEL)


def test_the_files_in_memory_are_those_of_the_folder(written):
    files = model_files(MODEL)
    assert files == {path.name: path.read_bytes() for path in written.iterdir()}
    assert_same(model_from_files(files), MODEL)


@pytest.mark.parametrize("name", [ModelFile.CONFIG, *REQUIRED])
def test_files_in_memory_that_are_altered_or_missing_are_refused(name):
    files = model_files(MODEL)
    with pytest.raises(ModelError, match=r"<memory>.*(truncated|damaged)"):
        model_from_files({**files, name: files[name][:-9]})
    with pytest.raises(ModelError, match=r"<memory>.*(missing|not a model)"):
        model_from_files({other: content for other, content in files.items() if other != name})


def test_the_folder_holds_the_files_of_the_design_and_no_more(written):
    assert sorted(path.name for path in written.iterdir()) == sorted(FILES)
    assert list(written.parent.iterdir()) == [written]


def test_the_configuration_can_be_read_by_people(written):
    config = json.loads((written / ModelFile.CONFIG).read_text("utf-8"))
    assert config["format_version"] == FORMAT_VERSION
    assert config["layers"] == [{"name": "ner", "scheme": "IOB2", "labels": ["LOC", "PER"]}]
    assert set(config["sha256"]) == set(CHECKED)


def test_nothing_in_the_folder_is_pickled(written):
    for path in written.iterdir():
        content = path.read_bytes()
        assert not content.startswith((b"\x80", b"PK"))  # pickle; zip, which Keras and NumPy put pickles in


@pytest.mark.parametrize("name", CHECKED)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name) as caught:
        read_model(folder)
    assert caught.value.remedy


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("keep", [0, 0.5, 1])
def test_a_truncated_file_is_named(folder, name, keep):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: max(0, min(len(content) - 2, int(keep * len(content))))])
    with pytest.raises(ModelError, match=name) as caught:
        read_model(folder)
    assert caught.value.remedy


@pytest.mark.parametrize("name", sorted(set(CHECKED) - {ModelFile.CONFIG}))
@pytest.mark.parametrize("place", [0.0, 0.3, 0.999])
def test_one_altered_byte_is_found(folder, name, place):
    content = bytearray((folder / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        read_model(folder)


def test_people_may_edit_the_model_card_or_delete_it(folder):
    edited = b"---\nlicense: cc-by-4.0\n---\n\n# Mine\n"
    (folder / ModelFile.CARD).write_bytes(edited)
    assert_same(read_model(folder), replace(MODEL, extras={**EXTRAS, "README.md": edited}))
    (folder / ModelFile.CARD).unlink()
    assert_same(read_model(folder), replace(MODEL, extras={"learning_curve.png": EXTRAS["learning_curve.png"]}))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_a_folder_is_named(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(ModelError, match=name):
        read_model(folder)


def alter(folder: Path, **changes) -> None:
    config = json.loads((folder / ModelFile.CONFIG).read_text("utf-8"))
    (folder / ModelFile.CONFIG).write_text(json.dumps({**config, **changes}, ensure_ascii=False), "utf-8")


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": ["O", "S-LOC"]},
        {"tags": list(reversed(MODEL.layers[0].tags))},
        {"scheme": "IOB1"},
        {"scheme": "none"},
        {"layer": "other"},
        {"architecture": {}},
        {"architecture": {**MODEL.architecture.as_dict(), "units": 8}},
        {"architecture": {**MODEL.architecture.as_dict(), "units": "many"}},
        {"sha256": {}},
        {"sha256": []},
        {"sha256": {"../../etc/passwd": "0"}},
        {"sha256": {"..": "0"}},
    ],
    ids=repr,
)
def test_an_altered_configuration_is_found(folder, changes):
    alter(folder, **changes)
    with pytest.raises(ModelError, match=ModelFile.CONFIG):
        read_model(folder)


@pytest.mark.parametrize("content", ["", "{}", "[]", "3", "null", "{", '{"format_version": 1}', "\xff"])
def test_a_damaged_configuration_is_named(folder, content):
    (folder / ModelFile.CONFIG).write_bytes(content.encode("latin-1"))
    with pytest.raises(ModelError, match=ModelFile.CONFIG):
        read_model(folder)


@pytest.mark.parametrize("version", [0, 1, 99, "2", None])
def test_an_unknown_format_version_says_both_numbers(folder, version):
    alter(folder, format_version=version)
    with pytest.raises(ModelError, match=f"version {version}; .* reads {FORMAT_VERSION}"):
        read_model(folder)


def test_a_missing_folder_a_file_and_a_foreign_folder_are_told_apart(tmp_path):
    with pytest.raises(ModelError, match="no such model folder"):
        read_model(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(ModelError, match="not a model folder"):
        read_model(tmp_path / "file")
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        read_model(tmp_path)


def test_a_model_is_not_written_over_a_file_or_a_foreign_folder(tmp_path):
    (tmp_path / "file").write_text("mine", "utf-8")
    with pytest.raises(ModelError, match="this is a file"):
        write_model(MODEL, tmp_path / "file")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").write_text("mine", "utf-8")
    with pytest.raises(ModelError, match="holds no model"):
        write_model(MODEL, tmp_path / "photos")
    assert (tmp_path / "file").read_text("utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cat.jpg", "file", "photos"]


@pytest.mark.parametrize("name", [".", "..", "../inside"])
def test_the_folder_one_is_in_is_not_replaced(tmp_path, monkeypatch, name):
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    with pytest.raises(ModelError, match=r"you are in this folder|holds no model") as caught:
        write_model(MODEL, Path(name))
    assert caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_a_model_takes_the_place_of_an_empty_folder_and_of_another_model(tmp_path):
    folder = tmp_path / "deep/er/model"
    folder.mkdir(parents=True)
    write_model(MODEL, folder)
    (folder / "left over").write_text("from the old model", "utf-8")
    write_model(OTHER, folder)
    assert_same(read_model(folder), OTHER)
    assert sorted(path.name for path in folder.iterdir()) == sorted({*REQUIRED, ModelFile.CONFIG})
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("call", range(20))
def test_a_full_disk_leaves_a_whole_model_or_none(tmp_path, monkeypatch, old, call):
    """Fail at each flush in turn: the old model stays, or (the last flush, of the parent) the new one is there."""
    folder = tmp_path / "model"
    if old:
        write_model(OTHER, folder)
    calls = iter(range(10_000))

    def fsync(handle):
        if next(calls) == call:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    try:
        write_model(MODEL, folder)
    except OSError:
        failed = True
    else:
        failed = False
        assert call > len(FILES), "a failed flush went unnoticed"
    assert [path for path in tmp_path.iterdir() if path != folder] == []
    if failed and call <= len(FILES) - 1:
        assert folder.exists() == old
    if folder.exists():
        kept = read_model(folder)
        assert_same(kept, MODEL if not failed or kept.recipe == MODEL.recipe else OTHER)


def test_the_history_is_written_and_neither_verified_nor_read(tmp_path):
    """It holds times, and two runs with the same seed give the same model."""
    with_history = replace(MODEL, extras={**MODEL.extras, ModelFile.HISTORY: b"{}\n"})
    write_model(with_history, tmp_path / "model")
    write_model(MODEL, tmp_path / "other")
    assert (tmp_path / "model" / ModelFile.HISTORY).read_bytes() == b"{}\n"
    configs = [(tmp_path / name / ModelFile.CONFIG).read_bytes() for name in ("model", "other")]
    assert configs[0] == configs[1]
    (tmp_path / "model" / ModelFile.HISTORY).unlink()
    assert_same(read_model(tmp_path / "model"), MODEL)


def test_a_model_of_a_plain_task_without_vectors_round_trips(tmp_path):
    model = random_model(scheme=Scheme.PLAIN, labels=("NOUN", "VERB", "名詞"), pretrained=False)
    write_model(model, tmp_path / "model")
    assert_same(read_model(tmp_path / "model"), model)


def test_scores_come_back_with_their_intervals_or_without(tmp_path):
    bare = replace(SCORES, intervals=None)
    for scores in (SCORES, bare):
        write_model(replace(MODEL, scores={"dev": scores.as_dict()}), tmp_path / "model")
        assert scores_from_dict(read_model(tmp_path / "model").scores["dev"]) == scores


@pytest.mark.parametrize(
    "change",
    [
        {"f1": [0.5, 1.5]},
        {"f1": [0.5]},
        {"types": {"PER": {"f1": [0, 1]}}},
        {"types": []},
        {"unit": "words"},
        {"units": -1},
        {"resamples": 1.5},
        {"confidence": "much"},
        {"median": 0.5},
    ],
)
def test_intervals_that_training_does_not_write_are_refused(tmp_path, change):
    scores = SCORES.as_dict()
    scores["intervals"] |= change
    write_model(replace(MODEL, scores={"dev": scores}), tmp_path / "m")
    with pytest.raises(ModelError, match="damaged"):
        read_model(tmp_path / "m")


SOURCE = {"name": "a|b.conll", "sha256": "0" * 64, "sentences": 2, "tokens": 3, "documents": 1}
DATA = {
    "train": {"sentences": 2, "tokens": 3, "sources": [SOURCE]},
    "dev": {"sentences": 1, "tokens": 1, "sources": []},
    "before": [{**SOURCE, "name": ""}],
}


def test_a_model_knows_its_data(tmp_path):
    write_model(replace(MODEL, data=DATA), tmp_path / "model")
    assert read_model(tmp_path / "model").data == DATA
    card = with_card(replace(MODEL, data=DATA, extras={})).extras[ModelFile.CARD].decode()
    zeros = "0" * 64
    assert f"| train | a\\|b.conll | 2 | 3 | 1 | `{zeros}` |\n" in card
    assert "| dev | held out of train | 1 | 1 | | |\n" in card
    assert f"| earlier training | no file | 2 | 3 | 1 | `{zeros}` |\n" in card


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"eval": DATA["train"]},
        {"train": {"sentences": 1, "tokens": 1}},
        {"train": {**DATA["train"], "sentences": -1}},
        {"train": {**DATA["train"], "sources": {}}},
        {"train": {**DATA["train"], "sources": [{**SOURCE, "sha256": "0"}]}},
        {"train": {**DATA["train"], "sources": [{**SOURCE, "name": None}]}},
        {"train": {**DATA["train"], "sources": [{**SOURCE, "path": "/home/ann"}]}},
        {"before": [3]},
    ],
)
def test_data_that_training_does_not_write_are_refused(tmp_path, data):
    write_model(replace(MODEL, data=data or {"train": data}), tmp_path / "model")
    with pytest.raises(ModelError, match="damaged"):
        read_model(tmp_path / "model")
