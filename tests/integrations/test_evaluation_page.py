"""The commands and the code of ``docs/evaluation.md`` run, in order, and print what it shows."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from lexicon_model import lexicon_model

from tagsmith.cli.app import run
from tagsmith.sample import sample_path
from tagsmith.scores.comparison import SHUFFLES
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, convert_tags

REPORT = re.compile(r"```sh\n(.*? --report .*?)\n```")
PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```|```console\n\$ (.*?)\n(.*?)```", re.DOTALL)


def names_of(part: str) -> dict[str, str]:
    """The capitalized words of the corpus's names, each with the tag that it has first, in BIOES."""
    found: dict[str, str] = {}
    for block in sample_path(part).read_text("utf-8").strip().split("\n\n"):
        words, tags = zip(*(line.split("\t") for line in block.splitlines()), strict=True)
        for word, tag in zip(words, convert_tags(tags, Scheme.IOB2, Scheme.BIOES), strict=True):
            if tag != "O" and word[0].isupper():
                found.setdefault(word.lower(), tag)
    return found


@pytest.mark.slow
def test_the_page_shows_what_is_printed(tmp_path, monkeypatch, capsys):
    names = names_of("train")
    people = {word: tag for word, tag in names.items() if tag.endswith("-PERSON")}
    for folder, tag_of in (("new", names), ("old", people)):
        Tagger(lexicon_model(tag_of)).save(tmp_path / folder)
    for part in ("train", "test"):
        shutil.copy(sample_path(part), tmp_path / f"{part}.conll")
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) == 4
    for code, expected, command, shown in blocks:
        if code:
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(code, {})
            assert stream.getvalue() == expected
            continue
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        status = run()
        out, err = capsys.readouterr()
        assert (status, err) == (0, "")
        assert out == shown
    monkeypatch.setattr(sys, "argv", shlex.split(REPORT.search(PAGE.read_text("utf-8"))[1]))
    assert run() == 0
    assert "This model is better than old" in (tmp_path / "report.html").read_text("utf-8")
    assert f"`n` = {SHUFFLES:,} shuffles" in PAGE.read_text("utf-8")
