"""brat's standoff annotation."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from format_options import write_options
from tagsmith.corpus.convert import convert, write_documents
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, detect_format
from tagsmith.formats.options import ReadOptions, read_options
from tagsmith.text.document import Document, Span
from tagsmith.text.tokenizer import words_and_starts

BRAT = FORMATS["brat"]
TEXT = "Ada Lovelace met Babbage.\nBank of England and of Japan closed."
ENTITIES = [
    "T1\tPER 0 12\tAda Lovelace",
    "T2\tPER 17 24\tBabbage",
    "T3\tORG 26 41\tBank of England",
    "T4\tLOC 34 41\tEngland",
    "T5\tORG 26 30;46 54\tBank of Japan",
]
OTHERS = [
    "R1\tmeets Arg1:T1 Arg2:T2\t",
    "E1\tClose:T3 Theme:T3",
    "A1\tSure E1",
    "#1\tAnnotatorNotes T5\tboth",
    "*\tEquiv T1 T2",
]


def both(tmp_path: Path, text: str = TEXT, lines: list[str] | None = None) -> Path:
    path = tmp_path / "doc.ann"
    path.write_bytes("".join(f"{line}\n" for line in ([*ENTITIES, *OTHERS] if lines is None else lines)).encode())
    path.with_suffix(".txt").write_bytes(text.encode())
    return path


def test_spans_become_tags_and_what_cannot_is_reported_and_kept(tmp_path):
    path, options = both(tmp_path), read_options()
    (document,) = BRAT.read(path, options)
    assert document.text == TEXT
    assert [(span.start, span.end, span.label, span.text) for span in document.spans] == [
        (0, 12, "PER", "Ada Lovelace"),
        (17, 24, "PER", "Babbage"),
        (26, 41, "ORG", "Bank of England"),
        (34, 41, "LOC", "England"),
        (26, 54, "ORG", "Bank of Japan"),
    ]
    first, second = document.sentences
    assert first.layers["tags"] == ("B-PER", "I-PER", "O", "B-PER", "O")
    assert second.layers["tags"][:4] == ("B-ORG", "I-ORG", "I-ORG", "O")
    discontinuous, nested = sorted(map(str, options.problems), key=lambda text: "nearest" in text)
    assert f"{path}:5: T5 'Bank of Japan' [ORG] is discontinuous (26 30;46 54)" in discontinuous
    assert "The span 34–41 'England' [LOC] overlaps 'Bank of England'" in nested


def test_the_text_stands_for_both_and_so_does_a_folder(tmp_path):
    path = both(tmp_path)
    assert detect_format(path.with_suffix(".txt")) == detect_format(path) == "brat"
    one = read_sentences(path)
    assert read_sentences(path.with_suffix(".txt")) == one
    (tmp_path / "README.md").write_text("Read me.")
    from tagsmith.corpus.folders import files_of_folder

    assert files_of_folder(tmp_path).of("train") == [path]


def test_there_and_back_nothing_is_lost(tmp_path):
    path = both(tmp_path)
    convert(path, tmp_path / "again", target_format="brat")
    for suffix in (".txt", ".ann"):
        assert (tmp_path / "again" / f"doc{suffix}").read_bytes() == path.with_suffix(suffix).read_bytes()


def test_what_refers_to_a_span_that_is_gone_goes_too(tmp_path):
    (document,) = BRAT.read(both(tmp_path), read_options())
    spans = (document.spans[1], Span(26, 30, "NEW"))
    written = Document(document.text, document.sentences, spans, document.meta)
    write_documents(BRAT, [written, written], tmp_path / "out", write_options())
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["doc.ann", "doc.txt", "doc_.ann", "doc_.txt"]
    assert (tmp_path / "out" / "doc.ann").read_text().splitlines() == [
        ENTITIES[1], ENTITIES[4], "T6\tNEW 26 30\tBank", OTHERS[3],
    ]  # fmt: skip


def test_offsets_count_characters_also_beyond_the_basic_plane_and_carriage_returns(tmp_path):
    text = "\U0001f600 日本は東京。\r\nAnn left."
    path = both(tmp_path, text, ["T1\tLOC 5 7\t東京", "T2\tPER 10 13\tAnn"])
    options = read_options()
    (document,) = BRAT.read(path, options)
    assert [document.text[span.start : span.end] for span in document.spans] == ["東京", "Ann"]
    assert options.problems == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["T1\tPER 0 12\tAda", "T2 PER 0 3"], r"doc\.ann:2: This is no entity of brat's"),
        (["", "T1\tPER 20 99\tx"], r"doc\.ann:2: The entity T1 \(20 99\) lies outside its text of 62 characters"),
        (["T1\tPER 5 5\t"], "lies outside"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read_sentences(both(tmp_path, lines=lines))


def test_a_quote_of_another_text_is_reported(tmp_path):
    options = read_options()
    list(BRAT.read(both(tmp_path, lines=["T1\tPER 0 3\tAnn", "T2\tPER 4 12\tLovelace"]), options))
    assert [str(problem).partition(": ")[2] for problem in options.problems] == [
        "T1 is 'Ada' in the text, not 'Ann' as it says"
    ]


def test_missing_halves(tmp_path):
    path = both(tmp_path)
    path.with_suffix(".txt").unlink()
    with pytest.raises(DataError, match=r"doc\.txt: There is no such file"):
        read_sentences(path)
    text = tmp_path / "alone.txt"
    text.write_text("Ann left.")
    with pytest.raises(DataError, match=r"alone\.ann: There is no such file"):
        read_sentences(text, format="brat")
    (document,) = BRAT.read_for_tagging(text, ReadOptions())
    assert [sentence.words for sentence in document.sentences] == [("Ann", "left", ".")]


def test_a_label_with_a_space_cannot_be_written(tmp_path):
    document = Document("Ann", (), (Span(0, 3, "first name"),))
    with pytest.raises(DataError, match="'first name' cannot be written for brat"):
        write_documents(BRAT, [document], tmp_path / "out", write_options())


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), min_size=1), st.data())
def test_what_is_written_is_read_again(text, data):
    found = words_and_starts(text)
    spans = []
    for words, starts in found:
        for word, start in zip(words, starts, strict=True):
            if data.draw(st.booleans()):
                spans.append(Span(start, start + len(word), data.draw(st.sampled_from(["PER", "LOC"]))))
    document = Document(text, (), tuple(spans))
    with tempfile.TemporaryDirectory() as folder:
        write_documents(BRAT, [document], Path(folder, "new"), write_options())
        if not found:
            return
        options = read_options()
        (again,) = BRAT.read(Path(folder, "new", "1.ann"), options)
    assert again.text == text
    assert [(span.start, span.end, span.label) for span in again.spans] == [
        (span.start, span.end, span.label) for span in spans
    ]
    assert options.problems == []
