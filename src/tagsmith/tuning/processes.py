"""Several processes that run trials of one search at a time, and the parent that hears from them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from tagsmith.errors import TagsmithError, TrainingError
from tagsmith.tuning.display import SearchDisplay
from tagsmith.tuning.worker import Search, work


@dataclass(frozen=True, slots=True)
class Failure:
    """A process cannot go on, and why."""

    message: str


def run_processes(search: Search, processes: int, display: SearchDisplay) -> None:
    """Run the trials in processes of their own: spawned, since a backend with threads does not survive a fork.

    Raises
    ------
    TrainingError
        One of them died or could not go on; the others have been ended.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, BaseProcess] = {}
    try:
        for place in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=work_for_parent, args=(search, place, processes, theirs), daemon=True
            )
            process.start()
            theirs.close()  # so that the end of the process is the end of the pipe
            running[ours] = process
        while running:
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                try:
                    news = connection.recv()
                except EOFError:
                    _check_end(running.pop(connection))
                    continue
                if isinstance(news, Failure):
                    raise TrainingError(news.message)
                display.tell(news)
    finally:
        for process in running.values():
            process.kill()
            process.join()


def _check_end(process: BaseProcess) -> None:
    process.join()
    if process.exitcode:
        raise TrainingError(
            f"A process of the search ended with status {process.exitcode} (-9 is often a lack of memory). "
            "The other trials are kept; --resume goes on, with fewer --processes if memory is short."
        )


def work_for_parent(search: Search, place: int, processes: int, connection: Connection) -> None:
    """Run trials in a process of its own, on its share of the processors, sending news to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "sched_setaffinity"):  # before Keras counts the processors
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, processors[place::processes] or [processors[place % len(processors)]])
    try:
        work(search, connection.send)
    except TagsmithError as error:
        connection.send(Failure(str(error)))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
