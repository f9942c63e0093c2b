"""Training files that cannot be used: one clear error with file, line and remedy; status 2; nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

GOOD = b"Ann B-PER\nleft O\n\nBob B-PER\nstayed O\n\n"


@pytest.mark.parametrize(
    ("train", "dev", "message", "remedy"),
    [
        (b"", None, "train.conll: The file holds no tokens.", "Give one token a line"),
        (b"\n \n", None, "train.conll: The file holds no tokens.", "Give one token a line"),
        (b"Ann\nleft\n", None, "train.conll:1: The file has no labels", "Give each line a word and a tag"),
        (b"Ann O\nleft O\n", None, "train.conll: The file has no labels", "--column or --layer"),
        (GOOD + b"Cy\n", None, "train.conll:7: This line has too few columns", "a blank line between sentences"),
        (GOOD + b"Cy x O\n", None, "train.conll:7: This line has too many columns", "a blank line between sentences"),
        (GOOD + b"J\xf6rg B-PER\n", None, "train.conll:7: The byte 0xf6", "--encoding"),
        (None, None, "train.conll: There is no such file.", "Check the path"),
        (GOOD, b"In O\nRome B-LOC\n", "dev.conll:2: The label 'LOC' does not occur", "Correct it"),
        (GOOD, b"", "dev.conll: The file holds no tokens.", "Give one token a line"),
        (GOOD[:16], None, "One sentence cannot be split", "--dev"),
    ],
)
def test_one_clear_error(
    run_here, tmp_path: Path, monkeypatch, train: bytes | None, dev: bytes | None, message: str, remedy: str
):
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "train.conll", "--out", "model"]
    for option, name, content in ((None, "train.conll", train), ("--dev", "dev.conll", dev)):
        if content is not None:
            Path(name).write_bytes(content)
            arguments += [option, name] if option else []
    before = set(tmp_path.iterdir())
    status, out, err = run_here(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert message in err
    assert remedy in err
    assert set(tmp_path.iterdir()) == before


def test_an_empty_folder_is_no_training_data(tagsmith, tmp_path: Path):
    done = tagsmith("train", tmp_path, "--out", tmp_path / "model")
    remedy = "Name files, or put 'train', 'dev' and 'test' into their names."
    expected = f"error: {tmp_path}: There is no labeled file in this folder. {remedy}\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", expected)
    assert list(tmp_path.iterdir()) == []
