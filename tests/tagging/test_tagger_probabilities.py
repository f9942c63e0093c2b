"""What the tagger says of probabilities: k-best sequences, tag marginals, thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from every_sequence import probabilities
from random_model import random_model, random_sentences
from tagsmith.errors import DataError
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, convert_tags, tags_to_spans

SENTENCES = random_sentences(200, longest=40)
TEXT = "John lives in New York.  Paris?\n\n\tThe café\u00a0in Reykjavík — 北京 🙂 don't!\r\nthe end"


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(random_model(), precision="float32", threads=2)


# ------------------------------------------------------------------------------------ probabilities of words

FEW = [["John", "lives", "in"], [], ["Paris"], ["the", "café", "London", "x"], ["New", "York"]]


@pytest.mark.parametrize("scheme", [Scheme.IOB2, Scheme.IOB1, Scheme.BIOES])
def test_the_k_best_sequences_are_the_first_of_all_legal_ones(scheme):
    model = random_model(labels=("X",), scheme=scheme)
    tagger = Tagger(model, precision="float32")
    for sentence, sequences in zip(FEW, tagger.tag_k_best(FEW, 7), strict=True):
        if not sentence:
            assert sequences == [([], 1.0)]
            continue
        shares = probabilities(model, sentence)
        best = sorted(shares, key=shares.__getitem__, reverse=True)[:7]
        assert [tags for tags, _ in sequences] == [convert_tags(tags, Scheme.BIOES, scheme) for tags in best]
        assert [share for _, share in sequences] == pytest.approx([shares[tags] for tags in best], rel=1e-3)
    assert len(tagger.tag_k_best([["Paris"]], 100)[0]) == 2  # O and S-X


def test_the_best_of_the_k_best_is_the_answer(tagger):
    assert [sequences[0][0] for sequences in tagger.tag_k_best(SENTENCES, 3)] == tagger.tag(SENTENCES)


def test_none_of_the_k_best_is_no_question(tagger):
    with pytest.raises(DataError, match="k is 0"):
        tagger.tag_k_best([["a"]], 0)


@pytest.mark.parametrize("scheme", [Scheme.IOB2, Scheme.PLAIN])
def test_tag_marginals_are_the_sums_over_all_legal_sequences(scheme):
    model = random_model(labels=("X", "Y") if scheme is Scheme.PLAIN else ("X",), scheme=scheme)
    tagger = Tagger(model, precision="float32")
    answers = tagger.tag_marginals(FEW)
    tags = len(model.layers[0].tags)
    assert [marginals.shape for marginals in answers] == [(len(sentence), tags) for sentence in FEW]
    for sentence, marginals in zip(FEW, answers, strict=True):
        np.testing.assert_allclose(marginals.sum(axis=1), 1.0, atol=1e-6)
        if sentence and scheme is not Scheme.PLAIN:
            expected = np.zeros(marginals.shape)
            for tags, share in probabilities(model, sentence).items():
                expected[range(len(tags)), [model.layers[0].tags.index(tag) for tag in tags]] += share
            np.testing.assert_allclose(marginals, expected, atol=1e-4)


@pytest.mark.parametrize("scheme", [one for one in Scheme if one is not Scheme.PLAIN])
@pytest.mark.parametrize("labels", [("X",), ("X", "Y")])
def test_marginals_of_tags_as_written_are_the_sums_over_what_the_sequences_are_written_as(scheme, labels):
    model = random_model(labels=labels, scheme=scheme)
    layer = model.layers[0]
    answers = Tagger(model, precision="float32").tag_marginals(FEW, as_written=True)
    written = layer.written_tags
    assert [rows.shape for rows in answers] == [(len(sentence), len(written)) for sentence in FEW]
    for sentence, rows in zip(FEW, answers, strict=True):
        np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-6)
        if not sentence or len(sentence) * len(labels) > 6:  # 9 tags in 4 places: too many sequences
            continue
        expected = np.zeros(rows.shape)
        for tags, share in probabilities(model, sentence).items():
            as_written = convert_tags(tags, Scheme.BIOES, scheme)
            expected[range(len(tags)), [written.index(tag) for tag in as_written]] += share
        np.testing.assert_allclose(rows, expected, atol=1e-4)


def test_plain_tags_are_written_as_they_are():
    tagger = Tagger(random_model(labels=("X", "Y"), scheme=Scheme.PLAIN), precision="float32")
    assert tagger.layer().written_tags == ("X", "Y")
    for rows, same in zip(tagger.tag_marginals(FEW), tagger.tag_marginals(FEW, as_written=True), strict=True):
        np.testing.assert_array_equal(rows, same)


# ------------------------------------------------------------------------------------------------ thresholds


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8, 1.0, {"PER": 0.9}, {"LOC": 0.5, "PER": 0.2}])
def test_a_threshold_drops_exactly_the_spans_below_it(tagger, threshold):
    least = threshold if isinstance(threshold, dict) else dict.fromkeys(("LOC", "PER"), threshold)
    everything, kept = tagger(TEXT * 5), tagger(TEXT * 5, threshold=threshold)
    assert kept.spans == tuple(span for span in everything.spans if span.score >= least.get(span.label, 0.0))
    assert len(everything.spans) > 5
    # Tags and spans say the same.
    words = [sentence.words for sentence in kept.sentences]
    assert [list(sentence.layers["ner"]) for sentence in kept.sentences] == tagger.tag(words, threshold=threshold)
    written = [tags_to_spans(tags, Scheme.IOB2) for tags in tagger.tag(words, threshold=threshold)]
    assert sum(map(len, written)) == len(kept.spans)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, {"LOC": 2.0}, {"MISC": 0.5}])
def test_impossible_thresholds_are_refused(tagger, threshold):
    with pytest.raises(DataError, match=r"threshold|MISC"):
        tagger.tag([["John"]], threshold=threshold)


def test_what_is_wrong_with_a_threshold_is_said_even_of_nothing(tagger):
    for nothing in (
        lambda: tagger("", threshold=7),
        lambda: tagger.tag([], threshold=7),
        lambda: tagger.tag_texts([], threshold=7),
    ):
        with pytest.raises(DataError, match="between 0 and 1"):
            nothing()


def test_plain_tags_have_no_threshold():
    with pytest.raises(DataError, match="plain"):
        Tagger(random_model(scheme=Scheme.PLAIN)).tag([["John"]], threshold=0.5)
