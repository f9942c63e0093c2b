"""The built-in engine: processes of this machine, each with a model and one thread.

A process that dies, whatever kills it, costs the shard it has: another takes its place and tags the shard again.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
import traceback
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from tagsmith.errors import InputError, TagsmithError
from tagsmith.scale.job import Done, Failed, Job, Results, tag_shard
from tagsmith.scale.shards import Shard

TRIES = 3  # of a shard that kills the process that tags it
SECONDS = 5.0  # until a process that is to end is killed
NEW_OBJECTS = 100_000  # until Python looks for garbage: rows have none in cycles, and there are many of them


class _Process(NamedTuple):
    """A process, and our end of the pipe to it."""

    process: BaseProcess
    pipe: Connection


def run(job: Job, shards: Iterable[Shard], workers: int) -> Results:
    """Tag shards in processes; yield what becomes of each, as it is finished. Few more than ``workers`` are in memory.

    When the iterator is closed, the processes are ended, and what they were writing is removed. As everywhere that
    Python starts processes, a script that calls this has it below ``if __name__ == "__main__"``.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that threads of this process hold
    coming, again = iter(shards), deque[Shard]()
    deaths: Counter[tuple[str, int]] = Counter()
    busy: dict[Connection, tuple[_Process, Shard]] = {}
    idle: list[_Process] = []
    try:
        while True:
            while len(busy) < workers and (shard := again.popleft() if again else next(coming, None)) is not None:
                one = idle.pop() if idle else _start(context, job)
                busy[one.pipe] = one, shard
                with suppress(OSError):  # it has died; reading from it says so too
                    one.pipe.send(shard)
            if not busy:
                return
            for ready in wait(list(busy)):
                one, shard = busy.pop(ready)  # type: ignore[call-overload]
                try:
                    result: Done | Failed = one.pipe.recv()
                    idle.append(one)
                except (EOFError, OSError):
                    deaths[shard.name, shard.number] += 1
                    one.process.join()
                    if deaths[shard.name, shard.number] < TRIES:
                        again.append(shard)
                        continue
                    result = Failed(shard.name, shard.number, _killed(shard, one.process.exitcode))
                yield result
    finally:
        for one, _ in busy.values():
            one.process.terminate()
        for one in [*idle, *(one for one, _ in busy.values())]:
            one.pipe.close()  # for a process that waits for a shard, this is the end
            one.process.join(SECONDS)
            one.process.kill()


def _start(context: multiprocessing.context.SpawnContext, job: Job) -> _Process:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(job, theirs), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return _Process(process, ours)


def _killed(shard: Shard, status: int | None) -> TagsmithError:
    return TagsmithError(
        f"{shard.source}: {TRIES} processes died of the rows from line {shard.line} on, the last with status {status} "
        "(-9 often means too little memory). Take fewer workers or smaller shards; the next run tries them again."
    )


def _serve(job: Job, pipe: Connection) -> None:
    """Tag the shards that come through a pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent ends this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is half written is removed
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            shard = pipe.recv()
            pipe.send(tagged(job, shard))


def tagged(job: Job, shard: Shard) -> Done | Failed:
    """Tag a shard; say what went wrong as a value, for errors of all kinds cannot be sent between processes."""
    try:
        return tag_shard(job, shard)
    except (InputError, OSError) as error:
        return Failed(shard.name, shard.number, error)
    except Exception as error:
        traceback.print_exc()
        return Failed(shard.name, shard.number, TagsmithError(f"{shard.source}: {type(error).__name__}: {error}"))
