"""What a model makes of unlabeled sentences, against all its tag sequences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from every_sequence import probabilities
from random_model import WORDS, random_model
from search_budget import examples
from tagsmith.labeling.suggestions import suggest
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, tags_to_spans

MODEL = replace(random_model(), precision="float32")
TAGGER = Tagger(MODEL)
PLAIN = Tagger(replace(random_model(scheme=Scheme.PLAIN, labels=("NOUN", "VERB")), precision="float32"))
SENTENCES = st.lists(st.lists(st.sampled_from(WORDS[:12]), min_size=1, max_size=4), min_size=1, max_size=3)


@given(SENTENCES)
@settings(max_examples=examples(40))
def test_certainty_is_the_margin_of_the_two_best_sequences(sentences):
    for words, (spans, certainty) in zip(sentences, suggest(TAGGER, sentences), strict=True):
        every = probabilities(MODEL, words)
        best, second = sorted(every.values(), reverse=True)[:2]
        assert certainty == pytest.approx(best - second, abs=1e-4)
        tags = max(every, key=every.get)
        if best - second > 1e-3:
            expected = tags_to_spans(tags, Scheme.BIOES)
            assert [span[:3] for span in spans] == expected
        assert all(0 <= score <= 1 for *_, score in spans)


@given(SENTENCES)
@settings(max_examples=examples(20))
def test_of_plain_tags_each_token_is_a_span(sentences):
    tags, marginals = PLAIN.tag(sentences), PLAIN.tag_marginals(sentences)
    for own, shares, (spans, certainty) in zip(tags, marginals, suggest(PLAIN, sentences), strict=True):
        assert [span[:3] for span in spans] == [(place, place + 1, tag) for place, tag in enumerate(own)]
        columns = [PLAIN.layer().tags.index(tag) for tag in own]
        assert [span[3] for span in spans] == pytest.approx(
            [row[c] for row, c in zip(shares, columns, strict=True)], abs=1e-5
        )
        assert 0 <= certainty <= 1


def test_a_model_with_one_label_of_plain_tags_is_certain():
    sure = Tagger(random_model(scheme=Scheme.PLAIN, labels=("NOUN",)))
    assert suggest(sure, [["the", "in"]]) == [([(0, 1, "NOUN", 1.0), (1, 2, "NOUN", 1.0)], 1.0)]


def test_a_long_sentence_is_one_sentence():
    ((spans, certainty),) = suggest(TAGGER, [list(WORDS[:12]) * 500])
    assert 0 <= certainty <= 1
    assert all(0 <= start < end <= 6000 for start, end, *_ in spans)
