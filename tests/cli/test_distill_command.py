"""``tagsmith distill`` through its real entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

import tagsmith as package


@pytest.mark.slow
def test_a_student_is_written_scored_and_loads(tagsmith, trained, corpus: Path, tmp_path: Path):
    teacher, _ = trained
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "one.txt").write_text("John lives in New York. Ada left Paris.\n\nThey met in Rome.\n", "utf-8")
    out = tmp_path / "student"
    done = tagsmith(
        "distill", teacher, teacher, "--train", corpus / "train.conll", "--dev", corpus / "dev.conll",
        "--unlabeled", texts, "--out", out, "--set", "units=16", "--set", "epochs=2", "--set", "characters=none",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    said = done.stderr.decode()
    assert "learning from 2 models: " in said
    assert "labeled, 3 unlabeled sentences" in said
    assert "epoch   2" in said
    assert "ORGANIZATION" in done.stdout.decode()
    assert set(package.load(out).labels) == set(package.load(teacher).labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing", "--unlabeled", "{corpus}/train.conll"], "missing"),
        (["{teacher}"], "There is nothing to learn from"),
        (["{teacher}", "--unlabeled", "{corpus}/nothing.txt"], "nothing.txt"),
        (["{teacher}", "--unlabeled", "{corpus}/train.conll", "--set", "units=0"], "units"),
    ],
)
def test_impossible_calls_are_one_clear_error(
    run_here, trained, corpus: Path, tmp_path: Path, arguments: list[str], message: str
):
    filled = [argument.format(corpus=corpus, teacher=trained[0]) for argument in arguments]
    status, out, err = run_here("distill", *filled, "--out", tmp_path / "student")
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
