"""Tests of how sentences share batches when tagging."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.tagging.batching import (
    BATCH_TOKENS,
    BATCHES_PER_THREAD,
    SMALL_BATCH_TOKENS,
    batch_tokens,
    length_batches,
    one_ahead,
)


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 60), st.integers(1, 8))
def test_length_batches_cover_all_sentences_within_the_budget(lengths, budget, most):
    lengths = np.array(lengths, np.int64)
    batches = list(length_batches(lengths, budget, most))
    assert sorted(index for batch in batches for index in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        batch_lengths = lengths[batch]
        assert (np.diff(batch_lengths) <= 0).all()
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or len(batch) * batch_lengths[0] <= budget
    # No batch could have taken the next sentence too.
    for batch, following in pairwise(batches):
        assert len(batch) == most or (len(batch) + 1) * max(1, lengths[batch[0]]) > budget
        assert lengths[batch[-1]] >= lengths[following[0]]


@given(st.integers(0, 10**7), st.integers(1, 64))
def test_batches_are_large_only_where_every_thread_has_several(tokens, threads):
    most = batch_tokens(tokens, threads)
    assert SMALL_BATCH_TOKENS <= most <= BATCH_TOKENS
    assert most == SMALL_BATCH_TOKENS or tokens >= most * threads * BATCHES_PER_THREAD
    assert most <= batch_tokens(tokens + 1, threads)


def test_while_one_block_is_worked_on_the_next_is_made_and_the_last_is_used():
    made, used = [threading.Event() for _ in range(5)], [threading.Event() for _ in range(4)]
    most_ahead = 0

    def blocks() -> Iterator[int]:
        for block, event in enumerate(made[:4]):
            event.set()
            yield block
        made[4].set()

    def work(block: int) -> int:
        assert made[block + 1].wait(60)  # the caller does not wait for this block to make the next one
        assert block < 2 or used[block - 2].is_set()  # nor does it run far ahead
        return block

    for result in one_ahead(work, blocks()):
        used[result].set()
        most_ahead = max(most_ahead, sum(event.is_set() for event in made[:4]) - result - 1)
    assert all(event.is_set() for event in used)
    assert most_ahead == 1
    assert list(one_ahead(work, [])) == []


def test_an_error_in_making_a_block_comes_after_the_results_before_it():
    def blocks() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    results = one_ahead(abs, blocks())
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(ValueError, match="no third"):
        next(results)


def test_an_error_in_the_work_ends_it_in_its_place():
    results = one_ahead(lambda block: 6 // block, [3, 2, 0, 1])
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_who_stops_reading_results_stops_the_work():
    done = []
    results = one_ahead(done.append, range(100))
    next(results)
    results.close()
    assert len(done) <= 3
