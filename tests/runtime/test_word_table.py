"""The word table: the same encodings as without it, bounded, and safe to share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsmith.runtime.word_table import WordTable

SIZE = 3


def direct(forms):
    """An encoding that only its own form can have."""
    return np.float32([[len(form), hash(form) % 9973, sum(map(ord, form)) % 9973] for form in forms]).reshape(-1, SIZE)


def check(table, sentences):
    rows, encodings = table.look_up(sentences)
    words = [word for sentence in sentences for word in sentence]
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(encodings[rows], direct(words))


@given(st.lists(st.lists(st.lists(st.text("abc", max_size=4), max_size=5), max_size=4), max_size=6), st.integers(1, 9))
@settings(deadline=None)
def test_every_token_gets_the_encoding_of_its_form(calls, capacity):
    table = WordTable(direct, SIZE, capacity)
    for sentences in calls:
        check(table, sentences)


def test_a_form_is_encoded_once_while_it_is_kept():
    seen = []

    def encode(forms):
        seen.extend(forms)
        return direct(forms)

    table = WordTable(encode, SIZE)
    table.look_up([["a", "b", "a"], ["c"]])
    table.look_up([["c", "d"], ["b"]])
    assert sorted(seen) == ["a", "b", "c", "d"]
    assert len(table) == 4


def test_ever_new_words_never_fill_more_than_the_capacity_and_one_call():
    table = WordTable(direct, SIZE, capacity=50)
    for call in range(100):
        sentences = [[f"w{call}_{number}" for number in range(7)]]
        check(table, sentences)
        assert len(table) <= 57


def test_rows_handed_out_stay_right_when_the_table_grows_and_empties():
    table = WordTable(direct, SIZE, capacity=2000)
    words = [f"early{number}" for number in range(600)]
    rows, encodings = table.look_up([words])
    for call in range(20):
        check(table, [[f"late{call}_{number}" for number in range(500)]])
    np.testing.assert_array_equal(encodings[rows], direct(words))


def test_more_new_forms_than_one_block_holds():
    check(WordTable(direct, SIZE), [[f"word{number:05}" for number in range(10_000)]])


def test_a_failing_encoder_leaves_the_table_as_it_was():
    def encode(forms):
        if "bad" in forms:
            raise MemoryError
        return direct(forms)

    table = WordTable(encode, SIZE)
    check(table, [["good"]])
    with pytest.raises(MemoryError):
        table.look_up([["bad", "other"]])
    check(table, [["good", "other"]])


def test_threads_share_a_small_table_without_mixing_up_words():
    table = WordTable(direct, SIZE, capacity=64)

    def work(worker: int) -> None:
        rng = np.random.default_rng(worker)
        for call in range(300):
            common = [f"common{number}" for number in rng.integers(0, 40, 10)]
            new = [f"w{worker}_{call}_{number}" for number in range(10)]
            check(table, [common, new])

    with ThreadPoolExecutor(8) as pool:
        for finished in [pool.submit(work, worker) for worker in range(8)]:
            finished.result()
    assert len(table) <= 64 + 20
