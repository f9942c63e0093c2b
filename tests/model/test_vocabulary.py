"""Word forms as rows, against one obvious look-up per word."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tagsmith.model.vocabulary import (
    CHARACTER_PADDING,
    LONGEST_SPELLING,
    NO_VECTOR,
    UNKNOWN_CHARACTER,
    UNKNOWN_WORD,
    UNSEEN_WORD,
    Vocabulary,
    build_vocabulary,
    vocabulary_from_dict,
    word_shape,
)

# Few characters, so that words meet again; a lone surrogate, an astral character, letters that grow in lower case.
LETTERS = st.sampled_from("aAbBß1.İé北\ud800🙂")
FORMS = st.one_of(st.text(LETTERS, min_size=1, max_size=4), st.text(LETTERS, min_size=20, max_size=60))
ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=30)  # surrogates too
EMPTY = Vocabulary((), (), ())


def encode_one(vocabulary: Vocabulary, form: str) -> tuple[int, int, list[int]]:
    """Pretrained row, trained row and characters of one word."""
    pretrained = NO_VECTOR
    for spelling in (form.lower(), form):  # the form as it is wins
        if spelling in vocabulary.pretrained:
            pretrained = vocabulary.pretrained.index(spelling) + 1
    if form.lower() in vocabulary.words:
        trained = vocabulary.words.index(form.lower()) + 2
    else:
        trained = UNSEEN_WORD if pretrained else UNKNOWN_WORD
    half = LONGEST_SPELLING // 2
    read = form if len(form) <= LONGEST_SPELLING else form[:half] + form[-half:]
    rows = [vocabulary.characters.index(c) + 2 if c in vocabulary.characters else UNKNOWN_CHARACTER for c in read]
    return pretrained, trained, rows + [CHARACTER_PADDING] * (LONGEST_SPELLING - len(rows))


def check(vocabulary: Vocabulary, forms: list[str]) -> None:
    encoded = vocabulary.encode(forms)
    assert all(rows.dtype == np.int32 for rows in encoded)
    for number, form in enumerate(forms):
        pretrained, trained, characters = encode_one(vocabulary, form)
        assert encoded.pretrained[number] == pretrained
        assert encoded.trained[number] == trained
        assert encoded.characters[number].tolist() == characters
        assert encoded.shapes[number] == word_shape(form)
        assert vocabulary.have_vectors([form]).tolist() == [bool(pretrained)]


@given(
    st.lists(FORMS, max_size=6).map(lambda words: build_vocabulary(words + words)),
    st.lists(FORMS, max_size=4, unique=True),
    st.lists(FORMS, max_size=8),
)
@example(EMPTY, [], ["", "a", "", "b" * 25])  # empty words between others
def test_encode_agrees_with_looking_up_word_by_word(vocabulary, pretrained, forms):
    vocabulary = Vocabulary(vocabulary.words, tuple(pretrained), vocabulary.characters)
    check(vocabulary, [*forms, *vocabulary.words, *pretrained])


@given(st.lists(ANY_TEXT, max_size=8))
def test_any_text_can_be_encoded(forms):
    check(EMPTY, forms)
    check(build_vocabulary(forms, forms[:1]), forms)


def test_an_empty_vocabulary_knows_nothing_and_says_so():
    encoded = EMPTY.encode(["word"])
    assert encoded.pretrained.tolist() == [NO_VECTOR]
    assert encoded.trained.tolist() == [UNKNOWN_WORD]
    assert encoded.characters[0, :5].tolist() == [UNKNOWN_CHARACTER] * 4 + [CHARACTER_PADDING]


def test_an_exact_vocabulary_tells_capitals_apart():
    vocabulary = build_vocabulary(["The", "the", "The", "Paris"], exact=True)
    assert vocabulary.words == ("The", "Paris", "the")
    assert vocabulary.encode(["the", "The", "THE", "Paris", "paris"]).trained.tolist() == [4, 2, 1, 3, 1]
    assert vocabulary_from_dict(json.loads(json.dumps(vocabulary.as_dict()))) == vocabulary


def test_no_words_give_no_rows():
    encoded = EMPTY.encode([])
    assert [rows.shape for rows in encoded] == [(0,), (0,), (0, LONGEST_SPELLING), (0,)]


@pytest.mark.parametrize("length", [1, 23, 24, 25, 26, 100])
def test_of_a_long_word_the_first_and_the_last_half_are_read(length):
    alphabet = [chr(0x4E00 + number) for number in range(length)]
    rows = Vocabulary((), (), tuple(alphabet)).encode(["".join(alphabet)]).characters[0]
    kept = [int(row) - 2 for row in rows if row]
    whole = list(range(length))
    assert kept == (whole if length <= 24 else whole[:12] + whole[-12:])


def test_a_word_in_another_case_shares_the_trained_row_and_prefers_its_own_vector():
    vocabulary = Vocabulary(("paris",), ("paris", "Paris"), ())
    encoded = vocabulary.encode(["paris", "Paris", "PARIS"])
    assert encoded.pretrained.tolist() == [1, 2, 1]
    assert encoded.trained.tolist() == [2, 2, 2]


def test_build_vocabulary_orders_by_frequency_then_spelling_and_leaves_out_single_characters():
    vocabulary = build_vocabulary(["the", "b", "The", "a", "a", "b", "q"], ["x", "y"])
    assert vocabulary.words == ("a", "b", "the", "q")
    assert vocabulary.characters == ("a", "b", "e", "h")  # T, t and q occur once each
    assert vocabulary.pretrained == ("x", "y")


@given(st.permutations(["a", "a", "b", "c", "C", "bb", "é"]))
def test_build_vocabulary_does_not_depend_on_the_order_of_the_words(words):
    assert build_vocabulary(words) == build_vocabulary(sorted(words))


@given(st.lists(FORMS, max_size=5, unique=True))
def test_a_vocabulary_survives_json(words):
    vocabulary = build_vocabulary(words * 2, words)
    assert vocabulary_from_dict(json.loads(json.dumps(vocabulary.as_dict()))) == vocabulary


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("lower", 0), ("don't", 0), ("Capital", 1), ("O'Brien", 1), ("A", 2), ("NATO", 3), ("U.S.", 3), ("iPhone", 4),
        ("McDonald", 4), ("北京", 5), ("سلام", 5), ("1984", 6), ("3.14", 7), ("10:30", 7), ("3rd", 8), ("B2B", 8),
        (".", 9), ("", 9), ("🙂", 9), ("\ud800", 9),
    ],
)  # fmt: skip
def test_word_shape_of(word, shape):
    assert word_shape(word) == shape


@given(ANY_TEXT)
def test_every_text_has_a_shape(word):
    assert 0 <= word_shape(word) <= 9
