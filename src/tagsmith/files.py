"""Files and folders: written whole or not at all, read whole while they change, locked, kept in a cache.

Whatever is being written has a hidden name beside its own and is locked. So what is not locked was left by a process
that was killed, and the next one that writes there removes it.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import hashlib
import io
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO, TypeVar, cast

from tagsmith.remote import local_path, open_to_write, upload_folder, url_of

Result = TypeVar("Result")
PART, ASIDE = "part", "old"  # suffixes of hidden siblings: half written; an old folder that makes way for a new one
LONGEST_NAME = 200  # bytes of a name that its hidden siblings repeat; most systems allow 255
SWAPS = 100  # a reader meets at most, each of them by a writer that replaces the folder just then
AWAY_SECONDS = 5.0  # an old folder at most, while a new one takes its place
NOT_THERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # this system or file system cannot exchange two names


def cache_folder(kind: str) -> Path:
    """Return the folder of one kind of cached files: ``$XDG_CACHE_HOME/tagsmith/kind`` or ``~/.cache/tagsmith/kind``.

    It may be deleted at any time: whatever is in it can be made again.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tagsmith", kind)


def digest(content: bytes | memoryview) -> str:
    """Return the sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


# ------------------------------------------------------------------------------------------- whole files or none


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8; a crash at any moment leaves the old file or the new one."""
    with open_atomically(path) as stream:
        stream.write(content if isinstance(content, bytes) else content.encode())


@contextmanager
def open_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary sibling for writing bytes; it replaces ``path`` at the end, or is deleted after an error.

    A pipe or a device is written directly. A link stays, and the file behind it is replaced. Errors name ``path``. It
    may be a URL, see :mod:`tagsmith.remote`.
    """
    if url := url_of(path):
        with open_to_write(url) as remote:
            yield cast(IO[bytes], remote)
        return
    path = local_path(path)
    if path.exists() and not path.is_file():  # nothing may take the place of /dev/null
        with NamedFile(path, "wb", str(path)).buffered() as stream:
            yield stream
        return
    with _errors_that_name(path):
        target = path.resolve()
        remove_abandoned(target)
        temporary, stream = _locked_file(target, str(path))
    try:
        yield stream
        with _errors_that_name(path, temporary):
            stream.flush()
            os.fsync(stream.fileno())
            if os.name == "nt":  # an open file cannot be renamed there
                stream.close()
            temporary.replace(target)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):  # the disk is still full when the rest of the buffer is to be written
            stream.close()
        with suppress(OSError):
            temporary.unlink()
        raise
    stream.close()


@contextmanager
def open_text_atomically(path: Path) -> Iterator[TextIO]:
    """Open a file as :func:`open_atomically` does, for UTF-8 text whose lines end as they are written.

    Half of a surrogate pair, which JSON can hold but UTF-8 cannot, is written as JSON's escape.
    """
    with open_atomically(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="\n")
        try:
            yield text
            text.flush()
        finally:
            with suppress(OSError, ValueError):  # it is closed, or its buffer cannot be written, after an error
                text.detach()


class NamedFile(io.FileIO):
    """A file whose errors name it as the user knows it."""

    def __init__(self, file: Path | int, mode: str, shown: str) -> None:
        self.shown = shown
        super().__init__(file, mode, closefd=not isinstance(file, int))

    def write(self, content: Any, /) -> int:
        """Write bytes."""
        try:
            return super().write(content)
        except OSError as error:
            error.filename = self.shown
            raise

    def readinto(self, buffer: Any, /) -> int | None:
        """Read bytes."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            error.filename = self.shown
            raise

    def buffered(self) -> io.BufferedWriter:
        """Return it with a buffer."""
        return io.BufferedWriter(self)


@contextmanager
def _errors_that_name(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Let an OSError name the path that the user knows in place of none, or of the temporary one."""
    try:
        yield
    except OSError as error:
        name = str(error.filename or path)
        error.filename = name if temporary is None else name.replace(str(temporary), str(path))
        error.filename2 = None
        raise


# ------------------------------------------------------------------------------------------- whole folders or none


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Make a temporary sibling to write files into; it replaces ``folder`` at the end, or is deleted after an error.

    The files are on the disk before that. Where the system can, the two folders are exchanged in one step. Elsewhere
    the old one moves aside first; if the process is killed just then, the next reader or writer puts it back. A link
    stays, and the folder behind it is replaced. Errors name ``folder``. It may be a URL, where ``config.json`` gets its
    name last, and other files that are there stay.
    """
    if url := url_of(folder):
        with tempfile.TemporaryDirectory(prefix="tagsmith-") as made:
            yield Path(made)
            upload_folder(Path(made), url, last="config.json")
        return
    folder = local_path(folder)
    target = folder.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    put_back(target)
    remove_abandoned(target)
    temporary, handle = _locked_folder(target)
    try:
        with _errors_that_name(folder, temporary):
            yield temporary
            for path in temporary.iterdir():
                with path.open("rb+") as stream:
                    os.fsync(stream.fileno())
            _flush_folder(temporary)
            _replace_folder(temporary, target)
    except BaseException:  # Ctrl-C too
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        if handle is not None:
            os.close(handle)


def put_back(folder: Path) -> bool:
    """Put an old folder back that a killed process had moved aside; return whether there is a folder now.

    If the process that moved it aside still lives, wait until the new folder is there.
    """
    folder = folder.resolve()
    deadline = time.monotonic() + AWAY_SECONDS
    while not folder.exists() and (aside := sorted(_siblings(folder, ASIDE), key=_changed)):
        handle = _lock(aside[-1])
        try:
            if handle is not None or time.monotonic() > deadline:  # no lock says it: the system may have none
                with suppress(OSError):
                    aside[-1].rename(folder)
                break
        finally:
            if handle is not None:
                os.close(handle)
        time.sleep(0.01)
    return folder.exists()


def _replace_folder(temporary: Path, folder: Path) -> None:
    if not folder.exists():
        temporary.rename(folder)
    elif _exchange(temporary, folder):
        _flush_folder(folder.parent)  # before the old folder is deleted
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        _replace_in_two_steps(temporary, folder)
    _flush_folder(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step; False: this system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE in Linux's headers
    if rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_THERE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _replace_in_two_steps(temporary: Path, folder: Path) -> None:
    old = _hidden(folder, ASIDE)
    handle = _lock(folder)  # while this process lives, nobody else puts the old folder back
    try:
        folder.rename(old)
        temporary.rename(folder)
    except BaseException:  # Ctrl-C too: nothing may cost the old folder
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        if handle is not None:
            os.close(handle)
    _flush_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk; Windows cannot open a folder."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# ------------------------------------------------------------------------------------- reading while others write


class OpenFolder:
    """A folder that is being read: the files are those of one folder, even when another takes its name meanwhile."""

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path, self.handle = path, handle
        self.state = path.stat() if handle is None else os.fstat(handle)

    def open(self, name: str) -> IO[bytes]:
        """Open one of its files, or the regular file that a link leads to, for reading bytes.

        Raises OSError: there is no such file, or it is no regular one: reading a pipe or a device might never end.
        """
        with _errors_that_name(self.path / name):
            if self.handle is None:  # a system that cannot open a folder
                _check_regular((self.path / name).stat())
                return (self.path / name).open("rb")
            _check_regular(os.stat(name, dir_fd=self.handle))

            def opener(name: str, flags: int) -> int:  # a pipe that has taken the file's place does not block
                handle = os.open(name, flags | os.O_NONBLOCK, dir_fd=self.handle)
                try:
                    _check_regular(os.fstat(handle))
                except OSError:
                    os.close(handle)
                    raise
                return handle

            return open(name, "rb", opener=opener)

    def read(self, name: str, most: int) -> bytes:
        """Return the content of one of its files.

        Raises OSError: as :meth:`open`, or the file has more than ``most`` bytes.
        """
        with self.open(name) as stream, _errors_that_name(self.path / name):
            content = stream.read(most + 1)
            if content is None or len(content) > most:
                raise OSError(errno.EFBIG, f"It has more than {most:,} bytes")
            return content

    def was_replaced(self) -> bool:
        """Whether another folder has its name now, or none."""
        try:
            return not os.path.samestat(self.state, self.path.stat())
        except OSError:
            return True


def _check_regular(state: os.stat_result) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "It is a pipe, a socket or a device")


def read_folder(path: Path, read: Callable[[OpenFolder], Result]) -> Result:
    """Return what ``read`` makes of a folder; if another folder takes its place meanwhile, read that one.

    Raises what ``read`` raises of a folder that kept its place; OSError: there is no such folder.
    """
    for _ in range(SWAPS):
        put_back(path)
        try:
            handle = None if os.name == "nt" else os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            if not put_back(path):
                raise
            continue
        try:
            folder = OpenFolder(path, handle)
            try:
                result = read(folder)
            except Exception:
                if not folder.was_replaced():
                    raise
                continue
            if handle is not None or not folder.was_replaced():
                return result
        finally:
            if handle is not None:
                os.close(handle)
    raise OSError(errno.EBUSY, "The folder is replaced again and again", str(path))


# ----------------------------------------------------------------------------------------------- hidden siblings


def _hidden(path: Path, kind: str) -> Path:
    """Return a hidden path beside this one that nothing else has."""
    return path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}.{kind}")


def _prefix(path: Path) -> str:
    name = os.fsencode(path.name)
    return f".{path.name if len(name) <= LONGEST_NAME else digest(name)[:16]}."


def _siblings(path: Path, kind: str) -> list[Path]:
    """Return the hidden siblings of a path."""
    with suppress(OSError):
        return list(path.parent.glob(f"{glob.escape(_prefix(path))}{8 * '[0-9a-f]'}.{kind}"))
    return []


def _changed(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _locked_file(path: Path, shown: str) -> tuple[Path, io.BufferedWriter]:
    """Make a hidden sibling of a file, open and locked."""
    while True:
        temporary = _hidden(path, PART)
        with _errors_that_name(path, temporary):
            stream = NamedFile(temporary, "xb", shown).buffered()
        if _try_lock(stream.fileno()) is not False and temporary.exists():
            return temporary, stream
        stream.close()  # another process took it for abandoned before it was locked


def _locked_folder(path: Path) -> tuple[Path, int | None]:
    """Make a hidden sibling of a folder, locked as long as the handle is open."""
    while True:
        temporary = _hidden(path, PART)
        with _errors_that_name(path, temporary):
            temporary.mkdir()
        if os.name == "nt":
            return temporary, None
        with suppress(FileNotFoundError):  # another process took it for abandoned before it was locked
            handle = os.open(temporary, os.O_RDONLY)
            if _try_lock(handle) is not False and temporary.exists():
                return temporary, handle
            os.close(handle)


def remove_abandoned(path: Path) -> None:
    """Remove what killed processes left when they wrote this file or folder."""
    kinds = (PART, ASIDE) if path.exists() else (PART,)
    for abandoned in [sibling for kind in kinds for sibling in _siblings(path, kind)]:
        handle = _lock(abandoned)
        if handle is not None:
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                shutil.rmtree(abandoned, ignore_errors=True)
            else:
                with suppress(OSError):
                    abandoned.unlink()
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


@contextmanager
def lock_file(path: Path) -> Iterator[bool]:
    """Hold a lock that is a file while the context lasts; yield False at once if another process holds it.

    The lock ends with its process, however that ends. The file is deleted at the end.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        free = _try_lock(handle) is not False
        if not free or _is(path, handle):
            break
        os.close(handle)  # its owner deleted it just now
    try:
        yield free
    finally:
        if free and os.name != "nt":
            with suppress(OSError):
                path.unlink()
        os.close(handle)
        if free and os.name == "nt":  # an open file cannot be deleted there
            with suppress(OSError):
                path.unlink()


def _is(path: Path, handle: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False


def _lock(path: Path) -> int | None:
    """Open a file or folder and lock it until the handle is closed; None: it is gone, held, or cannot be locked."""
    if os.name == "nt":
        return None  # it cannot open a folder
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if _try_lock(handle):
            return handle
        os.close(handle)
    return None


def _try_lock(handle: int) -> bool | None:
    """Lock an open file unless another process has; None: its file system has no locks."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
