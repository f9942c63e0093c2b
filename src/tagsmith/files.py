"""Files and folders: written whole or not at all, locked against other processes, kept in a cache."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TextIO


def cache_folder(kind: str) -> Path:
    """Return the folder of one kind of cached files: ``$XDG_CACHE_HOME/tagsmith/kind`` or ``~/.cache/tagsmith/kind``.

    It may be deleted at any time: whatever is in it can be made again.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tagsmith", kind)


def digest(content: bytes) -> str:
    """Return the sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


# ---------------------------------------------------------------------------------------------- whole or not at all


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8; a crash at any moment leaves the old file or the new one."""
    with open_atomically(path) as stream:
        stream.write(content if isinstance(content, bytes) else content.encode())


@contextmanager
def open_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary sibling for writing bytes; it replaces ``path`` at the end, or is deleted after an error."""
    temporary = _temporary_sibling(path)
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def open_text_atomically(path: Path) -> Iterator[TextIO]:
    """Open a file as :func:`open_atomically` does, for UTF-8 text whose lines end as they are written.

    Half of a surrogate pair, which JSON can hold but UTF-8 cannot, is written as JSON's escape.
    """
    with open_atomically(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="\n")
        yield text
        text.detach()  # flushes, and leaves the stream open


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Make a temporary sibling to write files into; it replaces ``folder`` at the end, or is deleted after an error.

    The files are on the disk before that. An old folder moves aside first, is deleted last, and comes back after any
    error in between.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_sibling(folder)
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.iterdir():
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
        _flush_folder(temporary)
        _replace_folder(temporary, folder)
    except BaseException:  # Ctrl-C too
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _temporary_sibling(path: Path) -> Path:
    """Return a hidden path beside this one that nothing else has."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _replace_folder(temporary: Path, folder: Path) -> None:
    old = _temporary_sibling(folder)
    try:
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)
    except BaseException:  # Ctrl-C too: nothing may cost the old folder
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk; Windows cannot open a folder."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# ------------------------------------------------------------------------------------------------------------- locks


@contextmanager
def only_one(path: Path, seconds: float) -> Iterator[bool]:
    """Hold a lock that no other process can hold; yield False if it is still taken after ``seconds`` (-1: wait).

    The lock ends with its process, however that ends. It needs the ``filelock`` package.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)  # may be released in another thread than took it
    with suppress(Timeout):
        lock.acquire(timeout=seconds)
    try:
        yield lock.is_locked
    finally:
        lock.release()
