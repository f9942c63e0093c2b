"""The manifest: what a folder of results was made of, so that a rerun does only what is missing or changed.

``_manifest.jsonl`` begins with a line on the run: the model's digest and the settings. Each shard whose results are
written adds a line, which is on the disk before the next. The last line may be cut off, if the machine died just then.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from tagsmith.errors import DataError
from tagsmith.files import NamedFile, lock_file, write_atomically
from tagsmith.formats.source import read_bytes
from tagsmith.remote import entries, is_file, is_folder, local_path, make_folder, remove_file, sizes_below, url_of
from tagsmith.scale.job import REJECTS, Done, Job

MANIFEST, LOCK = "_manifest.jsonl", "_lock"
VERSION = 1
WRITE_SECONDS = 30.0  # of tagging that may have to be done again, where the manifest cannot grow line by line
_OURS = (MANIFEST, LOCK, REJECTS)
_TYPES = {
    "name": str,
    "number": int,
    "digest": str,
    "rows": int,
    "tagged": int,
    "rejected": int,
    "output": str,
    "size": int,
}


class Manifest:
    """The finished shards of a folder of results, by name and number; see :func:`open_manifest`."""

    def __init__(self, folder: Path, settings: dict[str, Any], shards: dict[tuple[str, int], Done]) -> None:
        self.folder, self.settings, self.shards = folder, settings, shards
        self._sizes = sizes_below(folder) if shards else {}
        self._stream: IO[bytes] | None = None
        self.write()
        if url_of(folder) is None:
            self._stream = NamedFile(folder / MANIFEST, "ab", str(folder / MANIFEST)).buffered()

    def has(self, name: str, number: int, digest: str) -> Done | None:
        """Return what became of a shard, if its content is the same and its results are there, as long as they were.

        They are not if somebody has cut them off, or a run that died had begun to replace them.
        """
        done = self.shards.get((name, number))
        kept = done is not None and done.digest == digest and self._sizes.get(done.output) == done.size
        return done if kept else None

    def look_again(self) -> None:
        """Look which results are there by now."""
        self._sizes = sizes_below(self.folder) if is_folder(self.folder) else {}

    def absent(self, name: str, count: int) -> list[int]:
        """Return the numbers of the shards of a file, of ``count``, whose results are not there or cut off."""
        shards = [self.shards.get((name, number)) for number in range(count)]
        return [number for number, one in enumerate(shards) if not one or self._sizes.get(one.output) != one.size]

    def add(self, done: Done) -> None:
        """Remember a shard, on the disk too; elsewhere, where nothing can be added to a file, from time to time."""
        before = self.shards.get((done.name, done.number))
        if before is not None and before.output != done.output:  # the file had another format
            remove_file(self.folder / before.output)
        self.shards[done.name, done.number] = done
        if self._stream is not None:
            self._stream.write(_line(done._asdict()))
            self._stream.flush()
            os.fsync(self._stream.fileno())
        elif time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def remove_behind(self, name: str, count: int) -> None:
        """Remove the results of shards that a file no longer has: it has ``count``."""
        for key in [key for key in self.shards if key[0] == name and key[1] >= count]:
            remove_file(self.folder / self.shards.pop(key).output)
            remove_file(self.folder / REJECTS / f"{name}-{key[1]:05}.jsonl")

    def write(self) -> None:
        """Write the whole: one line for each shard, and none that is cut off."""
        self._written = time.monotonic()
        lines = [self.settings, *(done._asdict() for done in self.shards.values())]
        write_atomically(self.folder / MANIFEST, b"".join(map(_line, lines)))

    def close(self) -> None:
        """Write what is not written yet."""
        if self._stream is not None:
            self._stream.close()
        removed = is_folder(self.folder) and not is_file(self.folder / MANIFEST)  # by somebody else
        if self._stream is None or removed:
            self.write()


@contextmanager
def open_manifest(job: Job) -> Iterator[Manifest]:
    """Open the manifest of a folder of results, which is made if it is not there; nobody else may write there then.

    At a URL there are no locks, so that nothing keeps two runs apart.

    Raises DataError: the folder holds something else; results of another model or with other settings; another run is
    writing there. OSError: nothing can be written there.
    """
    folder = local_path(job.folder)
    if is_file(folder):
        raise DataError("This is a file.", remedy="Name a folder with -o.", path=folder)
    make_folder(folder)
    with nullcontext(True) if url_of(folder) else lock_file(folder / LOCK) as free:
        if not free:
            raise DataError("Another run is writing here.", remedy="Wait for it, or name another folder.", path=folder)
        settings = settings_of(job)
        manifest = Manifest(folder, settings, _read(folder, settings))
        try:
            yield manifest
        finally:
            manifest.close()


def settings_of(job: Job) -> dict[str, Any]:
    """Return what all results of a folder must have in common."""
    worker = job.worker
    values = {name: getattr(worker, name) for name in ("column", "prefix", "tags", "threshold", "precision")}
    return {"manifest": VERSION, "model": worker.model, "digest": worker.digest, **values, "format": job.format}


def _read(folder: Path, settings: dict[str, Any]) -> dict[tuple[str, int], Done]:
    path = folder / MANIFEST
    if not is_file(path):
        there = entries(folder) if is_folder(folder) else []  # an object store has no empty folders
        if others := [one.path.name for one in there if one.path.name not in _OURS]:
            problem = f"This folder holds {others[0]} and no manifest: it is not that of a run with --workers."
            raise DataError(problem, remedy="Name a new or empty folder.", path=folder)
        return {}
    lines = read_bytes(path).decode("utf-8", "replace").split("\n")
    before = _parsed(lines[0])
    if before is None or before.get("manifest") != VERSION:
        raise DataError("This is no manifest of this version of tagsmith.", remedy="Name another folder.", path=path)
    for name, value in settings.items():
        if name != "model" and before.get(name) != value:
            what = "another model" if name == "digest" else f"{name} {before.get(name)!r}, not {value!r}"
            remedy = "Name another folder with -o; or delete this one, to tag everything again."
            raise DataError(f"These results were made with {what}.", remedy=remedy, path=folder)
    shards = {}
    for line in lines[1:]:
        if (done := _done(_parsed(line))) is not None:
            shards[done.name, done.number] = done
    return shards


def _done(values: dict[str, Any] | None) -> Done | None:
    """Return the shard of a line; None of a line that is damaged, or a stranger's: its results would be elsewhere."""
    if values is None or {name: type(value) for name, value in values.items()} != _TYPES:
        return None
    done = Done(**values)
    begins = f"{done.name}-{done.number:05}."
    return done if done.output.startswith(begins) and "/" not in done.output[len(begins) :] else None


def _line(values: dict[str, Any]) -> bytes:
    # A path that is not UTF-8 has halves of surrogate pairs, which are written as JSON's escapes.
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
