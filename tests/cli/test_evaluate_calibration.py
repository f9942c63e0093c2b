"""``tagsmith evaluate``: how far probabilities can be trusted, and thresholds for a precision."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import tagsmith as library
from random_model import random_layers_model, random_model, random_sentences
from tagsmith.cli.calibration import threshold_options
from tagsmith.model.folder import write_model
from tagsmith.text.schemes import Scheme

FIGURES = {"count", "confidence", "right", "ece", "ece_equal_width", "chance", "beyond_chance", "brier", "risk_area"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sentences on which the probable spans of the model with random weights are right, and the others are not."""
    tagger = library.load(write_random(tmp_path))
    words = random_sentences(60, words=("the", "John", "lives", "New", "York", "Paris", "London", "x", "café"))
    tags = tagger.tag(words, threshold=0.4)
    tags[0] = ["B-LOC"] * len(words[0])
    blocks = ("".join(f"{w}\t{t}\n" for w, t in zip(*pair, strict=True)) for pair in zip(words, tags, strict=True))
    path = tmp_path / "dev.conll"
    path.write_text("\n".join(blocks), "utf-8")
    return path


def write_random(folder: Path) -> Path:
    model = folder / "random"
    write_model(random_model(), model)
    return model


def test_training_calibrates_and_the_json_has_the_errors_before_and_after(run_here, model: Path, corpus: Path):
    layer = json.loads((model / "config.json").read_bytes())["layers"][0]
    assert 0.2 < layer["calibration"]["temperature"] < 5
    status, out, _ = run_here("evaluate", model, corpus / "dev.conll", "--json", "-", "--resamples", "0")
    assert status == 0
    (found,) = json.loads(out)["calibration"].values()
    assert set(found) == {"spans", "tokens", "span_types", "token_types", "before"}
    assert set(found["spans"]) == FIGURES | {"bins", "bins_equal_width", "curve"}
    for one in (*found["span_types"].values(), *found["token_types"].values()):
        assert set(one) == FIGURES
    tokens, before = found["tokens"], found["before"]["tokens"]
    assert tokens["count"] == before["count"] == json.loads(out)["tokens"]
    assert tokens["ece"] != before["ece"]
    assert sum(one["size"] for one in tokens["bins"]) == tokens["count"]
    assert "thresholds" not in json.loads(out)


def test_the_table_of_errors_is_a_detail(run_here, model: Path, corpus: Path):
    _, out, _ = run_here("evaluate", model, corpus / "dev.conll", "--resamples", "0")
    assert "calibration" not in out
    _, out, _ = run_here("evaluate", model, corpus / "dev.conll", "--details", "--resamples", "0")
    (title,) = re.findall(r"calibration of .*", out)
    assert "expected calibration error" in title
    rows = {
        row[1].strip(): row[2:-1] for row in (line.split("│") for line in out.split(title)[1].splitlines()) if row[1:]
    }
    assert {"spans", "tokens"} <= set(rows)
    assert all(len(row) == 6 for row in rows.values())


def test_tagging_with_the_printed_options_reaches_the_precision(run_here, data: Path, tmp_path: Path):
    model = tmp_path / "random"
    status, out, err = run_here("evaluate", model, data, "--precision", "0.8", "--json", tmp_path / "scores.json")
    assert (status, err) == (0, "")
    assert "thresholds for a precision of 80 %" in out
    (options,) = re.findall(r"^tagsmith tag … (.*)$", out, re.MULTILINE)
    chosen = json.loads((tmp_path / "scores.json").read_bytes())["thresholds"]
    assert chosen["precision"] == 0.8
    for label, one in chosen["labels"].items():
        given = [option.partition("=")[2] for option in shlex.split(options) if option.startswith(f"{label}=")]
        assert given == ([] if not one["threshold"] else [repr(one["threshold"])])
        assert (one["threshold"] is None) == bool(re.search(rf"^{label}: no threshold reaches 80 %", out, re.MULTILINE))
    status, tagged, _ = run_here(
        "tag", model, data, "--input-format", "conll", "--output-format", "conll", *shlex.split(options)
    )
    assert status == 0
    (tmp_path / "tagged.conll").write_text(tagged, "utf-8")
    gold, predicted = (
        [sentence.layers["tags"] for sentence in library.read_sentences(path)]
        for path in (data, tmp_path / "tagged.conll")
    )
    types = library.score_tags(gold, predicted).types
    reached = {label: one for label, one in chosen["labels"].items() if one["threshold"] is not None}
    assert reached
    for label, one in reached.items():
        assert (types[label].found, types[label].correct) == (one["found"], one["correct"])
        assert types[label].precision >= 0.8


def test_options_are_written_for_a_shell():
    thresholds = {"creative work": 0.5, "a'b": 0.25, "all": 0.0, "=": 1e-7}
    assert shlex.split(threshold_options(thresholds)) == [
        "--threshold", "creative work=0.5", "--threshold", "a'b=0.25", "--threshold", "==1e-07",
    ]  # fmt: skip


def test_a_folder_gives_its_dev_file(run_here, data: Path, tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for part in ("train", "dev", "test"):
        (folder / f"{part}.conll").write_bytes(data.read_bytes())
    _, out, err = run_here("evaluate", tmp_path / "random", folder, "--precision", "0.9", "--resamples", "0")
    assert "dev.conll" in err
    assert "thresholds" in out


def test_a_pipe_is_read_once(tagsmith, data: Path, tmp_path: Path):
    done = tagsmith(
        "evaluate", tmp_path / "random", "/dev/stdin", "--precision", "0.9", "--json", "-", stdin=data.read_bytes()
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert {"calibration", "thresholds"} <= set(json.loads(done.stdout))


def test_a_model_of_several_layers_has_thresholds_for_the_first_with_spans(run_here, tmp_path: Path):
    write_model(random_layers_model(), tmp_path / "layers")
    lines = [{"tokens": ["John", "left"], "pos": ["NOUN", "VERB"], "ner": ["B-X", "O"], "chunk": ["I-Y", "O"]}] * 3
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    status, out, err = run_here(
        "evaluate", tmp_path / "layers", tmp_path / "dev.jsonl", "--precision", "0.9", "--json", "-"
    )
    assert status == 0, err
    values = json.loads(out)
    assert set(values["calibration"]) == {"pos", "ner", "chunk"}
    assert values["calibration"]["pos"]["spans"] is None
    assert set(values["thresholds"]["labels"]) == {"X"}


def test_what_cannot_be_is_refused(run_here, data: Path, tmp_path: Path):
    for precision in ("0", "-0.5", "95", "nan"):
        status, _, err = run_here("evaluate", tmp_path / "random", data, f"--precision={precision}")
        assert status == 2
        assert "above 0, and at most 1" in err
    write_model(random_model(scheme=Scheme.PLAIN, labels=("X", "Y")), tmp_path / "plain")
    (tmp_path / "plain.conll").write_text("a X\nb Y\n", "utf-8")
    status, _, err = run_here("evaluate", tmp_path / "plain", tmp_path / "plain.conll", "--precision", "0.9")
    assert status == 2
    assert "Plain tags have no thresholds" in err
