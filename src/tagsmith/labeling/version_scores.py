"""Versions scored on what is held out now: the report of one, the comparison of two.

Methods of :class:`VersionScores` that return answers are routes. A process of its own does the work, so that tagging
goes on meanwhile; there is one at a time.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from html import escape
from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.requests import ClientDisconnect

from tagsmith.labeling.retraining import Retraining, VersionNumber
from tagsmith.labeling.schema import VersionsComparedAnswer
from tagsmith.labeling.scoring_process import ScoringJob
from tagsmith.labeling.training_run import LOW_PRIORITY
from tagsmith.serving.refusals import Refusal

MOST_SECONDS = 300.0
LOOK_SECONDS = 0.2  # between two looks whether the client is still there
OtherVersion = Annotated[int, Query(ge=0, le=2**53)]
# The report has its script and its style inside, and names the script's digest itself. In a sandbox it has an origin of
# its own: it reaches neither this server nor the API key that the page has stored.
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox allow-scripts"
)
PROBLEM = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>No report</title>
<style>:root { color-scheme: light dark; } body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem;
font: 1rem/1.5 system-ui, sans-serif; }</style>
<h1>No report</h1>
<p>%s</p>
"""


class VersionScores:
    """Scores versions, one after the other."""

    def __init__(self, retraining: Retraining) -> None:
        self.retraining, self.desk = retraining, retraining.desk
        self._busy = self._stopping = False
        self._process: asyncio.subprocess.Process | None = None

    async def compare(self, request: Request, old: OtherVersion, new: OtherVersion) -> VersionsComparedAnswer:
        """Compare two versions on the held-out sentences and the dev files as they are now."""
        answer = await self._score(request, new, old, report=False)
        return VersionsComparedAnswer(old=old, new=new, **answer)

    async def report(
        self,
        request: Request,
        number: VersionNumber,
        against: Annotated[
            int | None, Query(ge=0, le=2**53, description="Another version to tell the difference from.")
        ] = None,
    ) -> Response:
        """Give the report of a version, a web page that needs nothing else."""
        headers = {"content-security-policy": REPORT_POLICY, "cache-control": "no-store"}
        try:
            answer = await self._score(request, number, against, report=True)
        except Refusal as refusal:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            # Somebody has opened it in a browser.
            page = PROBLEM % escape(refusal.detail)
            return Response(page, refusal.status_code, {**headers, **(refusal.headers or {})}, "text/html")
        return Response(answer["report"], 200, headers, "text/html")

    async def _score(self, request: Request, number: int, against: int | None, *, report: bool) -> dict[str, Any]:
        """Let the process do it, and return what it found; refuse while it does something else.

        Raises ClientDisconnect: the client is gone, and the process was stopped.
        """
        if self._busy:
            raise Refusal(409, "busy", "Another report or comparison is being made. Try again when it is done.")
        self._busy = True
        try:
            job = await asyncio.to_thread(self._job, number, against, report)
            work, gone = asyncio.create_task(self._run(job)), asyncio.create_task(_disconnected(request))
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not work.done():
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                raise ClientDisconnect
            answer = work.result()
        finally:
            self._busy = False
        if "problem" in answer:
            raise Refusal(409, answer["code"], answer["problem"])
        return answer

    def _job(self, number: int, against: int | None, report: bool) -> ScoringJob:
        """Gather what the process needs."""
        retraining, desk, project = self.retraining, self.desk, self.desk.project
        retraining.check_version(number)
        if against is not None:
            retraining.check_version(against)
            if against == number:
                problem = "Choose two different versions."
                if len(retraining.show_training().versions) == 1:
                    problem = "There is only one version: train another one to compare it with."
                raise Refusal(409, "same_version", problem)
        held_out = [row for row in desk.store.accepted() if row.held_out]
        if not held_out and not project.dev:
            problem = "There is nothing to score on: no accepted sentence is held out yet; each fifth is."
            raise Refusal(409, "no_dev", problem)
        folder = retraining.folder
        return ScoringJob(
            folder=str(folder(number)),
            name=version_name(number),
            against=None if against is None else str(folder(against)),
            against_name="" if against is None else version_name(against),
            report=report,
            dev=[(row.words, desk.tags(row)) for row in held_out],
            dev_files=list(map(str, project.dev)),
            corpus=list(map(str, project.corpus)),
            seen=sorted(desk.store.learned(max(number, against or 0))),
            layer=desk.layer.name,
        )

    async def _run(self, job: ScoringJob) -> dict[str, Any]:
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tagsmith.labeling.scoring_process"),
            stdin=asyncio.subprocess.PIPE,  # stays open: the process ends when it closes
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for the server
            creationflags=LOW_PRIORITY,
        )
        try:
            found = await asyncio.wait_for(_ask(process, job.as_line()), MOST_SECONDS)
        except TimeoutError:
            problem = f"This took longer than {MOST_SECONDS:.0f} seconds, and was given up."
            raise Refusal(504, "deadline", problem) from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()  # it is over, or nobody waits for it
            await process.wait()
            self._process = None
        if self._stopping:
            raise Refusal(503, "stopping", "The server is stopping.")
        if not found:
            raise RuntimeError("the scoring process failed")
        answer: dict[str, Any] = json.loads(found)
        return answer

    def close(self) -> None:
        """Give up what is being made: the server is stopping."""
        self._stopping = True
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()


async def _disconnected(request: Request) -> None:
    """Wait until the client is gone."""
    while not await request.is_disconnected():
        await asyncio.sleep(LOOK_SECONDS)


async def _ask(process: asyncio.subprocess.Process, line: bytes) -> bytes:
    """Give a process its job, and return all that it writes."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(ConnectionError):  # it has ended, and writes nothing
        process.stdin.write(line)
        await process.stdin.drain()
    return await process.stdout.read()


def version_name(number: int) -> str:
    """What a version is called in a sentence."""
    return f"version {number}" if number else "the original model"
