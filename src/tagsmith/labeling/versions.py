"""Training on what was labeled, and which model is in service: the last one that a person accepted."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from tagsmith.errors import InputError
from tagsmith.formats import conll
from tagsmith.formats.options import WriteOptions
from tagsmith.labeling.desk import Desk, Workplace
from tagsmith.labeling.job import Job
from tagsmith.labeling.run import Run
from tagsmith.labeling.store import DATABASE, SentenceRow, Store, VersionRow
from tagsmith.labeling.training_schema import TrainingAnswer, TrainingOptions, VersionAnswer
from tagsmith.serving.limits import Refusal
from tagsmith.text.layer import Layer

NEEDED = 10  # accepted sentences


class Trainer:
    """Starts runs, one at a time, and puts versions in service.

    Parameters
    ----------
    desk
        Where the labeled sentences and the versions are kept.
    original
        The model folder that the server was started with: version 0; None if it began from nothing.
    """

    def __init__(self, desk: Desk, original: Path | None) -> None:
        self.desk, self.original = desk, original
        self.run: Run | None = None
        self._working: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    @property
    def store(self) -> Store:
        """The database."""
        return self.desk.store

    def folder(self, number: int) -> Path:
        """The model folder of a version."""
        if number == 0 and self.original is not None:
            return self.original
        return version_folder(self.store.folder, number)

    # --- what there is

    def state(self) -> TrainingAnswer:
        """The last run, all versions, and whether one can train now."""
        in_service = self.in_service()
        versions = [
            VersionAnswer(
                number=row.number,
                created=row.created.replace(tzinfo=UTC),
                sentences=row.sentences,
                dev=row.dev,
                f1=row.scores.get("f1"),
                accuracy=row.scores.get("accuracy"),
                in_service=row.number == in_service,
                original=False,
            )
            for row in self.store.versions()
        ]
        if self.original is not None:
            known = self.store.setting("original_scores", {})
            first = VersionAnswer(
                number=0,
                created=None,
                sentences=0,
                dev=known.get("dev", 0),
                f1=known.get("f1"),
                accuracy=known.get("accuracy"),
                in_service=in_service == 0,
                original=True,
            )
            versions.insert(0, first)
        hint = self.hint()
        answer = self.run.answer if self.run else None
        return TrainingAnswer(run=answer, versions=versions, in_service=in_service, ready=not hint, hint=hint)

    def in_service(self) -> int | None:
        """The number of the version in service."""
        found: int | None = self.store.setting("in_service", None if self.original is None else 0)
        return found

    def hint(self) -> str:
        """What is missing before one can train; empty if nothing is."""
        if self.run and self.run.running:
            return "A run is going on."
        if not _training_is_installed():
            return "Training needs the 'train' extra: pip install 'tagsmith[train]'."
        count = self.store.counts()["accepted"]
        if count < NEEDED:
            return f"Accept at least {NEEDED} sentences; there are {count}."
        if sum(bool(row.spans) for row in self.store.accepted()) < 2:
            return "Label spans in at least two sentences."
        return ""

    # --- a run

    async def start(self, options: TrainingOptions) -> None:
        """Start a run.

        Raises
        ------
        Refusal
            One is running, or there is too little to train on.
        """
        async with self._changing:
            if hint := await asyncio.to_thread(self.hint):
                raise Refusal(409, "not_now", hint)
            self.run = await asyncio.to_thread(self._prepare, options)
            self._working = asyncio.create_task(self.run.work(self._keep))

    def _prepare(self, options: TrainingOptions) -> Run:
        """Write what the worker needs."""
        store, workplace, tagger = self.store, self.desk.workplace, self.desk.tagger
        assert workplace is not None  # a store without one raises
        runs = store.folder / "runs"
        shutil.rmtree(runs, ignore_errors=True)  # of the run before this one
        number = store.setting("last_run", 0) + 1
        store.set("last_run", number)
        folder = runs / str(number)
        folder.mkdir(parents=True)
        layer, scheme = self.desk.layer, self.desk.scheme
        train, dev = self._split()
        for name, rows in (("train", train), ("dev", dev)):
            with (folder / f"{name}.conll").open("w", encoding="utf-8", newline="\n") as stream:
                documents = (self.desk.document(row, scheme, layer) for row in rows)
                conll.write(documents, stream, WriteOptions(layers=(Layer(layer, scheme),), separator="\t"))
        job = Job(
            folder=str(folder),
            out=str(self.folder(number)),
            start=str(self.folder(self.in_service() or 0)) if tagger else None,
            scheme=scheme.value,
            layer=layer,
            corpus=tuple(map(str, workplace.corpus)),
            dev=tuple(map(str, workplace.dev)),
            vectors=workplace.vectors,
            epochs=options.epochs,
        )
        self.folder(number).parent.mkdir(exist_ok=True)
        job.write(folder / "job.json")
        return Run(number, folder / "job.json", len(train), len(dev))

    def _split(self) -> tuple[list[SentenceRow], list[SentenceRow]]:
        """Split the accepted sentences into those to train on and the dev set.

        Which part a sentence belongs to was decided when it was accepted and stays, lest a model is scored on what
        another one before it was trained on. Two things move one: a dev set needs something to find, and whatever
        label it holds must be known from training.
        """
        rows = self.store.accepted()
        train, dev = [row for row in rows if not row.held_out], [row for row in rows if row.held_out]
        known = set(self.desk.tagger.labels if self.desk.tagger else ())
        for row in train:
            known |= _labels(row)
        for row in [row for row in dev if _labels(row) - known]:
            dev.remove(row)
            train.append(row)
            known |= _labels(row)
            self.store.hold_out(row.id, False)
        if not any(_labels(row) for row in dev):
            counts = Counter(label for row in train for label in _labels(row))
            labeled = [row for row in train if _labels(row)]
            spare = [row for row in labeled if all(counts[label] > 1 for label in _labels(row))]
            dev.append((spare or labeled)[-1])
            if spare:  # else its labels occur nowhere else: it is trained on as well
                train.remove(spare[-1])
                self.store.hold_out(spare[-1].id, True)
        return train, dev

    def _keep(self, run: Run) -> None:
        """Keep the version that a run has made; it is not in service yet."""
        answer = run.answer
        assert answer.after is not None
        if answer.before is not None and self.in_service() == 0:
            before = answer.before
            self.store.set("original_scores", {"f1": before.f1, "accuracy": before.accuracy, "dev": answer.dev})
        self.store.add_version(
            VersionRow(
                number=answer.number,
                created=datetime.now(UTC),
                sentences=answer.train,
                dev=answer.dev,
                scores=answer.after.model_dump(),
            )
        )
        shutil.rmtree(run.job.parent, ignore_errors=True)

    async def cancel(self) -> None:
        """Stop the run, if there is one, and keep nothing of it."""
        run = self.run
        if run is None or not run.running:
            return
        await run.cancel()
        if self._working:
            await self._working
        if run.answer.state == "cancelled":
            out = self.folder(run.answer.number)
            for folder in (out, out.with_name(out.name + ".training"), run.job.parent):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def close(self) -> None:
        """End all streams of events: the server is going down."""
        if self.run:
            self.run.close()

    # --- versions

    async def put_in_service(self, number: int) -> None:
        """Serve a version from now on; no request fails.

        Raises
        ------
        Refusal
            There is no such version, or its folder is damaged.
        """
        async with self._changing:
            await asyncio.to_thread(self._check_version, number)
            try:
                await self.desk.models.serve(self.folder(number))
            except InputError as error:
                raise Refusal(409, "damaged", str(error)) from error
            await asyncio.to_thread(self.store.set, "in_service", number)
            self.desk.more_to_score.set()

    async def throw_away(self, number: int) -> None:
        """Remove a version.

        Raises
        ------
        Refusal
            There is no such version, or it is in service, or was there before the first.
        """
        async with self._changing:
            await asyncio.to_thread(self._check_version, number)
            if number in (0, await asyncio.to_thread(self.in_service)):
                raise Refusal(409, "in_use", "The model in service, and the one to begin with, cannot be thrown away.")
            await asyncio.to_thread(self.store.remove_version, number)
            await asyncio.to_thread(shutil.rmtree, self.folder(number), ignore_errors=True)

    def _check_version(self, number: int) -> None:
        known = {row.number for row in self.store.versions()} | ({0} if self.original else set())
        if number not in known:
            raise Refusal(404, "no_such_version", "There is no such version.")


def version_folder(workplace: Path, number: int) -> Path:
    """Where a version is kept."""
    return workplace / "versions" / str(number)


def in_service(folders: dict[str, Path], workplace: Workplace) -> dict[str, Path]:
    """The folders to serve at the start: the first one's place has a version that was put in service.

    Nothing is made where nobody has labeled yet.

    Raises
    ------
    InputError
        The database is no database.
    """
    if not (workplace.folder / DATABASE).exists():
        return folders
    store = Store(workplace.folder)
    number = store.setting("in_service")
    store.close()
    if not number:
        return folders
    name = next(iter(folders), None) or name_of(workplace)
    return {
        name: version_folder(workplace.folder, number),
        **{own: path for own, path in folders.items() if own != name},
    }


def name_of(workplace: Workplace | None) -> str:
    """What a model is called that began from nothing: ``people`` for the folder ``people.labeling``."""
    return (workplace.folder.resolve().name.removesuffix(".labeling") if workplace else "") or "new"


def _labels(row: SentenceRow) -> set[str]:
    return {label for _, _, label in row.spans or ()}


def _training_is_installed() -> bool:
    return find_spec("keras") is not None and any(map(find_spec, ("jax", "tensorflow", "torch")))
