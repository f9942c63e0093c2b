"""Retraining on the labeled sentences, and the model versions it makes: a new one goes live only when approved.

Methods of :class:`Retraining` that return answers are routes.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from fastapi import Path as PathParameter
from fastapi.responses import StreamingResponse

from tagsmith.errors import InputError, install_command
from tagsmith.labeling.desk import RUNS, Desk, LabelingProject
from tagsmith.labeling.schema import NoOptions, TrainingAnswer, TrainingOptions, VersionAnswer
from tagsmith.labeling.store import DATABASE, SentenceRow, Store, VersionRow
from tagsmith.labeling.training_process import TrainingJob
from tagsmith.labeling.training_run import RetrainingRun
from tagsmith.serving.refusals import Refusal

NEEDED = 10  # accepted sentences
VersionNumber = Annotated[int, PathParameter(ge=0, le=2**53)]


class Retraining:
    """Starts runs, one at a time, and puts versions in service.

    Version 0 is ``original``, the model folder that the server was started with; None if it began from nothing.
    """

    def __init__(self, desk: Desk, original: Path | None) -> None:
        self.desk, self.original = desk, original
        self.run: RetrainingRun | None = None
        self._working: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    def folder(self, number: int) -> Path:
        """The model folder of a version."""
        if number == 0 and self.original is not None:
            return self.original
        return version_folder(self.desk.store.folder, number)

    def show_training(self) -> TrainingAnswer:
        """Tell about the last run, all versions, and whether training can start now."""
        hint = self._hint()
        return TrainingAnswer(
            run=self.run.answer if self.run else None,
            versions=self._versions(),
            start=None if self.desk.project.start is None else str(self.desk.project.start),
            in_service=self._in_service(),
            ready=not hint,
            hint=hint,
        )

    def _versions(self) -> list[VersionAnswer]:
        rows, in_service = self.desk.store.versions(), self._in_service()
        if self.original is not None:
            scores = self.desk.store.setting("original_scores", {})
            rows.insert(0, VersionRow(number=0, created=None, sentences=0, dev=scores.get("dev", 0), scores=scores))
        return [
            VersionAnswer(
                number=row.number,
                created=row.created and row.created.replace(tzinfo=UTC),
                sentences=row.sentences,
                dev=row.dev,
                f1=row.scores.get("f1"),
                accuracy=row.scores.get("accuracy"),
                in_service=row.number == in_service,
                original=row.number == 0,
            )
            for row in rows
        ]

    def _in_service(self) -> int | None:
        """The number of the version in service."""
        number: int | None = self.desk.store.setting("in_service", None if self.original is None else 0)
        return number

    def _hint(self) -> str:
        """What is missing before training can start; empty if nothing is."""
        if self.run and self.run.running:
            return "A run is in progress."
        if not _training_is_installed():
            return f"Training needs the 'train' extra: {install_command('train')}."
        accepted = self.desk.store.accepted()
        if len(accepted) < NEEDED:
            return f"Accept at least {NEEDED} sentences; there are {len(accepted)}."
        if sum(bool(row.spans) for row in accepted) < 2:
            return "Label spans in at least two sentences."
        return ""

    async def start(self, options: TrainingOptions) -> TrainingAnswer:
        """Start to train on the accepted sentences, and on predictions if asked to, in a process of its own."""
        async with self._changing:
            if hint := await asyncio.to_thread(self._hint):
                raise Refusal(409, "not_now", hint)
            self.run = await asyncio.to_thread(self._prepare, options)
            self._working = asyncio.create_task(self.run.work(self._keep))
        return await asyncio.to_thread(self.show_training)

    def _prepare(self, options: TrainingOptions) -> RetrainingRun:
        """Gather what the training process needs."""
        desk, store, project = self.desk, self.desk.store, self.desk.project
        shutil.rmtree(store.folder / RUNS, ignore_errors=True)  # the log of a run that failed
        versions = version_folder(store.folder, 0).parent
        versions.mkdir(exist_ok=True)
        taken = [int(own.name) for own in versions.iterdir() if own.name.isdecimal()]  # even if the database is new
        number = max([store.setting("last_run", 0), *taken]) + 1
        store.set("last_run", number)
        folder = store.folder / RUNS / str(number)
        folder.mkdir(parents=True)
        train, dev = self._split()
        served = str(self.folder(self._in_service() or 0)) if desk.version else None
        begun = None if project.start is None else str(project.start)
        predicted = [own for own in store.predicted() if options.predictions and not own[0].is_kept]
        job = TrainingJob(
            train=[(row.words, desk.tags(row)) for row in train],
            dev=[(row.words, desk.tags(row)) for row in dev],
            predicted=[(row.words, prediction.spans) for row, prediction in predicted],
            folder=str(folder),
            before=served,
            start=served or begun,
            keep=[desk.layer.name] if served else [],
            layer=desk.layer.name,
            gives_spans=desk.layer.gives_spans,
            corpus=list(map(str, project.corpus)),
            dev_files=list(map(str, project.dev)),
            seen=sorted(store.learned(number)),
            vectors=project.vectors,
            epochs=options.epochs,
        )
        return RetrainingRun(number, job)

    def _split(self) -> tuple[list[SentenceRow], list[SentenceRow]]:
        """Split the accepted sentences into a training set and a dev set.

        The part of a sentence is decided when it is accepted, and stays, so that no model is scored on what an earlier
        one was trained on. A sentence moves for three reasons only. What an earlier model was trained on, as a file had
        predicted it or before it was removed and came again, is no longer held out; what none was trained on takes its
        place. Every label in the dev set must occur in training. And the dev set needs something to find.
        """
        store = self.desk.store
        rows, learned = store.accepted(), store.learned(store.setting("last_run", 0))
        train, dev = [row for row in rows if not row.held_out], [row for row in rows if row.held_out]

        def move(row: SentenceRow, held_out: bool) -> None:
            source, target = (train, dev) if held_out else (dev, train)
            source.remove(row)
            target.append(row)
            store.hold_out(row.id, held_out)

        fresh = [row for row in train if row.digest not in learned]
        for row in [row for row in dev if row.digest in learned]:
            move(row, False)
            if fresh:
                move(fresh.pop(), True)
        known = set(self.desk.layer.labels).union(*(row.labels for row in train))
        for row in [row for row in dev if row.labels - known]:
            move(row, False)
            known |= row.labels
        if not any(row.labels for row in dev):
            counts = Counter(label for row in train for label in row.labels)
            labeled = [row for row in train if row.labels]
            spare = [
                row for row in labeled if row.digest not in learned and all(counts[label] > 1 for label in row.labels)
            ]
            if spare:
                move(spare[-1], True)
            else:  # its labels occur nowhere else, or it is learned already: it is trained on as well
                dev.append(labeled[-1])
        return train, dev

    def _keep(self, run: RetrainingRun) -> None:
        """Keep the version that a run has made; it is not in service yet."""
        answer = run.answer
        assert answer.after is not None
        shutil.move(run.job.out, self.folder(answer.number))
        if answer.before is not None and self._in_service() == 0:
            self.desk.store.set("original_scores", {**answer.before.model_dump(), "dev": answer.dev})
        self.desk.store.add_version(
            VersionRow(
                number=answer.number,
                created=datetime.now(UTC),
                sentences=answer.train,
                dev=answer.dev,
                scores=answer.after.model_dump(),
            ),
            learned=[words for words, _ in [*run.job.train, *run.job.predicted]],
        )

    async def cancel(self, _: NoOptions) -> TrainingAnswer:
        """Stop the run, if there is one, and keep nothing of it."""
        await self.stop()
        return await asyncio.to_thread(self.show_training)

    async def stop(self) -> None:
        """Stop the run, as the server stops."""
        run = self.run
        if run is None or not run.running:
            return
        await run.cancel()
        if self._working:
            await self._working

    async def follow(self) -> StreamingResponse:
        """Follow a run: the events ``state``, ``progress``, ``epoch`` and ``message``, and ``end`` at its end."""
        headers = {"cache-control": "no-store"}
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=headers)

    async def _events(self) -> AsyncIterator[str]:
        run = self.run
        with run.listening() if run else nullcontext() as queue:  # before the first state: no event is missed
            first = await asyncio.to_thread(self.show_training)
            yield f"event: state\ndata: {first.model_dump_json()}\n\n"
            if run is None or queue is None or first.run is None or first.run.state != "running":
                return
            async for event in run.follow(queue, after=len(first.run.epochs)):
                if event is None:
                    yield ": still running\n\n"
                    continue
                name, data = event
                yield f"event: {name}\ndata: {data or await self._state_json()}\n\n"
        if not run.running:
            yield f"event: end\ndata: {await self._state_json()}\n\n"

    async def _state_json(self) -> str:
        return (await asyncio.to_thread(self.show_training)).model_dump_json()

    def close_streams(self) -> None:
        """End all streams of events: the server is stopping."""
        if self.run:
            self.run.close_streams()

    async def put_in_service(self, number: VersionNumber, _: NoOptions) -> TrainingAnswer:
        """Put a version in service: accept a new one, or bring an old one back. No request fails meanwhile."""
        async with self._changing:
            await asyncio.to_thread(self.check_version, number)
            try:
                await self.desk.models.serve(self.folder(number), self.desk.project.model_name)
            except InputError as error:
                raise Refusal(409, "damaged", str(error)) from error
            await asyncio.to_thread(self.desk.store.set, "in_service", number)
        return await asyncio.to_thread(self.show_training)

    async def delete_version(self, number: VersionNumber) -> TrainingAnswer:
        """Delete a version."""
        async with self._changing:
            await asyncio.to_thread(self.check_version, number)
            if number in (0, await asyncio.to_thread(self._in_service)):
                raise Refusal(409, "in_use", "The model in service and the original cannot be deleted.")
            await asyncio.to_thread(self.desk.store.remove_version, number)
            await asyncio.to_thread(shutil.rmtree, self.folder(number), ignore_errors=True)
        return await asyncio.to_thread(self.show_training)

    def check_version(self, number: int) -> None:
        """Refuse a number that no version has."""
        known = {row.number for row in self.desk.store.versions()} | ({0} if self.original else set())
        if number not in known:
            raise Refusal(404, "no_such_version", "There is no such version.")


def version_folder(project: Path, number: int) -> Path:
    """Where a version is kept."""
    return project / "versions" / str(number)


def folders_in_service(folders: dict[str, Path], project: LabelingProject) -> dict[str, Path]:
    """The model folders to serve at the start: the first one is replaced by the version that was put in service."""
    if not (project.folder / DATABASE).exists():  # nobody has labeled yet
        return folders
    store = Store(project.folder)
    number = store.setting("in_service")
    store.close()
    if not number:
        return folders
    name = next(iter(folders), project.model_name)
    return {name: version_folder(project.folder, number), **dict(list(folders.items())[1:])}


def _training_is_installed() -> bool:
    return find_spec("keras") is not None and any(map(find_spec, ("jax", "tensorflow", "torch")))
