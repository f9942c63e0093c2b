"""The CRF's likelihood against the sum over all legal sequences, and what must not matter to it."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_calls import array, compiled, gradients, numeric_slope, random_direction
from packed_rows import numbered, places
from search_budget import examples
from tagsmith.network.backend import keras
from tagsmith.network.crf import CRF
from tagsmith.text.schemes import Scheme, allowed_transitions, tag_inventory

ops = keras.ops
BATCH, TIME = 3, 5  # one shape, so that nothing is compiled twice
TAGS = tag_inventory(["X"], Scheme.BIOES)
ALLOWED = allowed_transitions(TAGS, Scheme.BIOES)
LEGAL = {
    length: [
        tags
        for tags in product(range(len(TAGS)), repeat=length)
        if ALLOWED.start[tags[0]] and ALLOWED.end[tags[-1]] and all(ALLOWED.between[pair] for pair in pairwise(tags))
    ]
    for length in range(1, TIME + 1)
}


THE_CRF = CRF(ALLOWED)
RUN = compiled(THE_CRF, list(THE_CRF.named_weights("crf/0").values()))


def random_crf(seed: int, size: float = 1.0) -> CRF:
    """Always the same CRF, so that it is compiled once, with other weights."""
    rng, crf = np.random.default_rng(seed), THE_CRF
    for variable in crf.named_weights("crf/0").values():
        variable.assign(rng.normal(0, size, variable.shape).astype(np.float32))
    return crf


def score(crf: CRF, emissions, tags) -> float:
    start, between, end = (array(v.value).astype(np.float64) for v in (crf.start, crf.between, crf.end))
    total = start[tags[0]] + end[tags[-1]] + sum(float(emissions[t, tag]) for t, tag in enumerate(tags))
    return total + sum(between[pair] for pair in pairwise(tags))


def losses(emissions, tags, sentences, run=RUN) -> np.ndarray:
    return array(run(np.float32(emissions), np.int32(tags), np.int32(sentences)))


def filled(rows, time: int = TIME) -> np.ndarray:
    """Rows of tags, each of several sequences one after another, with padding."""
    tags = np.zeros((len(rows), time), np.int32)
    for row, sequences in zip(tags, rows, strict=True):
        own = sum(sequences, ())
        row[: len(own)] = own
    return tags


def lengths_of(rows) -> list[list[int]]:
    return [list(map(len, sequences)) for sequences in rows]


def expected_loss(crf: CRF, emissions, sequences) -> float:
    """The negative log-probability of a row's sequences, by summing over every legal one of each sentence."""
    total, first = 0.0, 0
    for tags in sequences:
        own = emissions[first : first + len(tags)]
        every = [score(crf, own, legal) for legal in LEGAL[len(tags)]]
        total += np.logaddexp.reduce(every) - score(crf, own, tags)
        first += len(tags)
    return total


@st.composite
def rows_of_sequences(draw):
    """For each row of a batch, legal sequences that it has room for; none in a row of padding."""
    rows = []
    for _ in range(BATCH):
        room, sequences = draw(st.integers(0, TIME)), []
        while room:
            length = draw(st.integers(1, room))
            sequences.append(draw(st.sampled_from(LEGAL[length])))
            room -= length
        rows.append(sequences)
    return rows


@given(st.integers(0, 2**31), rows_of_sequences())
@settings(max_examples=examples(25))
def test_the_loss_is_the_negative_log_of_the_sequences_share_of_the_legal_ones(seed, rows):
    crf = random_crf(seed)
    emissions = np.random.default_rng(seed).normal(0, 3, (BATCH, TIME, len(TAGS)))
    found = losses(emissions, filled(rows), numbered(lengths_of(rows), TIME))
    for b, sequences in enumerate(rows):
        if sequences:
            assert found[b] == pytest.approx(expected_loss(crf, emissions[b], sequences), abs=2e-4, rel=1e-4)
        else:
            assert found[b] == 0.0


@pytest.mark.parametrize("size", [1.0, 5.0])
@pytest.mark.parametrize("lengths", [(1,), (2,), (3,), (4,), (1, 1), (2, 1), (1, 2, 1)], ids=str)
def test_the_probabilities_of_all_legal_sequences_sum_to_one(lengths, size):
    random_crf(sum(lengths), size)
    one = np.random.default_rng(7).normal(0, size, (TIME, len(TAGS)))
    every = list(product(*(LEGAL[length] for length in lengths)))
    found = losses(np.stack([one] * len(every)), filled(every), numbered([lengths] * len(every), TIME))
    assert (found >= -1e-4).all()
    assert np.exp(-found).sum() == pytest.approx(1.0, abs=1e-3)


def test_sentences_of_one_token_in_a_batch_of_one_step():
    crf = random_crf(1)
    emissions = np.random.default_rng(2).normal(0, 2, (2, 1, len(TAGS)))
    outside, single = TAGS.index("O"), TAGS.index("S-X")
    found = losses(emissions, [[outside], [single]], [[1], [1]])
    for b, tag in enumerate((outside, single)):
        assert found[b] == pytest.approx(expected_loss(crf, emissions[b], [(tag,)]), abs=1e-4)


def test_what_stands_in_the_padding_changes_nothing():
    random_crf(3)
    rng = np.random.default_rng(3)
    emissions = rng.normal(0, 2, (BATCH, TIME, len(TAGS)))
    rows = [[LEGAL[4][5]], [LEGAL[2][1], LEGAL[1][1]], []]
    sentences = numbered(lengths_of(rows), TIME)
    tags = filled(rows)
    padding = sentences == 0
    noisy, other = emissions.copy(), tags.copy()
    noisy[padding], other[padding] = 1e6, len(TAGS) - 1
    np.testing.assert_allclose(losses(noisy, other, sentences), losses(emissions, tags, sentences), rtol=1e-6)


def test_a_row_costs_what_its_sentences_cost_alone():
    random_crf(4)
    emissions = np.random.default_rng(4).normal(0, 2, (BATCH, TIME, len(TAGS)))
    rows = [[LEGAL[2][4], LEGAL[3][8]], [LEGAL[1][1], LEGAL[1][0], LEGAL[2][2]], [LEGAL[5][9]]]
    sentences = numbered(lengths_of(rows), TIME)
    alone = np.zeros(BATCH)
    for b, steps in places(sentences):
        own = (part[b : b + 1, steps] for part in (emissions, filled(rows)))
        alone[b] += losses(*own, np.ones((1, steps.stop - steps.start)))[0]
    np.testing.assert_allclose(losses(emissions, filled(rows), sentences), alone, rtol=1e-6, atol=1e-5)


def test_the_gradient_is_finite_and_agrees_with_finite_differences():
    crf = random_crf(5)
    emissions = keras.Variable(np.random.default_rng(5).normal(0, 2, (BATCH, TIME, len(TAGS))).astype(np.float32))
    rows = [[LEGAL[2][4], LEGAL[3][3]], [LEGAL[2][0], LEGAL[1][1]], []]
    tags, sentences = filled(rows), numbered(lengths_of(rows), TIME)
    named = {**crf.named_weights("crf/0"), "emissions": emissions}

    def loss():
        return ops.sum(crf(ops.convert_to_tensor(emissions), *map(ops.convert_to_tensor, (tags, sentences))))

    run = compiled(loss, list(named.values()))
    found = dict(zip(named, gradients(loss, list(named.values())), strict=True))
    for name, variable in named.items():
        assert np.isfinite(found[name]).all()
        assert np.linalg.norm(found[name]) > 0.1
        direction = random_direction(variable.shape, seed=len(name))
        slope = numeric_slope(run, variable, direction)
        assert np.sum(found[name] * direction) == pytest.approx(slope, abs=5e-3, rel=1e-2)
    # Padding and rows without sentences pull at nothing.
    assert not found["emissions"][sentences == 0].any()
    # What is illegal has no probability to take away: its scores are left alone.
    assert not found["crf/0/between"][~ALLOWED.between].any()
    assert not found["crf/0/start"][~ALLOWED.start].any()
    assert not found["crf/0/end"][~ALLOWED.end].any()


def test_a_long_row_stays_finite():
    random_crf(6)
    rng = np.random.default_rng(6)
    found = losses(rng.normal(0, 10, (2, 300, len(TAGS))), np.zeros((2, 300)), numbered([[300], [100] * 3], 300))
    assert np.isfinite(found).all()
    assert (found > 0).all()


SOFT_CRF = CRF(ALLOWED)
RUN_SOFT = compiled(SOFT_CRF, list(SOFT_CRF.named_weights("crf/0").values()))


def soft_losses(seed: int, emissions, probabilities, sentences) -> tuple[CRF, np.ndarray]:
    crf, rng = SOFT_CRF, np.random.default_rng(seed)
    for variable in crf.named_weights("crf/0").values():
        variable.assign(rng.normal(0, 1, variable.shape).astype(np.float32))
    return crf, array(RUN_SOFT(np.float32(emissions), np.float32(probabilities), np.int32(sentences)))


@given(rows_of_sequences(), st.integers(0, 2**32))
@settings(max_examples=examples(20))
def test_certain_probabilities_are_tags(rows, seed):
    rng, sentences = np.random.default_rng(seed), numbered(lengths_of(rows), TIME)
    emissions = rng.normal(0, 2, (BATCH, TIME, len(TAGS)))
    crf, soft = soft_losses(seed, emissions, np.eye(len(TAGS))[filled(rows)], sentences)
    assert soft == pytest.approx([expected_loss(crf, *row) for row in zip(emissions, rows, strict=True)], abs=1e-3)


@given(rows_of_sequences(), st.integers(0, 2**32))
@settings(max_examples=examples(20))
def test_of_probabilities_the_mean_score_counts(rows, seed):
    rng, sentences = np.random.default_rng(seed), numbered(lengths_of(rows), TIME)
    emissions = rng.normal(0, 2, (BATCH, TIME, len(TAGS)))
    q = rng.dirichlet(np.full(len(TAGS), 0.5), (BATCH, TIME))
    crf, soft = soft_losses(seed, emissions, q, sentences)
    start, between, end = (array(v.value).astype(np.float64) for v in (crf.start, crf.between, crf.end))
    for row, sequences in enumerate(rows):
        expected, first = 0.0, 0
        for length in map(len, sequences):
            own, here = emissions[row, first : first + length], q[row, first : first + length]
            mean = (own * here).sum() + here[0] @ start + here[-1] @ end
            mean += sum(before @ (between * ALLOWED.between) @ after for before, after in pairwise(here))
            expected += np.logaddexp.reduce([score(crf, own, legal) for legal in LEGAL[length]]) - mean
            first += length
        assert soft[row] == pytest.approx(expected, abs=2e-3)


def test_in_a_plain_task_every_sequence_is_legal():
    tags = ["A", "B"]
    crf = CRF(allowed_transitions(tags, Scheme.PLAIN))
    emissions = np.zeros((4, 2, 2))
    found = losses(emissions, [[0, 0], [0, 1], [1, 0], [1, 1]], [[1, 1], [1, 1], [1, 2], [1, 2]], compiled(crf))
    np.testing.assert_allclose(found, np.log(4), rtol=1e-5)
