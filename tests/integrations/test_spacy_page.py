"""The commands and the code of ``docs/spacy.md`` run, in order, and print what it shows."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import processes

pytest.importorskip("spacy")

from lexicon_model import lexicon_model

from tagsmith.sample import sample_path
from tagsmith.tagging.tagger import Tagger

PAGE = Path(__file__).parents[2] / "docs" / "spacy.md"
BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```|```console\n(.*?)```", re.DOTALL)
TAGS = {
    "anna": "B-PERSON",
    "schmidt": "E-PERSON",
    "berlin": "S-LOCATION",
    "nairobi": "S-LOCATION",
    "4": "B-DATE",
    "july": "I-DATE",
    "2025": "E-DATE",
}


def without_scores(output: str) -> str:
    """Leave out colors, decimals, and spaces beside them."""
    return re.sub(r" *\d*\.\d* *", " # ", re.sub(r"\x1b\[[\d;]*m", "", output)).strip()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_the_page_shows_what_is_printed(tmp_path, monkeypatch):
    """A model that looks words up takes the place of the one that the page speaks of, so scores are not compared."""
    rows = [line.split("\t") for line in sample_path("train").read_text("utf-8").splitlines() if line]
    names_of_one_word = {word.lower(): f"S-{tag[2:]}" for word, tag in rows if tag == "B-PERSON"}
    model = lexicon_model({**names_of_one_word, **TAGS})
    Tagger(replace(model, layers=(replace(model.layers[0], name="tags"),))).save(tmp_path / "model")
    shutil.copy(sample_path("test"), tmp_path / "test.conll")
    monkeypatch.chdir(tmp_path)
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    names: dict[str, object] = {}
    scores: list[str] = []
    for code, expected, console in BLOCK.findall(PAGE.read_text("utf-8")):
        if code:
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(code, names)
            assert without_scores(stream.getvalue()) == without_scores(expected)
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE):
            if command.startswith("cat "):
                Path(command.removeprefix("cat ")).write_text(shown, "utf-8")
                continue
            done = processes.run(command, shell=True, env=variables, capture_output=True, text=True, check=False)
            assert without_scores(done.stdout) == without_scores(shown), (command, done.stderr)
            scores += re.findall(r"\d+\.\d\d", done.stdout)
    precision, recall, f1 = scores[:3]
    assert scores[3:] == [precision, recall, f1]
    assert 0 < float(f1) < 100
