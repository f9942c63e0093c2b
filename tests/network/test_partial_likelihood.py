"""The likelihood of partly labeled sentences against the sum over all sequences that agree with the labels."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_calls import array, compiled, gradients, numeric_slope, random_direction
from search_budget import examples
from tagsmith.network.backend import keras
from tagsmith.network.crf import CRF
from tagsmith.text.schemes import Scheme, allowed_transitions, tag_inventory

ops = keras.ops
ROWS, TIME, MOST = 2, 6, 3  # one shape, so that nothing is compiled twice; sentences of at most MOST tokens
TAGS = tag_inventory(["X"], Scheme.BIOES)
SIZE = len(TAGS)
ALLOWED = allowed_transitions(TAGS, Scheme.BIOES)
LEGAL = {
    length: [
        tags
        for tags in product(range(SIZE), repeat=length)
        if ALLOWED.start[tags[0]] and ALLOWED.end[tags[-1]] and all(ALLOWED.between[pair] for pair in pairwise(tags))
    ]
    for length in range(1, MOST + 1)
}
THE_CRF = CRF(ALLOWED)
WEIGHTS = list(THE_CRF.named_weights("crf/0").values())
RUN = compiled(THE_CRF, WEIGHTS)


def randomize(seed: int, size: float = 1.0) -> None:
    rng = np.random.default_rng(seed)
    for variable in WEIGHTS:
        variable.assign(rng.normal(0, size, variable.shape).astype(np.float32))


def log_sum(emissions: np.ndarray, possible: np.ndarray) -> float:
    """Log of the summed exponential scores of a sentence's legal sequences whose tags are possible."""
    start, between, end = (array(v.value).astype(np.float64) for v in WEIGHTS)
    scores = [
        start[tags[0]]
        + end[tags[-1]]
        + sum(emissions[t, tag] for t, tag in enumerate(tags))
        + sum(between[pair] for pair in pairwise(tags))
        for tags in LEGAL[len(emissions)]
        if all(possible[t, tag] for t, tag in enumerate(tags))
    ]
    return float(np.logaddexp.reduce(scores))


@st.composite
def packed(draw):
    """Rows of sentences, and a table of sets of tags whose first rows are single tags, each row possible somewhere."""
    sets = draw(st.lists(st.lists(st.booleans(), min_size=SIZE, max_size=SIZE), min_size=2, max_size=2))
    table = np.concatenate([np.eye(SIZE, dtype=bool), np.array(sets, bool)])
    table[SIZE:, 0] = True  # O, as in real data: some sequence is always possible
    sentences = np.zeros((ROWS, TIME), np.int32)
    tags = np.zeros((ROWS, TIME), np.int32)
    for row in range(ROWS):
        place = 0
        lengths = draw(st.lists(st.integers(1, MOST), min_size=0, max_size=3))
        for number, length in enumerate(lengths, 1):
            if place + length > TIME:
                break
            gold = draw(st.sampled_from(LEGAL[length]))
            opened = draw(st.lists(st.sampled_from([0, SIZE, SIZE + 1]), min_size=length, max_size=length))
            tags[row, place : place + length] = [
                other if tag == 0 else tag for tag, other in zip(gold, opened, strict=True)
            ]
            sentences[row, place : place + length] = number
            place += length
    return sentences, tags, table


def expected_losses(emissions, tags, sentences, table) -> np.ndarray:
    losses = np.zeros(ROWS)
    for row in range(ROWS):
        for number in range(1, sentences[row].max() + 1):
            place = sentences[row] == number
            own = emissions[row, place].astype(np.float64)
            losses[row] += log_sum(own, np.ones((len(own), SIZE), bool)) - log_sum(own, table[tags[row, place]])
    return losses


def losses(emissions, tags, sentences, table=None) -> np.ndarray:
    more = () if table is None else (table.astype(np.float32),)
    return array(RUN(np.float32(emissions), np.int32(tags), np.int32(sentences), *more))


@given(packed(), st.integers(0, 2**31))
@settings(max_examples=examples(30))
def test_the_loss_is_the_negative_log_of_the_share_of_the_sequences_that_agree(rows, seed):
    sentences, tags, table = rows
    randomize(seed)
    emissions = np.random.default_rng(seed).normal(0, 3, (ROWS, TIME, SIZE)).astype(np.float32)
    found = losses(emissions, tags, sentences, table)
    np.testing.assert_allclose(found, expected_losses(emissions, tags, sentences, table), atol=3e-4, rtol=1e-4)


SENTENCES = np.int32([[1, 1, 1, 2, 2, 0], [1, 1, 0, 0, 0, 0]])
GOLD = np.int32([[*LEGAL[3][5], *LEGAL[2][1], 0], [*LEGAL[2][0], 0, 0, 0, 0]])


def test_with_single_tags_alone_it_is_the_ordinary_loss():
    randomize(1)
    emissions = np.random.default_rng(1).normal(0, 3, (ROWS, TIME, SIZE))
    table = np.concatenate([np.eye(SIZE), np.ones((2, SIZE))])
    np.testing.assert_allclose(losses(emissions, GOLD, SENTENCES, table), losses(emissions, GOLD, SENTENCES), atol=1e-4)


def test_where_everything_is_possible_nothing_is_lost():
    randomize(2)
    emissions = np.random.default_rng(2).normal(0, 3, (ROWS, TIME, SIZE))
    table = np.concatenate([np.eye(SIZE), np.ones((2, SIZE))])
    everything = np.full((ROWS, TIME), SIZE)
    np.testing.assert_allclose(losses(emissions, everything, SENTENCES, table), 0.0, atol=1e-4)


def test_the_only_possible_path_may_be_improbable_beyond_the_reach_of_32_bits():
    randomize(3, 0.0)
    b, inside, outside = TAGS.index("B-X"), TAGS.index("I-X"), TAGS.index("O")
    emissions = np.zeros((ROWS, TIME, SIZE))
    emissions[:, 0, b] = 300.0  # a span begins here, says the network; but the next token is known to be outside
    emissions[:, 1, inside] = 300.0
    tags = np.full((ROWS, TIME), SIZE)
    tags[:, 1] = outside
    table = np.concatenate([np.eye(SIZE), np.ones((2, SIZE))])
    found = losses(emissions, tags, SENTENCES, table)
    np.testing.assert_allclose(found, expected_losses(emissions, tags, SENTENCES, table.astype(bool)), rtol=1e-4)
    assert (found > 250).all()


def test_the_gradient_is_finite_and_agrees_with_finite_differences():
    randomize(5)
    emissions = keras.Variable(np.random.default_rng(5).normal(0, 2, (ROWS, TIME, SIZE)).astype(np.float32))
    table = np.concatenate([np.eye(SIZE), [[1, 1, 1, 0, 1], [1, 0, 0, 0, 1]]]).astype(np.float32)
    tags = np.int32([[SIZE, SIZE, SIZE, SIZE + 1, 4, 0], [SIZE, 4, 0, 0, 0, 0]])
    named = {**THE_CRF.named_weights("crf/0"), "emissions": emissions}

    def loss():
        arrays = map(ops.convert_to_tensor, (tags, SENTENCES, table))
        return ops.sum(THE_CRF(ops.convert_to_tensor(emissions), *arrays))

    run = compiled(loss, list(named.values()))
    found = dict(zip(named, gradients(loss, list(named.values())), strict=True))
    for name, variable in named.items():
        assert np.isfinite(found[name]).all()
        direction = random_direction(variable.shape, seed=len(name))
        slope = numeric_slope(run, variable, direction)
        assert np.sum(found[name] * direction) == pytest.approx(slope, abs=5e-3, rel=1e-2)
    assert not found["emissions"][SENTENCES == 0].any()
