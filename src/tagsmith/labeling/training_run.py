"""A training run: its process, its reports so far, and their listeners."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagsmith.labeling.schema import RunAnswer, RunState
from tagsmith.labeling.training_process import LOG, SCRATCH, TrainingJob

Event = tuple[str, str]  # name, JSON; for "state" the listener must ask for the data
Events = asyncio.Queue[Event | None]  # None: the end
KEPT_MESSAGES = 50
STOP_SECONDS = 5.0  # between asking a process to end and killing it
ALIVE_SECONDS = 15.0  # between two signs of life to a listener
LONGEST_LINE = 16 << 20
LOW_PRIORITY = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)  # Windows; elsewhere the process is nice by itself


class RetrainingRun:
    """A run, from its start on; it makes the version ``number``.

    Its folder holds the log and all that training writes. A run that failed leaves the log there, any other nothing.
    """

    def __init__(self, number: int, job: TrainingJob) -> None:
        self.folder, self.job = Path(job.folder), job
        self.answer = RunAnswer(
            number=number,
            started=datetime.now(UTC),
            train=len(job.train),
            dev=len(job.dev),
            predicted=len(job.predicted),
        )
        self._listeners: set[Events] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._canceled = False

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.answer.state == "running"

    async def work(self, keep: Callable[[RetrainingRun], None]) -> None:
        """Run the process to its end; ``keep`` is called after success, before anyone hears of it."""
        state: RunState = "failed"
        try:
            status = await self._run_process()
            if not self._canceled and self.answer.after is not None:
                await asyncio.to_thread(keep, self)
                state = "done"
            elif not self._canceled and not self.answer.problem:
                log = self.folder / LOG
                self._update(problem=f"The training process ended with status {status}; see {log}.")
        except Exception as error:
            self._update(problem=self.answer.problem or f"{type(error).__name__}: {error}")
        finally:
            if self._canceled and state == "failed":
                state = "canceled"
            rest = self.folder / SCRATCH if state == "failed" else self.folder
            await asyncio.to_thread(shutil.rmtree, rest, ignore_errors=True)
            self._update(state=state)
            self.close_streams()

    async def _run_process(self) -> int:
        """Start the process, take in all that it reports, and return its status."""
        with (self.folder / LOG).open("wb") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tagsmith.labeling.training_process"),
                stdin=asyncio.subprocess.PIPE,  # stays open: the process ends when it closes
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LONGEST_LINE,
                start_new_session=True,  # Ctrl-C in a terminal is for the server
                creationflags=LOW_PRIORITY,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(ConnectionError):  # its exit status says more
                process.stdin.write(self.job.as_line())
                await process.stdin.drain()
            if self._canceled:
                process.stdin.close()
            async for line in process.stdout:
                with suppress(ValueError):
                    event: dict[str, Any] = json.loads(line)
                    self._take(event.pop("event"), event)
            return await process.wait()
        finally:
            await self._stop(process)

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
        """End the process, if it runs; nothing of the run is kept."""
        self._canceled = self.running
        if self._process is not None:
            await self._stop(self._process)

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        """Let the process end; kill it if it does not."""
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
