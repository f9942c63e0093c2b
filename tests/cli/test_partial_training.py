"""``train --partial``, ``--knows`` and ``--from``: one clear error where they cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

PEOPLE = "Ann B-PER\nleft O\n\nBob B-PER\nstayed O\n\n"
PLACES = "Ann O\nleft O\nRome B-LOC\n\nOslo B-LOC\nrains O\n\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["people.conll", "--partial"], "All training files know the same labels: PER."),
        (["places.conll", "--knows", "people.conll"], "--knows people.conll is not FILE=LABEL,LABEL."),
        (["places.conll", "--has", "people.conll"], "--has people.conll is not FILE=LAYER,LAYER."),
        (["places.conll", "--has", "people.conll=x"], "people.conll: 'x', stated for this file, occurs in no"),
        (["places.conll", "--has", "x.conll=tags"], "There is no file 'x.conll' among those given."),
        (["places.conll", "--knows", "people.conll=LOC"], "people.conll: The label 'PER' occurs here but"),
        (["places.conll", "--knows", "x.conll=LOC"], "There is no file 'x.conll' among those given."),
        (["places.conll", "--from", "nowhere"], "nowhere: there is no such model folder."),
        (["places.conll", "--from", "."], "this is not a model folder: it holds no config.json."),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(
    run_here, tmp_path: Path, monkeypatch, options: list[str], message: str
):
    monkeypatch.chdir(tmp_path)
    Path("people.conll").write_text(PEOPLE, "utf-8")
    Path("places.conll").write_text(PLACES, "utf-8")
    status, out, err = run_here("train", "people.conll", *options, "--out", "model")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert message in err
    assert not Path("model").exists()


def test_vectors_beside_a_model_to_go_on_from_are_an_error(run_here, model: Path, corpus: Path, tmp_path: Path):
    arguments = ("train", corpus / "train.conll", "--from", model, "--out", tmp_path / "new")
    status, _, err = run_here(*arguments, "--vectors", "glove.txt")
    assert status == 2
    assert "keeps the vectors that it has. Leave --vectors out." in err
    status, _, err = run_here(*arguments, "--set=units=99")
    assert status == 2
    assert "units is 99, but the model that training goes on from has 16." in err
