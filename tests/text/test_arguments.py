"""Schemes by name, and spans, layers, sentences and documents that are none."""

from __future__ import annotations

import pytest

import tagsmith
from tagsmith.errors import DataError
from tagsmith.text.schemes import Scheme, tags_to_spans


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_scheme_is_given_by_its_name_in_any_case(scheme):
    for name in (scheme.value, scheme.value.lower(), scheme.value.upper()):
        assert Scheme(name) is scheme
        assert tagsmith.Layer("ner", name).scheme is scheme


def test_the_other_names_of_schemes():
    assert (Scheme("BIO"), Scheme("iobes")) == (Scheme.IOB2, Scheme.BIOES)


@pytest.mark.parametrize("wrong", ["nonsense", "", None, 3, ["IOB2"]])
def test_an_unknown_scheme_is_refused_with_the_list_wherever_one_is_taken(wrong):
    for call in (
        lambda: Scheme(wrong),
        lambda: tagsmith.Layer("ner", wrong),
        lambda: tagsmith.spans_to_tags([], 1, wrong),
        lambda: tags_to_spans(["O"], wrong),
    ):
        with pytest.raises(DataError, match="plain, bare, IO, IOB1, IOB2, IOE1, IOE2, BIOES, BILOU, BMES"):
            call()


def test_spans_by_the_name_of_a_scheme():
    assert tagsmith.spans_to_tags([(0, 2, "PER")], 3, "bare") == ["PER", "PER", "O"]
    assert tags_to_spans(["PER", "PER", "O"], "bare") == [(0, 2, "PER")]
    assert tags_to_spans(["PER"], "plain") == []


@pytest.mark.parametrize(
    ("spans", "length"),
    [
        ([(0, 2)], 3),
        ("abc", 3),
        (None, 3),
        ([(0, 1, None)], 3),
        ([("0", "1", "PER")], 3),
        ([(0.0, 1.0, "PER")], 3),
        ([tagsmith.Span(0, 1, "PER")], 3),
        ([(0, 1, "PER")], "John lives"),
        ([(0, 1, "PER")], ["John", "lives"]),
    ],
)
def test_what_is_no_span_shows_one(spans, length):
    with pytest.raises(DataError, match=r'\(0, 2, "PER"\)'):
        tagsmith.spans_to_tags(spans, length, "IOB2")


@pytest.mark.parametrize("labels", ["PER", ["PER", None], [3]])
def test_labels_are_strings(labels):
    with pytest.raises(DataError, match="labels of a layer"):
        tagsmith.Layer("ner", "IOB2", labels)


def test_labels_may_be_a_list():
    assert tagsmith.Layer("ner", "bio", ["LOC", "PER"]) == tagsmith.Layer("ner", Scheme.IOB2, ("LOC", "PER"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: tagsmith.Sentence("John lives", (0, 5)), r"the string 'John lives'"),
        (lambda: tagsmith.Sentence(None, None), "words of a sentence are None"),
        (lambda: tagsmith.Sentence(("John", "lives"), (0,)), "2 words but 1 starts"),
        (lambda: tagsmith.Sentence(("a", "b"), (0, 2), {"tags": ("O",)}), "'tags' has 1 tags for 2 words"),
        (lambda: tagsmith.Sentence(("a", "b"), (0, 2), {"tags": "OO"}), "'tags' has the string 'OO'"),
        (lambda: tagsmith.Sentence(("a", "b"), (0, 2), ("O", "O")), "not a mapping"),
        (lambda: tagsmith.Document(None, ()), "text of a document is None"),
        (lambda: tagsmith.Document("ab", "ab"), "not all of the type Sentence"),
        (lambda: tagsmith.Document("ab", ["ab"]), "not all of the type Sentence"),
        (lambda: tagsmith.Document("a", tagsmith.Sentence(("a",), (0,))), "not all of the type Sentence"),
    ],
)
def test_sentences_and_documents_are_checked_when_they_are_made(make, said):
    with pytest.raises(DataError, match=said):
        make()


@pytest.mark.parametrize("wrong", [["B-PER", "O"], "B-PER", [["O"], None]])
def test_a_scheme_is_found_in_lists_of_tags_only(wrong):
    with pytest.raises(DataError, match=r"not a list of tags.*\[\[\"B-PER\", \"O\"\]"):
        tagsmith.detect_scheme(wrong)
