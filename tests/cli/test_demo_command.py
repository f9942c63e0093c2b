from __future__ import annotations

import sys
from pathlib import Path

import pytest

import tagsmith as package
from tagsmith.cli import demo
from tagsmith.corpus.sources import read_sentences
from tagsmith.sample import SPLITS, sample_path


def test_the_unseen_sentences_are_in_no_split():
    unseen = {tuple(token.text.lower() for token in package.tokenize(text)) for text in demo.UNSEEN}
    unseen.add(tuple(word.lower() for word in demo.TUTORIAL_SENTENCE))
    seen = {
        tuple(word.lower() for word in sentence.words)
        for split in SPLITS
        for sentence in read_sentences(sample_path(split))
    }
    assert len(unseen) == 6
    assert not unseen & seen


def test_labels_are_shown_without_prefixes():
    assert demo.without_prefixes(["B-PERSON", "O", "I-DATE"]) == ["PERSON", "O", "DATE"]


@pytest.mark.slow
def test_the_demo_needs_no_vectors_and_leaves_nothing_behind(run_here, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(demo, "VECTORS_PACKAGE", "a_package_that_is_not_installed")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    status, out, err = run_here("demo")
    assert status == 0
    assert "  John lives in New York\n  PERSON O O LOCATION LOCATION\n" in out
    assert all(text in out for text in demo.UNSEEN)
    assert "--out FOLDER" in err
    assert list(tmp_path.iterdir()) == []
    assert "keras" in sys.modules  # it was trained here
