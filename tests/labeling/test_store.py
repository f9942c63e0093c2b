"""The database: nothing that was acknowledged is lost, and who comes next."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import processes
from tagsmith import Document, Sentence, TokenSpan
from tagsmith.errors import InputError
from tagsmith.labeling.labeled_file import FileSentence
from tagsmith.labeling.store import DATABASE, HELD_OUT_EVERY, Store
from tagsmith.serving.refusals import Refusal

WRITER = """
import sys
from pathlib import Path
from tagsmith import Document, Sentence, TokenSpan
from tagsmith.labeling.store import Store

store = Store(Path(sys.argv[1]))
for number in range(100_000):
    ids, _ = store.add([Document(f"word {number}", (Sentence(("word", str(number)), (0, 5)),))], "here")
    store.save(ids[0], "accepted", [TokenSpan(1, 2, "NUMBER")])
    print(ids[0], flush=True)
"""


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "people.labeling")
    yield store
    store.close()


def sentences(*texts: str) -> list[Document]:
    return [Document(text, (Sentence(tuple(text.split()), (0,) * len(text.split())),)) for text in texts]


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path, acknowledged: int):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with processes.started(command, stdout=subprocess.PIPE, text=True) as process:
        told = [int(process.stdout.readline()) for _ in range(acknowledged)]
        os.kill(process.pid, signal.SIGKILL)
        told += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    store = Store(tmp_path)
    kept = {row.id: row for row in store.accepted()}
    assert set(told) <= kept.keys()
    assert all(kept[number].spans == [[1, 2, "NUMBER"]] for number in told)
    store.close()


def test_the_journal_is_written_ahead_and_synced(store: Store):
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_sentence_is_added_once(store: Store):
    ids, added = store.add(sentences("a b", "c", "a b"), "first.txt")
    assert (ids, added) == ([1, 2, 1], 2)
    assert store.add(sentences("c", "d"), "second.txt") == ([2, 3], 1)
    assert store.sentence(2).source == "first.txt"


def test_words_that_join_to_the_same_text_are_different_sentences(store: Store):
    ids, _ = store.add(sentences("ab c", "a bc"), "")
    assert len(set(ids)) == 2


def test_the_least_certain_comes_first_and_the_unseen_last(store: Store):
    store.add(sentences("a", "b", "c", "d"), "")
    store.keep_scores("v1", [(1, [], 0.9), (2, [], 0.1), (4, [], 0.5)])
    order, skip = [], []
    while (row := store.next(skip)) is not None:
        order.append(row.id)
        skip.append(row.id)
    assert order == [2, 4, 1, 3]
    assert store.scored("v1") == 3
    assert [row.id for row in store.unscored("v1", 10)] == [3]
    assert [row.id for row in store.unscored("v2", 10)] == [1, 2, 3, 4]


def test_each_fifth_accepted_sentence_is_held_out_and_stays_so(store: Store):
    ids, _ = store.add(sentences(*map(str, range(20))), "")
    for number in ids:
        store.save(number, "accepted", [])
    held = [row.id for row in store.accepted() if row.held_out]
    assert held == ids[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    for number in ids:
        store.save(number, "waiting", None)
        store.save(number, "accepted", [TokenSpan(0, 1, "X")])
    assert [row.id for row in store.accepted() if row.held_out] == held
    assert store.counts() == {"waiting": 0, "accepted": 20, "skipped": 0, "held_out": 4, "predicted": 0}


def test_spans_stay_as_a_draft_when_a_sentence_goes_back(store: Store):
    store.add(sentences("a b"), "")
    store.save(1, "accepted", [TokenSpan(0, 2, "X")])
    assert store.save(1, "waiting", None).spans == [[0, 2, "X"]]
    with pytest.raises(Refusal, match="no such sentence"):
        store.save(2, "accepted", [])


def test_removing_leaves_what_people_did(store: Store):
    store.add(sentences("a", "b", "c"), "")
    store.save(2, "accepted", [])
    store.save(3, "skipped", None)
    assert store.remove("waiting") == 1
    assert store.counts() == {"waiting": 0, "accepted": 1, "skipped": 1, "held_out": 0, "predicted": 0}


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\0 but cut off"])
def test_what_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes):
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(InputError, match="labeling") as raised:
        Store(tmp_path)
    assert DATABASE in str(raised.value)
    assert (tmp_path / DATABASE).read_bytes() == content


def test_a_folder_may_be_called_anything(tmp_path: Path):
    folder = tmp_path / "50%20of #1? {ä}"
    Store(folder).close()
    assert (folder / DATABASE).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(InputError, match="cannot be kept"):
        Store(tmp_path / "file" / "folder")


def test_other_programs_can_read_it(store: Store):
    store.add(sentences("a b"), "here.txt")
    store.save(1, "accepted", [TokenSpan(0, 1, "X")])
    with sqlite3.connect(store.folder / DATABASE) as connection:
        assert connection.execute("SELECT text, status, spans FROM sentences").fetchall() == [
            ("a b", "accepted", '[[0, 1, "X"]]')
        ]


def test_a_stated_certainty_counts_more_than_the_models(store: Store):
    span = TokenSpan(0, 1, "PER")
    stated, unstated = sentences("Ann ran", "Bob ran")
    files = [
        FileSentence(stated, 1, [span], False, [0.9], 0.1),
        FileSentence(unstated, 2, [span], False, [0.8]),
    ]
    first, second = (added.id for added in store.add_labeled(files, "check.jsonl"))
    assert (store.sentence(first).certainty, store.sentence(second).certainty) == (0.1, 0.8)
    store.keep_scores("v1", [(first, [], 0.99), (second, [], 0.05)])
    assert (store.sentence(first).certainty, store.sentence(second).certainty) == (0.1, 0.05)
