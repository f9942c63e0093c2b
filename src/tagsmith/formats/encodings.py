"""Files in another encoding than the one expected: which it seems to be, and the error that says so."""

from __future__ import annotations

import codecs
import re

from tagsmith.errors import DataError

_MARKS = {  # the longer marks first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SPACE = re.compile(rb"[\s,;|\"]")
_OTHER_SCRIPTS = "cp1251, koi8-r, gb18030, big5, shift_jis or euc-kr"


def wide_encoding(beginning: bytes) -> tuple[str, str] | None:
    """Tell UTF-16 or UTF-32 by how a file begins: the encoding and how it shows; None if it is neither.

    >>> wide_encoding("John".encode("utf-16-le"))
    ('utf-16-le', 'every second byte is zero')
    """
    for mark, encoding in _MARKS.items():
        if beginning.startswith(mark):
            return encoding, f"the file begins with the byte-order mark of {encoding.upper()}"
    pairs = len(beginning) // 2
    for encoding, zeros, letters in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if pairs > 1 and beginning[zeros::2].count(0) > 0.7 * pairs and beginning[letters::2].count(0) < 0.1 * pairs:
            return encoding, "every second byte is zero"
    return None


def wide_error(encoding: str, how: str, name: str) -> DataError:
    """Make the error for a file in UTF-16 or UTF-32 that is read as UTF-8."""
    return DataError(
        f"The file is not utf-8 text: {how} (byte offset 0).", remedy=_remedy(encoding, name), path=name, line=1
    )


def wrong_encoding(
    expected: str, data: bytes, place: int, name: str, offset: int | None, line: int | None, reason: str
) -> DataError:
    """Make the error for a byte that is not text in the encoding expected.

    Parameters
    ----------
    expected
        The encoding.
    data
        The bytes around, of which the one at ``place`` is wrong.
    offset, line
        Where it stands in the file, if that is known.
    reason
        Why it could not be decoded, in the codec's words.
    """
    where = "" if offset is None else f" (byte offset {offset})"
    problem = f"The byte 0x{data[place]:02x}{where} is not {expected} text."
    if codecs.lookup(expected).name != "utf-8":
        remedy = "Name the file's encoding with --encoding, such as utf-8, cp1252 or utf-16."
    elif "end of data" in reason:
        remedy = "The file ends in the middle of a character: it seems to be cut off. Copy it again."
    elif not data[:place].isascii():
        remedy = "The text before it is utf-8, so this place seems damaged: correct the line, or else give --encoding."
    elif (encoding := guess_encoding(data)) is None:
        remedy = f"Name the file's encoding with --encoding, such as {_OTHER_SCRIPTS}, or convert it with iconv."
    else:
        problem += f" In {encoding} the word there is {_word_at(data, place, encoding)!r}."
        remedy = _remedy(encoding, name)
    return DataError(problem, remedy=remedy, path=name, line=line)


def guess_encoding(data: bytes) -> str | None:
    """Guess the 8-bit encoding of text that is not UTF-8; None if most of its letters are of another script.

    >>> guess_encoding("Zoë left".encode("latin-1")), guess_encoding("“Zoë”".encode("cp1252"))
    ('latin-1', 'cp1252')
    """
    high = sum(byte >= 0x80 for byte in data)
    letters = sum(bytes((byte,)).isalpha() for byte in data)
    if high > 2 and high > letters:
        return None
    if not any(0x80 <= byte < 0xA0 for byte in data):
        return "latin-1"
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "cp850"  # DOS: its ü is a byte that cp1252 does not have
    return "cp1252"


def _word_at(data: bytes, place: int, encoding: str) -> str:
    before, after = data[max(place - 40, 0) : place], data[place : place + 40]
    return (_SPACE.split(before)[-1] + _SPACE.split(after)[0]).decode(encoding, "replace")


def _remedy(encoding: str, name: str) -> str:
    return f"If that is right, give --encoding {encoding}, or convert it: iconv -f {encoding} -t utf-8 {name}."
