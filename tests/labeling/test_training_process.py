"""The training process ends well however a run ends, and leaves nothing that nobody asked for.

Here training is played by a script, so that each ending can be tried ten times; ``test_training_routes.py`` trains.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import processes
from tagsmith.labeling.training_process import LOG, TrainingJob
from tagsmith.labeling.training_run import RetrainingRun

TRIES = 10
SCORES = {"precision": 1, "recall": 1, "f1": 1, "support": 1, "accuracy": 1, "types": {}}
# Plays the process: its ``run`` does what the first sentence of the job says.
PLAYED = f"""
import os, sys, time
from tagsmith.errors import InputError
from tagsmith.labeling import training_process as own

def play(job):
    job.out.mkdir(parents=True)
    own.report("state", train=7)
    (way,), _ = job.train[0]
    if way == "fail":
        raise InputError("This cannot be trained on.")
    if way == "break":
        raise MemoryError("out of memory")
    if way == "kill":
        os.kill(os.getpid(), 9)
    while way == "write":
        job.out.mkdir(parents=True, exist_ok=True)
        (job.out / "checkpoint").write_text("an epoch more")
        time.sleep(0.01)
    while way == "talk":
        own.report("message", text="still at it")
    while way == "wait":
        time.sleep(60)
    own.report("state", after={SCORES})

own.run = play
sys.exit(own.main())
"""
# A server that starts such a process for each argument, tells their numbers and waits to be killed.
SERVER = """
import asyncio, sys
from pathlib import Path
from test_training_process import job_of, play
from tagsmith.labeling.training_run import RetrainingRun

async def serve():
    runs = [RetrainingRun(number, job_of(Path(sys.argv[1]), number, sys.argv[2])) for number in range(10)]
    tasks = [asyncio.create_task(run.work(print)) for run in runs]
    while any(run.answer.train != 7 for run in runs):
        await asyncio.sleep(0.01)
    print(*(run._process.pid for run in runs), flush=True)
    await asyncio.gather(*tasks)

play()
asyncio.run(serve())
"""


def play() -> None:
    """Let runs of this Python process have the played training process."""
    start = asyncio.create_subprocess_exec

    def start_played(python: str, *_: str, **options: object):
        return start(python, "-c", PLAYED, **options)

    asyncio.create_subprocess_exec = start_played


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "create_subprocess_exec", asyncio.create_subprocess_exec)
    play()


def job_of(folder: Path, number: int, way: str) -> TrainingJob:
    own = folder / str(number)
    own.mkdir(parents=True)
    sentence = ([way], ["B-X"])
    return TrainingJob(train=[sentence], dev=[], folder=str(own), start=None, layer="tags", gives_spans=True)


async def status_of(run: RetrainingRun, kept: list[Path], *, cancel: bool = False) -> int:
    """Let a run come to its end, or cancel it when training has begun; return the status of its process."""
    working = asyncio.create_task(run.work(lambda done: kept.append(done.job.out)))
    if cancel:
        while run.answer.train != 7:
            await asyncio.sleep(0.01)
        await run.cancel()
    await working
    assert not processes.exists(run._process.pid)
    return run._process.returncode


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(
    ("way", "state", "left"),
    [("succeed", "done", []), ("fail", "failed", [LOG]), ("wait", "canceled", []), ("write", "canceled", [])],
)
def test_the_process_ends_with_status_0(tmp_path: Path, way: str, state: str, left: list[str]):
    kept: list[Path] = []
    for number in range(TRIES):
        run = RetrainingRun(number, job_of(tmp_path, number, way))
        assert asyncio.run(status_of(run, kept, cancel=state == "canceled")) == 0
        assert run.answer.state == state
        assert run.answer.problem == ("This cannot be trained on." if way == "fail" else "")
        folder = tmp_path / str(number)
        assert [own.name for own in folder.glob("*")] == left
        assert folder.exists() == bool(left)
    assert len(kept) == (TRIES if state == "done" else 0)


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(("way", "status"), [("break", 1), ("kill", -9)])
def test_a_message_that_names_the_log_names_one_that_exists(tmp_path: Path, way: str, status: int):
    run = RetrainingRun(1, job_of(tmp_path, 1, way))
    assert asyncio.run(status_of(run, [])) == status
    log = tmp_path / "1" / LOG
    assert run.answer.problem == f"The training process ended with status {status}; see {log}."
    assert ("MemoryError: out of memory" in log.read_text("utf-8")) == (way == "break")
    assert [own.name for own in log.parent.iterdir()] == [LOG]


@pytest.mark.usefixtures("played")
def test_a_run_that_is_canceled_before_its_process_is_there_ends_too(tmp_path: Path):
    async def cancel_at_once() -> RetrainingRun:
        run = RetrainingRun(1, job_of(tmp_path, 1, "wait"))
        working = asyncio.create_task(run.work(print))
        await asyncio.sleep(0)
        await run.cancel()
        await working
        return run

    run = asyncio.run(cancel_at_once())
    assert (run.answer.state, run.answer.problem, run._process.returncode) == ("canceled", "", 0)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_kept_is_said(tmp_path: Path, played: None):
    def keep(_: RetrainingRun) -> None:
        raise OSError(28, "No space left on device")

    run = RetrainingRun(1, job_of(tmp_path, 1, "succeed"))
    asyncio.run(run.work(keep))
    assert (run.answer.state, run.answer.problem) == ("failed", "OSError: [Errno 28] No space left on device")


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
@pytest.mark.parametrize("way", ["wait", "write", "talk"])
def test_nothing_outlives_a_server_that_is_killed(tmp_path: Path, way: str):
    command = [sys.executable, "-c", SERVER, str(tmp_path / "runs"), way]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    with processes.started(command, stdout=subprocess.PIPE, env=environment) as server:
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == TRIES
        os.kill(server.pid, signal.SIGKILL)  # the others have groups of their own
    deadline = time.monotonic() + 60
    while any(map(processes.exists, pids)):
        assert time.monotonic() < deadline, "a process stays"
        time.sleep(0.01)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("begun", [b"", b'{"train": ['])
def test_without_a_whole_job_the_process_ends(begun: bytes):
    process = processes.run([sys.executable, "-c", PLAYED], input=begun, capture_output=True, timeout=60)
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")


def test_the_process_ends_with_status_0_when_standard_input_closes(tmp_path: Path):
    for number in range(TRIES):
        job = job_of(tmp_path, number, "wait")
        command = [sys.executable, "-c", PLAYED]
        with processes.started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, seconds=60) as process:
            process.stdin.write(job.as_line())
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"event": "state", "train": 7}
            process.communicate(timeout=60)  # closes it
        assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_system_without_nice_trains_all_the_same(tmp_path: Path):
    played = PLAYED.replace("import os, sys, time", "import os, sys, time\ndel os.nice", 1)
    job = job_of(tmp_path, 1, "succeed")
    process = processes.run([sys.executable, "-c", played], input=job.as_line(), capture_output=True, timeout=60)
    assert (process.returncode, process.stderr) == (0, b"")
