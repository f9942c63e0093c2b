"""Sentences read in windows are tagged as the whole is."""

from __future__ import annotations

import numpy as np
import pytest

from random_model import WORDS, random_model
from tagsmith.tagging import batching, exported_network, spans
from tagsmith.tagging.chain import constrained_chain
from tagsmith.tagging.decode import span_tags
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, allowed_transitions, is_legal, tags_to_spans


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(random_model(), precision="float32", threads=2)


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(batching, "LONGEST_WHOLE", 60)
    monkeypatch.setattr(exported_network, "WINDOW", 40)
    monkeypatch.setattr(spans, "AROUND", 15)


@pytest.mark.parametrize("length", [61, 80, 81, 400])
@pytest.mark.parametrize("scheme", [Scheme.IOB2, Scheme.PLAIN])
def test_a_sentence_read_in_windows_is_tagged_as_a_whole(scheme, length, request):
    rng = np.random.default_rng(length)
    sentence = [WORDS[row] for row in rng.integers(0, len(WORDS), length)]
    other = ["John", "lives"]
    tagger = Tagger(random_model(scheme=scheme), precision="float32")
    whole = tagger.tag([other, sentence])
    text = " ".join(WORDS[row] for row in rng.integers(0, 12, length) if WORDS[row].isalpha()).replace(".", "")
    document = tagger(text)
    assert max(map(len, document.sentences)) > 30
    request.getfixturevalue("small_windows")
    assert tagger.tag([other, sentence]) == whole
    again = tagger(text)
    assert again.sentences == document.sentences
    assert [(span.start, span.end, span.label) for span in again.spans] == [
        (span.start, span.end, span.label) for span in document.spans
    ]
    assert [span.score for span in again.spans] == pytest.approx([span.score for span in document.spans], abs=1e-3)


@pytest.mark.slow
def test_a_sentence_of_a_hundred_thousand_tokens_is_tagged_as_a_whole(monkeypatch):
    rng = np.random.default_rng(6)
    sentence = [WORDS[row] for row in rng.integers(0, len(WORDS), 100_000)]
    tagger = Tagger(random_model(), precision="float32")
    (in_windows,) = tagger.tag([sentence])
    monkeypatch.setattr(batching, "LONGEST_WHOLE", 100_000)
    (whole,) = tagger.tag([sentence])
    assert len(in_windows) == len(whole) == 100_000
    # Where two tags are equally good up to rounding, a processor may decide otherwise for another number of rows.
    assert sum(one != other for one, other in zip(in_windows, whole, strict=True)) <= 5


def test_thresholds_marginals_and_k_best_of_a_long_sentence(tagger, small_windows):
    sentence = [WORDS[row] for row in np.random.default_rng(1).integers(0, len(WORDS), 200)]
    assert tagger.tag([sentence], threshold=0.0) == tagger.tag([sentence])
    (kept,) = tagger.tag([sentence], threshold=0.7)
    assert is_legal(kept, Scheme.IOB2)
    assert 0 < len(tags_to_spans(kept, Scheme.IOB2)) < len(tags_to_spans(tagger.tag([sentence])[0], Scheme.IOB2))
    assert tagger.tag_marginals([sentence])[0].shape == (200, 9)
    assert tagger.tag_k_best([sentence], 2)[0][0][0] == tagger.tag([sentence])[0]


def test_a_span_longer_than_what_a_window_sees_of_its_surroundings_keeps_its_probability(small_windows):
    """The words say where a span of 70 tokens stands, across two windows; both ways find it equally probable."""
    tags = span_tags(["O", "B-X", "I-X", "E-X", "S-X"])
    chain = constrained_chain(allowed_transitions(["O", "B-X", "I-X", "E-X", "S-X"], Scheme.BIOES))
    path = np.zeros(120, np.int64)
    path[30], path[31:99], path[99] = 1, 2, 3
    emissions = np.zeros((120, 1, 5), np.float32)
    emissions[np.arange(120), 0, path] = 6.0
    decoder = spans.SpanDecoder(chain, tags, np.array([0.3]))
    whole = decoder.batch(emissions, np.array([120]))
    sentence = spans.LongSentence(decoder, 120)
    for window in spans.surrounded(iter(np.split(emissions, 3))):
        sentence.read(window)
    parts = sentence.decoded()
    np.testing.assert_array_equal(parts.paths[:, 0], path)
    np.testing.assert_array_equal(parts.paths, whole.paths)
    assert (parts.spans.starts.tolist(), parts.spans.ends.tolist()) == ([30], [100])
    assert parts.spans.scores[0] == pytest.approx(whole.spans.scores[0], abs=0.01)
