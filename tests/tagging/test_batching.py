"""Tests of how sentences share batches when tagging."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.tagging.batching import BATCH_TOKENS, BATCHES_PER_THREAD, SMALL_BATCH_TOKENS, batch_tokens, length_batches


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
