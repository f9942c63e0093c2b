"""Sentences as arrays: what goes in comes out, in a fraction of the memory, and views share it."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.corpus.sentences import hold_sentences
from tagsmith.formats.source import token_line
from tagsmith.text.document import Sentence, sentence_from_words

WORD = st.text(min_size=1, max_size=5)
TOKENS = st.lists(st.tuples(WORD, st.sampled_from(["O", "B-X", "I-X"]), st.sampled_from(["NOUN", "O"])), max_size=6)


@st.composite
def sentences(draw) -> list[Sentence]:
    found = []
    for line, tokens in enumerate(draw(st.lists(TOKENS, max_size=6))):
        words, first, second = zip(*tokens, strict=True) if tokens else ((), (), ())
        found.append(
            sentence_from_words(words, {"ner": first, "upos": second}, start=draw(st.integers(0, 99)), line=line)
        )
    return found


@given(sentences(), st.integers(-7, 7), st.integers(-7, 7))
def test_the_sentences_that_went_in_come_out(given_sentences, first, last):
    held = hold_sentences(iter(given_sentences))
    assert len(held) == len(given_sentences)
    assert list(held) == given_sentences
    assert [held[place] for place in range(-len(held), len(held))] == given_sentences * 2
    assert held[first:last] == given_sentences[first:last]


@pytest.mark.parametrize("place", [2, -3])
def test_a_place_past_the_end_is_an_error(place):
    held = hold_sentences([sentence_from_words(["a"]), sentence_from_words(["b"])])
    with pytest.raises(IndexError):
        held[place]


def test_sentences_without_layers_are_held_too():
    plain = [sentence_from_words(["a", "b"]), sentence_from_words([])]
    assert list(hold_sentences(plain)) == plain


@pytest.mark.parametrize(
    ("meta", "lines"),
    [
        ({"extra": [(0, "# a comment"), (2, "# another"), (2, "3-4\tdel")]}, [7, 8, 11]),
        ({"record": True}, [7, 7, 7]),
        ({"docstart": "-DOCSTART-"}, [7, 8, 9]),
    ],
)
def test_a_token_is_still_found_on_its_line_of_the_file(meta, lines):
    sentence = sentence_from_words(["a", "b", "c"], line=7, meta=meta)
    (held,) = hold_sentences([sentence])
    assert [token_line(held, index) for index in range(3)] == lines
    assert [token_line(sentence, index) for index in range(3)] == lines


def test_a_sentence_has_only_the_layers_it_came_with():
    mixed = [
        sentence_from_words(["a"], {"ner": ["O"]}),
        sentence_from_words(["b", "a"], {"upos": ["X", "Y"]}),
        sentence_from_words([]),
        sentence_from_words(["c"], {"upos": ["X"], "ner": ["B-Z"]}),
    ]
    held = hold_sentences(mixed)
    assert [held[index] for index in (0, 1, 3)] == [mixed[index] for index in (0, 1, 3)]
    assert held[2].words == ()


@given(sentences(), st.data())
def test_a_view_holds_the_sentences_chosen_and_copies_no_token(given_sentences, data):
    held = hold_sentences(given_sentences)
    chosen = data.draw(st.permutations(range(len(held)))) if held else []
    view = held.take(np.array(chosen, np.int64))
    assert list(view) == [given_sentences[index] for index in chosen]
    assert view.store is held.store
    assert view.words() == [given_sentences[index].words for index in chosen]
    if held:
        assert view.tags("ner") == [list(given_sentences[index].layers["ner"]) for index in chosen]


@given(sentences(), st.data())
def test_new_tags_replace_those_of_some_sentences(given_sentences, data):
    held = hold_sentences(given_sentences)
    changed = {
        index: data.draw(st.lists(st.sampled_from("ABO"), min_size=len(one), max_size=len(one)))
        for index, one in enumerate(given_sentences)
        if len(one) and data.draw(st.booleans())
    }
    result = held.with_tags("ner", changed)
    for index, (before, after) in enumerate(zip(given_sentences, result, strict=True)):
        assert after == (before.with_layer("ner", changed[index]) if index in changed else before)
    assert list(held) == given_sentences


def test_a_token_takes_few_bytes_whatever_the_reader_made_of_it():
    count, length = 2_000, 25

    def read() -> Iterator[Sentence]:
        for number in range(count):
            words = [f"word{(number * length + place) % 500}" for place in range(length)]  # new strings each time
            yield sentence_from_words(words, {"tags": ["O"] * length}, start=10_000 * number)

    tracemalloc.start()
    held = hold_sentences(read())
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(held) == count
    assert size < 25 * count * length
    assert sys.getsizeof(held[0].words[0]) > 40  # what a single string would have taken
