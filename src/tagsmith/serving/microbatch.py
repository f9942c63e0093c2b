"""Micro-batching: requests that come at the same time are tagged in one call.

The event loop puts jobs in a queue. When the model is free, everything that waits (up to a number of characters) goes
to a thread as one batch. While that runs, the next jobs gather, so under load the batches grow by themselves; only when
the server knows of requests that are still being read does a batch wait for them, and then a few milliseconds at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tagsmith.serving.limits import Limits, Refusal, overloaded

Work = TypeVar("Work")
Answer = TypeVar("Answer")
WINDOW = 0.002  # seconds that a batch waits, at most, for requests that are still being read
BATCH_CHARACTERS = 200_000  # after which a batch is large enough


@dataclass(slots=True)
class _Job(Generic[Work, Answer]):
    work: Work
    characters: int
    until: float  # on the clock of time.monotonic
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class MicroBatcher(Generic[Work, Answer]):
    """Runs work in batches, in threads of its own.

    Parameters
    ----------
    run
        Does the work of a batch, in a thread; returns an answer, or an exception, for each piece.
    limits
        How much may wait, and for how long.
    observe
        Told of each batch: pieces of work in it, and the seconds it took.
    workers
        Batches that run at the same time.

    Attributes
    ----------
    expecting
        Returns how many requests are being read now, beside those that wait.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Work]], Sequence[Answer | BaseException]],
        limits: Limits,
        *,
        observe: Callable[[int, float], None] = lambda pieces, seconds: None,
        workers: int = 1,
    ) -> None:
        self._run, self._limits, self._observe = run, limits, observe
        self.expecting: Callable[[], int] = lambda: 0
        self._waiting: deque[_Job[Work, Answer]] = deque()
        self._characters = 0
        self._ready = asyncio.Event()
        self._workers = workers
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
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._work()) for _ in range(self._workers)]

    async def stop(self) -> None:
        """Finish what waits, then end."""
        while self._waiting:
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._threads.shutdown()

    async def submit(self, work: Work, characters: int) -> Answer:
        """Have a piece of work done.

        Raises
        ------
        Refusal
            Too much waits already (503), or the deadline passed before the answer was there (504).
        """
        if len(self._waiting) >= self._limits.waiting:
            raise overloaded("requests", self._limits.waiting)
        # A large request is not refused by an idle server, whatever the limit.
        if self._waiting and self._characters + characters > self._limits.waiting_characters:
            raise overloaded("characters", self._limits.waiting_characters)
        job: _Job[Work, Answer] = _Job(work, characters, time.monotonic() + self._limits.deadline)
        self._waiting.append(job)
        self._characters += characters
        self._ready.set()
        try:
            async with asyncio.timeout(self._limits.deadline):
                return await job.answer
        except TimeoutError:
            raise _too_late(self._limits) from None

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._ready.wait()
            self._ready.clear()
            until = time.monotonic() + WINDOW
            while self.expecting() and self._characters < BATCH_CHARACTERS and time.monotonic() < until:
                await asyncio.sleep(0)
            jobs = self._take()
            if self._waiting:
                self._ready.set()
            if not jobs:
                continue
            start = time.perf_counter()
            try:
                answers = await loop.run_in_executor(self._threads, self._run, [job.work for job in jobs])
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
        """Take the jobs of the next batch; those that nobody waits for any more are dropped."""
        taken: list[_Job[Work, Answer]] = []
        size, now = 0, time.monotonic()
        while self._waiting and (not taken or size + self._waiting[0].characters <= BATCH_CHARACTERS):
            job = self._waiting.popleft()
            self._characters -= job.characters
            if not job.answer.done() and job.until > now:
                taken.append(job)
                size += job.characters
        return taken


def _too_late(limits: Limits) -> Refusal:
    return Refusal(
        504,
        "deadline",
        f"No answer within {limits.deadline:g} seconds.",
        limit=limits.deadline,
        retry_after=max(1, round(limits.deadline)),
    )
