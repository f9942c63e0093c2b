from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from random_model import random_layers_model
from tagsmith.corpus.sources import read_sentences
from tagsmith.model.folder import write_model

ILLEGAL = "Ann I-PER\nleft O\nRome B-LOC\n\nBob B-PER\nCy I-PER\nran O\n\nDi B-PER\nEd B-PER\n"


@pytest.fixture
def illegal(tmp_path: Path) -> Path:
    path = tmp_path / "illegal.conll"
    path.write_text(ILLEGAL, "utf-8")
    return path


def test_there_and_back_is_the_same_file(run_here, corpus: Path, tmp_path: Path):
    for scheme, source, target in (
        ("bioes", corpus / "dev.conll", "a.jsonl"),
        ("IOB2", tmp_path / "a.jsonl", "b.conll"),
    ):
        status, out, err = run_here("convert", source, tmp_path / target, "--scheme", scheme)
        assert (status, out) == (0, "")
        assert "30 sentences" in err
    assert [s.layers for s in read_sentences(tmp_path / "b.conll")] == [
        s.layers for s in read_sentences(corpus / "dev.conll")
    ]


def test_standard_streams(tagsmith):
    done = tagsmith("convert", "-", "-", "--scheme", "BIOES", stdin=b"Ann B-PER\nLee I-PER\n")
    assert (done.returncode, done.stdout) == (0, b"Ann B-PER\nLee E-PER\n\n")
    assert done.stderr.decode() == "1 document, 1 sentence, 2 tokens; layer tags, scheme IOB2 → BIOES\n"


def test_illegal_tags_stop_a_conversion_or_are_repaired_and_told(run_here, illegal: Path):
    target = illegal.with_name("out.conll")
    status, _, err = run_here("convert", illegal, target)
    assert status == 2
    assert err.startswith(f"error: {illegal}:1: The tag 'I-PER' on 'Ann' is not legal in IOB2")
    assert "--repair" in err
    assert [path.name for path in illegal.parent.iterdir()] == [illegal.name]
    status, _, err = run_here("convert", illegal, target, "--repair")
    assert status == 0
    assert "1 tag repair:\n" in err
    assert f"{illegal}:1: I-PER on 'Ann'" in err
    assert target.read_text("utf-8").startswith("Ann B-PER\n")


def test_an_unknown_scheme_or_format_lists_those_there_are(run_here, illegal: Path):
    status, _, err = run_here("convert", illegal, "-", "--scheme", "BIX")
    assert (status, "IOB2, IOE1" in err) == (2, True)
    status, _, err = run_here("convert", illegal, "-", "--to", "doc")
    assert (status, "conll, conllu" in err) == (2, True)


def test_inspect_counts_a_corpus_and_shows_its_problems(tagsmith, illegal: Path):
    done = tagsmith("inspect", illegal, illegal)
    assert done.returncode == 0
    shown = done.stdout.decode()
    for part in ("scheme", "IOB2", "PER", "80.0 %", "1 illegal tag:", f"{illegal}:1: I-PER on 'Ann'"):
        assert part in shown
    assert "all 3 sentences also in the first file" in shown
    as_json = json.loads(tagsmith("inspect", illegal, "--json").stdout)
    assert as_json["kind"] == "corpus"
    assert (as_json["sentences"], as_json["tokens"], as_json["duplicates"]) == (3, 8, 0)
    assert as_json["labels"] == {"PER": 4, "LOC": 1}
    assert len(as_json["repairs"]) == 1


def test_inspect_shows_spans_that_do_not_align(run_here, tmp_path: Path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "John left", "label": [[0, 3, "PER"]]}\n', "utf-8")
    status, out, _ = run_here("inspect", data)
    assert status == 0
    assert "1 reading problem:" in out
    assert "'Joh' [PER] does not align with tokens; the nearest token boundaries are 0 and 4" in out


def test_inspect_describes_a_model(run_here, model: Path):
    status, out, _ = run_here("inspect", model)
    assert status == 0
    assert "DATE, LOCATION, ORGANIZATION, PERSON" in out
    assert "none missing or altered" in out
    described = json.loads(run_here("inspect", model, "--json")[1])
    assert (described["kind"], described["scheme"], described["layer"]) == ("model", "IOB2", "tags")
    assert described["recipe"]["units"] == 16
    assert set(described["files"]) >= {"config.json", "weights.safetensors"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "holds no tokens"), (b"Ann\n", "has no labels"), (b"a O\nb\n", ":2: This line has too few columns")],
)
@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_unreadable_data(run_here, tmp_path: Path, command: str, content: bytes, message: str):
    data = tmp_path / "data.conll"
    data.write_bytes(content)
    more = [tmp_path / "out.conll", "--scheme", "IOB2"] if command == "convert" else []
    status, out, err = run_here(command, data, *more)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["data.conll"]


def test_a_file_cannot_command_the_terminal(run_here, model: Path, tmp_path: Path):
    labels = "\x1b]0;title\x07X", "\x1b[31mX", "[/b]", "[red]X", "\x9b2J", "X\ry"
    columns, records = tmp_path / "a.conll", tmp_path / "a.jsonl"
    columns.write_text("".join(f"a\tB-{label}\nb\tI-{label}\n\n" for label in labels[:-1]), "utf-8")
    spans = [[0, 1, label] for label in labels] + [[50, 60, label] for label in labels]
    records.write_text(json.dumps({"text": "ab cd", "label": spans}), "utf-8")
    for command in (
        ("inspect", columns),
        ("inspect", records),
        ("convert", records, tmp_path / "b.conll"),
        ("evaluate", model, columns),
        ("evaluate", model, records),
        ("evaluate", model, columns, "--column", "\x1b[31m"),
    ):
        _, out, err = run_here(*command)
        assert not {"\x1b", "\x07", "\x9b", "\r"} & {*out, *err}, command
        assert "Traceback" not in err
    status, out, err = run_here("evaluate", model, columns)
    assert status == 0
    assert all(label in out for label in ("[/b]", "[red]X", r"\x1b[31mX"))


def test_the_layer_of_a_model_is_no_markup(run_here, tmp_path: Path):
    model = random_layers_model()
    layers = tuple(replace(layer, name=f"{number}[/b]") for number, layer in enumerate(model.layers))
    write_model(replace(model, layers=layers), tmp_path / "m")
    status, out, _ = run_here("inspect", tmp_path / "m")
    assert status == 0
    assert "layer 0[/b]" in out
