"""What Label Studio and doccano really wrote (see golden/README.md), and what their users complain of elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from format_options import write_options
from tagsmith.formats import FORMATS, brat, detect_format
from tagsmith.formats.options import ReadOptions, read_options
from tagsmith.text.document import Document, Span

GOLDEN = Path(__file__).parent / "golden"
TOOLS = ("label-studio", "doccano", "prodigy", "jsonl")


def read(name: str, options: ReadOptions | None = None) -> list[Document]:
    path = GOLDEN / name
    return list(FORMATS[detect_format(path)].read(path, options or read_options()))


def written(tool: str, documents: list[Document]) -> str:
    stream = io.StringIO()
    FORMATS[tool].write(documents, stream, write_options("tags"))
    return stream.getvalue()


def spans(document: Document) -> list[tuple[str, int, int, str]]:
    return [(document.text[span.start : span.end], span.start, span.end, span.label) for span in document.spans]


EXPORTS = ("label-studio.json", "label-studio-min.json", "doccano.jsonl", "doccano-relation.jsonl")


@pytest.mark.parametrize("name", EXPORTS)
def test_texts_and_spans_come_back_from_the_tool(name: str):
    """Emoji, combining marks, Chinese, Arabic, Hindi, line ends, tabs, outer spaces; 3,000 tokens are not cut."""
    options = read_options()
    ours, theirs = read("texts.jsonl"), read(name, options)
    assert [document.text for document in theirs] == [document.text for document in ours]
    assert [spans(document) for document in theirs] == [spans(document) for document in ours]
    assert [document.sentences for document in theirs][-1][0].words[-2:] == ("Rome", ".")
    assert sum(len(sentence) for sentence in theirs[-1].sentences) == 3000
    assert not options.problems


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("tool", TOOLS)
def test_an_export_goes_into_every_tool_and_back(name: str, tool: str):
    again = list(FORMATS[tool].read(io.StringIO(written(tool, read(name))), read_options()))
    assert [spans(document) for document in again] == [spans(document) for document in read("texts.jsonl")]


def test_what_a_mouse_selected_in_label_studio():
    (document,) = read("label-studio-page.json")
    assert [(text, label) for text, _, _, label in spans(document)] == [
        ("Anna", "PER"), ("Berlin", "LOC"), ("Bob", "PER"), ("Köln", "LOC"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["doccano-page.jsonl", "doccano-page-graphemes.jsonl"])
def test_what_a_mouse_selected_in_doccano(name: str):
    """Its page counts UTF-16 units, or grapheme clusters; both are recognized, and the second is reported."""
    options = read_options()
    (document,) = read(name, options)
    assert spans(document) == [("\U0001f600", 0, 1, "PER"), ("Berlin", 15, 21, "PER"), ("Bob", 24, 27, "PER")]
    said = [problem.message for problem in options.problems]
    assert said == ["the spans count grapheme clusters, not UTF-16 units: 3 of 3 spans fit so"] * ("graph" in name)


def test_numbers_of_unknown_origin_are_characters_unless_the_format_is_named():
    record = json.dumps({"text": "\U0001f600 Ann left Rome.", "label": [[3, 6, "PER"], [12, 16, "LOC"]]})
    options = read_options(alignment="skip")
    (document,) = FORMATS["jsonl"].read(io.StringIO(record), options)
    assert [span.start for span in document.spans] == [3, 12]
    assert "may count UTF-16 units, not characters: 2 of 2" in options.problems[0].message
    assert len(options.problems) == 3  # each span is listed, too
    (document,) = FORMATS["doccano"].read(io.StringIO(record), read_options(format="doccano"))
    assert [text for text, *_ in spans(document)] == ["Ann", "Rome"]


def test_numbers_that_fit_in_two_units_are_reported():
    record = json.dumps({"text": "\U0001f600王小明在東京。", "label": [[2, 5, "PER"]], "Comments": []})
    options = read_options()
    (document,) = FORMATS["jsonl"].read(io.StringIO(record), options)
    assert spans(document) == [("王小明", 1, 4, "PER")]
    assert "they are read as UTF-16 units" in options.problems[0].message


def test_a_span_outside_of_its_text_goes_through_doccano_as_it_is():
    outside = Document("\U0001f600 Ann", (), (Span(2, 99, "PER"),))
    (document,) = FORMATS["doccano"].read(io.StringIO(written("doccano", [outside])), options := read_options())
    assert "lies outside its text" in options.problems[-1].message
    assert json.loads(written("doccano", [outside]))["label"] == [[3, 100, "PER"]]
    assert not any(tag != "O" for sentence in document.sentences for tag in sentence.layers["tags"])


def test_brat_counts_a_line_end_of_two_characters_as_one(tmp_path: Path):
    """As brat's own parser read what is written here; files that count it as two are recognized by their quotes."""
    ours = read("texts.jsonl")
    brat.write(ours, tmp_path, write_options("tags"))
    assert (tmp_path / "3.ann").read_text("utf-8") == "T1\tPER 0 4\tAnna\nT2\tPER 11 14\tBob\nT3\tLOC 25 29\tRome\n"
    text = (tmp_path / "3.txt").read_text("utf-8")  # with every line end as one character, as brat reads it
    assert (text[11:14], text[25:29]) == ("Bob", "Rome")
    for number, document in enumerate(ours, 1):
        (again,) = brat.read(tmp_path / f"{number}.ann", read_options())
        assert spans(again) == spans(document)
    (tmp_path / "3.ann").write_text("T1\tPER 12 15\tBob\nT2\tLOC 12 15;26 30\tBob Rome\n", "utf-8")
    (raw,) = brat.read(tmp_path / "3.ann", read_options())
    assert spans(raw)[0] == ("Bob", 12, 15, "PER")
    (tmp_path / "again").mkdir()
    brat.write([raw], tmp_path / "again", write_options("tags"))
    lines = (tmp_path / "again" / "3.ann").read_text("utf-8").splitlines()
    assert lines == ["T1\tPER 11 14\tBob", "T2\tLOC 11 14;25 29\tBob Rome"]


def test_spacy_makes_the_same_text_and_spans_of_the_tokens_for_prodigy():
    """Prodigy makes a Doc of them, with a token for every white space that is not one space after a token."""
    spacy = pytest.importorskip("spacy")
    vocab = spacy.blank("xx").vocab
    for line in written("prodigy", read("texts.jsonl")).splitlines():
        record = json.loads(line)
        words, spaces = zip(*((token["text"], token["ws"]) for token in record["tokens"]), strict=True)
        doc = spacy.tokens.Doc(vocab, words, spaces)
        assert doc.text == record["text"]
        assert [(token.idx, token.i) for token in doc] == [(one["start"], one["id"]) for one in record["tokens"]]
        for span in record["spans"]:
            found = doc.char_span(span["start"], span["end"])
            assert (found.start, found.end - 1) == (span["token_start"], span["token_end"])


def test_every_span_of_every_record_that_does_not_fit_is_listed():
    """Whichever tool wrote it: none is dropped in silence, and the first is not the last."""
    for record in (
        {"text": "Anna lives", "label": [[0, 2, "A"], [1, 4, "B"], [5, 99, "C"]]},
        {"text": "Anna lives", "spans": [{"start": s, "end": e, "label": "A"} for s, e in ((0, 2), (1, 4), (5, 99))]},
        {"data": {"text": "Anna lives"}, "annotations": [{"result": [
            {"value": {"start": s, "end": e, "labels": ["A"]}} for s, e in ((0, 2), (1, 4), (5, 99))]}]},
    ):  # fmt: skip
        options = read_options(alignment="skip")
        list(FORMATS["jsonl"].read(io.StringIO(json.dumps(record)), options))
        assert sorted(problem.span for problem in options.problems) == [(0, 2), (1, 4), (5, 99)]
