"""The CRF's likelihood against the sum over all legal sequences, and what must not matter to it."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_calls import array, compiled, gradients, numeric_slope, random_direction
from tagsmith.data.schemes import Scheme, allowed_transitions, tag_inventory
from tagsmith.network.backend import keras
from tagsmith.network.crf import CRF

ops = keras.ops
BATCH, TIME = 3, 4  # one shape, so that nothing is compiled twice
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
RUN = compiled(THE_CRF, list(THE_CRF.named_weights().values()))


def random_crf(seed: int, size: float = 1.0) -> CRF:
    """Always the same CRF, so that it is compiled once, with other weights."""
    rng, crf = np.random.default_rng(seed), THE_CRF
    for variable in crf.named_weights().values():
        variable.assign(rng.normal(0, size, variable.shape).astype(np.float32))
    return crf


def score(crf: CRF, emissions, tags) -> float:
    start, between, end = (array(v.value).astype(np.float64) for v in (crf.start, crf.between, crf.end))
    total = start[tags[0]] + end[tags[-1]] + sum(float(emissions[t, tag]) for t, tag in enumerate(tags))
    return total + sum(between[pair] for pair in pairwise(tags))


def losses(emissions, tags, lengths, run=RUN) -> np.ndarray:
    return array(run(np.float32(emissions), np.int32(tags), np.int32(lengths)))


def filled(sequences, time: int = TIME) -> np.ndarray:
    rows = np.zeros((len(sequences), time), np.int32)
    for row, tags in zip(rows, sequences, strict=True):
        row[: len(tags)] = tags
    return rows


@given(st.integers(0, 2**31), st.lists(st.integers(0, TIME), min_size=BATCH, max_size=BATCH), st.data())
@settings(deadline=None, max_examples=25)
def test_the_loss_is_the_negative_log_of_the_sequences_share_of_the_legal_ones(seed, lengths, data):
    crf = random_crf(seed)
    emissions = np.random.default_rng(seed).normal(0, 3, (BATCH, TIME, len(TAGS)))
    tags = [data.draw(st.sampled_from(LEGAL[length])) if length else () for length in lengths]
    found = losses(emissions, filled(tags), lengths)
    for b, (sequence, length) in enumerate(zip(tags, lengths, strict=True)):
        if not length:
            assert found[b] == 0.0
            continue
        every = [score(crf, emissions[b], own) for own in LEGAL[length]]
        expected = np.logaddexp.reduce(every) - score(crf, emissions[b], sequence)
        assert found[b] == pytest.approx(expected, abs=2e-4, rel=1e-4)


@pytest.mark.parametrize("size", [1.0, 5.0])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_probabilities_of_all_legal_sequences_sum_to_one(length, size):
    random_crf(length, size)
    one = np.random.default_rng(7).normal(0, size, (TIME, len(TAGS)))
    every = LEGAL[length]
    found = losses(np.stack([one] * len(every)), filled(every), [length] * len(every))
    assert (found >= -1e-4).all()
    assert np.exp(-found).sum() == pytest.approx(1.0, abs=1e-3)


def test_sentences_of_one_token_in_a_batch_of_one_step():
    crf = random_crf(1)
    emissions = np.random.default_rng(2).normal(0, 2, (2, 1, len(TAGS)))
    outside, single = TAGS.index("O"), TAGS.index("S-X")
    found = losses(emissions, [[outside], [single]], [1, 1])
    for b, tag in enumerate((outside, single)):
        every = [score(crf, emissions[b], own) for own in LEGAL[1]]
        assert found[b] == pytest.approx(np.logaddexp.reduce(every) - score(crf, emissions[b], (tag,)), abs=1e-4)


def test_what_stands_in_the_padding_changes_nothing():
    random_crf(3)
    rng = np.random.default_rng(3)
    emissions = rng.normal(0, 2, (BATCH, TIME, len(TAGS)))
    lengths = [4, 2, 0]
    tags = filled([LEGAL[4][5], LEGAL[2][1], ()])
    noisy, other = emissions.copy(), tags.copy()
    for b, length in enumerate(lengths):
        noisy[b, length:] = 1e6
        other[b, length:] = len(TAGS) - 1
    np.testing.assert_allclose(losses(noisy, other, lengths), losses(emissions, tags, lengths), rtol=1e-6)


def test_a_sentence_alone_has_the_loss_that_it_has_among_others():
    random_crf(4)
    emissions = np.random.default_rng(4).normal(0, 2, (BATCH, TIME, len(TAGS)))
    tags = [LEGAL[4][9], LEGAL[3][2], LEGAL[1][1]]
    together = losses(emissions, filled(tags), [4, 3, 1])
    for b, own in enumerate(tags):
        alone = losses(emissions[b : b + 1, : len(own)], filled([own], len(own)), [len(own)])
        assert together[b] == pytest.approx(alone[0], abs=1e-5)


def test_the_gradient_is_finite_and_agrees_with_finite_differences():
    crf = random_crf(5)
    emissions = keras.Variable(np.random.default_rng(5).normal(0, 2, (BATCH, TIME, len(TAGS))).astype(np.float32))
    tags, lengths = filled([LEGAL[4][3], LEGAL[2][0], ()]), np.int32([4, 2, 0])
    named = {**crf.named_weights(), "emissions": emissions}

    def loss():
        return ops.sum(crf(ops.convert_to_tensor(emissions), *map(ops.convert_to_tensor, (tags, lengths))))

    run = compiled(loss, list(named.values()))
    found = dict(zip(named, gradients(loss, list(named.values())), strict=True))
    for name, variable in named.items():
        assert np.isfinite(found[name]).all()
        assert np.linalg.norm(found[name]) > 0.1
        direction = random_direction(variable.shape, seed=len(name))
        slope = numeric_slope(run, variable, direction)
        assert np.sum(found[name] * direction) == pytest.approx(slope, abs=5e-3, rel=1e-2)
    # Padding and sentences of length 0 pull at nothing.
    assert not found["emissions"][1, 2:].any()
    assert not found["emissions"][2].any()
    # What is illegal has no probability to take away: its scores are left alone.
    assert not found["crf/between"][~ALLOWED.between].any()
    assert not found["crf/start"][~ALLOWED.start].any()
    assert not found["crf/end"][~ALLOWED.end].any()


def test_a_long_sentence_stays_finite():
    random_crf(6)
    rng = np.random.default_rng(6)
    found = losses(rng.normal(0, 10, (1, 300, len(TAGS))), np.zeros((1, 300)), [300])
    assert np.isfinite(found).all()
    assert found[0] > 0


def test_in_a_plain_task_every_sequence_is_legal():
    tags = ["A", "B"]
    crf = CRF(allowed_transitions(tags, Scheme.PLAIN))
    emissions = np.zeros((4, 2, 2))
    found = losses(emissions, [[0, 0], [0, 1], [1, 0], [1, 1]], [2] * 4, compiled(crf))
    np.testing.assert_allclose(found, np.log(4), rtol=1e-5)
