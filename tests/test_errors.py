"""The command that installs an extra is the one that works where tagsmith came from."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

import processes
from tagsmith.errors import MissingExtraError, install_command

ROOT = Path(__file__).parent.parent


class Installed:
    """What the installer recorded of a distribution."""

    def __init__(self, origin: dict | None, installer: str = "pip\n") -> None:
        self.files = {"direct_url.json": None if origin is None else json.dumps(origin), "INSTALLER": installer}

    def read_text(self, name: str) -> str | None:
        return self.files[name]


@pytest.fixture
def came_from(monkeypatch):
    def pretend(origin: dict | None, installer: str = "pip\n") -> str:
        monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin, installer))
        return install_command("train")

    return pretend


def test_from_an_index_the_name_is_enough(came_from):
    assert came_from(None) == "pip install 'tagsmith[train]'"
    assert came_from(None, "uv") == "uv pip install 'tagsmith[train]'"


def test_from_a_clone_it_is_the_folder(came_from, monkeypatch, tmp_path):
    clone = tmp_path / "my clone"
    clone.mkdir()
    (clone / "pyproject.toml").touch()
    origin = {"url": clone.as_uri(), "dir_info": {}}
    assert came_from(origin) == f"pip install '{clone}[train]'"
    monkeypatch.chdir(clone)
    assert came_from(origin) == "pip install '.[train]'"
    assert came_from({**origin, "dir_info": {"editable": True}}) == "pip install -e '.[train]'"


def test_from_a_clone_that_is_gone_it_says_so(came_from, tmp_path):
    command = came_from({"url": (tmp_path / "gone").as_uri(), "dir_info": {}})
    assert command.startswith("pip install '.[train]', in a folder with the sources of tagsmith")
    assert "gone has none" in command


def test_from_git_and_from_a_wheel_it_is_the_same_origin(came_from):
    git = {"url": "https://example.org/t.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}
    assert came_from(git) == "pip install 'tagsmith[train] @ git+https://example.org/t.git@abc123'"
    wheel = {"url": "file:///dist/tagsmith-0.1.0-py3-none-any.whl", "archive_info": {}}
    assert came_from(wheel) == f"pip install 'tagsmith[train] @ {wheel['url']}'"


def test_what_was_never_installed_is_run_from_its_sources(monkeypatch):
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.chdir("/")
    assert install_command("train") == f"pip install '{ROOT}[train]'"


def test_the_message_shows_the_command(came_from):
    command = came_from(None)
    assert str(MissingExtraError("Training", "train")) == (
        f"Training needs the 'train' extra. Install it with: {command}"
    )


def test_it_works_in_a_process_of_its_own():
    code = "from tagsmith.errors import install_command; print(install_command('serve'))"
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[serve]'")
