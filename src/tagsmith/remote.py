"""Files elsewhere: ``s3://``, ``gs://``, ``hdfs://`` and other URLs, through fsspec.

fsspec is imported only where a path is a URL. A path may be one as a string or as a :class:`~pathlib.Path`, in which
``s3://bucket/name`` has a single slash; suffixes, names and parents are those of any path.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from tagsmith.errors import InputError, MissingExtraError, TagsmithError, place_of

# What may be named, and what fsspec needs for it. A URL is a stranger's text: fsspec has further schemes
# that unpack archives, read through other URLs or reach into programs.
PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "hdfs": "pyarrow",
    "http": "aiohttp requests",
    "https": "aiohttp requests",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "memory": "fsspec",
}
ELSEWHERE = ("file", "hf")  # schemes of paths of this machine, and of models: see local_path and tagsmith.model.hub
COMMITTING = ("s3", "s3a", "gs", "gcs")  # an object is sent in parts, which become one when all are there
WITH_FOLDERS = ("hdfs", "sftp", "ssh")  # a file needs its folder; elsewhere names only look like folders
WITHOUT_LISTS = ("http", "https")
CLIENTS = ("fsspec", "s3fs", "gcsfs", "adlfs", "azure")  # loggers
BLOCK = 1 << 22  # bytes that are asked for at a time
BUFFER = 1 << 16
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)


class State(NamedTuple):
    """What is known of a file elsewhere without reading it: its bytes, and a digest that changes with it."""

    size: int | None
    digest: str


class Entry(NamedTuple):
    """What a folder holds; a pipe or a device is neither."""

    path: Path
    is_folder: bool
    is_file: bool


def url_of(path: str | Path) -> str | None:
    """Return the URL that a path is; None if it is a path of this machine, or the name of a model.

    Raises InputError: it is a URL of a kind that is not read.

    >>> url_of(Path("s3://bucket/train.conll")), url_of("train.conll")
    ('s3://bucket/train.conll', None)
    """
    found = _URL.match(path if isinstance(path, str) else Path(path).as_posix())
    if not found or found[1].lower() in ELSEWHERE:
        return None
    scheme, rest = found[1].lower(), found[2]
    url = f"{scheme}://{rest}"
    if scheme not in PACKAGES:
        if "://" not in str(path) and Path(f"{found[1]}:").exists():  # a folder of such a name
            return None
        known = ", ".join(f"{one}://" for one in (*PACKAGES, "file") if one != "memory")
        raise InputError(f"{scheme}:// is no place that is read or written.", remedy=f"Use one of {known}.", path=url)
    if "::" in url:
        raise InputError("This is a chain of URLs.", remedy="Name one file, and unpack it first.", path=url)
    return url


def local_path(path: str | Path) -> Path:
    """Return a path, of a ``file://`` URL the one it names; another URL is returned as it is.

    >>> local_path("file:///data/a%20file.conll").as_posix()
    '/data/a file.conll'
    """
    text = path if isinstance(path, str) else Path(path).as_posix()
    if not text.lower().startswith("file:/"):
        return Path(path)
    from urllib.request import url2pathname  # takes as long to import as all the rest

    named = text[len("file:") :]
    if named.startswith("//") and not named.startswith("///"):
        raise InputError("This is no path of this machine.", remedy="Write file:///, and the whole path.", path=text)
    return Path(url2pathname("/" + named.lstrip("/")))


def whole(path: str | Path) -> Path:
    """Return the whole path without links, to compare it with another; a URL has none."""
    return Path(path) if url_of(path) else local_path(path).resolve()


def below(folder: str, name: str) -> str:
    """Return the URL of a file in the folder with this URL."""
    return f"{folder.rstrip('/')}/{name}"


# ------------------------------------------------------------------------------------------------------ what is there


def is_folder(path: str | Path) -> bool:
    """Whether a path is that of a folder, here or elsewhere; False if it cannot be looked at."""
    return _is(path, "directory") if url_of(path) else local_path(path).is_dir()


def is_file(path: str | Path) -> bool:
    """Whether a path is that of a regular file, here or elsewhere; False if it cannot be looked at."""
    return _is(path, "file") if url_of(path) else local_path(path).is_file()


def exists(path: str | Path) -> bool:
    """Whether there is a file or a folder, here or elsewhere."""
    return is_file(path) or is_folder(path) if url_of(path) else local_path(path).exists()


def _is(path: str | Path, kind: str) -> bool:
    url = url_of(path) or ""
    if kind == "directory" and _scheme(url) in WITHOUT_LISTS:
        return False
    system, name = _system(url)
    with suppress(OSError), _errors_of(url):
        return bool(system.info(name)["type"] == kind)
    return False


def state_of(url: str) -> State | None:
    """Return the state of a file elsewhere; None: it is not there. Raises OSError: it cannot be looked at."""
    system, name = _system(url)
    with suppress(FileNotFoundError), _errors_of(url):
        system.invalidate_cache()
        info = system.info(name)
        said = repr(sorted((key, str(value)) for key, value in info.items()))
        return State(info.get("size"), hashlib.sha256(said.encode()).hexdigest())
    return None


def entries(folder: str | Path) -> list[Entry]:
    """List a folder, here or elsewhere, in the order of the names.

    Raises OSError: there is no such folder, or it cannot be read.
    """
    if not (url := url_of(folder)):
        return [Entry(path, path.is_dir(), path.is_file()) for path in sorted(local_path(folder).iterdir())]
    system, name = _system(url)
    with _errors_of(url):
        system.invalidate_cache()
        listed = system.ls(name, detail=True)
    root = name.rstrip("/")
    found = [(one["name"].rstrip("/"), one["type"]) for one in listed]
    return [
        Entry(Path(folder, PurePosixPath(path).name), kind == "directory", kind == "file")
        for path, kind in sorted(found)
        if path != root  # an object that stands for the folder itself
    ]


def files_below(folder: str | Path) -> list[Path]:
    """List the files of a folder and of those inside it, here or elsewhere, in the order of the names.

    Raises OSError: as :func:`entries`.
    """
    if not url_of(folder):
        return [path for path in sorted(local_path(folder).rglob("*")) if path.is_file()]
    return sorted(Path(folder, name) for name in sizes_below(folder))


def sizes_below(folder: str | Path) -> dict[str, int]:
    """Return the bytes of the files of a folder and of those inside it, by their paths from there.

    Raises OSError: as :func:`entries`.
    """
    if not (url := url_of(folder)):
        root = local_path(folder)
        return {str(path.relative_to(root)): path.stat().st_size for path in files_below(root)}
    system, name = _system(url)
    with _errors_of(url):
        system.invalidate_cache()
        found = system.find(name, detail=True)
    above = name.rstrip("/") + "/"
    inside = {path: info for path, info in found.items() if path.startswith(above) and not path.endswith("/")}
    return {path.removeprefix(above): int(info["size"] or 0) for path, info in inside.items()}


def size_of(path: str | Path) -> int:
    """Return the bytes of a file, here or elsewhere. Raises OSError: it is not there, or cannot be looked at."""
    if not (url := url_of(path)):
        return local_path(path).stat().st_size
    system, name = _system(url)
    with _errors_of(url):
        return int(system.info(name)["size"] or 0)


def remove_file(path: str | Path) -> None:
    """Remove a file, here or elsewhere, if it is there. Raises OSError: it cannot be removed."""
    if not (url := url_of(path)):
        local_path(path).unlink(missing_ok=True)
        return
    system, name = _system(url)
    with suppress(FileNotFoundError), _errors_of(url):
        system.rm_file(name)


def make_folder(folder: str | Path) -> None:
    """Make a folder and those above it, where they are needed to write files there."""
    if not (url := url_of(folder)):
        local_path(folder).mkdir(parents=True, exist_ok=True)
    elif _scheme(url) in WITH_FOLDERS:
        system, name = _system(url)
        with _errors_of(url):
            system.makedirs(name, exist_ok=True)


# ---------------------------------------------------------------------------------------------------- reading, writing


def opened(path: str | Path) -> BinaryIO:
    """Open a file, here or elsewhere, for reading bytes. Raises OSError: as :func:`open_to_read`, or ``open``."""
    url = url_of(path)
    return open_to_read(url) if url else local_path(path).open("rb", buffering=BUFFER)


def open_to_read(url: str) -> io.BufferedReader:
    """Open a file for reading bytes, some blocks at a time; it can be sought, but over HTTP not always.

    Raises OSError, then or on reading: it is not there, may not be read, or the connection is lost.
    """
    system, name = _system(url)
    with _errors_of(url):
        file = system.open(name, "rb", block_size=BLOCK)
    return io.BufferedReader(_Read(file, url), BUFFER)


class _Enough(Exception):  # noqa: N818 - it is no error
    """Nothing more is to be written."""


def check_writable(folder: str) -> None:
    """Begin to write a file in the folder with this URL. Raises OSError: nothing can be written there."""
    make_folder(folder)
    with suppress(_Enough), open_to_write(below(folder, f".tagsmith-{secrets.token_hex(4)}")):
        raise _Enough


@contextmanager
def open_to_write(url: str) -> Iterator[io.RawIOBase]:
    """Open a file for writing bytes; it appears as a whole when all is written, and after an error not at all.

    Object stores are sent parts, which become the object at the end. Elsewhere a hidden file beside it gets its name at
    the end.

    Raises OSError, then or on writing: nothing can be written there, or the connection is lost.
    """
    system, name = _system(url)
    scheme = _scheme(url)
    commits = scheme in COMMITTING
    folder, _, last = name.rpartition("/")
    written = name if commits else f"{folder}/.{last}.{secrets.token_hex(4)}.part"
    with _errors_of(url):
        file = system.open(written, "wb", **({"autocommit": False} if commits else {}))
        if commits:
            _begin(file)
    try:
        yield _Written(file, url)
        with _errors_of(url):
            file.close()
            if commits:
                file.commit()
            else:
                if scheme == "hdfs" and system.exists(name):  # whose rename replaces nothing
                    system.rm_file(name)
                system.mv(written, name)
            system.invalidate_cache(folder)
    except BaseException:  # Ctrl-C too
        _discard(system, file, None if commits else written)
        raise


def _begin(file: Any) -> None:
    """Begin to send an object now, not with its first part: what is wrong should be known before hours of work."""
    try:
        file.offset = 0
        file._initiate_upload()
    except BaseException:
        file.closed = True  # or Python would try again when it deletes it
        raise


def upload_folder(folder: Path, url: str, last: str = "") -> None:
    """Send the files of a folder elsewhere; they get their names when all are there, the one called ``last`` last.

    Other files that are there stay. Raises OSError: as :func:`open_to_write`; nothing has changed, unless the
    connection is lost while the files get their names.
    """
    make_folder(url)
    with ExitStack() as opened:  # which closes them in reverse order
        for path in sorted(folder.iterdir(), key=lambda path: (path.name != last, path.name)):
            stream = opened.enter_context(open_to_write(below(url, path.name)))
            with path.open("rb") as local:
                shutil.copyfileobj(local, stream, BLOCK)


def _discard(system: Any, file: Any, written: str | None) -> None:
    with suppress(Exception):  # there may be no connection; what was sent is no object, or has a hidden name
        if written is None:
            file.discard()
            file.closed = True  # or it would be sent when Python deletes it
        else:
            file.close()
    if written is not None:
        with suppress(Exception):
            system.rm_file(written)


class _Read(io.RawIOBase):
    """A file of fsspec as :class:`io.BufferedReader` wants it; errors name its URL."""

    def __init__(self, file: Any, url: str) -> None:
        self._file, self._url = file, url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, buffer: Any, /) -> int:
        size = 0
        with _errors_of(self._url):
            while size < len(buffer) and (data := self._file.read(len(buffer) - size)):
                buffer[size : size + len(data)] = data
                size += len(data)
        return size

    def seek(self, place: int, whence: int = os.SEEK_SET, /) -> int:
        with _errors_of(self._url):
            return int(self._file.seek(place, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            with suppress(Exception):
                self._file.close()
        super().close()


class _Written(io.RawIOBase):
    """What is written to a file of fsspec, which buffers it itself; closing and flushing are left to its opener."""

    def __init__(self, file: Any, url: str) -> None:
        self._file, self._url = file, url

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        data = memoryview(content).cast("B")
        with _errors_of(self._url):
            self._file.write(bytes(data))
        return len(data)

    def tell(self) -> int:
        return int(self._file.tell())


# -------------------------------------------------------------------------------------------------------------- fsspec


def _scheme(url: str) -> str:
    return url.partition(":")[0]


def _system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the name that the file has there.

    Raises MissingExtraError: fsspec is not installed; InputError: a package that it needs for this is not.
    """
    import logging

    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError(f"Opening {place_of(url)}", "remote") from error
    packages = PACKAGES[_scheme(url)]
    for name in CLIENTS:  # what they log, pages of it if there is no network, comes as one error
        if not (logger := logging.getLogger(name)).handlers:
            logger.addHandler(logging.NullHandler())
    try:
        with _errors_of(url):
            system, name = url_to_fs(url)
    except ImportError as error:
        problem = f"{_scheme(url)}:// needs {' and '.join(packages.split())}."
        raise InputError(problem, remedy=f"Install with: pip install {packages}", path=url) from error
    return system, str(name)


@contextmanager
def _errors_of(url: str) -> Iterator[None]:
    """Let what goes wrong elsewhere be an OSError that names the URL, without what gives access to it."""
    try:
        yield
    except (TagsmithError, ImportError, MemoryError):
        raise
    except FileNotFoundError as error:
        if _scheme(url) in WITHOUT_LISTS and isinstance(error.__cause__, Exception):  # whatever went wrong
            raise OSError(errno.EIO, _said(error.__cause__, url), place_of(url)) from error
        raise FileNotFoundError(errno.ENOENT, _said(error, url), place_of(url)) from error
    except OSError as error:
        number = error.errno or errno.EIO
        kind = type(error) if type(error) in _KINDS else OSError
        raise kind(number, _said(error, url), place_of(url)) from error
    except NotImplementedError as error:
        problem = f"Nothing can be written over {_scheme(url)}"
        raise OSError(errno.EROFS, problem, place_of(url)) from error
    except Exception as error:  # each client has its own
        raise OSError(errno.EIO, _said(error, url), place_of(url)) from error


_KINDS = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)


def _said(error: Exception, url: str) -> str:
    """Return what an error says, on one line; of one that says no more than a path, what its number means."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    said = " ".join(place_of(said).split()).rstrip(".")
    if isinstance(error, FileNotFoundError) and (not said or " " not in said or said in url):
        return os.strerror(errno.ENOENT)
    return said or type(error).__name__
