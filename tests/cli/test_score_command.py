from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tagsmith.cli.score import score_command
from tagsmith.errors import DataError

app = typer.Typer()
app.command()(score_command)
runner = CliRunner()

INPUT = "John B-PER B-PER\nslept O O\n\nin O O\nRome B-LOC O\n"
OUTPUT = """\
processed 4 tokens with 2 phrases; found: 1 phrases; correct: 1.
accuracy:  75.00%; precision: 100.00%; recall:  50.00%; FB1:  66.67
              LOC: precision:   0.00%; recall:   0.00%; FB1:   0.00  0
              PER: precision: 100.00%; recall: 100.00%; FB1: 100.00  1
"""


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_scores_standard_input(arguments: list[str]):
    result = runner.invoke(app, arguments, input=INPUT)
    assert result.exit_code == 0
    assert result.stdout == OUTPUT


@pytest.mark.parametrize("change", [("\n", "\r\n"), (" ", "\t"), ("John", "Jo\x85hn\u2028")])
def test_scores_a_file(change: tuple[str, str], tmp_path: Path):
    path = tmp_path / "predictions.txt"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(INPUT.replace(*change))
    assert runner.invoke(app, [str(path)]).stdout == OUTPUT


def test_encodings_and_delimiters(tmp_path: Path):
    path = tmp_path / "predictions.txt"
    path.write_bytes(INPUT.replace("John", "Jörn").replace(" ", "|").encode("latin-1"))
    result = runner.invoke(app, [str(path), "--encoding", "latin-1", "-d", "|"])
    assert result.stdout == OUTPUT


def test_bad_input_is_one_clear_error(tmp_path: Path):
    path = tmp_path / "bad.txt"
    path.write_bytes(b"J\xf6rn B-PER B-PER\n")
    with pytest.raises(DataError, match=r"not utf-8 text.*--encoding"):
        score_command(path)
    path.write_text("a O O\nb O\n", "utf-8")
    with pytest.raises(DataError, match=rf"{path.name}:2: This line has 2 columns where the first has 3"):
        score_command(path)
    with pytest.raises(DataError, match=rf"{tmp_path.name}: This is a directory"):
        score_command(tmp_path)
    with pytest.raises(DataError, match="missing: There is no such file"):
        score_command(tmp_path / "missing")
    with pytest.raises(DataError, match="no encoding 'utf-9'"):
        score_command(path, encoding="utf-9")


def test_published_outputs_are_reproduced_to_the_character():
    folder = os.environ.get("TAGSMITH_DATA")
    if not folder:
        pytest.skip("TAGSMITH_DATA is not set")
    inputs = sorted(Path(folder, "known_scores").glob("*.conlleval_in"))
    assert len(inputs) == 7
    for path in inputs:
        expected = path.with_suffix(".conlleval_out").read_text(encoding="utf-8")
        assert runner.invoke(app, [str(path)]).stdout == expected


def test_a_file_without_gold_spans_gets_a_note_beside_its_scores(tagsmith):
    for lines in (b"John B-PER\nleft O\n", b"John PER PER\nleft O O\n"):
        done = tagsmith("score", stdin=lines)
        assert done.stdout.startswith(b"processed 2 tokens with 0 phrases;")
        assert b"The second last column must hold the gold tags" in done.stderr
    assert tagsmith("score", stdin=b"John B-PER B-PER\n").stderr == b""
    words_for_gold = tagsmith("score", stdin=b"John B-PER\n. O\nE-mail O\n")
    assert words_for_gold.stdout.startswith(b"processed 3 tokens with 1 phrases;")
    assert b"no span is correct. The second last column must hold the gold tags" in words_for_gold.stderr
