"""Compressed data: what is in a gzip, bzip2, xz or zstd file, unpacked piece by piece and within bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any

from tagsmith.errors import DataError, install_command

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
MOST_TIMES = 50  # how many times longer than the file its content may be; text is packed to a third or a tenth
FREE_BYTES = 1 << 25  # content that may be more times longer: a few lines, repeated
_BUFFER = 1 << 16  # bytes

_BEGINNINGS = {
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_DAMAGED: tuple[type[Exception], ...] = (EOFError, OSError, zlib.error, lzma.LZMAError)
if sys.version_info >= (3, 14):
    from compression import zstd

    _DAMAGED += (zstd.ZstdError,)
_BZIP2_BLOCK = (b"1AY&SY", b"\x17rE8P\x90")  # after "BZh" and a digit; the second is that of an empty file


def kind_of_packing(beginning: bytes) -> str | None:
    """Name the program that compressed a file, by the first ten bytes; None if it is not compressed."""
    kind = next((kind for magic, kind in _BEGINNINGS.items() if beginning.startswith(magic)), None)
    return None if kind == "bzip2" and not beginning[4:].startswith(_BZIP2_BLOCK) else kind


def unpacked(packed: io.BufferedIOBase, kind: str, name: str) -> io.BufferedReader:
    """Return what is in compressed data, as a stream.

    Raises DataError, then or on reading: the data are damaged, unpack to far more than any text does, or need a
    program that this Python does not have.
    """
    return io.BufferedReader(_Unpacked(packed, kind, name), _BUFFER)


def packed_position(data: Any) -> int | None:
    """Return how many bytes of compressed data were read for what :func:`unpacked` gave; None: it is something else."""
    raw = getattr(data, "raw", None)
    return raw.packed_bytes if isinstance(raw, _Unpacked) else None


class _Counted(io.RawIOBase):
    """A stream that counts the bytes that were read from it."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream, self.count = stream, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data


class _Unpacked(io.RawIOBase):
    """The content of compressed data, which grows no longer than the bounds above say."""

    def __init__(self, packed: io.BufferedIOBase, kind: str, name: str) -> None:
        self._kind, self._name, self._size = kind, name, 0
        self._packed = _Counted(packed)
        self._content = _opener(kind, name)(self._packed)

    @property
    def packed_bytes(self) -> int:
        return self._packed.count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data: bytes = self._content.read(len(buffer))
        except _DAMAGED as error:
            problem = f"The {self._kind} data are damaged or cut off: {error}."
            raise DataError(problem, remedy="Copy the file again.", path=self._name) from error
        except MemoryError as error:  # xz says in its header how much it needs, up to 4 GB
            raise too_large(self._name) from error
        self._size += len(data)
        if self._size > FREE_BYTES and self._size > MOST_TIMES * self._packed.count:
            raise DataError(
                f"The {self._kind} data unpack to more than {MOST_TIMES} times their size, which no text does.",
                remedy="Unpack the file yourself if you trust it.",
                path=self._name,
            )
        buffer[: len(data)] = data
        return len(data)


def too_large(name: str) -> DataError:
    """Make the error for a file that needs more memory than there is."""
    problem = "Reading the file needs more memory than there is."
    return DataError(problem, remedy="Cut it into several files, with shorter lines.", path=name)


def _opener(kind: str, name: str) -> Callable[[Any], Any]:
    if kind == "zstd":
        if sys.version_info >= (3, 14):
            return zstd.ZstdFile
        return _zstd_of_arrow(name)
    openers: dict[str, Callable[[Any], Any]] = {
        "gzip": lambda packed: gzip.GzipFile(fileobj=packed),
        "bzip2": bz2.BZ2File,
        "xz": lzma.LZMAFile,
    }
    return openers[kind]


def _zstd_of_arrow(name: str) -> Callable[[Any], Any]:
    """Return what reads zstd where Python itself does not. Raises DataError: pyarrow, which can, is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        remedy = f"Unpack it (zstd -d), take Python 3.14, or install pyarrow: {install_command('arrow')}"
        raise DataError("The file is compressed with zstd.", remedy=remedy, path=name) from error
    return lambda packed: pyarrow.CompressedInputStream(packed, "zstd")
