"""What a beginner may give a tagger in place of sentences and texts is refused with the place and the right call."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tagsmith
from random_model import random_model
from tagsmith.errors import DataError, ModelError
from tagsmith.tagging.sentence_tagger import STREAM_SENTENCES
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Document, Sentence

TAGGER = Tagger(random_model(), precision="float32", threads=2)
NAN = float("nan")
GOOD = [["a"], ["b", "c"]]
ONE = Sentence(("a",), (0,))

TAKES_SENTENCES = {
    "tag": TAGGER.tag,
    "tag_layers": TAGGER.tag_layers,
    "tag_marginals": TAGGER.tag_marginals,
    "tag_k_best": lambda sentences: TAGGER.tag_k_best(sentences, 2),
    "tag_stream": lambda sentences: list(TAGGER.tag_stream(sentences)),
}


def message_of(call, *arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", TAKES_SENTENCES)
@pytest.mark.parametrize("wrong", ["John lives", ["John", "lives"], np.array(["John", "lives"]), None, 5, b"John"])
def test_what_is_no_list_of_lists_of_words_shows_the_right_call(name, wrong):
    assert 'tagger.tag([["John", "lives"]])' in message_of(TAKES_SENTENCES[name], wrong)


@pytest.mark.parametrize("name", TAKES_SENTENCES)
@pytest.mark.parametrize("wrong", [None, "b c", 3, NAN, {"b", "c"}, {"b": "c"}, b"bc", ONE, Document("a", (ONE,))])
def test_a_sentence_of_another_kind_is_named_by_its_number(name, wrong):
    assert message_of(TAKES_SENTENCES[name], [*GOOD, wrong]).startswith("Sentence 3 is ")


@pytest.mark.parametrize("name", TAKES_SENTENCES)
@pytest.mark.parametrize(
    ("wrong", "shown"),
    [(None, "None"), (NAN, "NaN"), (3, "the int 3"), (b"x", "the bytes b'x'"), (["x"], "the list ['x']")],
)
def test_a_word_that_is_no_string_is_named_by_sentence_and_token(name, wrong, shown):
    for _ in range(2):  # the word table must not have learned it
        message = message_of(TAKES_SENTENCES[name], [*GOOD, ["a", wrong]])
        assert message.startswith(f"Sentence 3, token 2: the word is {shown}, not a string.")


def test_the_place_is_right_in_long_sentences_in_many_sentences_and_in_later_parts_of_a_stream():
    assert "Sentence 2, token 9000:" in message_of(TAGGER.tag, [["a"], ["b"] * 8999 + [None]])
    assert "Sentence 501, token 2:" in message_of(TAGGER.tag, [["a"] * 30] * 500 + [["a", None], ["b"]])
    late = [["a"]] * (STREAM_SENTENCES + 3) + [["a", None]]
    assert f"Sentence {STREAM_SENTENCES + 4}, token 2:" in message_of(TAKES_SENTENCES["tag_stream"], late)


def test_arrays_tuples_and_subclasses_of_str_are_words():
    words = ["John", "lives"]
    expected = TAGGER.tag([words])
    for sentences in (np.array([words]), np.array([words], object), (tuple(words),), [np.array(words)]):
        assert TAGGER.tag(sentences) == expected
    assert list(TAGGER.tag_stream(word for word in [words])) == expected


def test_an_iterator_is_refused_where_a_length_is_needed():
    assert "tagger.tag_stream" in message_of(TAGGER.tag, iter(GOOD))


@pytest.mark.parametrize("wrong", [["a"], None, b"a", 3, NAN, ("a", "b")])
def test_a_text_is_a_string(wrong):
    assert message_of(TAGGER, wrong).startswith("The text is ")
    assert message_of(TAGGER.tag_texts, ["a", wrong]).startswith("Text 2 is ")
    for cut in (tagsmith.tokenize, tagsmith.tokenize_text):
        assert message_of(cut, wrong).startswith("The text is ")


def test_several_texts_are_a_list():
    for wrong in ("John lives", None, 5):
        assert 'tagger.tag_texts(["John lives."])' in message_of(TAGGER.tag_texts, wrong)
    assert len(TAGGER.tag_texts(text for text in ("a", "b"))) == 2


def test_documents_are_documents():
    document = Document("a", (ONE,))
    assert "tag_documents([document])" in message_of(TAGGER.tag_documents, document)
    for wrong in ("John lives", None, 5):
        assert "tagger.tag_texts" in message_of(TAGGER.tag_documents, wrong)
    assert message_of(TAGGER.tag_documents, [document, "a"]).startswith("Document 2 is ")
    odd = Document("a b", (Sentence(("a", None), (0, 2)),))
    assert "Sentence 1, token 2:" in message_of(TAGGER.tag_documents, [odd])


@pytest.mark.parametrize("threshold", ["0.5", [0.5], {"PER": "0.5"}, {"PER": None}, NAN, 2])
def test_a_threshold_is_a_number(threshold):
    assert "between 0 and 1" in message_of(TAGGER.tag, GOOD, threshold=threshold)


@pytest.mark.parametrize("k", ["3", 2.5, 0, None])
def test_k_is_a_whole_number(k):
    assert "whole number" in message_of(TAGGER.tag_k_best, GOOD, k)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "The data is None"),
        (5, "The data is the int 5"),
        ({"a": 1}, "The data is the dict"),
        ([["John", "lives"], ["B-PER", "O"]], "Item 1 is the list"),
        ([(["a"], ["O"]), ("John lives", "B-PER O")], "Item 2 is the tuple"),
        ([(["a"], ["O"]), (["a", "b"], ["O"])], "Item 2 has 2 words but 1 tags"),
        ([(["a"], ["O"]), (["a", None], ["O", "O"])], "Item 2, token 2: the word is None"),
        ([(["a"], ["O"]), (["a", "b"], ["O", NAN])], "Item 2, token 2: the tag is NaN"),
        ([Sentence(("a", None), (0, 2), {"ner": ("O", "O")})], "Item 1, token 2: the word is None"),
        ([Sentence(("a", "b"), (0, 2), {"ner": ("O", 3)})], "Item 1, token 2: the tag is the int 3"),
    ],
)
def test_labeled_data_in_memory_is_checked_item_by_item(data, said):
    assert said in message_of(TAGGER.evaluate, data)
    assert said in message_of(tagsmith.read_corpus, data) or data is None
    assert said in message_of(tagsmith.read_sentences, data)


def test_training_on_nothing_says_so():
    assert "train is None" in message_of(tagsmith.read_corpus, None)


@pytest.mark.parametrize("folder", [None, 5, TAGGER])
def test_a_model_folder_is_a_path(folder):
    with pytest.raises(ModelError, match=re.escape('load("model/")')):
        tagsmith.load(folder)
    with pytest.raises(ModelError, match=re.escape('tagsmith.load("model/")')):
        tagsmith.Tagger("model/")


def test_a_file_is_read_from_a_path_or_a_stream():
    for wrong in (None, ["a.conll", "b.conll"], 5):
        assert "not a path or a stream" in message_of(lambda wrong=wrong: list(tagsmith.read_documents(wrong)))
