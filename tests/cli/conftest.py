"""One tiny model, trained through the command line once for all tests, and a way to run the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import processes
from tagsmith.cli.app import run
from tagsmith.sample import sample_path

SENTENCES = 150  # of the sample corpus that the tiny model sees
_TINY = (
    "--set=units=16",
    "--set=characters=none",
    "--set=average_epochs=0",
    "--set=batch_tokens=128",
    "--set=least_steps=1",
)
Command = Callable[..., subprocess.CompletedProcess[bytes]]


def _tagsmith(*arguments: object, stdin: bytes = b"", **more: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tagsmith", *map(str, arguments)]
    return processes.run(command, input=stdin, capture_output=True, check=False, **more)


@pytest.fixture(scope="session")
def tagsmith() -> Command:
    """Run the command line in a process of its own."""
    return _tagsmith


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Run the command line in this process, where Keras is imported only once: (status, stdout, stderr)."""

    def run_it(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tagsmith", *map(str, arguments)])
        status = run()
        return (status, *capsys.readouterr())

    return run_it


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    """A folder with a few sentences of the sample corpus: train.conll, dev.conll."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, count in (("train", SENTENCES), ("dev", SENTENCES // 5)):
        blocks = sample_path(split).read_text("utf-8").split("\n\n")
        (folder / f"{split}.conll").write_text("\n\n".join(blocks[:count]) + "\n\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory, corpus) -> tuple[Path, subprocess.CompletedProcess[bytes] | None]:
    """The tiny model, and what the command said if it was trained in this process of pytest-xdist."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, claim, failure = shared / "tiny-model", shared / "tiny-model.claim", shared / "tiny-model.failed"
    try:
        claim.mkdir()
    except FileExistsError:  # another process trains it; the folder appears whole
        deadline = time.monotonic() + processes.SECONDS
        while not folder.is_dir():
            assert not failure.exists(), "training failed in another process"
            assert time.monotonic() < deadline, "training in another process does not end"
            time.sleep(0.2)
        return folder, None
    options = (
        "--dev",
        corpus / "dev.conll",
        "--test",
        corpus / "dev.conll",
        "--set=epochs=4",
        "--set=learning_rate=0.02",
    )
    try:
        done = _tagsmith("train", corpus / "train.conll", "--out", folder, *options, *_TINY)
    finally:
        if not folder.is_dir():
            failure.touch()
    assert done.returncode == 0, done.stderr.decode()
    return folder, done


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Options of ``train`` for a network that trains in seconds."""
    return _TINY


@pytest.fixture(scope="session")
def model(trained) -> Path:
    """The tiny model's folder."""
    return trained[0]
