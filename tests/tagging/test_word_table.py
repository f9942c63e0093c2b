"""The word table: the same encodings as without it, bounded, and safe to share."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import processes
from tagsmith.tagging import word_table
from tagsmith.tagging.word_table import Column, WordTable

SIZE = 3


def direct(forms):
    """An encoding that only its own form can have."""
    return np.float32([[len(form), hash(form) % 9973, sum(map(ord, form)) % 9973] for form in forms]).reshape(-1, SIZE)


def columns_of(forms):
    """Two columns: what only the form can have, and half of it."""
    return direct(forms), direct(forms) / 2


def make(encode=columns_of, capacity=1000):
    return WordTable(encode, [Column(SIZE, np.float32), Column(SIZE, np.float16)], capacity)


def check(table, sentences):
    tokens, (first, second) = table.look_up(sentences)
    words = [word for sentence in sentences for word in sentence]
    assert (tokens.dtype, first.dtype, second.dtype) == (np.int32, np.float32, np.float16)
    np.testing.assert_array_equal(first[tokens], direct(words))
    np.testing.assert_array_equal(second[tokens], np.float16(direct(words) / 2))


CALLS = st.lists(st.lists(st.lists(st.text("abc", max_size=4), max_size=5), max_size=4), max_size=6)


@given(CALLS, st.integers(20, 40))
def test_every_token_gets_the_encoding_of_its_form(calls, capacity):
    table = make(capacity=capacity)
    for sentences in calls:
        check(table, sentences)


def test_a_form_is_encoded_once_while_it_is_kept():
    seen = []

    def encode(forms):
        seen.extend(forms)
        return columns_of(forms)

    table = make(encode)
    table.look_up([["a", "b", "a"], ["c"]])
    table.look_up([["c", "d"], ["b"]])
    assert sorted(seen) == ["a", "b", "c", "d"]
    assert len(table) == 4


def test_ever_new_words_never_fill_more_than_the_capacity():
    table = make(capacity=50)
    for call in range(100):
        check(table, [[f"w{call}_{number}" for number in range(7)]])
        assert len(table) <= 50


def test_the_memory_is_taken_once():
    table = make(capacity=50)
    before = [column.ctypes.data for column in table._columns]
    for call in range(20):
        check(table, [[f"w{call}_{number}" for number in range(30)]])
    assert [column.ctypes.data for column in table._columns] == before


def test_what_was_handed_out_stays_right_when_the_table_is_emptied():
    table = make(capacity=700)
    words = [f"early{number}" for number in range(600)]
    tokens, (encodings, _) = table.look_up([words])
    for call in range(20):
        check(table, [[f"late{call}_{number}" for number in range(500)]])
    np.testing.assert_array_equal(encodings[tokens], direct(words))


def test_a_call_with_more_forms_than_the_table_holds_is_refused_and_harms_nothing():
    table = make(capacity=40)
    check(table, [["a", "b"]])
    with pytest.raises(ValueError, match="41 word forms"):
        table.look_up([[f"word{number}" for number in range(41)]])
    check(table, [["a", "b", "c"]])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_threads_of_a_forked_child_begin_with_a_table_of_their_own():
    """In a process of its own: JAX, which other tests import, warns of every fork."""
    code = """
import os, threading, time
from test_word_table import columns_of, check, make
def slowly(forms):
    time.sleep(0.001)
    return columns_of(forms)
table = make(slowly, capacity=64)
check(table, [["a", "b"]])
with table._lock:  # held by a thread that the child does not have
    child = os.fork()
if child:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
start, wrong = threading.Barrier(4), []
def work(number):
    start.wait(20)
    try:
        for call in range(20):
            check(table, [[f"w{number}_{call}_{word}" for word in range(8)], ["a", "b"]])
    except BaseException as error:
        wrong.append(error)
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join(20)
os._exit(len(wrong))
"""
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    processes.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)


def test_a_call_with_many_tokens_gets_each_of_its_forms_once():
    table = make()
    check(table, [[f"other{number}" for number in range(300)]])
    words = [f"word{number % 50}" for number in range(5000)]
    tokens, (encodings, _) = table.look_up([words])
    assert len(encodings) == 50
    np.testing.assert_array_equal(encodings[tokens], direct(words))


def test_more_new_forms_than_one_block_holds():
    check(make(capacity=20_000), [[f"word{number:05}" for number in range(10_000)]])


def test_a_failing_encoder_leaves_the_table_as_it_was():
    def encode(forms):
        if "bad" in forms:
            raise MemoryError
        return columns_of(forms)

    table = make(encode)
    check(table, [["good"]])
    with pytest.raises(MemoryError):
        table.look_up([["bad", "other"]])
    check(table, [["good", "other"]])


def test_threads_share_a_small_table_without_mixing_up_words():
    table = make(capacity=64)

    def work(worker: int) -> None:
        rng = np.random.default_rng(worker)
        for call in range(300):
            common = [f"common{number}" for number in rng.integers(0, 40, 10)]
            new = [f"w{worker}_{call}_{number}" for number in range(10)]
            check(table, [common, new])

    with ThreadPoolExecutor(8) as pool:
        for finished in [pool.submit(work, worker) for worker in range(8)]:
            finished.result()
    assert len(table) <= 64


def test_long_forms_are_kept_only_up_to_a_number_of_characters(monkeypatch):
    monkeypatch.setattr(word_table, "MOST_CHARACTERS", 5000)
    table = make()
    kept = []
    for number in range(100):
        check(table, [["a", f"{number}" + "x" * 1000]])
        kept.append(sum(map(len, table._rows)))
    assert max(kept) <= 7000
    for number in range(400):
        check(table, [["a", f"{number}"]])
    assert len(table) > 300
