"""A run: files cut into shards, those that are missing tagged by an engine, and totals that must add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from tagsmith.errors import DataError, InputError, ModelError
from tagsmith.remote import size_of
from tagsmith.scale.job import Done, Failed, Job, Results
from tagsmith.scale.manifest import Manifest, open_manifest
from tagsmith.scale.shards import SHARD_BYTES, Input, Shard, shards_of

Engine = Callable[[Job, Iterable[Shard]], Results]
"""What tags shards: it calls :func:`tagsmith.scale.job.tag_shard` for each, wherever that is, and yields what becomes
of them, in any order. It holds few of them at a time, does again what a worker that died had begun, and ends its
workers when it is closed.
"""


@dataclass
class Totals:
    """What a run did. ``kept`` counts the shards that were done before; ``problems`` say what is missing, and why."""

    files: int = 0
    shards: int = 0
    kept: int = 0
    rows: int = 0
    tagged: int = 0
    rejected: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def add_up(self) -> bool:
        """Whether every row was tagged or rejected."""
        return self.rows == self.tagged + self.rejected

    def count(self, done: Done) -> None:
        """Add a shard."""
        self.shards += 1
        self.rows += done.rows
        self.tagged += done.tagged
        self.rejected += done.rejected


class Watch(Protocol):
    """Is told how far a run is."""

    def start(self, total: int) -> None:
        """The bytes of all files."""

    def advance(self, size: int, rows: int) -> None:
        """So many more bytes are done; ``rows`` of them were tagged now."""

    def problem(self, text: str) -> None:
        """A file or a shard could not be tagged."""


def tag_files(job: Job, files: Sequence[Input], engine: Engine, watch: Watch, *, size: int = SHARD_BYTES) -> Totals:
    """Tag files into a folder of results, or go on with it.

    What cannot be read, or kills every worker, is a problem of the totals, and the run goes on. After an exception or
    Ctrl-C, the next run goes on from the shards that are finished.

    Raises DataError: as :func:`~tagsmith.scale.manifest.open_manifest`; ModelError: the model cannot be loaded, or was
    replaced; OSError: the results cannot be written.
    """
    with open_manifest(job) as manifest:
        run = _Run(manifest, watch, files)
        with closing(engine(job, run.missing(files, size))) as results:
            for result in results:
                run.take(result)
        manifest.look_again()
        run.check()
        return run.totals


class _Run:
    """What a run has read and tagged so far."""

    def __init__(self, manifest: Manifest, watch: Watch, files: Sequence[Input]) -> None:
        self.manifest, self.watch, self.totals = manifest, watch, Totals(files=len(files))
        self.sizes = {file.name: _size(file.source) for file in files}
        self.shares: dict[tuple[str, int], int] = {}  # bytes of the file that a shard stands for
        self.counts: dict[str, int] = {}  # shards of the files that were read to the end
        watch.start(sum(self.sizes.values()))

    def missing(self, files: Sequence[Input], size: int) -> Iterator[Shard]:
        """Read the files; yield the shards that are not done yet."""
        for file in files:
            number, before, bytes_before = 0, 0.0, _size(file.source)
            try:
                for shard in shards_of(file, size):
                    number += 1
                    share = round(max(0.0, shard.end - before) * self.sizes[file.name])
                    before = max(before, shard.end)
                    done = self.manifest.has(shard.name, shard.number, shard.digest)
                    if done is None:
                        self.shares[shard.name, shard.number] = share
                        yield shard
                    else:
                        self.totals.kept += 1
                        self.totals.count(done)
                        self.watch.advance(share, 0)
            except (DataError, OSError) as error:
                self.report(f"{file.source}: {error.strerror}." if isinstance(error, OSError) else str(error))
                continue
            if _size(file.source) != bytes_before:  # the last row may be half of one, or rows may be missing
                self.report(f"{file.source}: The file was changed while it was read.")
            self.manifest.remove_behind(file.name, number)
            self.counts[file.name] = number

    def take(self, result: Done | Failed) -> None:
        """Take in what became of a shard. Raises what ends the run: other shards would fare no better."""
        share = self.shares.pop((result.name, result.number))
        if isinstance(result, Done):
            self.manifest.add(result)
            self.totals.count(result)
            self.watch.advance(share, result.rows)
        elif isinstance(result.error, OSError | ModelError):
            raise result.error
        else:
            self.report(str(result.error))

    def report(self, problem: str) -> None:
        """Remember a problem and show it."""
        self.totals.problems.append(problem)
        self.watch.problem(problem)

    def check(self) -> None:
        """Report the shards whose results are missing in the end, whoever removed them."""
        for name, count in self.counts.items():
            if absent := self.manifest.absent(name, count):
                self.report(f"{name}: {len(absent)} of {count} shards are missing, the first is number {absent[0]}.")


def _size(source: str) -> int:
    try:
        return size_of(source)
    except (OSError, InputError):  # reading it says more
        return 0
