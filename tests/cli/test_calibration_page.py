"""``docs/calibration.md``: its code and commands run and print the like; its tables are those of the benchmark."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import pytest

from random_model import random_model, random_sentences
from tagsmith.model.folder import write_model
from tagsmith.tagging.tagger import Tagger

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "calibration.md").read_text("utf-8")
WORDS = ("the", "John", "lives", "New", "York", "Paris", "London", "x", "café")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model with the labels of the page's, and data that it was not wholly right on."""
    folder = tmp_path_factory.mktemp("page")
    model = random_model(labels=("Chemical", "Disease"))
    write_model(model, folder / "model")
    words = random_sentences(300, words=WORDS)
    tags = Tagger(model).tag(words, threshold=0.4)
    blocks = ("".join(f"{w}\t{t}\n" for w, t in zip(*pair, strict=True)) for pair in zip(words, tags, strict=True))
    (folder / "dev.conll").write_text("\n".join(blocks), "utf-8")
    (folder / "test.conll").write_bytes((folder / "dev.conll").read_bytes())
    return folder


def form(output: str) -> list[str]:
    """Lines without numbers and frames, each once, as the data decide how many there are."""
    plain = re.sub(r"[┏┳┓┡╇┩└┴┘━─┃│]", " ", output)
    return sorted({" ".join(re.sub(r"[\d.,]+", "0", line).split()) for line in plain.splitlines()} - {""})


def test_the_code_runs_and_prints_lines_like_those_shown(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    variables: dict = {}
    shown = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL)
    assert len(shown) == 3
    for code, output in sorted(shown, key=lambda pair: "import tagsmith" not in pair[0]):
        exec(code, variables)
        printed = capsys.readouterr().out
        if output:
            assert form(printed) == form(output)
        else:
            assert printed == ""


def test_the_commands_run_and_print_tables_like_those_shown(folder, monkeypatch, run_here):
    monkeypatch.chdir(folder)
    commands = re.findall(r"```console\n\$ tagsmith ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    assert len(commands) == 2
    for command, output in commands:
        status, out, err = run_here(*command.split(), "--resamples", "0")
        assert (status, err) == (0, "")
        for line in form(output):
            assert line.replace("of tags:", "of ner:") in form(out)


def test_the_tables_are_those_of_the_benchmark():
    results = json.loads((ROOT / "benchmarks" / "results" / "calibration.json").read_text("utf-8"))
    assert [one["corpus"] for one in results] == ["wnut17", "bc5cdr", "snips"]
    for one in results:
        for part in ("dev", "test"):
            for kind in ("spans", "tokens"):
                before, after = (one[part][when][kind] for when in ("before", "after"))
                errors = f"{before['ece']:.2f} | {after['ece']:.2f} | {after['chance']:.2f}"
                assert f"| {one['corpus']}, {part}, {kind} | {after['count']:,} | {errors} |" in PAGE
        columns = (one["thresholds"][name] for name in ("dev", "test", "test_without"))
        shares = " | ".join(f"{each['precision']:.2f} / {each['recall']:.2f}" for each in columns)
        reached = f"{one['labels_that_reach_95_on_dev']} of {one['labels']}"
        assert f"| {one['corpus']} | {reached} | {shares} |" in PAGE


def test_the_gains_of_the_bias_are_those_of_the_benchmark():
    results = json.loads((ROOT / "benchmarks" / "results" / "outside_bias.json").read_text("utf-8"))
    runs: dict[str, list[dict]] = {}
    for one in results:
        if one["epochs"] == 10:
            runs.setdefault(one["corpus"], []).append(one)
    for name, ones in runs.items():
        gains = [
            statistics.fmean(one["dev"][way] - one["dev"]["learned"] for one in ones)
            for way in ("likelihood", "f1", "kept")
        ]
        learned = statistics.fmean(one["dev"]["learned"] for one in ones)
        row = [
            f"{len(ones)}",
            f"{ones[0]['dev_spans']:,}",
            f"{learned:.2f}",
            *(f"{round(gain, 2) + 0.0:+.2f}" for gain in gains),
        ]
        test = statistics.fmean(one["test"]["kept"] - one["test"]["learned"] for one in ones)
        assert f"| {' | '.join([name, *row, f'{round(test, 2) + 0.0:+.2f}'])} |" in PAGE
