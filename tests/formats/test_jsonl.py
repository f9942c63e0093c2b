from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from format_options import write_options
from tagsmith.errors import DataError
from tagsmith.formats import jsonl
from tagsmith.formats.options import AlignmentProblem, ReadOptions, read_options
from tagsmith.text.document import Document, Sentence
from tagsmith.text.schemes import Scheme, tags_to_spans

TEXT = "John lives in New York."


def read(*records, **options) -> list[Document]:
    text = "\n".join(record if isinstance(record, str) else json.dumps(record) for record in records)
    return list(jsonl.read(io.StringIO(text), read_options(**options)))


def written(documents, **options) -> str:
    stream = io.StringIO()
    jsonl.write(documents, stream, write_options(**options))
    return stream.getvalue()


def pairs(sentence: Sentence, layer="tags"):
    return list(zip(sentence.words, sentence.layers[layer], strict=True))


JOHN = [("John", "B-PER"), ("lives", "O"), ("in", "O"), ("New", "B-LOC"), ("York", "I-LOC"), (".", "O")]


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "label": [[0, 4, "PER"], [14, 22, "LOC"]]},
        {"id": 7, "text": TEXT, "labels": [[14, 22, "LOC"], [0, 4, "PER"]], "meta": {}},
        {
            "text": TEXT,
            "entities": [
                {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 4},
                {"id": 2, "label": "LOC", "start_offset": 14, "end_offset": 22},
            ],
            "relations": [],
        },
        {
            "text": TEXT,
            "spans": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 22, "label": "LOC"}],
            "answer": "accept",
        },
        {
            "id": 1,
            "data": {"text": TEXT, "source": "x"},
            "annotations": [
                {"was_cancelled": True, "result": []},
                {
                    "was_cancelled": False,
                    "result": [
                        {
                            "type": "labels",
                            "value": {"start": 0, "end": 4, "text": "John", "labels": ["PER"]},
                        },
                        {
                            "type": "labels",
                            "value": {"start": 14, "end": 22, "text": "New York", "labels": ["LOC"]},
                        },
                    ],
                },
            ],
        },
        {
            "text": TEXT,
            "label": [
                {"start": 0, "end": 4, "text": "John", "labels": ["PER"]},
                {"start": 14, "end": 22, "text": "New York", "labels": ["LOC"]},
            ],
        },
        {
            "full_text": TEXT,
            "spans": [
                {"entity_type": "PER", "entity_value": "John", "start_position": 0, "end_position": 4},
                {"entity_type": "LOC", "entity_value": "New York", "start_position": 14, "end_position": 22},
            ],
        },
    ],
    ids=[
        "doccano",
        "doccano-old",
        "doccano-relations",
        "prodigy",
        "label-studio",
        "label-studio-min",
        "spans",
    ],
)
def test_the_exports_of_annotation_tools(record):
    problems = []
    for documents in (
        read(record, problems=problems),
        read(json.dumps([record], indent=1), problems=problems),
    ):
        (document,) = documents
        assert document.text == TEXT
        assert [pairs(sentence) for sentence in document.sentences] == [JOHN]
        assert [(span.start, span.end, span.label, span.text) for span in document.spans] == [
            (0, 4, "PER", "John"),
            (14, 22, "LOC", "New York"),
        ]
    assert problems == []


def test_tokens_and_tags():
    (document,) = read({"tokens": ["New York", "is"], "ner_tags": ["B-LOC", "O"]}, layer="ner")
    assert document.text == "New York is"
    assert pairs(document.sentences[0], "ner") == [("New York", "B-LOC"), ("is", "O")]
    (untagged,) = read({"tokens": ["a"]}, labels_required=False)
    assert untagged.sentences[0].layers == {}


def test_prodigys_own_tokens_are_used():
    tokens = [
        {"text": "New York", "start": 0, "end": 8, "id": 0},
        {"text": "is", "start": 9, "end": 11, "id": 1},
    ]
    (document,) = read({"text": "New York is", "tokens": tokens, "spans": [{"start": 0, "end": 8, "label": "X"}]})
    assert pairs(document.sentences[0]) == [("New York", "B-X"), ("is", "O")]


def test_records_left_out_are_reported():
    problems = []
    cancelled = {"data": {"text": "a"}, "annotations": [{"was_cancelled": True, "result": []}]}
    documents = read(
        {"text": "a", "spans": [], "answer": "reject"},
        "",
        cancelled,
        {"text": "b", "label": []},
        problems=problems,
    )
    assert [document.text for document in documents] == ["b"]
    assert [problem.line for problem in problems] == [1, 3]
    assert "'reject'" in str(problems[0])
    twice = {
        "data": {"text": "a"},
        "annotations": [{"result": []}, {"result": [{"type": "choices", "value": {}}]}],
    }
    read(twice, problems=problems)
    assert "1 more annotation(s)" in str(problems[2])


def test_a_span_that_does_not_align_is_snapped_and_reported():
    problems = []
    record = {"text": TEXT, "label": [[1, 3, "PER"], [15, 23, "LOC"]]}
    (document,) = read({"text": "x", "label": []}, record, problems=problems)[1:]
    assert pairs(document.sentences[0])[:1] == [("John", "B-PER")]
    first, second = sorted(problems, key=lambda problem: problem.span)
    assert isinstance(first, AlignmentProblem)
    assert (first.line, first.text, first.label, first.span) == (2, "oh", "PER", (1, 3))
    assert (first.nearest, first.used) == ((0, 4), (0, 4))
    assert (second.text, second.nearest, second.used) == ("ew York.", (14, 23), (14, 23))
    assert "'oh' [PER] does not align with tokens; the nearest token boundaries are 0 and 4" in str(first)
    assert [(span.start, span.end) for span in document.spans] == [(1, 3), (15, 23)]


def test_a_span_that_does_not_align_can_be_skipped_or_refused():
    record = {"text": TEXT, "label": [[1, 3, "PER"], [14, 22, "LOC"]]}
    problems = []
    (document,) = read(record, alignment="skip", problems=problems)
    assert pairs(document.sentences[0]) == [("John", "O"), *JOHN[1:]]
    assert [problem.used for problem in problems] == [None]
    with pytest.raises(DataError, match="'oh' \\[PER\\] does not align with tokens") as caught:
        read(record, alignment="error")
    assert caught.value.line == 1


def test_white_space_at_the_ends_of_a_span_is_reported_too():
    problems = []
    (document,) = read({"text": TEXT, "label": [[0, 5, "PER"]]}, problems=problems)
    assert pairs(document.sentences[0])[:2] == JOHN[:2]
    assert [(problem.span, problem.used) for problem in problems] == [((0, 5), (0, 4))]


def test_of_overlapping_spans_the_longest_is_used_and_the_others_reported():
    problems = []
    labels = [[14, 17, "X"], [14, 22, "LOC"], [18, 22, "Y"], [0, 4, "PER"], [0, 4, "Z"]]
    (document,) = read({"text": TEXT, "label": labels}, problems=problems)
    assert pairs(document.sentences[0]) == JOHN
    assert sorted(problem.label for problem in problems) == ["X", "Y", "Z"]
    assert all("overlaps" in str(problem) and problem.used is None for problem in problems)


@pytest.mark.parametrize("span", [[20, 99, "X"], [-1, 2, "X"], [3, 3, "X"], [5, 2, "X"], [4, 5, "X"]])
def test_spans_that_hold_no_token_or_lie_outside_are_reported(span):
    problems = []
    (document,) = read({"text": TEXT, "label": [span]}, problems=problems)
    assert {tag for _, tag in pairs(document.sentences[0])} == {"O"}
    assert len(problems) == 1
    assert problems[0].used is None


def test_sentences_are_joined_where_a_span_crosses_their_border():
    text = "It works. We like it. They met."
    (apart,) = read({"text": text, "label": []})
    assert len(apart.sentences) == 3
    (joined,) = read({"text": text, "label": [[3, 12, "X"]]})
    assert [len(sentence) for sentence in joined.sentences] == [7, 3]
    assert pairs(joined.sentences[0])[1:4] == [("works", "B-X"), (".", "I-X"), ("We", "I-X")]


def test_offsets_in_utf_16_units_are_recognized_by_the_quoted_text():
    problems = []
    record = {"text": "😀 John", "label": [{"start": 3, "end": 7, "text": "John", "labels": ["PER"]}]}
    (document,) = read(record, problems=problems)
    assert pairs(document.sentences[0])[-1] == ("John", "B-PER")
    assert problems == []
    wrong = {"text": "a John", "label": [{"start": 0, "end": 1, "text": "John", "labels": ["PER"]}]}
    read(wrong, problems=problems)
    assert "is 'a', not 'John'" in str(problems[0])


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("", "no records", None),
        ("[]", "no records", None),
        ('{"text": "a", "label": []}\n{"text": ', "not JSON", 2),
        ('[{"text": "a", "label": []},\n {"text" 1}]', "not JSON", 2),
        ('[{"text": "a", "label": []}\n {"text": 1}]', "not JSON", 2),
        ('[{"text": "a", "label": []},\n', "not JSON", 2),
        ('{"text": "a", "label": []}\n3', "not a JSON object", 2),
        ('{"label": []}', "no text", 1),
        ('{"data": {"x": 1}, "annotations": []}', "no text", 1),
        ('{"text": "a"}', "no labels", 1),
        ('{"text": "a", "label": ["positive"]}', "is no span", 1),
        ('{"text": "a", "label": [[0, 1]]}', "is no span", 1),
        ('{"text": "a", "label": [{"start": 0, "label": "X"}]}', "is no span", 1),
        ('{"text": "a", "label": [["0", 1, "X"]]}', "is no span", 1),
        ('{"text": "a", "label": [{"start": 0, "end": 1, "labels": []}]}', "is no span", 1),
        ('{"text": "a", "label": "X"}', "no list of spans", 1),
        ('{"tokens": ["a"], "tags": ["O", "O"]}', "1 tokens but 2 tags", 1),
        ('{"tokens": ["a"], "tags": [0]}', "numbers and not names", 1),
        ('{"tokens": ["a"]}', "tags are missing", 1),
        ('{"tokens": "a", "tags": ["O"]}', "no list of words", 1),
        ('{"text": "ab", "tokens": [{"start": 0}], "label": []}', "no start and end", 1),
        (
            '{"text": "ab", "tokens": [{"start": 0, "end": 2}, {"start": 1, "end": 2}], "label": []}',
            "overlap",
            1,
        ),
        ('{"text": "a b", "tokens": [{"start": 0, "end": 1}], "label": [], "sentences": [[2, 3], [0, 1]]}', "order", 1),
    ],
)
def test_faults_name_file_line_and_remedy(file, text, message, line):
    path = file(text, "x.jsonl")
    with pytest.raises(DataError, match=message) as caught:
        list(jsonl.read(path, ReadOptions()))
    assert caught.value.path == str(path)
    assert caught.value.line == line
    assert caught.value.remedy


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "ents": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 22, "label": "LOC"}]},
        {"text": TEXT, "label": [], "entities": [[0, 4, "PER"], [14, 22, "LOC"]]},
        {"text": TEXT, "labels": ["news"], "spans": [[0, 4, "PER"], [14, 22, "LOC"]]},
        {"text": TEXT, "label": "news", "entities": [[0, 4, "PER"], [14, 22, "LOC"]]},
    ],
)
def test_labels_are_found_beside_keys_that_hold_none(record):
    problems = []
    assert pairs(read(record, problems=problems)[0].sentences[0]) == JOHN
    assert problems == []
    array = json.dumps([[TEXT, {"entities": [[0, 4, "PER"], [14, 22, "LOC"]]}]])  # spaCy 2
    assert pairs(read(array)[0].sentences[0]) == JOHN


def test_different_labels_under_two_keys_are_reported():
    problems = []
    record = {"text": TEXT, "entities": [[0, 4, "PER"]], "spans": [[14, 22, "LOC"]]}
    read(record, record | {"entities": record["spans"]}, problems=problems)
    assert [(problem.line, problem.message) for problem in problems] == [
        (1, "this record has labels under 'spans' and 'entities'; those under 'spans' are used")
    ]


def test_objects_of_several_lines_are_read_with_the_lines_where_they_begin():
    record = {"text": TEXT, "label": [[0, 4, "PER"], [14, 22, "LOC"]]}
    pretty = json.dumps(record, indent=2)
    for text in (pretty, f"\n{pretty}\n{pretty}\n", f"{pretty},\n{pretty}"):
        documents = read(text)
        assert all(pairs(document.sentences[0]) == JOHN for document in documents)
        assert len(documents) == text.count("text")
    (_, second) = read(f"\n{pretty}\n{pretty}\n")
    assert second.sentences[0].line == 3 + pretty.count("\n")
    for text in (pretty[:-3], f"{pretty}\n]", f"{pretty}\n[{pretty}"):
        with pytest.raises(DataError, match=r"This is not JSON|is not a JSON object"):
            read(text)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"sourceName": "a", "text": "Ann"}, "so it may be re3d's, whose labels are in entities.json"),
        ({"title": "a", "vertexSet": []}, "The sents are no lists of words"),
        ({"sents": [["a"]], "vertexSet": [[{"sent_id": 0, "pos": [0, 2], "type": "X"}]]}, "is none of these sentences"),
        ({"rasa_nlu_data": {}}, "so it may be Rasa's"),
        ({"text": "a b", "cats": {}, "id": 1}, "no labels: no key of .*; it has text, cats, id"),
    ],
)
def test_a_record_of_another_tool_is_refused_with_its_keys(record, message):
    with pytest.raises(DataError, match=message):
        read(record)


def test_a_layer_that_a_record_lacks_lists_those_it_has_nearest_first():
    record = {"text": "a", "tokens": ["a"], "layers": {"xpos": ["NN"], "upos": ["NOUN"]}, "tags": ["NN"]}
    assert read(record, layer="upos")[0].sentences[0].layers == {"upos": ("NOUN",)}
    with pytest.raises(DataError, match=r"There is no layer 'upso' here. The layers are: upos, xpos\."):
        read(record, layer="upso")


def test_what_is_written_is_read_back():
    record = {"text": "John met Mary. She left.", "label": [[0, 4, "PER"], [9, 13, "PER"]], "id": 3}
    documents = read(record)
    (back,) = read(written(documents))
    assert back == documents[0]
    assert json.loads(written(documents))["id"] == 3


def test_scores_are_written_and_plain_tags_are_no_spans():
    (document,) = read({"tokens": ["a", "b"], "tags": ["NOUN", "VERB"]})
    record = json.loads(written([document], layer="tags", scheme=Scheme.PLAIN))
    assert "spans" not in record
    assert record["tags"] == ["NOUN", "VERB"]
    assert pairs(read(record)[0].sentences[0]) == [("a", "NOUN"), ("b", "VERB")]


def test_spans_are_made_of_tags_where_there_are_no_others():
    (document,) = read({"tokens": ["New", "York", "x"], "tags": ["B-LOC", "E-LOC", "S-X"]})
    assert json.loads(written([document], layer="tags", scheme=Scheme.BIOES))["spans"] == [
        {"start": 0, "end": 8, "label": "LOC", "text": "New York"},
        {"start": 9, "end": 10, "label": "X", "text": "x"},
    ]


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(-2, 32), st.integers(-2, 32), st.sampled_from("XY"))))
def test_every_span_is_labeled_or_reported(text, spans):
    problems = []
    (document,) = read({"text": text, "label": [list(span) for span in spans]}, problems=problems)
    problems = [problem for problem in problems if isinstance(problem, AlignmentProblem)]
    labeled = []
    for sentence in document.sentences:
        for start, end, label in tags_to_spans(sentence.layers["tags"], Scheme.IOB2):
            last = sentence.starts[end - 1] + len(sentence.words[end - 1])
            labeled.append((sentence.starts[start], last, label))
    exact = [span for span in spans if span in labeled]
    for span in spans:
        reported = [problem for problem in problems if (*problem.span, problem.label) == span]
        assert reported or span in exact
    used = [(*problem.used, problem.label) for problem in problems if problem.used]
    assert set(labeled) <= {*used, *spans}


def test_real_spans_all_align_or_are_reported(corpora):
    problems = []
    path = corpora / "presidio_pii" / "synth_dataset_v2.json"
    documents = list(jsonl.read(path, ReadOptions(problems=problems)))
    assert len(documents) == 1500
    spans = sum(len(document.spans) for document in documents)
    labeled = sum(
        tag.startswith("B-")
        for document in documents
        for sentence in document.sentences
        for tag in sentence.layers["tags"]
    )
    assert spans - labeled == sum(problem.used is None for problem in problems)
    assert labeled > 0.99 * spans


def test_the_score_of_a_span_is_kept():
    record = {"text": TEXT, "spans": [{"start": 0, "end": 4, "label": "PER", "score": 0.75}, [14, 22, "LOC"]]}
    (document,) = read(record)
    assert [span.score for span in document.spans] == [0.75, None]
    assert [span.get("score") for span in json.loads(written([document]))["spans"]] == [0.75, None]


@pytest.mark.parametrize("score", [7.5, -0.1, True, "0.5", None, []])
def test_a_score_that_is_no_probability_is_left_out(score):
    options = read_options()
    record = {"text": TEXT, "spans": [{"start": 0, "end": 4, "label": "PER", "score": score}]}
    (document,) = jsonl.read(io.StringIO(json.dumps(record)), options)
    assert document.spans[0].score is None
    said = [f"the score {score} is no probability" in str(problem) for problem in options.problems]
    assert said == ([True] if score in (7.5, -0.1) else [])


def test_docred_has_mentions_in_sentences():
    mentions = [{"sent_id": 0, "pos": [0, 2], "type": "PER"}, {"sent_id": 0, "pos": [1, 2], "type": "LAST"}]
    entities = [mentions, [{"sent_id": 1, "pos": [1, 2], "type": "LOC"}], mentions[:1]]
    record = {"title": "t", "sents": [["Ann", "Lee", "left"], ["To", "Oslo"]], "vertexSet": entities}
    (document,) = read(json.dumps(record))
    assert [sentence.layers["tags"] for sentence in document.sentences] == [("B-PER", "I-PER", "O"), ("O", "B-LOC")]
    assert [(span.label, document.text[span.start : span.end]) for span in document.spans] == [
        ("PER", "Ann Lee"), ("LAST", "Lee"), ("LOC", "Oslo"),
    ]  # fmt: skip


def test_stanza_has_a_list_of_tokens_a_sentence():
    tokens = [{"text": "Ann", "ner": "S-PER"}, {"text": "left", "ner": "O", "multi_ner": ["O"]}]
    first, second = read(json.dumps([tokens, tokens[1:]]))
    assert (first.sentences[0].words, first.sentences[0].layers["tags"]) == (("Ann", "left"), ("S-PER", "O"))
    assert second.sentences[0].words == ("left",)
    with pytest.raises(DataError, match=r"There are 2 tokens|are missing"):
        read(json.dumps([[*tokens[:1], {"text": "left"}]]))
