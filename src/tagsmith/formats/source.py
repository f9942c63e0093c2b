"""Opening what is to be read, and what all row-based formats share: lines, documents, lines of tokens."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from tagsmith.errors import DataError
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence

Source = str | Path | TextIO
"""A path, ``"-"`` for standard input, or an open text stream."""

STDIN = "-"


class NoTokensError(DataError):
    """The file is read well, but holds no token; where a file is to be tagged that is no error."""


def source_name(source: Source) -> str:
    """How errors call a source: its path, or the name of the stream."""
    if isinstance(source, str | Path):
        return "<stdin>" if str(source) == STDIN else str(source)
    return str(getattr(source, "name", "<stream>"))


@contextmanager
def open_source(source: Source, encoding: str = "utf-8", *, newline: str = "\n") -> Iterator[TextIO]:
    r"""Open a source as text whose lines end at ``\n`` only, without the byte-order mark.

    Raises
    ------
    DataError
        Where the file is missing, a directory or unreadable, its bytes are not text in the encoding, or
        there is no such encoding.
    """
    name = source_name(source)
    stream: TextIO
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise DataError(
            f"There is no encoding {encoding!r}.", remedy="Try utf-8, utf-16, latin-1 or cp1252.", path=name
        ) from None
    if codec == "utf-8":
        codec = "utf-8-sig"
    try:
        if not isinstance(source, str | Path):
            yield source
        elif str(source) == STDIN:
            stream = io.TextIOWrapper(sys.stdin.buffer, encoding=codec, newline=newline)
            try:
                yield stream
            finally:
                stream.detach()  # or its end would close standard input
        else:
            with _open_file(Path(source), codec, newline) as stream:
                yield stream
    except UnicodeDecodeError as error:
        raise _undecodable(source, encoding, error) from error


def _open_file(path: Path, codec: str, newline: str) -> TextIO:
    if path.is_dir():
        raise DataError("This is a directory, not a file.", remedy="Name a file inside it.", path=path)
    try:
        return path.open(encoding=codec, newline=newline)
    except FileNotFoundError:
        raise DataError("There is no such file.", remedy="Check the path.", path=path) from None
    except OSError as error:
        raise DataError(
            f"The file cannot be opened: {error.strerror}.", remedy="Check its permissions.", path=path
        ) from error


def _undecodable(source: Source, encoding: str, error: UnicodeDecodeError) -> DataError:
    remedy = "Name the encoding it has with --encoding, such as latin-1, cp1252 or utf-16."
    offset, line = _first_bad_byte(source, encoding)
    where = "" if offset is None else f" (byte offset {offset})"
    return DataError(
        f"The byte 0x{error.object[error.start]:02x}{where} is not {encoding} text.",
        remedy=remedy,
        path=source_name(source),
        line=line,
    )


def _first_bad_byte(source: Source, encoding: str) -> tuple[int | None, int | None]:
    """Find the offset and line of the first undecodable byte of a file, reading it again in small pieces."""
    if not isinstance(source, str | Path) or str(source) == STDIN:
        return None, None
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line, pending = 0, 1, 0
    with Path(source).open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 16), b""):
            try:
                text = decoder.decode(piece)
            except UnicodeDecodeError as error:
                # The decoder counts from what it had kept of the piece before.
                good = error.object[: error.start].decode(encoding, "replace")
                return offset - pending + error.start, line + good.count("\n")
            line += text.count("\n")
            offset += len(piece)
            pending = len(decoder.getstate()[0])
    return offset - pending, line  # the last character is cut off


def pick_layer(layers: Iterable[str], wanted: str | None) -> str | None:
    """Choose among layers: the one wanted; else the only one, or the one with the default name; else None.

    The wanted one is chosen even if it is not there.
    """
    if wanted is not None:
        return wanted
    names = list(layers)
    if len(names) == 1:
        return names[0]
    return DEFAULT_LAYER if DEFAULT_LAYER in names else None


def token_line(sentence: Sentence, index: int) -> int:
    """Return the 1-based line of the source file on which token ``index`` stands; 0 if it came from no file.

    Row-based formats keep the lines between tokens (comments, multiword ranges) in ``meta["extra"]`` as
    pairs of the number of tokens before it and the line; formats with a record a line set
    ``meta["record"]``.
    """
    if not sentence.line or "record" in sentence.meta:
        return sentence.line
    between: int = sum(0 < position <= index for position, _ in sentence.meta.get("extra", ()))
    return sentence.line + index + between


def shifted(sentence: Sentence, offset: int) -> Sentence:
    """Return the sentence with its tokens ``offset`` characters further on."""
    return replace(sentence, starts=tuple([start + offset for start in sentence.starts])) if offset else sentence


def joined(texts_and_sentences: Iterable[tuple[str, Sentence]], meta: Mapping[str, Any]) -> Document:
    """Make one document of sentences that each have a text of their own: one newline between neighbors."""
    texts, sentences, position = [], [], 0
    for text, sentence in texts_and_sentences:
        texts.append(text)
        sentences.append(shifted(sentence, position))
        position += len(text) + 1
    return Document("\n".join(texts), tuple(sentences), (), meta)
