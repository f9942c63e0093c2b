"""The command line with URLs for paths; the files are in fsspec's memory."""

from __future__ import annotations

import json
import sys

import fsspec
import pytest

CONLL = "John B-PER\nlives O\nin O\nYork B-LOC\n\nMary B-PER\nleft O\n"


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_a_folder_is_tagged_into_a_folder(memory, run_here):
    memory.pipe({"/raw/a.txt": b"Ada Lovelace left.\n", "/raw/in/b.txt": b"She lives in York.\n", "/raw/c.png": b"x"})
    status, _, said = run_here("tag", "en", "memory://raw", "-o", "memory://out/", "--output-format", "jsonl")
    assert (status, said) == (0, "memory://raw: 2 files (left out: c.png; --input-format takes all)\n")
    assert memory.find("/out") == ["/out/a.jsonl", "/out/in/b.jsonl"]
    assert json.loads(memory.cat("/out/in/b.jsonl"))["text"] == "She lives in York."


def test_results_do_not_replace_inputs(memory, run_here):
    memory.pipe("/raw/a.jsonl", b'{"text": "Ada left."}\n')
    status, _, said = run_here("tag", "en", "memory://raw", "-o", "memory://raw")
    assert status == 2
    assert "This is an input too." in said
    assert memory.cat("/raw/a.jsonl") == b'{"text": "Ada left."}\n'


def test_a_column_of_a_table_is_tagged(memory, run_here):
    memory.pipe("/t.csv", b"id,text\n1,Ada Lovelace left.\n")
    status, _, _ = run_here("tag", "en", "memory://t.csv", "-o", "memory://t.parquet", "--text-column", "text")
    assert status == 0
    assert memory.cat("/t.parquet")[:4] == b"PAR1"


def test_scores_reports_and_redacted_text_are_written(memory, run_here):
    memory.pipe("/dev.conll", CONLL.replace("-LOC", "-LOCATION").replace("-PER", "-PERSON").encode())
    outputs = ("--json", "memory://s.json", "--report", "memory://r.html")
    status, shown, said = run_here("evaluate", "en", "memory://dev.conll", "--layer", "ner", *outputs)
    assert (status, said) == (0, "")
    assert "memory://dev.conll" in shown
    assert "f1" in json.loads(memory.cat("/s.json"))
    assert b"memory://dev.conll" in memory.cat("/r.html")
    memory.pipe("/a.txt", b"Ada Lovelace left.\n")
    status, _, _ = run_here("redact", "en", "memory://a.txt", "-o", "memory://b.txt", "--map", "memory://map.jsonl")
    assert status == 0
    assert b"Ada" not in memory.cat("/b.txt")
    assert memory.exists("/map.jsonl")


def test_an_error_leaves_what_was_there(memory, run_here):
    memory.pipe({"/bad.conll": b"John B-PER\nlives\n", "/old.csv": b"old"})
    status, _, said = run_here("convert", "memory://bad.conll", "memory://old.csv")
    assert status == 2
    assert said.startswith("error: memory://bad.conll:2: ")
    assert memory.find("/") == ["/bad.conll", "/old.csv"]
    assert memory.cat("/old.csv") == b"old"


def test_a_package_that_is_missing_is_named(run_here, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    status, _, said = run_here("convert", "gs://bucket/a.conll", "-")
    assert (status, said) == (2, "error: gs://bucket/a.conll: gs:// needs gcsfs. Install with: pip install gcsfs\n")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    status, _, said = run_here("convert", "gs://bucket/a.conll", "-")
    assert status == 2
    assert said.startswith("error: Opening gs://bucket/a.conll needs the 'remote' extra.")
