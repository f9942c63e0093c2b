"""A model folder that is replaced: at every moment, whatever is killed, a reader gets the old model or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

import processes
from random_model import random_model
from tagsmith.files import ASIDE
from tagsmith.model.folder import read_model, write_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it kills processes by signals")
TESTS = Path(__file__).parents[1]

# Two steps stand for systems that cannot exchange two names.
PREPARED = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
import tagsmith.files
from random_model import random_model
from tagsmith.model.folder import read_model, write_model
folder, steps = Path(sys.argv[1]), sys.argv[2]
if steps == "in two steps":
    tagsmith.files._exchange = lambda one, other: False
models = [replace(random_model(seed=seed), recipe={"seed": seed}) for seed in (0, 1)]
"""

KILL = (
    PREPARED
    + """
def replaced_until_killed(number):
    # Die at the call of the system with this number: each of them that changes a folder is announced to Python.
    calls = iter(range(number + 1))

    def count(event, arguments):
        if event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir"} and next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        sys.addaudithook(count)
        try:
            write_model(models[1], folder)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

number, status, seen, left = 0, -signal.SIGKILL, [], 0
write_model(models[0], folder)
while status == -signal.SIGKILL:
    status = replaced_until_killed(number)
    gone = not folder.exists()
    seen.append(read_model(folder).recipe["seed"])  # raises if there is no model
    left = max(left, len(list(folder.parent.iterdir())))
    number += 1
    write_model(models[0], folder)
    assert list(folder.parent.iterdir()) == [folder], list(folder.parent.iterdir())
    if gone:
        print("put back", flush=True)
print(number, status, seen[0], seen[-1], left)
"""
)


def run_python(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = processes.run(command, capture_output=True, text=True, check=False, cwd=TESTS, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("steps", ["in one step", "in two steps"])
def test_a_writer_killed_at_any_step_leaves_the_old_model_or_the_new_one(tmp_path, steps):
    *put_back, summary = run_python(KILL, tmp_path / "model", steps).splitlines()
    number, status, first, last, left = map(int, summary.split())
    assert number > 20  # it was killed at so many steps
    assert (status, first, last) == (0, 0, 1)
    assert left == 2  # killed writers did leave something, which the next one removed
    assert bool(put_back) == (steps == "in two steps")


WRITE = (
    PREPARED
    + """
for number in range(int(sys.argv[3])):
    write_model(models[number % 2], folder)
"""
)

READ = (
    PREPARED
    + """
contents = [{name: array.tobytes() for name, array in model.weights.items()} for model in models]
print("ready", flush=True)
loads, seen = 0, set()
while not (folder.parent / "end").exists():
    model = read_model(folder)
    seed = model.recipe["seed"]
    assert {name: array.tobytes() for name, array in model.weights.items()} == contents[seed], "a mixture of two models"
    seen.add(seed)
    loads += 1
print(loads, sorted(seen))
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["in one step", "in two steps"])
def test_no_reader_fails_while_a_writer_replaces_the_folder(tmp_path, steps):
    folder = tmp_path / "model"
    run_python(WRITE, folder, steps, 2)
    command = [sys.executable, "-c", READ, str(folder), steps]
    options = {"stdout": subprocess.PIPE, "text": True, "cwd": TESTS}
    with processes.started(command, **options) as first, processes.started(command, **options) as second:
        for reader in (first, second):
            assert reader.stdout.readline() == "ready\n"
        run_python(WRITE, folder, steps, 80)
        (tmp_path / "end").touch()
        for reader in (first, second):
            loads, seen = reader.communicate(timeout=60)[0].split(" ", 1)
            assert reader.returncode == 0
            assert int(loads) > 10
            assert seen == "[0, 1]\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["end", "model"]


def test_a_model_that_a_killed_process_moved_aside_is_put_back_by_the_next_reader(tmp_path):
    folder = tmp_path / "model"
    write_model(random_model(), folder)
    folder.rename(tmp_path / f".model.01234567.{ASIDE}")
    assert read_model(folder).layers
    assert list(tmp_path.iterdir()) == [folder]


def test_an_old_model_whose_writer_lives_is_left_to_it(tmp_path):
    """The reader waits for the new model."""
    import fcntl

    folder, aside = tmp_path / "model", tmp_path / f".model.01234567.{ASIDE}"
    new = random_model(seed=1, labels=("NEW",))
    write_model(random_model(seed=0), folder)
    write_model(new, tmp_path / "new")
    folder.rename(aside)
    handle = os.open(aside, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_model, folder)
        assert not wait([reading], timeout=0.2).done
        assert aside.exists()
        (tmp_path / "new").rename(folder)
        assert reading.result(timeout=60).layers == new.layers
    os.close(handle)
