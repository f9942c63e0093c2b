"""A model folder that is not whole is one clear error that names the file, whichever command reads it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tagsmith.model.folder import FORMAT_VERSION

FILES = ["config.json", "vocabulary.json", "weights.safetensors"]


@pytest.fixture
def broken(model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model, tmp_path / "broken")


def _check(outcome: tuple[int, str, str], name: str) -> None:
    status, out, err = outcome
    assert status == 2
    assert out == ""
    assert err.startswith("error: ")
    assert name in err
    assert err.count("\n") == 1
    assert err.rstrip().endswith(".")  # the remedy is a sentence


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_damaged_files_are_named(run_here, broken: Path, corpus: Path, name: str, damage: str):
    path = broken / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    if name == "config.json" and damage == "altered":
        path.write_bytes(content.replace(b'"format_version"', b'"formatxversion"'))
    named = "config.json" if name == "config.json" and damage == "missing" else str(path)
    _check(run_here("evaluate", broken, corpus / "dev.conll"), named)


@pytest.mark.parametrize("command", ["tag", "evaluate", "inspect"])
def test_every_command_that_reads_models_says_so(run_here, tmp_path: Path, corpus: Path, command: str):
    data = [corpus / "dev.conll"] if command != "inspect" else []
    _check(run_here(command, tmp_path, *data), "it holds no config.json")


def test_a_model_that_is_not_there(run_here, tmp_path: Path, corpus: Path):
    _check(run_here("evaluate", tmp_path / "none", corpus / "dev.conll"), "there is no such model folder")


def test_a_file_is_no_model(run_here, corpus: Path):
    _check(run_here("tag", corpus / "dev.conll", corpus / "dev.conll"), "this is not a model folder")


def test_a_model_of_a_later_version(run_here, broken: Path, corpus: Path):
    path = broken / "config.json"
    path.write_bytes(path.read_bytes().replace(b'"format_version": ', b'"format_version": 9'))
    _check(run_here("tag", broken, corpus / "dev.conll"), f"format version 9{FORMAT_VERSION}")
