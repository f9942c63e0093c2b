"""``tagsmith tag --workers``: files and folders cut into shards, which workers tag; a folder of results.

The rest is in :mod:`tagsmith.scale`; here is what the command line adds: which files, which engine, the progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tagsmith.cli.tag_input import files_to_tag, input_format
from tagsmith.errors import DataError, InputError, TagsmithError, visible
from tagsmith.formats.source import open_bytes
from tagsmith.formats.tables import arrow
from tagsmith.interrupts import Interrupted, signal_of
from tagsmith.remote import exists, is_file, is_folder, local_path, url_of
from tagsmith.scale.job import ENDINGS, REJECTS, Job
from tagsmith.scale.run import Engine, Totals, Watch, tag_files
from tagsmith.scale.shards import FORMATS, Input
from tagsmith.scale.worker import Worker, loaded
from tagsmith.tagging.batching import available_processors

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_SECONDS = 30.0  # between lines of progress where there is no terminal
ENGINES = ("processes", "ray")
MEGABYTE = 1 << 20
MOST_MEGABYTES = 1024  # of a shard: each worker holds one in memory


@dataclass(frozen=True)
class Sharding:
    """The options of ``tag`` that ask for shards."""

    workers: str | None
    engine: str | None
    address: str | None
    megabytes: float


def tag_in_shards(
    model: Path,
    inputs: Sequence[Path],
    output: str,
    formats: tuple[str, str],
    column: str | None,
    thresholds: Callable[[Sequence[str]], Mapping[str, float] | None],
    reading: tuple[str, str | None],
    sharding: Sharding,
) -> None:
    """Tag files into a folder of results; print the totals.

    Raises DataError: the files cannot be cut, and as :func:`~tagsmith.scale.run.tag_files`; TagsmithError: something is
    missing in the end.

    Parameters
    ----------
    formats
        Those of the inputs and of the results, or ``auto``.
    thresholds
        Takes the labels of the model, and returns the least probabilities of spans.
    reading
        The encoding of the files, and the separator of csv.
    """
    arrow("Tagging with --workers")
    started = time.monotonic()
    engine = _engine(sharding)
    if output == "-":
        raise DataError("The results of --workers are many files.", remedy="Name a folder with -o OUT/.")
    if not 0 < sharding.megabytes <= MOST_MEGABYTES:
        remedy = f"Give megabytes, above 0 and up to {MOST_MEGABYTES:,}."
        raise InputError(f"--shard-size {sharding.megabytes:g} is no size of shards.", remedy=remedy)
    wanted, written = formats
    if written not in ("auto", *ENDINGS):
        remedy = f"Choose one of {', '.join(ENDINGS)}; or tag without --workers."
        raise DataError(f"The results of --workers cannot be {written}.", remedy=remedy)
    files = list(_files(inputs, wanted, reading, Path(output)))
    worker = Worker(str(model), column or "text").pinned()
    layers = loaded(worker.model, worker.precision, worker.digest).model.layers
    labels = [label for layer in layers if layer.gives_spans for label in layer.labels]
    worker = replace(worker, threshold=thresholds(labels))
    worker.schema(arrow("Tagging").schema([(worker.column, arrow("Tagging").string())]))  # raises if it is impossible
    # Absolute: a worker elsewhere may have another working directory.
    folder = output if url_of(output) else str(local_path(output).absolute())
    job = Job(worker, folder, None if written == "auto" else written)
    try:
        with _open_watch() as watch:
            totals = tag_files(job, files, engine, watch, size=max(1, round(sharding.megabytes * MEGABYTE)))
    except KeyboardInterrupt as stop:
        message = "interrupted; the shards that are finished are kept, and the same command goes on from there"
        raise Interrupted(message, signal_of(stop)) from None
    _finish(totals, output, time.monotonic() - started)


def _engine(sharding: Sharding) -> Engine:
    name, text = sharding.engine or ENGINES[0], sharding.workers
    if name not in ENGINES:
        raise InputError(f"There is no engine {name!r}.", remedy=f"Choose one of {', '.join(ENGINES)}.")
    workers = available_processors() if text is None else int(text) if text.isdecimal() else 0
    if not 1 <= workers <= 10_000:
        raise InputError(f"--workers {text} is no number of workers.", remedy="Give a whole number from 1 on.")
    if name == "processes":
        if sharding.address is not None:
            raise InputError("--address is that of a Ray cluster.", remedy="Say --engine ray too.")
        from tagsmith.scale import processes

        return partial(processes.run, workers=workers)
    from tagsmith.scale import ray

    ray.import_ray("--engine ray")
    return partial(ray.run, workers=workers, address=sharding.address)


def _files(inputs: Sequence[Path], wanted: str, reading: tuple[str, str | None], out: Path) -> Iterator[Input]:
    """Yield the files to tag; those of a folder have its structure below the results."""
    encoding, separator = reading
    seen: dict[str, Path] = {}
    for path in inputs:
        if str(path) == "-":
            raise DataError("Standard input cannot be tagged again.", remedy="Write it to a file for --workers.")
        found, base = [path], path.parent
        if is_folder(path):
            found, note = files_to_tag(path, wanted, out)
            base = path
            typer.echo(visible(note), err=True)
        else:
            if not is_file(path) and exists(path):
                remedy = "Write it to a file for --workers."
                raise DataError("A pipe or a device cannot be read again.", remedy=remedy, path=path)
            with open_bytes(path):  # a file that is not there is seen before hours of work
                pass
        for file in found:
            name = str(file.relative_to(base))
            if name in seen:
                problem = f"Two inputs would have the same results: {seen[name]} and {file}."
                raise DataError(problem, remedy="Tag them into two folders.")
            seen[name] = file
            if Path(name).parts[0] == REJECTS:
                remedy = "Name the other files; or tag without --workers."
                raise DataError("These are rows that an earlier run could not tag.", remedy=remedy, path=file)
            format = input_format(file, wanted, encoding)
            if format not in FORMATS:
                remedy = f"Give {', '.join(FORMATS)}, see --input-format; or tag without --workers."
                raise DataError(f"{format} files cannot be cut into shards.", remedy=remedy, path=file)
            yield Input(str(file), name, format, encoding, separator)


def _finish(totals: Totals, output: str, seconds: float) -> None:
    """Print what became of the rows. Raises TagsmithError: something is missing."""
    before = f", {totals.kept:,} of them tagged before" if totals.kept else ""
    rejected = f", {totals.rejected:,} rejected (see {Path(output, REJECTS)})" if totals.rejected else ""
    typer.echo(
        visible(
            f"{totals.files:,} files in {totals.shards:,} shards{before}: {totals.rows:,} rows read, "
            f"{totals.tagged:,} tagged{rejected}; {seconds:.1f} s"
        ),
        err=True,
    )
    if not totals.add_up:
        raise TagsmithError(f"{totals.rows - totals.tagged - totals.rejected:,} rows are missing; please report this.")
    if totals.problems:
        more = f", and {len(totals.problems) - 1:,} more" if len(totals.problems) > 1 else ""
        problem = f"not everything is tagged: {totals.problems[0]}{more}"
        raise TagsmithError(f"{problem} The same command tags what is missing.")


# -------------------------------------------------------------------------------------------------- progress


@contextmanager
def _open_watch() -> Iterator[Watch]:
    """Choose the display that fits standard error."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(None), TaskProgressColumn(), TextColumn("{task.fields[status]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, speed_estimate_period=300) as progress:
        yield Bar(progress)


class Lines:
    """A plain line from time to time: for logs and pipes."""

    def __init__(self) -> None:
        self.total, self.size, self.rows, self.tagged = 0, 0, 0, 0  # bytes, bytes done, rows and bytes done by this run
        self.started = self.told = time.monotonic()

    def start(self, total: int) -> None:
        """Remember the bytes of all files."""
        self.total = total

    def advance(self, size: int, rows: int) -> None:
        """Count; print a line if the last one is old."""
        self.size += size
        if rows:
            self.rows, self.tagged = self.rows + rows, self.tagged + size
        if time.monotonic() - self.told >= LINE_SECONDS:
            self.told = time.monotonic()
            seconds = self.told - self.started
            left = (self.total - self.size) * seconds / self.tagged if self.tagged else 0
            share = 100 * self.size / max(self.total, 1)
            typer.echo(f"{share:3.0f} %  {self.status()}  {left / 60:,.0f} minutes left", err=True)

    def status(self) -> str:
        """Return the rate."""
        seconds = max(time.monotonic() - self.started, 1e-3)
        return f"{self.rows / seconds:,.0f} rows/s  {self.tagged / seconds / MEGABYTE:,.2f} MB/s"

    def problem(self, text: str) -> None:
        """Print a problem when it is met."""
        typer.echo(f"warning: {visible(text)}", err=True)


class Bar(Lines):
    """A bar with the rate and the time left."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress
        self.task = progress.add_task("", total=None, status="")

    def start(self, total: int) -> None:
        """Set the bytes of all files."""
        super().start(total)
        self.progress.update(self.task, total=total)

    def advance(self, size: int, rows: int) -> None:
        """Move the bar."""
        self.told = time.monotonic()  # no lines
        super().advance(size, rows)
        self.progress.update(self.task, advance=size, status=self.status())

    def problem(self, text: str) -> None:
        """Print a problem above the bar."""
        self.progress.console.print(f"warning: {visible(text)}", markup=False, highlight=False, soft_wrap=True)
