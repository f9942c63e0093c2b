"""A training run: its process, its reports so far, and their listeners."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagsmith.labeling.schema import RunAnswer, RunState
from tagsmith.labeling.training_process import TrainingJob

Event = tuple[str, str]  # name, JSON; for "state" the listener must ask for the data
Events = asyncio.Queue[Event | None]  # None: the end
KEPT_MESSAGES = 50
STOP_SECONDS = 5.0  # between asking a process to end and killing it
ALIVE_SECONDS = 15.0  # between two signs of life to a listener
LONGEST_LINE = 16 << 20


class RetrainingRun:
    """A run, from its start on; it makes the version ``number``, and its log goes to ``folder``."""

    def __init__(self, number: int, folder: Path, job: TrainingJob) -> None:
        self.folder, self.job = folder, job
        self.answer = RunAnswer(number=number, started=datetime.now(UTC), train=len(job.train), dev=len(job.dev))
        self._listeners: set[Events] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._canceled = False

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.answer.state == "running"

    async def work(self, keep: Callable[[RetrainingRun], None]) -> None:
        """Run the process to its end; ``keep`` is called after success, before anyone hears of it."""
        try:
            with (self.folder / "log.txt").open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tagsmith.labeling.training_process"),
                    stdin=asyncio.subprocess.PIPE,  # stays open: the process ends when it closes
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    limit=LONGEST_LINE,
                )
            if self._canceled:
                self._process.terminate()
            await self._follow_process(self._process)
            if self.answer.after is not None and not self._canceled:
                await asyncio.to_thread(keep, self)
                self._end("done")
        except Exception as error:
            self._update(problem=self.answer.problem or f"{type(error).__name__}: {error}")
        finally:
            if self.running:
                self._end("canceled" if self._canceled else "failed")

    async def _follow_process(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(ConnectionError):  # its exit status says more
            process.stdin.write(self.job.as_line())
            await process.stdin.drain()
        async for line in process.stdout:
            with suppress(ValueError):
                event: dict[str, Any] = json.loads(line)
                self._take(event.pop("event"), event)
        status = await process.wait()
        if status and not self.answer.problem:
            self._update(problem=f"The training process ended with status {status}; see {self.folder}/log.txt.")

    def _take(self, event: str, data: dict[str, Any]) -> None:
        """Take in an event of the process, and pass it on."""
        if event == "state":
            self._update(**data)
        elif event == "progress":
            self._update(progress=data["progress"])
        elif event == "epoch":
            self._update(epochs=[*self.answer.epochs, data])
        else:
            self._update(messages=[*self.answer.messages, data["text"]][-KEPT_MESSAGES:])
        self._tell((event, "" if event == "state" else json.dumps(data)))

    def _update(self, **changes: Any) -> None:
        seconds = round((datetime.now(UTC) - self.answer.started).total_seconds(), 1)
        self.answer = RunAnswer.model_validate({**self.answer.model_dump(), "seconds": seconds, **changes})

    def _end(self, state: RunState) -> None:
        self._update(state=state)
        self.close_streams()

    def _tell(self, event: Event | None) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def close_streams(self) -> None:
        """End the streams of all listeners."""
        self._tell(None)

    @contextmanager
    def listening(self) -> Iterator[Events]:
        """Collect events while the context lasts."""
        queue: Events = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def follow(self, queue: Events, after: int) -> AsyncIterator[Event | None]:
        """Yield events until the run ends, but no epoch up to ``after``; None when nothing happens for long."""
        while self.running or not queue.empty():
            try:
                event = await asyncio.wait_for(queue.get(), ALIVE_SECONDS)
            except TimeoutError:
                yield None
                continue
            if event is None:
                return
            if event[0] != "epoch" or json.loads(event[1])["epoch"] > after:
                yield event

    async def cancel(self) -> None:
        """End the process, if it runs."""
        self._canceled = self.running
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
