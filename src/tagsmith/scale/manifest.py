"""The manifest: what a folder of results was made of, so that a rerun does only what is missing or changed.

``_manifest.jsonl`` begins with a line on the run: the model's digest and the settings. Each shard whose results are
written adds a line, which is on the disk before the next. The last line may be cut off, if the machine died just then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tagsmith.errors import DataError
from tagsmith.files import lock_file, write_atomically
from tagsmith.scale.job import REJECTS, Done, Job

MANIFEST, LOCK = "_manifest.jsonl", "_lock"
VERSION = 1
_OURS = (MANIFEST, LOCK, REJECTS)


class Manifest:
    """The finished shards of a folder of results, by name and number; see :func:`open_manifest`."""

    def __init__(self, folder: Path, stream: IO[str], shards: dict[tuple[str, int], Done]) -> None:
        self.folder, self.shards = folder, shards
        self._stream = stream

    def has(self, name: str, number: int, digest: str) -> Done | None:
        """Return what became of a shard, if its content is the same and its results are there."""
        done = self.shards.get((name, number))
        if done is None or done.digest != digest or not (self.folder / done.output).is_file():
            return None
        return done

    def add(self, done: Done) -> None:
        """Remember a shard, on the disk too."""
        before = self.shards.get((done.name, done.number))
        if before is not None and before.output != done.output:
            (self.folder / before.output).unlink(missing_ok=True)
        self.shards[done.name, done.number] = done
        self._stream.write(json.dumps(done._asdict(), ensure_ascii=False) + "\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def remove_behind(self, name: str, count: int) -> None:
        """Remove the results of shards that a file no longer has: it has ``count``."""
        for key in [key for key in self.shards if key[0] == name and key[1] >= count]:
            done = self.shards.pop(key)
            (self.folder / done.output).unlink(missing_ok=True)
            (self.folder / REJECTS / f"{name}-{key[1]:05}.jsonl").unlink(missing_ok=True)


@contextmanager
def open_manifest(job: Job) -> Iterator[Manifest]:
    """Open the manifest of a folder of results, which is made if it is not there; nobody else may write there then.

    Raises DataError: the folder holds something else; results of another model or with other settings; another run is
    writing there.
    """
    folder = Path(job.folder)
    if folder.exists() and not folder.is_dir():
        raise DataError("This is a file.", remedy="Name a folder with -o.", path=folder)
    folder.mkdir(parents=True, exist_ok=True)
    with lock_file(folder / LOCK) as free:
        if not free:
            raise DataError("Another run is writing here.", remedy="Wait for it, or name another folder.", path=folder)
        settings = settings_of(job)
        shards = _read(folder, settings)
        # Written anew: without a line that was cut off, and with one line for a shard that was tagged again.
        lines = [settings, *(done._asdict() for done in shards.values())]
        write_atomically(folder / MANIFEST, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines))
        with (folder / MANIFEST).open("a", encoding="utf-8") as stream:
            yield Manifest(folder, stream, shards)


def settings_of(job: Job) -> dict[str, Any]:
    """Return what all results of a folder must have in common."""
    worker = job.worker
    values = {name: getattr(worker, name) for name in ("column", "prefix", "tags", "threshold", "precision")}
    return {"manifest": VERSION, "model": worker.model, "digest": worker.digest, **values, "format": job.format}


def _read(folder: Path, settings: dict[str, Any]) -> dict[tuple[str, int], Done]:
    path = folder / MANIFEST
    if not path.exists():
        if others := sorted(one.name for one in folder.iterdir() if one.name not in _OURS):
            problem = f"This folder holds {others[0]} and no manifest: it is not that of a run with --workers."
            raise DataError(problem, remedy="Name a new or empty folder.", path=folder)
        return {}
    lines = path.read_text("utf-8", errors="replace").split("\n")
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
        values = _parsed(line)
        if values is not None and values.keys() == set(Done._fields):
            done = Done(**values)
            shards[done.name, done.number] = done
    return shards


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
