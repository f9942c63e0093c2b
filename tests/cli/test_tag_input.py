"""Reading text in parts finds the sentences that reading it at once finds."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tagsmith.formats import running_text
from tagsmith.formats.options import ReadOptions
from tagsmith.formats.running_text import read_text
from tagsmith.text.document import Document
from tagsmith.text.tokenizer import words_and_starts

PIECES = [
    "Ann", "ann", "Dr.", "No.", "1.", "3.5", "don't", "etc.", ".", "!", "...", "?!", ")", '"', "”", "(",
    "- ", "\n- ", "住", "。", "」", "🙂", "a.b", "wordwordwordword", " ", "  ", "\t", "\n", "\n\n", " \n",
    "\r\n", "\r\n\r\n", "\x00", "\u2028", "\x0c",
]  # fmt: skip


def _read(text: str) -> list[Document]:
    # newline="\n": as files are opened, so that nothing is translated
    return list(read_text(io.StringIO(text, newline="\n"), ReadOptions()))


def _in_place(documents: list[Document]) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Sentences with the places of their tokens in the whole text."""
    return [
        (sentence.words, tuple(document.meta["record"]["offset"] + start for start in sentence.starts))
        for document in documents
        for sentence in document.sentences
    ]


@pytest.mark.parametrize("part", [1, 7, 40])
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@example(text='...)\x00\x00"ann')
def test_parts_have_the_sentences_of_the_whole(part: int, text: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_text, "PART", part)
        documents = _read(text)
    assert _in_place(documents) == [(tuple(words), tuple(starts)) for words, starts in words_and_starts(text)]
    for document in documents:
        begin = document.meta["record"]["offset"]
        assert text[begin : begin + len(document.text)] == document.text


@given(st.lists(st.sampled_from([*PIECES[:6], " ", "住"]), max_size=60).map("".join))
def test_endless_sentences_are_cut_but_no_token_is_lost(text: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_text, "PART", 8)
        patch.setattr(running_text, "LONGEST", 4)
        found = _in_place(_read(text))
    assert all(len(words) <= 4 for words, _ in found)
    whole = words_and_starts(text)
    # A cut may change how the chunk it is in is taken apart, only where no space is near.
    assert "".join(w for words, _ in found for w in words) == "".join(w for words, _ in whole for w in words)


def test_a_line_as_long_as_a_file_is_read_in_full_and_in_linear_time(monkeypatch):
    monkeypatch.setattr(running_text, "LONGEST", 8192)
    words = "word " * 40_000 + "住" * 40_000
    documents = _read(words)
    assert sum(len(sentence) for document in documents for sentence in document.sentences) == 80_000
    assert max(len(sentence) for document in documents for sentence in document.sentences) <= 8192


def test_blank_lines_separate_and_leave_nothing_behind():
    documents = _read("\n \nOne two\nthree\n\t\nFour\n\n")
    assert [document.text for document in documents] == ["One two\nthree", "Four"]
    assert [document.meta["record"]["offset"] for document in documents] == [3, 19]
