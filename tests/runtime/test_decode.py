"""Viterbi, marginals and span probabilities against the sum over every sequence."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsmith.data.schemes import Scheme, Transitions, allowed_transitions, is_legal, tag_inventory
from tagsmith.runtime.decode import Chain, constrained_chain, posterior, running_sentences, viterbi

# Quarters are exact in float32, and so are their sums: equal scores are really equal.
SCORES = st.integers(-16, 16).map(lambda quarters: quarters / 4)


@st.composite
def problems(draw):
    """Emissions (T, B, L), falling lengths, what is allowed (tag 0 always) and learned transition scores."""
    tags, batch = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    lengths = sorted(draw(st.lists(st.integers(1, 4), min_size=batch, max_size=batch)), reverse=True)

    def scores(*shape):
        size = int(np.prod(shape))
        return np.float32(draw(st.lists(SCORES, min_size=size, max_size=size))).reshape(shape)

    def legal(*shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))).reshape(shape)

    start, between, end = legal(tags), legal(tags, tags), legal(tags)
    start[0] = between[0, 0] = end[0] = True
    weights = {"crf/start": scores(tags), "crf/between": scores(tags, tags), "crf/end": scores(tags)}
    emissions = scores(lengths[0], batch, tags)
    return emissions, np.array(lengths), Transitions(start, between, end), weights


def legal_sequences(emissions, length, allowed, weights):
    """Every legal sequence of one sentence with its score, one after the other, in float64."""
    start, between, end = (np.float64(weights[f"crf/{name}"]) for name in ("start", "between", "end"))
    found = {}
    for tags in product(range(emissions.shape[1]), repeat=length):
        if not (allowed.start[tags[0]] and allowed.end[tags[-1]]):
            continue
        if not all(allowed.between[a, b] for a, b in pairwise(tags)):
            continue
        score = start[tags[0]] + end[tags[-1]] + sum(float(emissions[t, tag]) for t, tag in enumerate(tags))
        found[tags] = score + sum(between[a, b] for a, b in pairwise(tags))
    return found


def probabilities(scores):
    top = max(scores.values())
    total = sum(np.exp(score - top) for score in scores.values())
    return {tags: np.exp(score - top) / total for tags, score in scores.items()}


@given(problems())
@settings(deadline=None)
def test_viterbi_finds_the_best_legal_sequence_of_each_sentence(problem):
    emissions, lengths, allowed, weights = problem
    paths = viterbi(emissions, lengths, constrained_chain(allowed, weights))
    for b, length in enumerate(lengths):
        scores = legal_sequences(emissions[:, b], length, allowed, weights)
        best = max(scores.values())
        # Of equals, the one with the lower tag where the two differ last.
        expected = min((tags for tags, score in scores.items() if score == best), key=lambda tags: tags[::-1])
        assert tuple(paths[:length, b]) == expected


@given(problems())
@settings(deadline=None)
def test_tag_marginals_are_the_sums_over_all_legal_sequences(problem):
    emissions, lengths, allowed, weights = problem
    found = posterior(emissions, lengths, constrained_chain(allowed, weights))
    marginals = found.tag_marginals()
    for b, length in enumerate(lengths):
        scores = legal_sequences(emissions[:, b], length, allowed, weights)
        expected = np.zeros((length, emissions.shape[2]))
        for tags, probability in probabilities(scores).items():
            expected[np.arange(length), tags] += probability
        np.testing.assert_allclose(marginals[:length, b], expected, atol=2e-5)
        assert found.log_partition[b] == pytest.approx(np.logaddexp.reduce(list(scores.values())), abs=1e-4)


@given(problems(), st.data())
@settings(deadline=None)
def test_span_probability_is_the_share_of_the_sequences_that_hold_the_span(problem, data):
    emissions, lengths, allowed, weights = problem
    b = data.draw(st.integers(0, len(lengths) - 1))
    first = data.draw(st.integers(0, lengths[b] - 1))
    count = data.draw(st.integers(1, lengths[b] - first))
    tag = st.integers(0, emissions.shape[2] - 1)
    wanted = tuple(data.draw(st.lists(tag, min_size=count, max_size=count)))
    found = posterior(emissions, lengths, constrained_chain(allowed, weights))
    shares = probabilities(legal_sequences(emissions[:, b], lengths[b], allowed, weights))
    expected = sum(share for tags, share in shares.items() if tags[first : first + count] == wanted)
    assert found.span_probability(b, first, np.array(wanted)) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("scheme", [Scheme.BIOES, Scheme.IOB2, Scheme.IOE2, Scheme.IOB1, Scheme.PLAIN])
@pytest.mark.parametrize("size", [1.0, 100.0, 1e4])
def test_viterbi_never_leaves_the_scheme(scheme, size):
    rng = np.random.default_rng(3)
    tags = tag_inventory(["A", "B"], scheme)
    chain = constrained_chain(allowed_transitions(tags, scheme))
    lengths = np.arange(20, 0, -1)
    emissions = (rng.standard_normal((20, 20, len(tags))) * size).astype(np.float32)
    paths = viterbi(emissions, lengths, chain)
    for b, length in enumerate(lengths):
        assert is_legal([tags[row] for row in paths[:length, b]], scheme)


@pytest.mark.parametrize(("batch", "size"), [(1, 5), (3, 1), (1, 1), (3, 5)])
def test_decoding_leaves_the_emissions_as_they_are(batch, size):
    emissions = np.random.default_rng(0).standard_normal((4, batch, size)).astype(np.float32)
    before = emissions.copy()
    free = Transitions(np.ones(size, bool), np.ones((size, size), bool), np.ones(size, bool))
    lengths = np.array([4, 2, 1][:batch])
    chain = constrained_chain(
        free, {"crf/start": np.ones(size), "crf/between": np.ones((size, size)), "crf/end": np.ones(size)}
    )
    viterbi(emissions, lengths, chain)
    posterior(emissions, lengths, chain)
    np.testing.assert_array_equal(emissions, before)


def test_a_barred_transition_stays_barred_whatever_was_learned():
    allowed = Transitions(np.array([True, False]), np.array([[True, False], [True, True]]), np.array([True, True]))
    weights = {"crf/start": np.float32([0, 9]), "crf/between": np.full((2, 2), 9, np.float32), "crf/end": np.zeros(2)}
    chain = constrained_chain(allowed, weights)
    assert chain.start.tolist() == [0.0, -1e9]
    assert chain.between.tolist() == [[9.0, -1e9], [9.0, 9.0]]
    assert chain.start.dtype == chain.between.dtype == chain.end.dtype == np.float32


def test_without_learned_weights_every_legal_transition_scores_zero():
    chain = constrained_chain(allowed_transitions(["O", "B-X", "I-X"], Scheme.IOB2))
    assert set(chain.between.ravel().tolist()) == {0.0, float(np.float32(-1e9))}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_running_sentences_counts_those_that_reach_each_step(lengths):
    falling = np.array(sorted(lengths, reverse=True))
    expected = [sum(length > step for length in lengths) for step in range(falling[0])]
    assert running_sentences(falling, int(falling[0])) == expected


def test_a_sentence_of_ten_thousand_tokens_is_decoded_in_full():
    rng = np.random.default_rng(0)
    tags = tag_inventory(["A", "B"], Scheme.BIOES)
    chain = constrained_chain(
        allowed_transitions(tags, Scheme.BIOES),
        {
            "crf/start": rng.standard_normal(9),
            "crf/between": rng.standard_normal((9, 9)),
            "crf/end": rng.standard_normal(9),
        },
    )
    emissions = (5 * rng.standard_normal((10_000, 1, 9))).astype(np.float32)
    lengths = np.array([10_000])
    path = viterbi(emissions, lengths, chain)[:, 0]
    assert is_legal([tags[row] for row in path], Scheme.BIOES)
    found = posterior(emissions, lengths, chain)
    assert np.isfinite(found.log_partition).all()
    marginals = found.tag_marginals()[:, 0]
    np.testing.assert_allclose(marginals.sum(axis=1), 1.0, atol=1e-6)
    # The middle of a long sentence knows nothing of its ends: a window around it gives the same marginals.
    window = posterior(emissions[4900:5100], np.array([200]), Chain(chain.start, chain.between, chain.end))
    np.testing.assert_allclose(marginals[4950:5050], window.tag_marginals()[50:150, 0], atol=1e-6)
