"""``tagsmith tag --workers`` through its real entry point: processes that die, Ctrl-C, and runs that go on."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import processes
from random_model import random_model
from tagsmith.model.folder import write_model
from tagsmith.scale import processes as engine
from tagsmith.scale.job import Done, Failed, Job
from tagsmith.scale.shards import Input, shards_of
from tagsmith.scale.worker import Worker

pytestmark = pytest.mark.slow
SENTENCE = "John lives in New York and a girl runs to Mary in Zürich. "


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale") / "model"
    write_model(random_model(seed=3), folder)
    return folder


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    with path.open("w") as stream:
        for number in range(4000):
            stream.write(json.dumps({"id": number, "text": SENTENCE * 5}) + "\n")
    return path


def tagsmith(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tagsmith", *map(str, arguments)]
    return processes.run(command, capture_output=True, text=True)


def ids(folder: Path, pattern: str = "rows.jsonl-*") -> list[int]:
    return [json.loads(line)["id"] for path in sorted(folder.glob(pattern)) for line in path.read_text().splitlines()]


class FatalWorker(Worker):
    """Dies of a row that says so: once if the path in the row does not exist, or always."""

    def __call__(self, batch):
        for text in batch["text"].to_pylist():
            kind, _, path = (text or "").partition(" ")
            if kind == "always" or (kind == "once" and not Path(path).exists()):
                if path:
                    Path(path).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def shards(tmp_path, texts):
    path = tmp_path / "few.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)))
    return list(shards_of(Input(str(path), "few.jsonl", "jsonl"), 20))


def test_a_worker_that_is_killed_costs_its_shard_alone(model, tmp_path):
    texts = ["John", f"once {tmp_path / 'died'}", "Mary", "New York", "a girl"]
    job = Job(FatalWorker(str(model), "text").pinned(), str(tmp_path / "out"))
    results = list(engine.run(job, shards(tmp_path, texts), workers=2))
    assert (tmp_path / "died").exists()
    assert sorted(one.number for one in results) == [0, 1, 2, 3, 4]  # each once
    assert all(isinstance(one, Done) for one in results)
    assert ids(tmp_path / "out", "few*") == [0, 1, 2, 3, 4]


def test_a_shard_that_kills_every_worker_is_given_up(model, tmp_path):
    job = Job(FatalWorker(str(model), "text").pinned(), str(tmp_path / "out"))
    results = list(engine.run(job, shards(tmp_path, ["John", "always", "Mary"]), workers=2))
    (failed,) = [one for one in results if isinstance(one, Failed)]
    assert failed.number == 1
    assert "3 processes died of the rows from line 2 on, the last with status -9" in str(failed.error)
    assert sorted(one.number for one in results) == [0, 1, 2]


def test_processes_end_when_the_results_are_no_longer_wanted(model, tmp_path):
    results = engine.run(
        Job(Worker(str(model), "text").pinned(), str(tmp_path / "out")), shards(tmp_path, [SENTENCE] * 50), 2
    )
    next(results)
    assert len(multiprocessing.active_children()) == 2
    results.close()
    assert not multiprocessing.active_children()


def children(process: int) -> set[int]:
    """Return the processes that have been started by a process."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name_and_rest = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(name_and_rest[1]) == process and name_and_rest[0] != "Z":
            found.add(int(path.parent.name))
    return found


def test_files_and_folders_are_tagged(model, rows, tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "letter.txt").write_text(f"{SENTENCE}\n\n{SENTENCE}")
    (folder / "table.csv.gz").write_bytes(gzip.compress(f"id,text\n1,{SENTENCE}\nbad\n".encode()))
    out = tmp_path / "out"
    command = ("tag", model, rows, folder, "-o", f"{out}/", "--workers", 2, "--shard-size", 0.2)
    done = tagsmith(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "4,004 rows read, 4,003 tagged, 1 rejected" in done.stderr
    assert ids(out) == list(range(4000))
    assert len(list(out.glob("rows.jsonl-*"))) > 5
    assert (out / "deep" / "letter.txt-00000.jsonl").read_text().count("\n") == 2
    assert (out / "table.csv.gz-00000.csv").read_text().startswith("id,text,spans\n1,")
    again = tagsmith(*command)
    assert again.returncode == 0
    assert "of them tagged before: 4,004 rows read" in again.stderr


def test_an_interrupted_or_killed_run_goes_on(model, rows, tmp_path):
    out = tmp_path / "out"
    arguments = ("tag", model, rows, "-o", out, "--workers", 2, "--shard-size", 0.05)
    command = [sys.executable, "-m", "tagsmith", *map(str, arguments)]
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = len(list(out.glob("rows*")))
        with processes.started(command, stderr=subprocess.PIPE, text=True) as run:
            while len(list(out.glob("rows*"))) < before + 3:
                assert run.poll() is None
                time.sleep(0.01)
            workers = children(run.pid)
            run.send_signal(number)
            told = run.stderr.read()
            run.wait(30)
            deadline = time.monotonic() + 30
            while any(map(processes.exists, workers)) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not any(map(processes.exists, workers))  # none outlives the run
        assert run.returncode == status
        if number == signal.SIGINT:
            assert told.strip() == (
                "interrupted; the shards that are finished are kept, and the same command goes on from there"
            )
            assert not list(out.glob(".*"))  # nothing is half written
    kept = len((out / "_manifest.jsonl").read_text().splitlines()) - 1
    assert kept >= 3
    done = tagsmith(*arguments)
    assert done.returncode == 0, done.stderr
    assert "4,000 rows read, 4,000 tagged;" in done.stderr
    assert ids(out) == list(range(4000))
    assert not list(out.glob(".*"))


def test_bad_calls_are_refused_before_anything_is_tagged(model, rows, tmp_path):
    (tmp_path / "a.conll").write_text("John B-PER\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "rows.jsonl").write_text("{}\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "old" / "_rejects").mkdir(parents=True)
    (tmp_path / "old" / "_rejects" / "rows.jsonl").write_text("{}\n")
    out = f"{tmp_path / 'out'}/"
    for arguments, message in [
        ((rows,), "The results of --workers are many files"),
        ((rows, "-o", out, "--workers", "0"), "--workers 0 is no number"),
        ((rows, "-o", out, "--workers", "1", "--shard-size", "0"), "--shard-size 0 is no size"),
        ((rows, "-o", out, "--engine", "spark"), "There is no engine 'spark'"),
        ((tmp_path / "a.conll", "-o", out), "conll files cannot be cut into shards"),
        ((rows, other / "rows.jsonl", "-o", out), "Two inputs would have the same results"),
        (("-", "-o", out), "Standard input cannot be tagged again"),
        ((rows, "-o", out, "--output-format", "conll"), "The results of --workers cannot be conll"),
        ((rows, "-o", out, "--scheme", "bare"), "--workers writes spans"),
        ((rows, "-o", out, "--threshold", "XYZ=0.5"), "XYZ"),
        ((tmp_path / "none.jsonl", "-o", out), "no such file"),
        ((tmp_path / "pipe", "-o", out), "pipe: A pipe or a device cannot be read again"),
        ((rows, tmp_path / "old", "-o", out), "rows that an earlier run could not tag"),
    ]:
        more = () if {"--workers", "--engine"} & set(map(str, arguments)) else ("--workers", "2")
        done = tagsmith("tag", model, *arguments, *more)
        assert done.returncode == 2, (arguments, done.stderr)
        assert message in done.stderr
        assert not list(Path(out).glob("rows*"))


def test_a_manifest_that_cannot_grow_ends_the_run_and_the_next_goes_on(model, tmp_path):
    path, out = tmp_path / "rows.jsonl", tmp_path / "out"
    path.write_text("".join(f'{{"id": {number}, "text": "John"}}\n' for number in range(200)))
    arguments = ("tag", model, path, "-o", out, "--workers", 1, "--shard-size", 0.00002)
    (tmp_path / "limited.py").write_text(
        "import resource, runpy\n"
        "if __name__ == '__main__':\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))  # bytes of a file\n"
        "    runpy.run_module('tagsmith', run_name='__main__', alter_sys=True)\n"
    )
    command = [sys.executable, str(tmp_path / "limited.py"), *map(str, arguments)]
    done = processes.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"error: {out / '_manifest.jsonl'}: File too large.\n"
    assert not list(out.glob(".*"))
    done = tagsmith(*arguments)
    assert done.returncode == 0, done.stderr
    assert "of them tagged before: 200 rows read, 200 tagged" in done.stderr
    assert ids(out) == list(range(200))


def test_a_damaged_file_is_one_error_and_the_rest_is_tagged(model, rows, tmp_path):
    bad = tmp_path / "bad.jsonl.gz"
    bad.write_bytes(gzip.compress(rows.read_bytes())[:-100])
    command = ("tag", model, rows, bad, "-o", tmp_path / "out", "--workers", 1)
    done = tagsmith(*command)
    assert done.returncode == 1
    assert f"error: not everything is tagged: {bad}: The gzip data are damaged" in done.stderr
    assert ids(tmp_path / "out") == list(range(4000))
    bad.write_bytes(gzip.compress(rows.read_bytes()))
    assert tagsmith(*command).returncode == 0
    assert ids(tmp_path / "out", "bad*") == list(range(4000))
