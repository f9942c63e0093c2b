"""Files for doccano, Prodigy, Label Studio and GLiNER: what is written is what they import, and is read again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from format_options import write_options
from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, detect_format
from tagsmith.formats.alignment import tag_document
from tagsmith.formats.options import read_options
from tagsmith.text.document import Document, Sentence, Span
from tagsmith.text.schemes import Scheme
from tagsmith.text.tokenizer import words_and_starts

TOOLS = ("doccano", "prodigy", "label-studio", "gliner")
TEXT = "\U0001f600 王小明 lives in 東京。 Ann left."
SPANS = (Span(2, 5, "PER"), Span(15, 17, "LOC", score=0.75))


def document(text: str = TEXT, spans: tuple[Span, ...] = SPANS, **meta) -> Document:
    sentences = tuple(Sentence(tuple(words), tuple(starts)) for words, starts in words_and_starts(text))
    return tag_document(Document(text, sentences, spans, meta), read_options())


def written(name: str, *documents: Document) -> str:
    stream = io.StringIO()
    FORMATS[name].write(documents, stream, write_options("tags"))
    return stream.getvalue()


def read(name: str, content: str) -> list[Document]:
    return list(FORMATS[name].read(io.StringIO(content), read_options()))


def test_doccano_gets_text_and_label_in_the_units_of_its_page():
    assert written("doccano", document()).isascii()  # it guesses the encoding of what is not
    assert json.loads(written("doccano", document(record={"id": 7, "Comments": []}))) == {
        "id": 7, "Comments": [], "text": TEXT, "label": [[3, 6, "PER"], [16, 18, "LOC"]], "offset_unit": "utf-16",
    }  # fmt: skip


def test_prodigy_gets_tokens_and_spans_in_both_units():
    record = json.loads(written("prodigy", document("Ann Lee left.", (Span(0, 7, "PER", score=0.5),))))
    assert "answer" not in record  # it is a suggestion
    assert json.loads(written("prodigy", document("Ann left.", (Span(0, 3, "PER"),))))["answer"] == "accept"
    assert record["tokens"][:2] == [
        {"text": "Ann", "start": 0, "end": 3, "id": 0, "ws": True},
        {"text": "Lee", "start": 4, "end": 7, "id": 1, "ws": True},
    ]
    assert record["tokens"][2]["ws"] is False
    assert record["spans"] == [{"start": 0, "end": 7, "label": "PER", "token_start": 0, "token_end": 1, "score": 0.5}]


def test_label_studio_gets_tasks_with_predictions():
    (task,) = json.loads(written("label-studio", document()))
    assert task == {
        "data": {"text": TEXT},
        "predictions": [
            {
                "model_version": "tagsmith",
                "result": [
                    {
                        "id": "span1", "from_name": "label", "to_name": "text", "type": "labels",
                        "value": {"start": 2, "end": 5, "text": "王小明", "labels": ["PER"]},
                    },
                    {
                        "id": "span2", "from_name": "label", "to_name": "text", "type": "labels",
                        "value": {"start": 15, "end": 17, "text": "東京", "labels": ["LOC"]}, "score": 0.75,
                    },
                ],
            }
        ],
    }  # fmt: skip
    assert written("label-studio") == written("gliner") == "[]\n"


def test_what_a_person_has_accepted_is_no_prediction_any_more():
    span = {"start": 0, "end": 3, "label": "PER", "score": 0.5}
    for record, score in (
        ({"text": "Ann left.", "spans": [span]}, 0.5),
        ({"text": "Ann left.", "spans": [span], "answer": "accept"}, None),
    ):
        ((one,),) = [document.spans for document in read("prodigy", json.dumps(record))]
        assert one.score == score
    result = [{"value": {"start": 0, "end": 3, "labels": ["PER"]}, "score": 0.5}]
    for key, score in (("predictions", 0.5), ("annotations", None)):
        ((one,),) = [
            document.spans
            for document in read(
                "label-studio", json.dumps([{"data": {"text": "Ann left."}, key: [{"result": result}]}])
            )
        ]
        assert one.score == score


EXPORT = {
    "id": 12,
    "data": {"body": TEXT, "page": 3},
    "annotations": [
        {
            "result": [
                {
                    "from_name": "ner", "to_name": "story", "type": "labels",
                    "value": {"start": 3, "end": 6, "text": "王小明", "labels": ["PER"]},
                }
            ]
        }
    ],
}  # fmt: skip


def test_an_old_export_of_label_studio_comes_back_as_a_task_with_its_own_names_and_data():
    """Its offsets count UTF-16 units: the smiling face counts as two."""
    (one,) = read("label-studio", json.dumps([{**EXPORT, "data": {"body": TEXT}}]))
    assert [(span.start, span.end, one.text[span.start : span.end]) for span in one.spans] == [(2, 5, "王小明")]
    export = {**EXPORT, "data": {"text": TEXT, "page": 3}}
    (one,) = read("label-studio", json.dumps([export]))
    (task,) = json.loads(written("label-studio", one))
    assert (task["id"], task["data"]) == (12, {"text": TEXT, "page": 3})
    (result,) = task["predictions"][0]["result"]
    assert (result["from_name"], result["to_name"]) == ("ner", "story")
    assert (result["value"]["start"], result["value"]["end"], result["value"]["text"]) == (2, 5, "王小明")


def test_a_text_without_spaces_has_a_token_for_each_character_or_word_and_not_one_for_all(tmp_path):
    """Label Studio's own CoNLL export makes one token of a Chinese sentence."""
    path = tmp_path / "export.json"
    text = "标的车直行碰撞,护栏受损."
    value = {"start": 8, "end": 10, "text": "护栏", "labels": ["物"]}
    path.write_text(json.dumps([{"data": {"text": text}, "annotations": [{"result": [{"value": value}]}]}]), "utf-8")
    convert(path, tmp_path / "out.conll")
    rows = [line.split("\t") for line in (tmp_path / "out.conll").read_text("utf-8").splitlines() if line]
    assert "".join(word for word, _ in rows) == text
    assert [tag for word, tag in rows if word in ("护", "栏")] == ["B-物", "I-物"]


def test_every_span_that_does_not_fit_is_listed():
    options = read_options()
    label = [[0, 2, "A"], [5, 8, "B"], [10, 12, "C"], [3, 99, "D"]]
    content = json.dumps({"text": "Anna lives here", "label": label})
    list(FORMATS["doccano"].read(io.StringIO(content), options))
    assert len(options.problems) == 4
    assert [problem.label for problem in options.problems] == ["D", "B", "A", "C"]


def test_glinersdata_is_recognized_and_nothing_of_it_is_cut(file):
    words = ["Ann", "Lee", *["word"] * 2000, "Rome", "City"]
    record = {"tokenized_text": words, "ner": [[0, 1, "PER"], [2002, 2003, "LOC"], [2002, 2002, "CITY"]]}
    path = file(json.dumps([record, {"tokenized_text": ["No"], "ner": []}]), "data.json")
    assert detect_format(path) == "jsonl"
    options = read_options()
    first, second = FORMATS["gliner"].read(path, options)
    (sentence,) = first.sentences
    assert (sentence.words, sentence.layers["tags"][-2:]) == (tuple(words), ("B-LOC", "I-LOC"))
    assert [span.label for span in first.spans] == ["PER", "LOC", "CITY"]
    assert [str(problem).count("overlaps") for problem in options.problems] == [1]
    assert second.sentences[0].layers["tags"] == ("O",)
    again = json.loads(written("gliner", first, second))
    assert again[0] == {"tokenized_text": words, "ner": [[0, 1, "PER"], [2002, 2002, "CITY"], [2002, 2003, "LOC"]]}
    assert again[1] == {"tokenized_text": ["No"], "ner": []}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"tokenized_text": "Ann left", "ner": []}, "The tokenized_text is no list of words"),
        ({"tokenized_text": ["Ann", ""], "ner": []}, "The tokenized_text is no list of words"),
        ({"tokenized_text": ["Ann"], "ner": [[0, 1, "PER"]]}, r"The span \[0, 1, .PER.\] is not"),
        ({"tokenized_text": ["Ann"], "ner": [[0, 0]]}, r"The span \[0, 0\] is not"),
        ({"tokenized_text": ["Ann"], "ner": 7}, "The span 7 is not"),
    ],
)
def test_what_is_wrong_in_glinersdata_is_said(file, record: dict, message: str):
    with pytest.raises(DataError, match=":1: " + message):
        read_sentences(file(json.dumps(record), "a.jsonl"))


@pytest.mark.parametrize("name", TOOLS)
def test_tags_of_single_tokens_are_not_spans(name: str):
    with pytest.raises(DataError, match=f"{name} holds labeled spans"):
        FORMATS[name].write([], io.StringIO(), write_options("pos", Scheme.PLAIN))


@pytest.mark.parametrize("name", TOOLS)
def test_a_file_is_converted_and_back(name: str, file, tmp_path: Path):
    source = file("Ann\tB-PER\nLee\tI-PER\nleft\tO\nRome\tB-LOC\n\nShe\tO\nwent\tO\n", "a.conll")
    made = tmp_path / f"made{FORMATS[name].file_ending}"
    convert(source, made, target_format=name)
    convert(made, tmp_path / "back.conll")
    assert (tmp_path / "back.conll").read_text() == source.read_text() + "\n"


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), min_size=1, max_size=40)


@given(texts(), st.data(), st.sampled_from(["doccano", "prodigy", "label-studio"]))
def test_text_and_spans_are_read_as_they_were_written(text: str, data, name: str):
    cut = words_and_starts(text)
    tokens = [(start, word) for words, starts in cut for word, start in zip(words, starts, strict=True)]
    chosen = [token for token in tokens if data.draw(st.booleans())]
    labels = st.sampled_from(["PER", "場所"])
    spans = tuple(Span(start, start + len(word), data.draw(labels)) for start, word in chosen)
    (again,) = read(name, written(name, document(text, spans)))
    assert again.text == text
    found = [(own.start, own.end, own.label) for own in again.spans]
    assert found == [(own.start, own.end, own.label) for own in spans]
