"""Programs that tests start: none outlives its test, and none is waited for without end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

SECONDS = 300.0  # that a program may take; pytest gives a whole test 400


@contextmanager
def started(command: Any, *, seconds: float = SECONDS, **options: Any) -> Iterator[subprocess.Popen]:
    """Start a program, and wait for its end after the context, as ``subprocess.Popen`` does.

    After an error in the context, or when the time is over, it is killed with all processes of its group: so a read of
    its pipes ends as well, even if a child of its own holds them. AssertionError: the time was over.
    """
    over = threading.Event()

    def stop() -> None:
        over.set()
        _kill(process)

    process = subprocess.Popen(command, start_new_session=True, **options)
    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield process
        _close(process)
        process.wait()  # the timer ends it
    finally:
        timer.cancel()
        _kill(process)
        _close(process)
        process.wait(20)
    assert not over.is_set(), f"{command} was killed after {seconds:g} seconds"


def run(
    command: Any, *, timeout: float = SECONDS, input: Any = None, check: bool = False, **options: Any
) -> subprocess.CompletedProcess:
    """Run a program to its end, as ``subprocess.run`` does, but with a limit, which is one for its children too."""
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with started(command, seconds=timeout, **options) as process:
        out, err = process.communicate(input, timeout=timeout + 10)
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def _kill(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):  # there is nothing left of it
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _close(process: subprocess.Popen) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        with suppress(OSError):  # nobody reads what is still to be written
            if stream is not None:
                stream.close()


def exists(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
