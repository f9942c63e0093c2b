"""When a new version of the English model may replace the old one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from random_model import SMALL, random_model
from tagsmith.model.folder import write_model

sys.path.append(str(Path(__file__).parent.parent / "models" / "en"))
import may_replace
import regions
from english_corpora import English, Parts
from layouts import Labeled

OLD = {
    ("btc", "F1"): 74.2,
    ("btc", "PERSON"): 81.0,
    ("gum", "upos"): 96.8,
    ("dev", "calibration error"): 1.7,
    ("folder", "MB"): 9.8,
    ("dev", "words/s"): 400_000.0,
}


def test_it_may_if_nothing_is_worse_by_more_than_half_a_point(capsys):
    new = {**OLD, ("btc", "F1"): 73.8, ("btc", "PERSON"): 70.0, ("gum", "upos"): 97.0, ("dev", "words/s"): 1.0}
    assert may_replace.verdict(OLD, new, {}) == 0
    assert capsys.readouterr().out == "\nThe new version may replace the old one.\n"


@pytest.mark.parametrize(
    ("place", "value", "worse"),
    [
        (("btc", "F1"), 73.0, 1.2),
        (("gum", "upos"), 96.0, 0.8),
        (("dev", "calibration error"), 2.4, 0.7),
        (("folder", "MB"), 10.4, 0.6),
    ],
)
def test_what_is_worse_needs_a_reason(capsys, place, value, worse):
    domain, measure = place
    assert may_replace.verdict(OLD, {**OLD, place: value}, {}) == 1
    line = f"- {domain}: {measure} is worse by {worse}. "
    assert capsys.readouterr().out.endswith(f"may not replace the old one.\n{line}No reason is given.\n")
    assert may_replace.verdict(OLD, {**OLD, place: value}, {domain: "Few sentences."}) == 0
    assert capsys.readouterr().out.endswith(f"may replace the old one.\n{line}Few sentences.\n")


def test_a_score_that_the_new_version_lacks_is_lost():
    new = {place: value for place, value in OLD.items() if place != ("gum", "upos")}
    assert may_replace.lost(OLD, new) == {("gum", "upos"): 96.8}
    assert "| gum | upos | 96.8 |  |  |" in may_replace.table(OLD, new)


def test_a_reason_is_for_a_domain_that_there_is():
    with pytest.raises(SystemExit, match=r"no such domain. They are: btc, dev, folder, gum"):
        may_replace.verdict(OLD, OLD, {"gun": "Few sentences."})


def test_two_folders_are_compared(tmp_path, monkeypatch, capsys):
    sentence = Labeled(("John", "lives", "in", "Paris"), ("B-PERSON", "O", "O", "B-LOCATION"), None)
    parts = Parts([], [sentence], [])
    monkeypatch.setattr(may_replace, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(may_replace, "read", lambda *_: English({"btc": parts}, {"wikigold": parts}))
    monkeypatch.setattr(regions, "FILLS", 1)
    for name in ("old", "new"):
        write_model(random_model(SMALL, labels=("LOCATION", "PERSON")), tmp_path / name)
    arguments = ["may_replace.py", str(tmp_path / "old"), str(tmp_path / "new"), "--without", "wikigold"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as exit_:
        may_replace.main()
    assert exit_.value.code == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "| domain | measure | old | new | difference |"
    measures = {(domain, measure) for domain, measure, *_ in (row.strip("| ").split(" | ") for row in rows[2:-2])}
    assert measures >= {
        ("btc", "F1"),
        ("wikigold", "LOCATION"),
        ("dev, all, in lower case", "F1"),
        ("names of Oceania", "PERSON"),
        ("dev", "calibration error"),
        ("folder", "MB"),
        ("dev", "words/s"),
    }
    assert all(row.endswith("| +0.0 |") for row in rows[2:-2] if "words/s" not in row)
