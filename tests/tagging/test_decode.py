"""Best sequences, marginals and spans against the enumeration of every sequence."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.tagging import marginals
from tagsmith.tagging.chain import Chain, constrained_chain, running_sentences
from tagsmith.tagging.decode import drop_spans, k_best, path_spans, span_tags, viterbi
from tagsmith.tagging.marginals import posterior
from tagsmith.text.schemes import (
    Scheme,
    Transitions,
    allowed_transitions,
    is_legal,
    spans_to_tags,
    tag_inventory,
    tags_to_spans,
)

# Quarters are exact in float32, and so are their sums: equal scores are really equal.
SCORES = st.integers(-16, 16).map(lambda quarters: quarters / 4)


@st.composite
def problems(draw, size=1.0):
    """Emissions (T, B, L) up to 4 · size, falling lengths, what is allowed (tag 0 always), learned transitions."""
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
    emissions = scores(lengths[0], batch, tags) * np.float32(size)
    return emissions, np.array(lengths), Transitions(start, between, end), weights


def legal_sequences(emissions, length, allowed, weights):
    """Every legal sequence of one sentence with its score, one after the other, in float64."""
    start, between, end = (np.asarray(weights[f"crf/{name}"], np.float64) for name in ("start", "between", "end"))
    scores = {}
    for tags in product(range(emissions.shape[1]), repeat=length):
        if not (allowed.start[tags[0]] and allowed.end[tags[-1]]):
            continue
        if not all(allowed.between[a, b] for a, b in pairwise(tags)):
            continue
        score = start[tags[0]] + end[tags[-1]] + sum(float(emissions[t, tag]) for t, tag in enumerate(tags))
        scores[tags] = score + sum(between[a, b] for a, b in pairwise(tags))
    return scores


def bioes_problem(steps, batch):
    """Emissions (T, B, 9), mixed lengths and a learned chain."""
    rng = np.random.default_rng(steps)
    tags = tag_inventory(["A", "B"], Scheme.BIOES)
    shapes = {"crf/start": 9, "crf/between": (9, 9), "crf/end": 9}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    lengths = np.sort(rng.integers(1, steps + 1, batch))[::-1].copy()
    lengths[0] = steps
    emissions = (3 * rng.standard_normal((steps, batch, 9))).astype(np.float32)
    return emissions, lengths, constrained_chain(allowed_transitions(tags, Scheme.BIOES), weights)


def posterior_within(exponents, *problem):
    """Compute the posterior as if exp(±exponents) were the range of numbers; 0 makes it work with logs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marginals, "EXPONENTS", exponents)
        return posterior(*problem)


def probabilities(scores):
    top = max(scores.values())
    total = sum(np.exp(score - top) for score in scores.values())
    return {tags: np.exp(score - top) / total for tags, score in scores.items()}


@given(problems())
def test_viterbi_finds_the_best_legal_sequence_of_each_sentence(problem):
    emissions, lengths, allowed, weights = problem
    paths = viterbi(emissions, lengths, constrained_chain(allowed, weights))
    for b, length in enumerate(lengths):
        scores = legal_sequences(emissions[:, b], length, allowed, weights)
        best = max(scores.values())
        # Of equals, the one with the lower tag where the two differ last.
        expected = min((tags for tags, score in scores.items() if score == best), key=lambda tags: tags[::-1])
        assert tuple(paths[:length, b]) == expected


@given(problems(), st.integers(1, 40))
def test_k_best_are_the_first_of_all_legal_sequences(problem, k):
    emissions, lengths, allowed, weights = problem
    paths, scores = k_best(emissions, lengths, constrained_chain(allowed, weights), k)
    assert paths.shape == (k, *emissions.shape[:2])
    for b, length in enumerate(lengths):
        every = legal_sequences(emissions[:, b], length, allowed, weights)
        expected = sorted(every, key=lambda tags: (-every[tags], tags[::-1]))[:k]
        assert [tuple(path) for path in paths[: len(expected), :length, b].tolist()] == expected
        assert scores[: len(expected), b].tolist() == [every[tags] for tags in expected]
        assert (scores[len(expected) :, b] == -np.inf).all()
        assert not paths[len(expected) :, :, b].any()
        assert not paths[:, length:, b].any()


@pytest.mark.parametrize("steps", [30, 2000])
def test_the_first_of_k_best_is_that_of_viterbi_and_the_scores_fall(steps):
    emissions, lengths, chain = bioes_problem(steps, 8)
    paths, scores = k_best(emissions, lengths, chain, 5)
    np.testing.assert_array_equal(paths[0], viterbi(emissions, lengths, chain))
    assert (scores[1:] <= scores[:-1]).all()


def test_a_sentence_alone_gets_the_same_path_as_in_a_batch():
    emissions, lengths, chain = bioes_problem(60, 40)
    together = viterbi(emissions, lengths, chain)
    for b, length in enumerate(lengths):
        alone = viterbi(emissions[:, b : b + 1], lengths[b : b + 1], chain)
        np.testing.assert_array_equal(alone[:length, 0], together[:length, b])


@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("exponents", [0.0, marginals.EXPONENTS])
@given(data=st.data())
def test_tag_marginals_are_the_sums_over_all_legal_sequences(size, exponents, data):
    emissions, lengths, allowed, weights = data.draw(problems(size))
    sums = posterior_within(exponents, emissions, lengths, constrained_chain(allowed, weights))
    shares = sums.tag_marginals()
    for b, length in enumerate(lengths):
        scores = legal_sequences(emissions[:, b], length, allowed, weights)
        expected = np.zeros((length, emissions.shape[2]))
        for tags, probability in probabilities(scores).items():
            expected[np.arange(length), tags] += probability
        np.testing.assert_allclose(shares[:length, b], expected, atol=1e-9)
        assert sums.log_partition[b] == pytest.approx(np.logaddexp.reduce(list(scores.values())), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("exponents", [0.0, marginals.EXPONENTS])
@given(data=st.data())
def test_span_probability_is_the_share_of_the_sequences_that_hold_the_span(size, exponents, data):
    emissions, lengths, allowed, weights = data.draw(problems(size))
    b = data.draw(st.integers(0, len(lengths) - 1))
    first = data.draw(st.integers(0, lengths[b] - 1))
    count = data.draw(st.integers(1, lengths[b] - first))
    tag = st.integers(0, emissions.shape[2] - 1)
    wanted = tuple(data.draw(st.lists(tag, min_size=count, max_size=count)))
    sums = posterior_within(exponents, emissions, lengths, constrained_chain(allowed, weights))
    shares = probabilities(legal_sequences(emissions[:, b], lengths[b], allowed, weights))
    expected = sum(share for tags, share in shares.items() if tags[first : first + count] == wanted)
    paths = np.zeros(emissions.shape[:2], np.int64)
    paths[first : first + count, b] = wanted
    (share,) = sums.span_probabilities(np.array([b]), np.array([first]), np.array([first + count]), paths)
    assert share == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("exponents", [0.0, marginals.EXPONENTS])
@given(data=st.data())
def test_span_probabilities_are_the_shares_of_the_sequences_that_hold_the_spans(size, exponents, data):
    emissions, lengths, allowed, weights = data.draw(problems(size))
    chain = constrained_chain(allowed, weights)
    paths = viterbi(emissions, lengths, chain)
    spans = [(b, i, j) for b, length in enumerate(lengths) for i in range(length) for j in range(i + 1, length + 1)]
    sums = posterior_within(exponents, emissions, lengths, chain)
    shares = [
        probabilities(legal_sequences(emissions[:, b], length, allowed, weights)) for b, length in enumerate(lengths)
    ]
    expected = [
        sum(share for tags, share in shares[b].items() if tags[i:j] == tuple(paths[i:j, b])) for b, i, j in spans
    ]
    np.testing.assert_allclose(sums.span_probabilities(*np.array(spans).T, paths), expected, atol=1e-9)


@pytest.mark.parametrize("size", [0.1, 1.0, 3.0, 5.0, 10.0, 20.0, 60.0, 300.0, 1e4])
def test_the_posterior_agrees_with_log_space_whatever_the_size_of_the_emissions(size):
    emissions, lengths, chain = bioes_problem(300, 5)
    emissions *= np.float32(size)
    sums = posterior(emissions, lengths, chain)
    expected = posterior_within(0.0, emissions, lengths, chain)
    np.testing.assert_allclose(sums.log_partition, expected.log_partition, rtol=1e-12)
    inside = np.arange(300)[:, None] < lengths
    np.testing.assert_allclose(sums.tag_marginals()[inside], expected.tag_marginals()[inside], atol=1e-9)


@pytest.mark.parametrize("height", [-60, 60])
def test_how_high_the_emissions_of_a_token_are_makes_no_difference(height):
    emissions, lengths, chain = bioes_problem(200, 3)
    low, high = posterior(emissions, lengths, chain), posterior(emissions + np.float32(height), lengths, chain)
    np.testing.assert_allclose(high.log_partition, low.log_partition + height * lengths, rtol=1e-6)
    inside = np.arange(200)[:, None] < lengths
    np.testing.assert_allclose(
        high.tag_marginals()[inside], low.tag_marginals()[inside], atol=1e-4
    )  # emissions float32


def test_small_scores_need_no_logs():
    emissions, lengths, chain = bioes_problem(300, 5)
    assert (posterior(emissions, lengths, chain).values != 1.0).any()
    assert (posterior_within(0.0, emissions, lengths, chain).values == 1.0).all()


def test_a_sequence_that_falls_far_behind_can_catch_up():
    """Two tags that never follow each other: in the middle the first leads by exp(3000), in the end they are equal."""
    chain = constrained_chain(Transitions(np.ones(2, bool), np.eye(2, dtype=bool), np.ones(2, bool)))
    emissions = np.zeros((6000, 1, 2), np.float32)
    emissions[:3000, 0, 0] = emissions[3000:, 0, 1] = 1
    sums = posterior(emissions, np.array([6000]), chain)
    np.testing.assert_allclose(sums.tag_marginals(), 0.5, atol=1e-9)
    assert sums.log_partition[0] == pytest.approx(3000 + np.log(2))


def test_what_stands_past_the_end_of_a_sentence_has_no_influence():
    emissions, lengths, chain = bioes_problem(30, 12)
    inside = np.arange(30)[:, None] < lengths
    other = np.full((32, 12, 9), 9e5, np.float32)  # two steps more than the longest sentence
    other[:30][inside] = emissions[inside]
    paths = viterbi(emissions, lengths, chain)
    np.testing.assert_array_equal(viterbi(other, lengths, chain)[:30], paths)
    np.testing.assert_array_equal(viterbi(other[:, :1], lengths[:1], chain)[:30], paths[:, :1])
    assert not paths[~inside].any()
    (one, scores), (two, expected) = k_best(other, lengths, chain, 3), k_best(emissions, lengths, chain, 3)
    np.testing.assert_array_equal(one[:, :30], two)
    np.testing.assert_array_equal(scores, expected)
    for exponents in (0.0, 1e9):
        one, two = posterior_within(exponents, other / 1e4, lengths, chain), posterior(emissions / 1e4, lengths, chain)
        np.testing.assert_allclose(one.tag_marginals()[:30][inside], two.tag_marginals()[inside], atol=1e-9)


@st.composite
def labeled_batches(draw):
    """Tags in any order, falling lengths, and each sentence's spans, written as paths (T, B) with rows past the end."""
    labels = draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=3))
    tags = draw(st.permutations(tag_inventory(labels, Scheme.BIOES)))
    lengths = sorted(draw(st.lists(st.integers(1, 12), min_size=1, max_size=4)), reverse=True)
    chain = constrained_chain(allowed_transitions(tags, Scheme.BIOES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    emissions = rng.standard_normal((lengths[0], len(lengths), len(tags))).astype(np.float32)
    return tags, np.array(lengths), viterbi(emissions, np.array(lengths), chain)


@given(labeled_batches())
def test_path_spans_are_those_of_the_tags(batch):
    tags, lengths, paths = batch
    reader = span_tags(tags)
    expected = [
        (b, span.start, span.end, reader.labels.index(span.label))
        for b, length in enumerate(lengths)
        for span in tags_to_spans([tags[row] for row in paths[:length, b]], Scheme.BIOES)
    ]
    columns = path_spans(paths, lengths, reader)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected


@given(labeled_batches(), st.data())
def test_dropped_spans_leave_the_tags_of_the_others(batch, data):
    tags, lengths, paths = batch
    reader = span_tags(tags)
    sentences, starts, ends, _ = path_spans(paths, lengths, reader)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(starts), max_size=len(starts))), bool)
    before = paths.copy()
    changed = drop_spans(paths, sentences[~keep], starts[~keep], ends[~keep], reader)
    np.testing.assert_array_equal(paths, before)
    kept = iter(keep)
    for b, length in enumerate(lengths):
        spans = tags_to_spans([tags[row] for row in paths[:length, b]], Scheme.BIOES)
        left = [span for span in spans if next(kept)]
        assert [tags[row] for row in changed[:length, b]] == spans_to_tags(left, length, Scheme.BIOES)
        np.testing.assert_array_equal(changed[length:, b], paths[length:, b])


def test_span_tags_say_what_opens_and_closes():
    reader = span_tags(["B-X", "O", "S-A", "E-X", "I-X", "S-X"])
    assert reader.opens.tolist() == [True, False, True, False, False, True]
    assert reader.closes.tolist() == [False, False, True, True, False, True]
    assert reader.label_rows.tolist() == [1, -1, 0, 1, 1, 1]
    assert reader.labels == ("A", "X")
    assert reader.outside == 1


@pytest.mark.parametrize("scheme", [Scheme.BIOES, Scheme.IOB2, Scheme.IOE2, Scheme.IOB1, Scheme.PLAIN])
@pytest.mark.parametrize("size", [1.0, 100.0, 1e4, 1e12])
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
    paths = viterbi(emissions, lengths, chain)
    k_best(emissions, lengths, chain, 2)
    sums = posterior(emissions, lengths, chain)
    sums.tag_marginals()
    sums.span_probabilities(np.array([0]), np.array([0]), np.array([4]), paths)
    posterior_within(0.0, emissions, lengths, chain).tag_marginals()
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
    sums = posterior(emissions, lengths, chain)
    assert np.isfinite(sums.log_partition).all()
    shares = sums.tag_marginals()[:, 0]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-6)
    in_logs = posterior_within(0.0, emissions, lengths, chain)
    np.testing.assert_allclose(shares, in_logs.tag_marginals()[:, 0], atol=1e-8)
    spans = path_spans(path[:, None], lengths, span_tags(tags))[:3]
    probabilities = sums.span_probabilities(*spans, path[:, None])
    np.testing.assert_allclose(probabilities, in_logs.span_probabilities(*spans, path[:, None]), atol=1e-8)
    # The middle of a long sentence knows nothing of its ends: a window around it gives the same marginals.
    window = posterior(emissions[4900:5100], np.array([200]), Chain(chain.start, chain.between, chain.end))
    np.testing.assert_allclose(shares[4950:5050], window.tag_marginals()[50:150, 0], atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3])
def test_viterbi_of_a_long_sentence_is_as_exact_as_of_a_short_one(batch):
    """Sums of 100,000 emissions around 50 would leave float32 no decimals to tell paths apart."""
    rng = np.random.default_rng(0)
    tags = tag_inventory(["A"], Scheme.BIOES)
    chain = constrained_chain(allowed_transitions(tags, Scheme.BIOES))
    emissions = (50 + rng.standard_normal((100_000, batch, 5))).astype(np.float32)
    whole = viterbi(emissions, np.full(batch, 100_000), chain)
    part = viterbi(emissions[70_000:70_300], np.full(batch, 300), chain)
    np.testing.assert_array_equal(whole[70_050:70_250], part[50:250])
    np.testing.assert_array_equal(whole[:, :1], viterbi(emissions[:, :1], np.array([100_000]), chain))


def test_k_best_of_a_long_sentence_is_as_exact_as_viterbi():
    rng = np.random.default_rng(1)
    tags = tag_inventory(["A", "B"], Scheme.BIOES)
    chain = constrained_chain(allowed_transitions(tags, Scheme.BIOES))
    emissions = (20 + rng.standard_normal((8000, 2, 9))).astype(np.float32)
    lengths = np.array([8000, 7000])
    paths, scores = k_best(emissions, lengths, chain, 3)
    np.testing.assert_array_equal(paths[0], viterbi(emissions, lengths, chain))
    assert (np.diff(scores, axis=0) <= 0).all()
