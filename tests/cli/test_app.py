"""The entry point: help, version, and what becomes of what goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import processes
import tagsmith as package
from tagsmith.cli.app import _Commands


def test_help_lists_exactly_the_commands(tagsmith):
    done = tagsmith("--help")
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.decode().partition("Commands:")[2].splitlines() if line.strip()]
    known = [
        "demo",
        "train",
        "distill",
        "tune",
        "evaluate",
        "compare",
        "score",
        "tag",
        "redact",
        "convert",
        "inspect",
        "bench",
        "serve",
    ]
    assert listed == known


def test_version(tagsmith):
    assert tagsmith("--version").stdout.decode() == f"tagsmith {package.__version__}\n"


@pytest.mark.parametrize("arguments", [["paint"], ["evaluate"], ["train", "--color", "red"], ["score", "--delimiter"]])
def test_bad_usage_is_status_2(tagsmith, arguments: list[str]):
    done = tagsmith(*arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"Error" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", ["tag", "score"])
def test_a_full_disk_is_one_line_and_status_1(model: Path, command: str):
    arguments = {"tag": ["tag", str(model)], "score": ["score"]}[command]  # one flushes by itself, the other does not
    with Path("/dev/full").open("wb") as full:
        done = processes.run(
            [sys.executable, "-m", "tagsmith", *arguments],
            input=b"Ann B-PER B-PER\n",
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"error: standard output: No space left on device.\n")


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently there")
def test_a_reader_that_has_seen_enough_is_no_error(model: Path, corpus: Path):
    command = [sys.executable, "-m", "tagsmith", "tag", str(model), *[str(corpus / "train.conll")] * 20]
    with processes.started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_output_that_cannot_be_written_is_an_error_before_any_work_is_lost(tagsmith, model: Path, tmp_path: Path):
    done = tagsmith("tag", model, "-o", tmp_path / "missing" / "out.conll", stdin=b"Ann left.")
    assert done.returncode == 2
    assert b"No file can be written here" in done.stderr


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("where", ["make_context", "main"])
def test_a_signal_before_the_command_begins_is_said_too(run_here, monkeypatch, where, sent, status):
    monkeypatch.setattr(_Commands, where, lambda *_, **__: signal.raise_signal(sent))
    assert run_here("score") == (status, "", "interrupted\n")
