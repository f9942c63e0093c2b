"""``tagsmith inspect`` on several files, models and likely label errors: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import processes
from tagsmith.text.schemes import TokenSpan
from tagsmith.training import label_errors
from tagsmith.training.label_errors import LabelErrors, Place, ranked


class Tags(HTMLParser):
    """Checks that every element that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_page(path: Path) -> str:
    page = path.read_text("utf-8")
    parser = Tags()
    parser.feed(page)
    assert parser.open == []
    assert "<script" not in page
    assert not re.search(r"https?:|url\(|@import", page)
    return page


def test_parts_are_compared_by_their_names(run_here, corpus: Path, tmp_path: Path):
    folder = tmp_path / "data"
    folder.mkdir()
    train = (corpus / "train.conll").read_text("utf-8")
    (folder / "train.conll").write_text(train, "utf-8")
    (folder / "test.conll").write_text("\n\n".join(train.split("\n\n")[:3]) + "\n\nZoë\tB-TITLE\n", "utf-8")
    status, out, _ = run_here("inspect", folder, "--report", tmp_path / "r.html")
    assert status == 0
    assert "test: 3 sentences also in training (75.0 %): scores on test are too high" in out
    assert "test: labels that training lacks: TITLE (1)" in out
    *files, splits = json.loads(run_here("inspect", folder, "--json")[1])
    assert [Path(one["path"]).name for one in files] == ["train.conll", "test.conll"]
    assert (splits["kind"], splits["first"], list(splits["parts"])) == ("splits", "train", ["train", "test"])
    shared = splits["parts"]["test"]["in_first"]
    assert (shared["sentences"], shared["labels"]) == (3, {"TITLE": 1})
    assert shared["mentions"] == splits["parts"]["test"]["mentions"] - 1
    assert "<h2>train, test compared</h2>" in check_page(tmp_path / "r.html")


def test_files_whose_names_say_nothing_are_compared_with_the_first(run_here, tmp_path: Path):
    for name, who in (("a.conll", "Ann"), ("b.conll", "Bob")):
        (tmp_path / name).write_text(f"{who} B-PER\nran O\n\nIt O\nrains O\n", "utf-8")
    status, out, _ = run_here("inspect", tmp_path / "a.conll", tmp_path / "b.conll")
    assert status == 0
    assert "b.conll: 1 sentence also in the first file (50.0 %)" in out


def test_vector_coverage(run_here, tmp_path: Path):
    (tmp_path / "a.conll").write_text("Rome B-LOC\nis O\nold O\n", "utf-8")
    (tmp_path / "v.txt").write_text("rome 1 2\nis 1 2\n", "utf-8")
    status, out, _ = run_here("inspect", tmp_path / "a.conll", "--vectors", tmp_path / "v.txt")
    assert status == 0
    assert "66.7 % of the tokens, 66.7 % of the words (1 as written, 1 lowercased)" in out
    assert "old (1)" in out
    status, _, err = run_here("inspect", tmp_path / "a.conll", "--vectors", tmp_path / "none.txt")
    assert (status, "There is no such file." in err) == (2, True)


def test_a_model_with_its_speed(run_here, model: Path, tmp_path: Path):
    status, out, _ = run_here("inspect", model, "--speed", "--report", tmp_path / "m.html")
    assert status == 0
    assert "words to tags a second" in out
    assert "on 150 sentences" in out
    assert "Seed 0." in out
    described = json.loads(run_here("inspect", model, "--json")[1])
    assert len(described["history"]) == 4
    assert len(described["digest"]) == 64
    assert "speed" not in described
    assert "learning_rate" in check_page(tmp_path / "m.html")


def test_a_model_says_what_it_was_trained_on_and_how_sure_its_scores_are(run_here, model: Path):
    status, out, err = run_here("inspect", model)
    assert (status, err) == (0, "")
    facts = " ".join(out.split())
    assert re.search(r"data \(train\) train\.conll \(150 sentences, [\d,]+ tokens; SHA-256 [0-9a-f]{16}\)", facts)
    assert re.search(r"scores \(dev\) F1 [\d.]+ \([\d.]+–[\d.]+\), token accuracy [\d.]+ \([\d.]+–[\d.]+\)", facts)


def test_what_a_stranger_wrote_is_no_markup(run_here, tmp_path: Path):
    (tmp_path / "a.conll").write_text("<b>Ann</b> B-<i>X</i>\nran O\n\n<b>Ann</b> O\n", "utf-8")
    assert run_here("inspect", tmp_path / "a.conll", "--report", tmp_path / "r.html")[0] == 0
    page = check_page(tmp_path / "r.html")
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page
    assert "<i>" not in page


@pytest.fixture
def found(monkeypatch, tmp_path: Path) -> Path:
    """A file in which one label is wrong, and what models would find in it, without training any."""
    data = tmp_path / "a.conll"
    data.write_text("Ann B-LOC\nran O\n\nBob B-PER\nran O\n\nRome B-LOC\n\nIt O\n", "utf-8")

    def find(paths, *, folds, seed, tell, vectors, **options):
        corpus = label_errors.read_corpus(paths, seed=seed, **options)
        sentences = label_errors.Sentences(corpus.train.store)
        loc, per = (TokenSpan(0, 1, "LOC"),), (TokenSpan(0, 1, "PER"),)
        places = (
            Place(0, 0, 1, loc, per, 0.01, 0.98),
            Place(1, 0, 1, per, per, 0.99, 0.99),
            Place(2, 0, 1, loc, loc, 0.99, 0.99),
        )
        tell("model 1 of 1")
        return LabelErrors(sentences, corpus.layers[0], tuple(ranked(sentences, places)), places, folds, seed)

    monkeypatch.setattr(label_errors, "find_label_errors", find)
    return data


def test_likely_errors_are_printed_exported_and_put_on_a_page(run_here, found: Path, tmp_path: Path):
    out_file, page = tmp_path / "check.jsonl", tmp_path / "r.html"
    status, out, err = run_here("inspect", found, "--find-errors", "--export", out_file, "--report", page)
    assert (status, err) == (0, "model 1 of 1\n")
    assert out == (
        "1 likely label error; the models agree with 66.7 % of the 3 spans\n"
        f"  1  {found}:1  another label\n"
        "     given      0.010  [Ann LOC] ran\n"
        "     suggested  0.980  [Ann PER] ran\n"
    )
    (record,) = map(json.loads, out_file.read_text("utf-8").splitlines())
    assert record["spans"] == [{"start": 0, "end": 3, "label": "PER", "text": "Ann", "score": 0.98}]
    assert (record["given"], record["line"]) == ([[0, 1, "LOC"]], 1)
    assert record["certainty"] < 0.2
    assert "[Ann LOC] ran" in check_page(page)
    (as_json,) = json.loads(run_here("inspect", found, "--find-errors", "--json")[1])["found"]
    assert (as_json["kind"], as_json["line"], as_json["suggested_probability"]) == ("label", 1, 0.98)


def test_models_that_know_little_say_so(run_here, monkeypatch, found: Path):
    assert "That is little" not in run_here("inspect", found, "--find-errors")[1]
    monkeypatch.setattr("tagsmith.cli.inspect_errors.ENOUGH", 0.7)
    assert "may be right, and only unknown to the models" in run_here("inspect", found, "--find-errors")[1]


def test_what_find_errors_refuses(run_here, found: Path, model: Path, tmp_path: Path):
    for arguments, message in (
        ((model, "--find-errors"), "this is a model"),
        ((found, "--export", "x.jsonl"), "Add --find-errors"),
        ((found, "--find-errors", "--export", "x.txt"), "suffix"),
        ((tmp_path / "none.conll", "--find-errors"), "no such file"),
        ((found, "--find-errors", "--folds", "1"), "folds"),
    ):
        status, out, err = run_here("inspect", *arguments)
        assert (status, out) == (2, ""), arguments
        assert message.lower() in err.lower()


def test_without_keras_find_errors_names_the_extra(tmp_path: Path):
    (tmp_path / "a.conll").write_text("Ann B-PER\n\nran O\n", "utf-8")
    code = "import sys; sys.modules['keras'] = None; from tagsmith.cli.app import main; main()"
    command = [sys.executable, "-c", code, "inspect", str(tmp_path / "a.conll"), "--find-errors"]
    done = processes.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Training needs the 'train' extra.")
