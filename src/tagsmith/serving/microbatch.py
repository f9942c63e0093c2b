"""Micro-batching: requests that arrive at the same time are tagged in one call.

The event loop puts jobs in a queue. When the model is free, everything that waits (up to a number of characters) goes
to a thread as one batch. Meanwhile the next jobs gather, so batches grow with the load. A batch waits for more requests
only if some are still being read (:class:`Arrivals`), and for 2 ms at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tagsmith.serving.limits import Limits
from tagsmith.serving.refusals import Refusal

Work = TypeVar("Work")
Answer = TypeVar("Answer")
WINDOW = 0.002  # seconds that a batch waits at most for requests that are still being read
BATCH_CHARACTERS = 200_000  # after which a batch is large enough


@dataclass(slots=True)
class _Job(Generic[Work, Answer]):
    work: Work
    characters: int
    answer: asyncio.Future[Answer]


class Arrivals:
    """Counts requests that are still being read: ``with arrivals:`` stands around reading one."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1


class MicroBatcher(Generic[Work, Answer]):
    """Runs work in batches, in threads of its own.

    ``run`` does the work of a batch and returns an answer, or an exception, for each piece. It also gets a function
    that says whether somebody still waits for the piece at a place, so that it can stop. ``arrivals`` counts what will
    soon be submitted. ``observe`` is told of each batch: pieces of work in it, and the seconds it took.
    ``workers`` batches run at the same time.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Work], Callable[[int], bool]], Sequence[Answer | BaseException]],
        limits: Limits,
        *,
        arrivals: Arrivals | None = None,
        observe: Callable[[int, float], None] = lambda pieces, seconds: None,
        workers: int = 1,
    ) -> None:
        self._run, self._limits, self._observe, self._workers = run, limits, observe, workers
        self.arrivals = arrivals or Arrivals()
        self._waiting: deque[_Job[Work, Answer]] = deque()
        self._characters = 0
        self._ready = asyncio.Event()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="tagsmith-batch")
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """How many pieces of work wait."""
        return len(self._waiting)

    @property
    def running(self) -> bool:
        """Whether work that is submitted will be done."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._tasks = [asyncio.get_running_loop().create_task(self._work()) for _ in range(self._workers)]

    async def stop(self) -> None:
        """Finish what waits, then end."""
        while self._waiting:
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._threads.shutdown()

    async def submit(self, work: Work, characters: int, awaited: set[asyncio.Future[Any]] | None = None) -> Answer:
        """Wait for a piece of work to be done.

        ``awaited`` are the answers that a client waits for; when it goes away, they get an exception.

        Raises
        ------
        Refusal
            Too much is waiting already (503), or the deadline passed before the answer came (504).
        """
        if len(self._waiting) >= self._limits.waiting:
            raise _overloaded("requests", self._limits.waiting)
        # An idle server takes a large request, whatever the limit.
        if self._waiting and self._characters + characters > self._limits.waiting_characters:
            raise _overloaded("characters", self._limits.waiting_characters)
        loop = asyncio.get_running_loop()
        job: _Job[Work, Answer] = _Job(work, characters, loop.create_future())
        self._waiting.append(job)
        self._characters += characters
        self._ready.set()
        timer = loop.call_later(self._limits.deadline, _give_up, job.answer, self._limits.deadline)
        if awaited is not None:
            awaited.add(job.answer)
        try:
            return await job.answer
        finally:
            timer.cancel()
            if awaited is not None:
                awaited.discard(job.answer)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._ready.wait()
            self._ready.clear()
            until = time.monotonic() + WINDOW
            while self.arrivals.count and self._characters < BATCH_CHARACTERS and time.monotonic() < until:
                await asyncio.sleep(0)
            jobs = self._take()
            if self._waiting:
                self._ready.set()
            if not jobs:
                continue
            start = time.perf_counter()
            try:
                answers = await loop.run_in_executor(self._threads, self._run, *_work_of(jobs))
            except Exception as error:
                answers = [error] * len(jobs)
            self._observe(len(jobs), time.perf_counter() - start)
            for job, answer in zip(jobs, answers, strict=True):
                if job.answer.done():  # the client gave up, or the deadline passed
                    continue
                if isinstance(answer, BaseException):
                    job.answer.set_exception(answer)
                else:
                    job.answer.set_result(answer)

    def _take(self) -> list[_Job[Work, Answer]]:
        """Take the jobs of the next batch; drop those that nobody waits for any more."""
        taken: list[_Job[Work, Answer]] = []
        size = 0
        while self._waiting and (not taken or size + self._waiting[0].characters <= BATCH_CHARACTERS):
            job = self._waiting.popleft()
            self._characters -= job.characters
            if not job.answer.done():
                taken.append(job)
                size += job.characters
        return taken


def _work_of(jobs: Sequence[_Job[Work, Answer]]) -> tuple[list[Work], Callable[[int], bool]]:
    """The work of jobs, and a function that says whether somebody still waits for the answer to one of them."""
    return [job.work for job in jobs], lambda place: not jobs[place].answer.done()


def _overloaded(what: str, limit: int) -> Refusal:
    message = f"Too many {what} are waiting; the limit is {limit:,}."
    return Refusal(503, "overloaded", message, limit=limit, retry_after=1)


def _give_up(answer: asyncio.Future[Answer], seconds: float) -> None:
    if not answer.done():
        message = f"No answer within {seconds:g} seconds."
        answer.set_exception(Refusal(504, "deadline", message, limit=seconds, retry_after=max(1, round(seconds))))
