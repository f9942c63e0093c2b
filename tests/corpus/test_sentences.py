"""Compact sentences: what goes in comes out, in a fraction of the memory."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.corpus.sentences import CompactSentences
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
    held = CompactSentences(iter(given_sentences))
    assert len(held) == len(given_sentences)
    assert list(held) == given_sentences
    assert [held[place] for place in range(-len(held), len(held))] == given_sentences * 2
    assert held[first:last] == given_sentences[first:last]


@pytest.mark.parametrize("place", [2, -3])
def test_a_place_past_the_end_is_an_error(place):
    held = CompactSentences([sentence_from_words(["a"]), sentence_from_words(["b"])])
    with pytest.raises(IndexError):
        held[place]


def test_sentences_without_layers_are_held_too():
    plain = [sentence_from_words(["a", "b"]), sentence_from_words([])]
    assert list(CompactSentences(plain)) == plain


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
    (held,) = CompactSentences([sentence])
    assert [token_line(held, index) for index in range(3)] == lines
    assert [token_line(sentence, index) for index in range(3)] == lines


def test_sentences_with_other_layers_are_refused():
    mixed = [sentence_from_words(["a"], {"ner": ["O"]}), sentence_from_words(["a"], {"upos": ["X"]})]
    with pytest.raises(ValueError, match=r"\['upos'\] after sentences with \['ner'\]"):
        CompactSentences(mixed)


def test_a_token_takes_few_bytes_whatever_the_reader_made_of_it():
    count, length = 2_000, 25

    def read() -> Iterator[Sentence]:
        for number in range(count):
            words = [f"word{(number * length + place) % 500}" for place in range(length)]  # new strings each time
            yield sentence_from_words(words, {"tags": ["O"] * length}, start=10_000 * number)

    tracemalloc.start()
    held = CompactSentences(read())
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(held) == count
    assert size < 25 * count * length
    assert sys.getsizeof(held[0].words[0]) > 40  # what a single string would have taken
