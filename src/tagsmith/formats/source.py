"""Shared parts of the file formats: opening files, lines and columns, documents, the choice of layers."""

from __future__ import annotations

import codecs
import io
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO, TypeGuard, TypeVar

from tagsmith.errors import DataError, place_of
from tagsmith.formats.encodings import wide_encoding, wide_error, wrong_encoding
from tagsmith.formats.foreign import BINARY, foreign_bytes
from tagsmith.formats.options import Problem, ReadOptions, WriteOptions
from tagsmith.formats.unpacking import SUFFIXES, kind_of_packing, packed_position, too_large, unpacked
from tagsmith.remote import is_folder, local_path, opened, url_of
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, Span
from tagsmith.text.schemes import Scheme, tags_to_spans

Source = str | Path | TextIO
"""A path, ``"-"`` for standard input, or an open text stream."""

STDIN = "-"
_NOT_OF_FILES = ("idna", "punycode", "undefined")  # encodings that Python has for other ends
LONGEST_SHOWN = 200  # characters of a text in a message
BEGINNING = 8192  # bytes or characters by which files are recognized
T = TypeVar("T")


class NoTokensError(DataError):
    """A readable file without a single token: an error in training, but not where a file is to be tagged."""


def source_name(source: Source) -> str:
    """Return the path of a source, of a URL without what gives access, or the name of a stream, for messages."""
    if isinstance(source, str | Path):
        return "<stdin>" if str(source) == STDIN else place_of(source)
    return str(getattr(source, "name", "<stream>"))


def rereadable(source: Source) -> TypeGuard[str | Path]:
    """Whether a source can be read again: it is a file, not a stream, standard input or a pipe."""
    return isinstance(source, str | Path) and str(source) != STDIN and not local_path(source).is_fifo()


def suffix_of(source: Source) -> str:
    """Return the suffix of a file's name in lower case, without that of a compression; "" for streams."""
    if not isinstance(source, str | Path):
        return ""
    path = without_query(source)
    if path.suffix.lower() in SUFFIXES:
        path = path.with_suffix("")
    return path.suffix.lower()


def without_query(source: str | Path) -> Path:
    """Return a path; of a URL of the web, without what follows a question mark."""
    url = url_of(source)
    return Path(url.partition("?")[0] if url and url.startswith("http") else source)


@contextmanager
def open_source(source: Source, encoding: str = "utf-8", *, newline: str = "\n") -> Iterator[TextIO]:
    r"""Open a source as text whose lines end at ``\n`` only, without the byte-order mark; unpack compressed files.

    Raises DataError: the file is missing, a directory or unreadable; it is a binary file, or its bytes are not text in
    the encoding; or there is no such encoding, or too little memory.
    """
    name = source_name(source)
    codec = codec_of(encoding, name)
    try:
        if not isinstance(source, str | Path):
            yield source
            return
        with open_bytes(source) as data:
            _check_beginning(peek(data), codec, name, suffix_of(source))
            stream = io.TextIOWrapper(data, encoding=codec, newline=newline)
            try:
                yield stream
            finally:
                stream.detach()  # or closing it would close standard input
    except MemoryError as error:
        raise too_large(name) from error
    except UnicodeDecodeError as error:
        offset, line = _first_bad_byte(source, encoding)
        raise wrong_encoding(encoding, error.object, error.start, name, offset, line, error.reason) from error
    except UnicodeError as error:
        if isinstance(error, UnicodeEncodeError):  # what became of the text could not be written
            raise
        raise DataError(  # the codecs of utf-16 and utf-32 say so of a file without a byte-order mark
            f"This is not {encoding} text: {error}.",
            remedy="Name the file's encoding with --encoding, such as utf-8, or utf-16-le without a mark.",
            path=name,
        ) from error


@contextmanager
def open_utf8(source: str | Path, encoding: str = "utf-8") -> Iterator[io.BufferedReader]:
    """Open a file as bytes of UTF-8 without the byte-order mark, whatever its encoding is; unpack compressed files.

    What is said to be UTF-8 is not decoded, so that a bad character is found by whoever decodes its line.

    Raises DataError: as :func:`open_source`.
    """
    name = source_name(source)
    if codec_of(encoding, name) != "utf-8-sig":
        with open_source(source, encoding) as text:
            yield io.BufferedReader(_Encoded(text))
        return
    with open_bytes(source) as data:
        _check_beginning(beginning := peek(data), "utf-8-sig", name, suffix_of(source))
        if beginning.startswith(codecs.BOM_UTF8):
            data.read(len(codecs.BOM_UTF8))
        yield data  # type: ignore[misc]  # every one of them can be peeked into


class _Encoded(io.RawIOBase):
    """Text as bytes of UTF-8."""

    def __init__(self, text: TextIO) -> None:
        self._text = text

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._text.read(len(buffer) // 4).encode("utf-8", "replace")
        buffer[: len(data)] = data
        return len(data)


def share_read(data: BinaryIO, size: int) -> float:
    """Say which part of an open file of ``size`` bytes is read, 0 to 1; 0 if that cannot be known."""
    try:
        place = packed_position(data)
        return min(1.0, (data.tell() if place is None else place) / max(size, 1))
    except (OSError, ValueError):
        return 0.0


def codec_of(encoding: str, name: str) -> str:
    """Return the codec of an encoding; that of UTF-8 drops the byte-order mark. Raises DataError: there is none."""
    try:
        "".encode(encoding)  # unlike codecs.lookup, refuses codecs that are not text encodings
        codec = codecs.lookup(encoding).name
        if codec in _NOT_OF_FILES:
            raise LookupError
    except (LookupError, UnicodeError):
        raise DataError(
            f"There is no encoding {encoding!r}.", remedy="Try utf-8, utf-16, latin-1 or cp1252.", path=name
        ) from None
    return "utf-8-sig" if codec == "utf-8" else codec


@contextmanager
def open_bytes(source: str | Path) -> Iterator[BinaryIO]:
    """Open a file or standard input as bytes, unpacked if it is compressed.

    Raises DataError: the file is missing, a directory or unreadable.
    """
    with ExitStack() as opened:
        data: Any = sys.stdin.buffer if str(source) == STDIN else opened.enter_context(open_file(source))
        if kind := kind_of_packing(peek(data)):
            data = unpacked(data, kind, source_name(source))
        yield data


def read_bytes(source: Source) -> bytes:
    """Return the content of a binary file, of standard input, or of a binary stream.

    Raises DataError: the file is missing, a directory or unreadable; the source is a stream of text.
    """
    if isinstance(source, str | Path):
        with open_bytes(source) as data:
            return data.read()
    content: object = source.read()
    if isinstance(content, bytes):
        return content
    raise DataError(
        "This is a stream of text, and the format is binary.",
        remedy='Open the file with "rb", or give its path.',
        path=source_name(source),
    )


def beginning_of(source: Source) -> bytes | str | None:
    """Return how a source begins: bytes of a file or of standard input, characters of a text stream.

    None: it cannot be looked at without reading it.
    """
    if isinstance(source, str | Path):
        if not rereadable(source) and str(source) != STDIN:
            return None
        return _beginning_of_stdin() if str(source) == STDIN else _beginning_of_file(source)
    try:
        place = source.tell()
        beginning = source.read(BEGINNING)
        source.seek(place)
    except (OSError, ValueError, AttributeError):
        return None
    return beginning


def _beginning_of_file(path: str | Path) -> bytes:
    with open_bytes(path) as data:
        return peek(data)


def _beginning_of_stdin() -> bytes:
    """Return the first bytes of standard input; of compressed data as many as those unpack to."""
    beginning = peek(sys.stdin.buffer)
    if not (kind := kind_of_packing(beginning)):
        return beginning
    try:
        return peek(unpacked(io.BytesIO(beginning), kind, STDIN))
    except DataError:  # they are not enough
        return b""


def peek(data: Any) -> bytes:
    """Return how binary data go on without reading them: at least one byte, unless they are at their end."""
    if hasattr(data, "peek"):
        return bytes(data.peek(BEGINNING)[:BEGINNING])
    place = data.tell()  # a stream in memory
    beginning: bytes = data.read(BEGINNING)
    data.seek(place)
    return beginning


def _check_beginning(beginning: bytes, codec: str, name: str, suffix: str) -> None:
    """Raise if a file is no text, or one in UTF-16 or UTF-32 that is to be read as UTF-8."""
    if foreign := foreign_bytes(beginning, suffix):
        raise foreign.error(name, otherwise="")
    if codec != "utf-8-sig":
        return
    if wide := wide_encoding(beginning):
        raise wide_error(*wide, name)
    if beginning.count(0) > len(beginning) // 10:
        raise BINARY.error(name, otherwise="")


def open_file(source: str | Path) -> BinaryIO:
    """Open a file, here or elsewhere, as the bytes that it has.

    Raises DataError: the file is missing, a directory or unreadable.
    """
    try:
        return opened(source)
    except OSError as error:
        if is_folder(source):
            raise DataError("This is a directory, not a file.", remedy="Name a file inside it.", path=source) from None
        if isinstance(error, FileNotFoundError):
            raise DataError("There is no such file.", remedy="Check the path.", path=source) from None
        problem = f"The file cannot be opened: {error.strerror}."
        remedy = "Check the name, the network and your access." if url_of(source) else "Check its permissions."
        raise DataError(problem, remedy=remedy, path=source) from error


def _first_bad_byte(source: Source, encoding: str) -> tuple[int | None, int | None]:
    """Find the offset and line of a file's first undecodable byte, reading the file again in small pieces."""
    if not rereadable(source):
        return None, None
    decoder = codecs.getincrementaldecoder(encoding)()
    line, read = 1, 0
    with open_bytes(source) as stream:
        for piece in chain(iter(lambda: stream.read(1 << 16), b""), [b""]):
            read += len(piece)
            try:
                line += decoder.decode(piece, final=not piece).count("\n")
            except UnicodeDecodeError as error:  # its object begins with what the decoder kept of the piece before
                good = error.object[: error.start].decode(encoding, "replace")
                return read - len(error.object) + error.start, line + good.count("\n")
    return None, None


class Place(NamedTuple):
    """What is being read: the file, how to read it and, where one is a unit, the line of the record."""

    path: str
    options: ReadOptions
    line: int | None = None

    def error(self, problem: str, remedy: str, line: int | None = None) -> DataError:
        """Make an error that names the file and the line."""
        return DataError(problem, remedy=remedy, path=self.path, line=line or self.line)

    def empty(self, what: str, remedy: str) -> NoTokensError:
        """Make the error for a file that holds no tokens, or no records."""
        return NoTokensError(f"The file holds no {what}.", remedy=remedy, path=self.path)

    def empty_cell(self, what: str, line: int) -> DataError:
        """Make the error for an empty word or tag."""
        remedy = "Fill the cell, or remove the line. Two separators may be side by side, or one at the end."
        return self.error(f"The {what} is empty.", remedy, line)

    def wrong_columns(self, count: int, expected: int, between: str, what: str, remedy: str, line: int) -> DataError:
        """Make the error for a line that does not have as many columns as ``what`` has."""
        few = "few" if count < expected else "many"
        problem = f"This line has too {few} columns: {count}{between}, where {what} has {expected}."
        return self.error(problem, remedy, line)

    def column(self, wanted: int | str, count: int, line: int, headings: Sequence[str] = ()) -> int:
        """Return the place, from 0, of a column given by heading or by number (from 1, or from -1 at the end)."""
        text = str(wanted).strip().lower()
        if text in headings:
            return headings.index(text)
        number = int(text) if text.removeprefix("-").isdecimal() and len(text) < 10 else 0
        if 0 < abs(number) <= count:
            return number - 1 if number > 0 else count + number
        names = "".join(f"{heading!r}, " for heading in nearest_first(headings, text))
        raise self.error(
            f"There is no column {number or repr(wanted)}: {'the header' if headings else 'this line'} has {count}.",
            f"Give {names}a number from 1 to {count}, or from -{count} to -1.",
            line,
        )

    def report(self, message: str) -> None:
        """Add a problem to those of the reading."""
        self.options.problems.append(Problem(self.path, self.line or 0, message))


def numbered_lines(stream: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield each line without its end, and its number; a blank line is ``""``.

    A last ``""`` with the number of the last line ends the last sentence.
    """
    number = 0
    for number, raw in enumerate(stream, 1):
        line = raw.removesuffix("\n").removesuffix("\r")
        yield number, "" if line.isspace() else line
    yield number, ""


@contextmanager
def encodable(what: str) -> Iterator[None]:
    """Raise DataError where a text holds half of a surrogate pair, which a binary format cannot."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise DataError(
            f"A text holds half of a surrogate pair, {error.object[error.start : error.end]!r}, which {what} cannot.",
            remedy="Repair the text, or write jsonl.",
        ) from error


def at_least_one(items: Iterable[T], error: DataError) -> Iterator[T]:
    """Yield the items; raise the error if there are none."""
    iterator = iter(items)
    for first in iterator:
        yield first
        yield from iterator
        return
    raise error


def group_documents(
    sentences: Iterable[tuple[str, Sentence, Mapping[str, Any] | None]],
) -> Iterator[Document]:
    """Join sentences into documents, one newline between the texts of neighbors.

    Each sentence comes with its text, in which its tokens have their offsets, and with the ``meta`` of the document
    that begins with it. None: it belongs to the document before or, if none has begun, is a document by itself.
    """
    meta: Mapping[str, Any] | None = None
    texts: list[str] = []
    members: list[Sentence] = []
    position = 0
    for text, sentence, begins in sentences:
        if begins is not None:
            if members:
                yield Document("\n".join(texts), tuple(members), (), meta or {})
            meta, texts, members, position = begins, [], [], 0
        if meta is None:
            yield Document(text, (sentence,))
            continue
        starts = tuple([position + start for start in sentence.starts])
        texts.append(text)
        members.append(replace(sentence, starts=starts))
        position += len(text) + 1
    if members:
        yield Document("\n".join(texts), tuple(members), (), meta or {})


def nearest_first(names: Iterable[str], wanted: str) -> list[str]:
    """Order names by how much they resemble the one wanted.

    >>> nearest_first(["feats", "upos", "xpos"], "upso")
    ['upos', 'xpos', 'feats']
    """
    from difflib import SequenceMatcher

    return sorted(names, key=lambda name: (-SequenceMatcher(None, wanted.casefold(), name.casefold()).ratio(), name))


def pick_layer(layers: Iterable[str], wanted: str | None) -> str | None:
    """Return the layer asked for, missing or not; else the only one; else ``"tags"`` or, if it is missing, None."""
    if wanted is not None:
        return wanted
    names = list(layers)
    if len(names) == 1:
        return names[0]
    return DEFAULT_LAYER if DEFAULT_LAYER in names else None


def token_line(sentence: Sentence, index: int) -> int:
    """Return the 1-based line of the source file on which token ``index`` is; 0 if it came from no file.

    Row-based formats keep the lines between tokens (comments, multiword ranges) in ``meta["extra"]``: pairs of the
    number of tokens before the line, and the line. Formats with a record a line set ``meta["record"]``.
    """
    if not sentence.line or "record" in sentence.meta:
        return sentence.line
    extra = sentence.meta.get("extra", ())  # in the order of the positions
    before, until = (bisect_right(extra, place, key=lambda pair: pair[0]) for place in (0, index))
    return sentence.line + index + until - before


def with_extra(lines: Sequence[str], extra: Iterable[tuple[int, str]]) -> list[str]:
    """Put lines between the lines of tokens: pairs of the number of tokens before the line, and the line."""
    merged: list[str] = []
    done = 0
    for position, line in extra:
        merged += lines[done:position]
        merged.append(line)
        done = max(done, position)
    return [*merged, *lines[done:]]


def spans_to_write(document: Document, options: WriteOptions) -> Iterable[Span]:
    """Return a document's spans or, if it has none, those that the tags of its layer stand for."""
    if document.spans:
        return document.spans
    layer = next((pick_layer(sentence.layers, options.layer) for sentence in document.sentences), None)
    return tagged_spans(document, layer or "", options.scheme)


def check_spans(format: str, options: WriteOptions) -> None:
    """Raise DataError for a format that holds spans, if the layer to write has a tag for each token instead."""
    if options.scheme is Scheme.PLAIN:
        problem = f"{format} holds labeled spans; these tags label single tokens."
        raise DataError(problem, remedy="Write conll, conllu, csv, inline or jsonl.")


def tagged_spans(document: Document, layer: str, scheme: Scheme) -> Iterator[Span]:
    """Yield the spans that the tags of a layer stand for."""
    for sentence in document.sentences:
        for start, end, label in tags_to_spans(sentence.layers.get(layer, ()), scheme):
            yield Span(sentence.starts[start], sentence.starts[end - 1] + len(sentence.words[end - 1]), label)


def shortened(text: str) -> str:
    """Return a text for a message, without its middle if it is long: each of many spans may hold most of a text."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN // 2]} … {text[-LONGEST_SHOWN // 2 :]}"


def written_layers(sentence: Sentence, options: WriteOptions) -> list[str]:
    """Return those of the layers to write that the sentence has, the main one first."""
    main_layer = pick_layer(sentence.layers, options.layer)
    names = [main_layer, *(layer.name for layer in options.layers[1:])]
    return [name for name in names if name is not None and name in sentence.layers]
