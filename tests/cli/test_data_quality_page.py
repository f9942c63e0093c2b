"""The page on data quality: its commands run and print what it shows; those that train are compared elsewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tagsmith.sample import sample_path

PAGE = Path(__file__).parents[2] / "docs" / "data-quality.md"
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ tagsmith (.*)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
PLACE = re.compile(r"^ +\d+  train\.conll:(\d+) .*\n( +given .*\n +suggested .*)$", re.MULTILINE)
PEOPLE, PLACES = ("Ann", "Bob", "Cyd", "Dan", "Eve"), ("Oslo", "Rome", "Lima", "Bern", "Kyiv")
TRAIN = [
    *(f"{who} B-PER\nlives O\nin O\n{where} B-LOC\n. O\n" for who in PEOPLE for where in PLACES),
    "Ann B-PER\nlives O\nin O\nOslo B-ORG\n. O\n",
    "She O\nleft O\nNew B-LOC\nYork I-LOC\nin O\nMay O\n. O\n",
    "CafÃ© B-ORG\nRoma I-ORG\nclosed O\n. O\n",
    "Eve I-PER\nknows O\nIda B-PERS\n. O\n",
]
TEST = [
    TRAIN[0],
    "Ida B-PER\nlives O\nin O\nMalmö B-LOC\n. O\n",
    "Rome B-ORG\nwon O\nin O\nMay B-DATE\n. O\n",
]
VECTORS = ("lives", "in", "left", "new", "york", "Oslo", "rome", ".", "she", "may")


def write_example(folder: Path) -> None:
    """Write the files of the page."""
    (folder / "news").mkdir()
    (folder / "news" / "train.conll").write_text("\n".join(TRAIN), "utf-8")
    (folder / "news" / "test.conll").write_text("\n".join(TEST), "utf-8")
    (folder / "vectors.txt").write_text("".join(f"{word} 0.1 0.2\n" for word in VECTORS), "utf-8")


def test_the_commands_print_what_the_page_shows(run_here, tmp_path: Path, monkeypatch):
    write_example(tmp_path)
    monkeypatch.chdir(tmp_path)
    ran = 0
    for arguments, shown in COMMAND.findall(PAGE.read_text("utf-8")):
        if "--find-errors" in arguments:
            continue  # it trains for minutes, and its numbers differ between machines
        status, out, err = run_here(*shlex.split(arguments))
        assert (status, out, err) == (0, shown, "")
        ran += 1
    assert ran == 2
    page = (tmp_path / "look.html").read_text("utf-8")
    assert "<script" not in page
    assert "<h2>train, test compared</h2>" in page


def test_checked_sentences_take_the_place_of_those_with_the_same_words(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.conll").write_text("Ann B-LOC\nran O\n\nRome B-LOC\nis O\n", "utf-8")
    Path("accepted.conll").write_text("Ann\tB-PER\nran\tO\n", "utf-8")
    (code,) = CODE.findall(PAGE.read_text("utf-8"))
    exec(code, {})
    lines = Path("corrected.conll").read_text("utf-8").split("\n")
    assert [line.split() for line in lines if line] == [["Ann", "B-PER"], ["ran", "O"], ["Rome", "B-LOC"], ["is", "O"]]


def test_the_likely_errors_on_the_page_stand_where_it_says():
    lines = sample_path("train").read_text("utf-8").split("\n")
    places = PLACE.findall(PAGE.read_text("utf-8"))
    assert len(places) == 5
    for line, labelings in places:
        word = lines[int(line) - 1].split("\t")[0]
        assert f"[{word}" in labelings
