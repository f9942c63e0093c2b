"""How many words of a text have a pretrained vector."""

from __future__ import annotations

from pathlib import Path

from tagsmith.model.coverage import coverage, words_with_vectors

COUNTS = {"Rome": 4, "the": 3, "The": 2, "Xyz": 1}


def test_words_are_known_as_they_are_or_lowercased(tmp_path: Path):
    vectors = tmp_path / "v.txt"
    vectors.write_text("Rome 1 2\nthe 3 4\nxyzzy 5 6\n", "utf-8")
    known = words_with_vectors(vectors, COUNTS)
    assert known == {"Rome", "the"}
    found = coverage(COUNTS, known)
    assert (found.tokens, found.exact_tokens, found.lowercased_tokens) == (10, 7, 2)
    assert (found.forms, found.exact_forms, found.lowercased_forms) == (4, 2, 1)
    assert (found.token_share, found.form_share) == (0.9, 0.75)
    assert found.missing == {"Xyz": 1}


def test_no_words():
    assert coverage({}, frozenset()).token_share == 0.0
