"""The README's commands and code run in order and print what it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import processes
import tagsmith
from random_model import random_model
from tagsmith.model.folder import write_model
from tagsmith.sample import sample_path

README = Path(__file__).parent.parent / "README.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
PLAIN = re.compile(r"^(tagsmith (?:train|evaluate|tag|convert) .*)$", re.MULTILINE)


def commands(block: str) -> list[tuple[str, str]]:
    """Split a console block into commands and their outputs."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def environment() -> dict[str, str]:
    """Put the interpreter's programs first on the path."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.slow
def test_the_commands_and_the_code_print_what_the_page_shows(tmp_path):
    text = README.read_text("utf-8")
    for block in CONSOLE.findall(text):
        for command, expected in commands(block):
            done = processes.run(
                command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            if expected.strip():
                assert done.stdout.strip() == expected.strip()
            if command.startswith("tagsmith demo"):
                assert "token accuracy" in done.stdout
                assert "  John lives in New York\n  PERSON O O LOCATION LOCATION\n" in done.stdout
                assert tagsmith.load(tmp_path / "model").evaluate(sample_path("test")).f1 > 0.75
    ((code, expected),) = PYTHON.findall(text)
    done = processes.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout == expected, done.stderr


@pytest.mark.slow
def test_the_commands_for_the_users_own_data_run(tmp_path):
    for part in ("train", "dev", "test"):
        lines = sample_path(part).read_text("utf-8").split("\n\n")[:120]
        (tmp_path / f"{part}.conll").write_text("\n\n".join(lines) + "\n", "utf-8")
    (tmp_path / "dev.conll").write_text((tmp_path / "train.conll").read_text("utf-8"), "utf-8")
    (tmp_path / "articles.txt").write_text("Ella moved to Oslo.\n", "utf-8")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "letter.txt").write_text("Ella moved to Oslo.\n", "utf-8")
    (tmp_path / "annotations.jsonl").write_text('{"text": "Ella left.", "label": [[0, 4, "PERSON"]]}\n', "utf-8")
    (tmp_path / "glove.6B.100d.txt").write_text(
        "oslo " + " ".join(["0.5"] * 100) + "\nleft " + " ".join(["0.1"] * 100) + "\n", "utf-8"
    )
    for command in PLAIN.findall(README.read_text("utf-8")):
        if command.startswith("tagsmith train"):
            command += " --set units=8 --set epochs=1"
        done = processes.run(
            command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "tagged.jsonl").exists()
    assert (tmp_path / "tagged" / "letter.txt-00000.jsonl").exists()


@pytest.mark.slow
def test_the_servers_that_the_page_starts_start(tmp_path):
    write_model(random_model(), tmp_path / "model")
    started = re.findall(r"^tagsmith (serve [^#\n]*)", README.read_text("utf-8"), re.MULTILINE)
    assert len(started) >= 2
    for arguments in started:
        command = [sys.executable, "-m", "tagsmith", *shlex.split(arguments), "--port", "0"]
        with processes.started(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            line = process.stderr.readline()
            process.kill()
        assert line.startswith("serving on "), line
