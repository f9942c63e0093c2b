"""One training run: its process, what it has told so far, and who listens."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagsmith.labeling.training_schema import RunAnswer, State

Event = tuple[str, str]  # name, JSON; of "state" the listener has to ask for the data
Heard = asyncio.Queue[Event | None]  # None: the end
KEPT_MESSAGES = 50
STOP_SECONDS = 5.0  # between asking a process to end and ending it
ALIVE_SECONDS = 15.0  # between two signs of life to a listener
LONGEST_LINE = 16 << 20


class Run:
    """A run, from its start on.

    Parameters
    ----------
    number
        Of the version that it makes.
    job
        The file that the worker reads; the log goes beside it.
    train, dev
        How many labeled sentences it trains on and is scored on.
    """

    def __init__(self, number: int, job: Path, train: int, dev: int) -> None:
        self.job = job
        self.answer = RunAnswer(
            number=number,
            state="running",
            started=datetime.now(UTC),
            seconds=0.0,
            train=train,
            dev=dev,
            corpus=0,
            measure="F1",
            of_epochs=0,
            epochs=[],
            progress=0.0,
            messages=[],
            problem="",
            before=None,
            after=None,
        )
        self._listeners: set[Heard] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._cancelled = False

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.answer.state == "running"

    async def work(self, done: Callable[[Run], None]) -> None:
        """Start the process and follow it to its end; ``done`` is called once it has succeeded, before it is told."""
        try:
            with (self.job.parent / "log.txt").open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tagsmith.labeling.worker", str(self.job)),
                    stdin=asyncio.subprocess.PIPE,  # held open: the worker ends when it closes
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    limit=LONGEST_LINE,
                )
            if self._cancelled:
                self._process.terminate()
            await self._read(self._process)
            if self.answer.after is not None and not self._cancelled:
                await asyncio.to_thread(done, self)
                self._end("done")
        except Exception as error:
            self.answer.problem = self.answer.problem or f"{type(error).__name__}: {error}"
        finally:
            if self.running:
                self._end("cancelled" if self._cancelled else "failed")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            with suppress(ValueError):
                event: dict[str, Any] = json.loads(line)
                self._take(event.pop("event"), event)
        status = await process.wait()
        if status and not self.answer.problem:
            self.answer.problem = (
                f"The training process ended with status {status}; {self.job.parent}/log.txt has more."
            )

    def _take(self, event: str, data: dict[str, Any]) -> None:
        """Take in what the worker tells, and pass it on."""
        answer = self.answer
        answer.seconds = round((datetime.now(UTC) - answer.started).total_seconds(), 1)
        if event == "corpus":
            answer.train, answer.dev, answer.corpus = data["train"], data["dev"], data["corpus"]
        elif event == "start":
            answer.of_epochs, answer.measure = data["epochs"], data["measure"]
        elif event == "failed":
            answer.problem = data["problem"]
        elif event in ("before", "after"):
            self.answer = RunAnswer.model_validate({**answer.model_dump(), event: data["scores"]})
        elif event == "progress":
            answer.progress = data["progress"]
        elif event == "epoch":
            self.answer = RunAnswer.model_validate({**answer.model_dump(), "epochs": [*answer.epochs, data]})
        elif event == "message":
            answer.messages = [*answer.messages, data["text"]][-KEPT_MESSAGES:]
        if event in ("progress", "epoch", "message"):
            self._tell((event, json.dumps(data)))
        else:
            self._tell(("state", ""))

    def _end(self, state: State) -> None:
        self.answer.seconds = round((datetime.now(UTC) - self.answer.started).total_seconds(), 1)
        self.answer.state = state
        self.close()

    # --- listeners

    def _tell(self, event: Event | None) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def close(self) -> None:
        """End the streams of all who listen."""
        self._tell(None)

    @contextmanager
    def listening(self) -> Iterator[Heard]:
        """Collect events while the context lasts."""
        heard: Heard = asyncio.Queue()
        self._listeners.add(heard)
        try:
            yield heard
        finally:
            self._listeners.discard(heard)

    async def follow(self, heard: Heard, after: int) -> AsyncIterator[Event | None]:
        """Yield events until the run ends, of epochs only those ``after`` one; None where nothing happens for long."""
        while self.running or not heard.empty():
            try:
                event = await asyncio.wait_for(heard.get(), ALIVE_SECONDS)
            except TimeoutError:
                yield None
                continue
            if event is None:
                return
            if event[0] != "epoch" or json.loads(event[1])["epoch"] > after:
                yield event

    # --- the end

    async def cancel(self) -> None:
        """End the process, if it runs."""
        self._cancelled = self.running
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
