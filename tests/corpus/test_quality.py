"""What a careful look at a corpus counts: odd tokens, uneven labels, what training and test share."""

from __future__ import annotations

import pytest

from tagsmith.corpus.quality import (
    Relabeled,
    labeled_differently,
    lengths_of,
    odd_tokens,
    sentences_by_length,
    shared_with,
    spans_of,
)
from tagsmith.corpus.sentences import Sentences, hold_sentences
from tagsmith.text.document import sentence_from_words
from tagsmith.text.schemes import Scheme, TokenSpan


def held(*sentences: str) -> Sentences:
    """Sentences of words between bars, all outside of spans."""
    return hold_sentences(
        [
            sentence_from_words(words, {"tags": ["O"] * len(words)}, line=10 * number)
            for number, words in enumerate((sentence.split("|") for sentence in sentences), 1)
        ],
        "a.conll",
    )


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("CafÃ©", "UTF-8 that was read in another encoding"),
        ("â€™s", "UTF-8 that was read in another encoding"),
        ("caf\ufffd", "U+FFFD"),
        ("\u200b", "nothing to see"),
        ("  ", "nothing to see"),
        ("\ufeffJohn", "invisible"),
        ("a\x07b", "control"),
        ("New York", "white space"),
        ("x" * 61, "more than 60"),
    ],
)
def test_odd_tokens_are_found_with_their_place(word: str, what: str):
    (odd,) = odd_tokens(held(*["fine|words"] * 100, f"John|{word}"))
    assert what in odd.what
    assert (odd.count, odd.examples, odd.line) == (1, (word,), 1011)


@pytest.mark.parametrize(
    "word", ["Müller", "naïve", "Ærø", "👩‍👩‍👧", "می‌روم", "東京", "№", "https://example.org/" + "x" * 80, "Â", "’s"]
)
def test_ordinary_tokens_are_not_odd(word: str):
    assert odd_tokens(held(*["fine|words"] * 100, f"John|{word}")) == []


def test_white_space_in_many_tokens_is_meant():
    assert odd_tokens(held("Hà Nội|là|thủ đô")) == []


def test_lengths():
    sentences = held(*["a"] * 90, *["|".join("a" * 30)] * 9, "|".join("a" * 100))
    assert lengths_of(sentences) == {"mean": 4.6, "median": 1, "p90": 30, "p99": 100, "longest": 100}
    assert sentences_by_length(sentences) == {
        "1–5": 90, "6–10": 0, "11–20": 0, "21–40": 9, "41–80": 0, "81 or more": 1,
    }  # fmt: skip


def test_words_labeled_differently_count_where_they_are_no_span():
    words = [("May", "left"), ("in", "May"), ("May", "Day"), ("New", "York"), ("York", "won"), ("it", "may")]
    spans = [
        [TokenSpan(0, 1, "PER")],
        [],
        [TokenSpan(0, 2, "DATE")],  # in which "May" is not without a label
        [TokenSpan(0, 2, "LOC")],
        [TokenSpan(0, 1, "ORG")],
        [],
    ]
    (only,) = labeled_differently(words, spans)
    assert (only.words, dict(only.labels), only.minority) == (("May",), {"PER": 1, "": 1}, 1)


def test_the_most_often_uneven_come_first():
    words = [("a",)] * 9 + [("b",)] * 4
    labels = ["X"] * 8 + ["Y"] + ["X"] * 2 + ["Y"] * 2
    found = labeled_differently(words, [[TokenSpan(0, 1, label)] for label in labels])
    assert [one.words for one in found] == [("b",), ("a",)]


def test_what_a_part_shares_with_training():
    train = [("in", "Rome"), ("Ann", "ran")]
    part = [("in", "Rome"), ("Rome", "ran"), ("Ann", "in", "Oslö")]
    train_spans = [[TokenSpan(1, 2, "LOC")], [TokenSpan(0, 1, "PER")]]
    part_spans = [[TokenSpan(1, 2, "LOC")], [TokenSpan(0, 1, "ORG")], [TokenSpan(0, 1, "PER"), TokenSpan(2, 3, "CITY")]]
    shared = shared_with(train, train_spans, part, part_spans)
    assert (shared.sentences, shared.mentions, shared.words) == (1, 2, 6)
    assert shared.relabeled == [Relabeled("Rome", "ORG", ["LOC"])]
    assert shared.labels == {"ORG": 1, "CITY": 1}
    assert shared.characters == {"O": 1, "s": 1, "l": 1, "ö": 1}


def test_nothing_is_shared_with_an_empty_part():
    shared = shared_with([], [], [], [])
    assert (shared.sentences, shared.mentions, dict(shared.characters)) == (0, 0, {})
    assert lengths_of(hold_sentences([]))["longest"] == 0


def test_in_a_plain_scheme_each_token_is_a_mention():
    sentences = hold_sentences([sentence_from_words(["a", "b"], {"upos": ["X", "Y"]})])
    assert spans_of(sentences, "upos", Scheme.PLAIN) == [[TokenSpan(0, 1, "X"), TokenSpan(1, 2, "Y")]]
