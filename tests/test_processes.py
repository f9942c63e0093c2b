"""Programs that tests start are never waited for without end."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

import processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are other there")
CHILD = "import os, time; os.fork(); time.sleep(60)"  # two processes hold the pipes


def test_a_program_whose_child_holds_its_pipes_is_killed_when_its_time_is_over():
    begun = time.monotonic()
    with pytest.raises(AssertionError, match="was killed after"):
        processes.run([sys.executable, "-c", CHILD], timeout=0.2, capture_output=True)
    assert time.monotonic() - begun < 30


def test_an_error_does_not_wait_for_the_program():
    begun = time.monotonic()
    with pytest.raises(ValueError, match="mine"), processes.started([sys.executable, "-c", CHILD]) as process:
        raise ValueError("mine")
    assert not processes.exists(process.pid)
    assert time.monotonic() - begun < 30


def test_what_a_program_says_and_its_status_are_those_of_subprocess():
    code = "import sys; print(sys.stdin.read().upper()); sys.exit(3)"
    done = processes.run([sys.executable, "-c", code], input="abc", capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("ABC\n", "", 3)
    with pytest.raises(subprocess.CalledProcessError):
        processes.run([sys.executable, "-c", code], input="", check=True, capture_output=True, text=True)
    with processes.started([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE) as process:
        assert process.stdout.read() == b"1\n"
    assert process.returncode == 0
