"""Several layers through the command line: trained, shown, scored, tagged and measured."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

VERBS, NAMES = ["moved to", "loves", "left"], ["Ada", "Ben", "Cleo", "Dora"]


def write_corpus(path: Path, sentences: int, seed: int) -> Path:
    rng = random.Random(seed)
    blocks = []
    for _ in range(sentences):
        verb, *rest = rng.choice(VERBS).split()
        rows = [(rng.choice(NAMES), "NAME", "B-PER"), (verb, "VERB", "O"), *((word, "ADP", "O") for word in rest)]
        blocks.append("".join(f"{word} {pos} {ner}\n" for word, pos, ner in [*rows, ("Oslo", "NAME", "B-LOC")]))
    path.write_text("\n".join(blocks), "utf-8")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("corpus")
    return write_corpus(folder / "train.conll", 80, 1), write_corpus(folder / "dev.conll", 20, 2)


OPTIONS = ("--column=2", "--column=3")
NAMED = ("--layer=pos", "--layer=ner")


@pytest.fixture(scope="module")
def trained(tagsmith, tiny, files, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "model"
    changes = ("--set=epochs=6", "--set=learning_rate=0.05", "--set=batch_tokens=128")
    done = tagsmith("train", files[0], "--dev", files[1], "--out", out, *OPTIONS, *NAMED, *tiny, *changes)
    assert done.returncode == 0, done.stderr.decode()
    return out, done


def test_train_prints_a_table_for_each_layer(trained):
    table, progress = (stream.decode() for stream in (trained[1].stdout, trained[1].stderr))
    assert table.index("dev: pos") < table.index("VERB") < table.index("dev: ner") < table.index("PER")
    assert "layer pos, scheme plain, 3 tags; layer ner, scheme IOB2, 9 tags" in progress
    assert "dev mean " in progress


def test_evaluate_prints_and_writes_every_layer(run_here, trained, files, tmp_path):
    report = tmp_path / "page.html"
    status, out, err = run_here("evaluate", trained[0], files[1], *OPTIONS, "--json", "-", "--report", report)
    assert (status, err) == (0, "")
    scores = json.loads(out)
    assert list(scores["layers"]) == ["pos", "ner"]
    calibration = scores.pop("calibration")
    assert list(calibration) == ["pos", "ner"]
    assert (calibration["pos"]["spans"], calibration["ner"]["spans"]["count"]) == (
        None,
        scores["layers"]["ner"]["found"],
    )
    assert {key: value for key, value in scores.items() if key != "layers"} == scores["layers"]["pos"]
    assert scores["layers"]["ner"]["support"] == 40
    assert scores["layers"]["ner"]["f1"] > 0.8
    page = report.read_text("utf-8")
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert headings[:2] == ["Layer <bdi>pos</bdi>", "Layer <bdi>ner</bdi>"]
    assert "<dt>layer ner</dt><dd>ner, scheme IOB2, 2 labels</dd>" in page
    status, table, _ = run_here("evaluate", trained[0], files[1], *OPTIONS)
    assert status == 0
    assert "dev.conll: ner" in table


def test_the_report_compares_each_layer_with_a_file_that_has_them(run_here, trained, files, tmp_path):
    report, other = tmp_path / "page.html", tmp_path / "gold.jsonl"
    with other.open("w", encoding="utf-8") as stream:
        for block in files[1].read_text("utf-8").split("\n\n"):
            tokens, pos, ner = zip(*(line.split() for line in block.splitlines()), strict=True)
            stream.write(json.dumps({"tokens": tokens, "pos": pos, "ner": ner}) + "\n")
    evaluate = ("evaluate", trained[0], files[1], *OPTIONS, "--resamples=10", "--report", report, "--against")
    assert run_here(*evaluate, other)[0] == 0
    page = json.loads(report.read_text("utf-8").partition(' id="data">')[2].partition("</script>")[0])
    assert [one["name"] for one in page["layers"]] == ["pos", "ner"]
    assert all(one["d"][0] == 0 for layer in page["layers"] for one in layer["sentences"] if "d" in one)
    report.unlink()
    status, _, err = run_here(*evaluate, files[1])  # nothing says which columns
    assert status == 2
    assert str(files[1]) in err
    assert not report.exists()


def test_evaluate_can_score_one_layer(run_here, trained, files):
    status, out, err = run_here("evaluate", trained[0], files[1], "--layer", "ner", "--column", "3", "--json", "-")
    assert (status, err) == (0, "")
    scores = json.loads(out)
    assert "layers" not in scores
    assert set(scores["types"]) == {"LOC", "PER"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Give --column for each layer"),
        (("--column=2",), "2 layers but 1 column."),
        (("--layer=sentiment", "--column=2"), "this model gives no layer 'sentiment'. Its layers: pos, ner."),
        (("--column=2", "--column=5"), "dev.conll:1: There is no column 5"),
    ],
)
def test_what_cannot_be_scored_is_one_clear_error(run_here, trained, files, options, message):
    status, out, err = run_here("evaluate", trained[0], files[1], *options)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_train_says_which_file_lacks_a_column(run_here, files, tmp_path):
    short = tmp_path / "short.conll"
    short.write_text("Ada NAME\nleft VERB\n", "utf-8")
    status, _, err = run_here("train", files[0], "--dev", short, "--out", tmp_path / "model", *OPTIONS)
    assert status == 2
    assert "short.conll:1: There is no column 3" in err


def test_tag_writes_a_column_for_each_layer(run_here, trained, files, tmp_path):
    tokens = tmp_path / "in.tokens"
    tokens.write_text("Ada left Oslo\nBen loves Oslo\n", "utf-8")
    status, out, _ = run_here("tag", trained[0], tokens)
    assert status == 0
    rows = [line.split("\t") for line in out.splitlines() if line]
    assert rows[:3] == [["Ada", "NAME", "B-PER"], ["left", "VERB", "O"], ["Oslo", "NAME", "B-LOC"]]
    status, out, _ = run_here("tag", trained[0], files[1])
    assert status == 0
    rows = [line.split() for line in out.splitlines() if line]
    assert {len(row) for row in rows} == {5}  # the file's own columns stay
    right = sum(row[1:3] == row[3:] for row in rows)
    assert right > 0.8 * len(rows)


def test_tag_writes_every_layer_of_json_lines_which_train_reads_again(run_here, trained, tmp_path):
    lines, tagged = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines.write_text('{"text": "Ada left Oslo", "id": 7}\n', "utf-8")
    assert run_here("tag", trained[0], lines, "-o", tagged)[0] == 0
    record = json.loads(tagged.read_text("utf-8"))
    assert record["tags"] == record["layers"]["pos"] == ["NAME", "VERB", "NAME"]
    assert [(span["text"], span["label"]) for span in record["layers"]["ner"]] == [("Ada", "PER"), ("Oslo", "LOC")]
    assert all(0 < span["score"] <= 1 for span in record["layers"]["ner"])
    assert record["id"] == 7
    status, out, _ = run_here("evaluate", trained[0], tagged, "--json", "-")
    assert status == 0
    assert [scores["f1"] for scores in json.loads(out)["layers"].values()] == [1.0, 1.0]


def test_a_threshold_is_for_the_layers_that_have_spans(run_here, trained, tmp_path):
    tokens = tmp_path / "in.tokens"
    tokens.write_text("Ada left Oslo\n", "utf-8")
    status, out, _ = run_here("tag", trained[0], tokens, "--threshold", "1")
    assert status == 0
    assert [line.split("\t")[1:] for line in out.splitlines() if line] == [["NAME", "O"], ["VERB", "O"], ["NAME", "O"]]
    status, _, err = run_here("tag", trained[0], tokens, "--threshold", "VERB=0.5")
    assert status == 2
    assert "there is no label 'VERB'. Labels: LOC, PER." in err


def test_inspect_lists_the_layers(run_here, trained):
    status, out, _ = run_here("inspect", trained[0], "--json")
    assert status == 0
    report = json.loads(out)
    assert report["layers"][1] == {"layer": "ner", "scheme": "IOB2", "labels": ["LOC", "PER"]}
    status, out, _ = run_here("inspect", trained[0])
    assert status == 0
    assert "layer ner" in out
    assert "scores (dev, ner)" in out


def test_bench_measures_all_layers_together(run_here, trained, files):
    status, out, err = run_here("bench", trained[0], files[1], "--rounds", "1", "--json")
    assert status == 0, err
    speed = json.loads(out)
    assert speed["tags"] == 12
    assert any("span probabilities" in name for name in speed["throughput"])
