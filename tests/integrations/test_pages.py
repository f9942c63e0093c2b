"""Pages of the documentation: their commands and code run, in order, and print what the page shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

import processes

pytest.importorskip("pyarrow")

from lexicon_model import lexicon_model

from tagsmith.tagging.tagger import Tagger

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```|```console\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
TAGS = {"anna": "B-PERSON", "schmidt": "E-PERSON", "berlin": "S-LOCATION"}
LETTERS = 'id,text,year\n007,"Anna Schmidt left Berlin, and\nnobody came.",1924\n008,,1925\n'


def run_page(name: str, folder: Path) -> None:
    """Run a page in a folder, where ``model`` is a model that looks words up."""
    Tagger(lexicon_model(TAGS)).save(folder / "model")
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def printed(*command: str) -> str:
        done = processes.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    for code, expected, console in BLOCK.findall((DOCS / name).read_text("utf-8")):
        if code:
            assert printed(sys.executable, "-c", code) == expected
        for command, shown in COMMAND.findall(console):
            assert printed("sh", "-c", command) == shown, command


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_data_frames_and_tables(tmp_path: Path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    (tmp_path / "letters.csv").write_text(LETTERS, "utf-8")
    rows = {"tokens": [["Anna", "Schmidt", "left", "Berlin", "."]], "tags": [["B-PER", "I-PER", "O", "B-LOC", "O"]]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "labeled.parquet")
    run_page("tables.md", tmp_path)
    assert parquet.read_table(tmp_path / "tagged.parquet").column_names == ["id", "text", "year", "spans"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_annotation_tools(tmp_path: Path):
    golden = Path(__file__).parents[1] / "formats" / "golden"
    shutil.copy(golden / "label-studio.json", tmp_path / "project-1.json")
    shutil.copy(golden / "doccano-page-graphemes.jsonl", tmp_path / "all.jsonl")
    (tmp_path / "letters.txt").write_text("Anna Schmidt left Berlin \U0001f600.\n", "utf-8")
    run_page("annotation-tools.md", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_coming_from_another_library(tmp_path: Path):
    (tmp_path / "flair").mkdir()
    rows = "Anna NNP B-PERSON\nleft VBD O\nBerlin NNP B-LOCATION\n\n"
    (tmp_path / "flair" / "train.txt").write_text(rows, "utf-8")
    tags = (("Anna", "S-PERSON"), ("left", "O"), ("Berlin", "S-LOCATION"))
    (tmp_path / "stanza.json").write_text(json.dumps([[{"text": word, "ner": tag} for word, tag in tags]]) + "\n")
    run_page("coming-from.md", tmp_path)


def test_every_library_of_the_table_has_its_page():
    rows = (DOCS / "coming-from.md").read_text("utf-8").partition("|---")[2].splitlines()[1:]
    pages = [re.findall(r"\]\(([\w-]+\.md)?[^)]*\)", row)[-1] for row in rows if row.startswith("|")]
    assert len(pages) >= 12
    assert all((DOCS / page).is_file() for page in pages if page)
