"""The commands and the code of ``docs/huggingface.md`` run, in order, against a stand-in, and print what it shows."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import processes

pytest.importorskip("huggingface_hub")
pytest.importorskip("datasets")

from lexicon_model import lexicon_model
from stand_in_hub import Repository, environment, stand_in_hub

from tagsmith.scores.scores import score_tags
from tagsmith.tagging.tagger import Tagger

PAGE = Path(__file__).parents[2] / "docs" / "huggingface.md"
BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```|```console\n(.*?)```", re.DOTALL)
TAGS = {"anna": "B-PERSON", "schmidt": "E-PERSON", "berlin": "S-LOCATION"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_the_page_shows_what_is_printed(tmp_path: Path):
    """A model that looks words up takes the place of the one that the page speaks of, which is trained in minutes."""
    scores = {"dev": score_tags([["O"]], [["O"]]).as_dict()}
    Tagger(replace(lexicon_model(TAGS), scores=scores)).save(tmp_path / "model")
    (tmp_path / "text.txt").write_text("Anna left.\n", "utf-8")
    text = PAGE.read_text("utf-8")
    with stand_in_hub() as hub:
        hub.repositories["google/bert"] = Repository()
        hub.repositories["google/bert"].commit("main", {"config.json": b"{}"}, "not ours")
        variables = {**os.environ, **environment(hub, tmp_path / "home")}
        variables["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
        variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

        def printed(*command: str) -> str:
            done = processes.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
            return (done.stdout + done.stderr).replace(hub.address, "https://huggingface.co")

        for code, expected, console in BLOCK.findall(text):
            if code:
                assert printed(sys.executable, "-c", code) == expected
            for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE):
                assert printed("sh", "-c", command) == shown, command
