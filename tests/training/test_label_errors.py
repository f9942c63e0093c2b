"""Label errors that were put into easy data are found; the ranking, the folds and the export are as they say."""

from __future__ import annotations

import io
import json

import pytest

from tagsmith.cli.inspect_errors import marked
from tagsmith.corpus.sentences import Sentences, hold_sentences
from tagsmith.errors import DataError
from tagsmith.text.document import sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, TokenSpan
from tagsmith.training.label_errors import LabelErrors, Place, _joined, deal, find_label_errors, ranked
from tagsmith.training.recipe import make_recipe

PEOPLE = ("Ann", "Bob", "Cyd", "Dan", "Eve", "Flo")
PLACES = ("Oslo", "Rome", "Lima", "Bern", "Kyiv", "Bonn")
WRONG = {
    3: ["O", "O", "O", "B-LOC"],  # missing
    11: ["B-LOC", "O", "O", "B-LOC"],  # label
    20: ["B-PER", "B-PER", "O", "B-LOC"],  # spurious
    29: ["B-PER", "O", "B-LOC", "I-LOC"],  # boundaries
}
TINY = {"units": 12, "characters": "none", "epochs": 5, "average_epochs": 0.0, "learning_rate": 0.02, "least_steps": 20}


@pytest.fixture(scope="module")
def errors() -> LabelErrors:
    data = [([who, "lives", "in", where], ["B-PER", "O", "O", "B-LOC"]) for who in PEOPLE for where in PLACES]
    for number, tags in WRONG.items():
        data[number] = (data[number][0], tags)
    lines: list[str] = []
    found = find_label_errors(data, folds=2, recipe=make_recipe("fast", TINY), tell=lines.append)
    assert len(lines) == 2
    assert lines[0].startswith("model 1 of 2: agrees with ")
    return found


def test_the_wrong_labels_are_the_most_suspicious(errors: LabelErrors):
    top = errors.found[: len(WRONG)]
    assert {error.sentence: error.kind for error in top} == {
        3: "missing",
        11: "label",
        20: "spurious",
        29: "boundaries",
    }
    for error in top:
        assert error.p_given < error.p_suggested
        assert 0.5 < error.confidence <= 1
    assert errors.spans == 72
    assert errors.agreed >= 64


def test_the_label_page_reads_the_export_as_predictions(errors: LabelErrors):
    pytest.importorskip("fastapi")
    from tagsmith import FORMATS, WriteOptions
    from tagsmith.labeling.labeled_file import read_labeled

    stream = io.StringIO()
    FORMATS["jsonl"].write(errors.documents(4), stream, WriteOptions(layers=(errors.layer,)))
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {tuple(map(tuple, record["given"])) for record in records} >= {
        ((3, 4, "LOC"),),
        ((0, 1, "LOC"), (3, 4, "LOC")),
    }
    read = read_labeled(stream.getvalue(), "jsonl", errors.layer, 1000)
    assert (read.refused, read.changed) == ([], [])
    for sentence in read.sentences:
        assert sentence.spans == [TokenSpan(0, 1, "PER"), TokenSpan(3, 4, "LOC")]
        assert sentence.scores is not None
        assert all(0 < score <= 1 for score in sentence.scores)


def held(*sentences: list[str]) -> Sentences:
    return hold_sentences([sentence_from_words(words, {"tags": ["O"] * len(words)}) for words in sentences])


def test_equal_sentences_are_in_one_fold():
    sentences = held(*[[f"w{number % 10}"] for number in range(40)])
    folds = deal(sentences, 3, seed=1)
    assert {folds[number] == folds[number % 10] for number in range(40)} == {True}
    assert set(folds.tolist()) == {0, 1, 2}
    assert folds.tolist() == deal(sentences, 3, seed=1).tolist()
    assert folds.tolist() != deal(sentences, 3, seed=2).tolist()


def test_spans_that_overlap_make_one_place():
    given = [TokenSpan(0, 2, "A"), TokenSpan(2, 3, "B"), TokenSpan(5, 6, "C")]
    predicted = [TokenSpan(1, 3, "A"), TokenSpan(7, 8, "C")]
    assert [(start, end, len(ones), len(others)) for start, end, ones, others in _joined(given, predicted)] == [
        (0, 3, 2, 1),
        (5, 6, 1, 0),
        (7, 8, 0, 1),
    ]
    assert list(_joined([], [])) == []


def test_a_label_that_is_usually_improbable_counts_less():
    hard, easy, other = TokenSpan(0, 1, "HARD"), TokenSpan(0, 1, "EASY"), (TokenSpan(0, 1, "OTHER"),)
    places = [Place(number, 0, 1, (hard,), (hard,), 0.02, 0.02) for number in range(9)]
    places += [Place(number, 0, 1, (easy,), (easy,), 0.98, 0.98) for number in range(10, 19)]
    places += [Place(9, 0, 1, (hard,), other, 0.01, 0.9), Place(19, 0, 1, (easy,), other, 0.01, 0.9)]
    found = ranked(held(*[["w"]] * 20), places)
    assert [error.sentence for error in found] == [19, 9]
    assert found[0].confidence > found[1].confidence


def test_impossible_labelings_do_not_break_the_ranking():
    one, other = (TokenSpan(0, 1, "A"),), (TokenSpan(0, 1, "B"),)
    (found,) = ranked(held(["w"]), [Place(0, 0, 1, one, other, 0.0, 1.0)])
    assert 0 <= found.confidence <= 1


def test_too_few_sentences_and_several_layers_are_refused():
    with pytest.raises(DataError, match="3 different sentences are too few for 4 folds"):
        find_label_errors([(["a"], ["B-X"]), (["b"], ["O"]), (["c"], ["O"]), (["c"], ["O"])])


def test_plain_tags_are_not_exported():
    errors = LabelErrors(held(["w"]), Layer("upos", Scheme.PLAIN, ("X",)), (), (), 4, 0)
    with pytest.raises(DataError, match="no spans"):
        errors.documents()


def test_a_place_is_shown_with_words_around_it():
    words = [f"w{number}" for number in range(20)]
    shown = marked(words, [TokenSpan(8, 10, "A"), TokenSpan(10, 11, "B")], 8, 11)
    assert shown == "… w2 w3 w4 w5 w6 w7 [w8 w9 A] [w10 B] w11 w12 w13 w14 w15 w16 …"
