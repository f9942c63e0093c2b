"""Formats that tagsmith knows but does not read: what a file seems to be, and what to do with it.

A module of this package whose ``FORMAT`` has the name of a row here takes the row over: its files are no longer
refused but read, and are found by what the row says of suffixes and beginnings.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tagsmith.errors import DataError

_AS_LINES = 'Convert it to JSON lines, a text a line: {"text": …, "spans": [{"start": …, "end": …, "label": …}]}.'
_AS_TOKENS = 'Write it as JSON lines, such as {"tokens": ["Ann"], "tags": ["B-PER"]}, or as columns: a word and a tag.'
_AS_TEXT = "Save it as plain text; labels need a format that tagsmith reads."
_UNPACK = "Unpack it, and name a file in it."


@dataclass(frozen=True, slots=True)
class Foreign:
    """A format that is not read.

    Parameters
    ----------
    name
        What a format that reads it would be called.
    title
        What the file seems to be, with its article.
    remedy
        What the user can do.
    suffixes
        Endings of file names, in lower case, with the dot.
    magic
        What its files may begin with.
    begins
        Tells from the first characters of a text file whether it is one; None: only by suffix or ``magic``.
    is_read
        Whether a format here reads it, so that it is refused only where text is wanted.
    """

    name: str
    title: str
    remedy: str
    suffixes: tuple[str, ...] = ()
    magic: tuple[bytes, ...] = ()
    begins: Callable[[str], bool] | None = None
    is_read: bool = False

    def error(self, path: str, otherwise: str = "If it is not, name its format, such as conll.") -> DataError:
        """Make the error for such a file; ``otherwise`` says what to do if it is none."""
        why = "not text" if self.is_read else "which tagsmith does not read"
        problem = f"This seems to be {self.title}, {why}."
        return DataError(problem, remedy=f"{self.remedy} {otherwise}".strip(), path=path)


_BRAT_LINE = re.compile(r"(?:[TERAMN]\d+|\*|#\d+)\t\S.*")
_BRAT_SPAN = re.compile(r"T\d+\t\S+ \d+ \d+(?:;\d+ \d+)*(?:\t.*)?")
_MARKUP = re.compile(r"[^<>\n]*<([A-Za-z][\w.-]*)(?: [^<>\n]*)?>[^<>\n]+</\1>")
_BRACKETS = re.compile(r"[^\[\]\n]*\[(?:[A-Z][A-Z_-]+ [^\[\]\n]+\]|[^\[\]\n]+\]\([A-Za-z_-]+\))")
_SLASHED = re.compile(r"(?:\S+[/_|][A-Z][A-Z0-9$.:,-]*(?:\s+|$)){4,}")  # parts must end at spaces: linear time
_HASHES = re.compile(r"[^\n]*####(?:\S+=\S+ ?)+")


def _is_brat(text: str) -> bool:
    lines = [line for line in text.split("\n")[:8] if line.strip()]
    return (
        bool(lines)
        and all(_BRAT_LINE.fullmatch(line.rstrip("\r")) for line in lines[:-1] or lines)
        and any(_BRAT_SPAN.fullmatch(line.rstrip("\r")) for line in lines)
    )


def _is_marked_up(text: str) -> bool:
    lines = [line for line in text.split("\n")[:8] if line.strip()]
    marked = sum(bool(_MARKUP.match(line) or _BRACKETS.match(line)) for line in lines)
    return bool(lines) and "\t" not in text and 2 * marked > len(lines)


def _each_line(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    def begins(text: str) -> bool:
        lines = [line for line in text.split("\n")[:8] if line.strip()]
        return bool(lines) and all(pattern.match(line) for line in lines[:-1] or lines)

    return begins


def _matches(pattern: str) -> Callable[[str], bool]:
    expression = re.compile(pattern, re.IGNORECASE)
    return lambda text: expression.match(text) is not None


FOREIGN = (
    Foreign("brat", "brat's standoff annotation (.ann, beside a .txt)", _AS_LINES, (), (), _is_brat),
    Foreign("spacy", "a spaCy DocBin", "Name its format, spacy.", (".spacy",), is_read=True),
    Foreign("parquet", "a Parquet file", "Name its format, parquet.", (".parquet", ".pq"), (b"PAR1",), is_read=True),
    Foreign(
        "arrow",
        "an Arrow file",
        "Name its format, arrow.",
        (".arrow", ".feather", ".ipc"),
        (b"ARROW1", b"\xff\xff\xff\xff"),
        is_read=True,
    ),
    Foreign("feather", "a Feather file of version 1", "Write it again: pyarrow.feather.write_feather.", (), (b"FEA1",)),
    Foreign("avro", "an Avro file", _AS_TOKENS, (".avro",), (b"Obj\x01",)),
    Foreign("orc", "an ORC file", _AS_TOKENS, (".orc",), (b"ORC\x08", b"ORC\n\x0b")),
    Foreign("hdf5", "an HDF5 file", _AS_TOKENS, (".h5", ".hdf5"), (b"\x89HDF\r\n",)),
    Foreign("sqlite", "an SQLite database", _AS_TOKENS, (".sqlite", ".sqlite3", ".db"), (b"SQLite format 3\x00",)),
    Foreign(
        "fasttext",
        "a fastText model: word vectors, not text",
        "Give it to tagsmith train as --vectors.",
        (".ftz",),
        (b"\xba\x16\x4f\x2f",),
    ),
    Foreign("numpy", "a NumPy file", _AS_TOKENS, (".npy", ".npz"), (b"\x93NUMPY",)),
    Foreign(
        "xlsx",
        "a spreadsheet",
        "Save the sheet as CSV in UTF-8, with the columns 'Sentence #', 'Word' and 'Tag'.",
        (".xlsx", ".xls", ".ods"),
    ),
    Foreign("docx", "a word processor's document", _AS_TEXT, (".docx", ".doc", ".odt", ".pages")),
    Foreign("slides", "a presentation", _AS_TEXT, (".pptx", ".ppt", ".odp")),
    Foreign("epub", "an EPUB book", _AS_TEXT, (".epub",)),
    Foreign("rtf", "a document in Rich Text Format", _AS_TEXT, (".rtf",), (b"{\\rtf",)),
    Foreign("pdf", "a PDF document", _AS_TEXT, (".pdf",), (b"%PDF-",)),
    Foreign(
        "pickle",
        "a Python pickle",
        f"Loading one can run any program, so only open your own. {_AS_TOKENS}",
        (".pkl", ".pickle", ".p"),
        tuple(b"\x80%c%c" % (version, opcode) for version in range(2, 6) for opcode in b"\x95]}c"),
    ),
    Foreign("tar", "a tar archive", _UNPACK, (".tar", ".tgz", ".tbz2", ".txz")),
    Foreign("zip", "a zip archive", _UNPACK, (".zip",), (b"PK\x03\x04", b"PK\x05\x06")),
    Foreign("archive", "an archive", _UNPACK, (".7z", ".rar"), (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")),
    Foreign(
        "image",
        "an image",
        "Extract its text first (OCR).",
        (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp", ".bmp"),
        (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*"),
    ),
    Foreign(
        "git-lfs",
        "a pointer to a file that is stored with Git LFS",
        "Fetch the file itself: git lfs pull.",
        begins=_matches(r"version https://git-lfs\.github\.com/"),
    ),
    Foreign(
        "html",
        "a web page",
        _AS_TEXT,
        (".html", ".htm", ".xhtml"),
        (),
        _matches(r"\s*<(?:!doctype )?html[^>\t]*>\s*[\n<]"),
    ),
    Foreign(
        "xml", "an XML document", _AS_LINES, (".xml", ".tei", ".xmi"), (), _matches(r"\s*<\?xml [^>\t]*\?>\s*[\n<]")
    ),
    Foreign(
        "markup",
        "text with labels among the words, such as <PER>Ann</PER> or [PER Ann]",
        _AS_LINES,
        (),
        (),
        _is_marked_up,
    ),
    Foreign(
        "inline",
        "text with a tag after each word, such as Ann/NNP left/VBD",
        "Put each word and its tag on a line of their own, and a blank line after each sentence.",
        (),
        (),
        _each_line(_SLASHED),
    ),
    Foreign(
        "inline",
        "a file of sentences with ####word=tag word=tag after them",
        "Put each word and its tag on a line of their own, and a blank line after each sentence.",
        (),
        (),
        _each_line(_HASHES),
    ),
)
_INLINE = ("markup", "inline")
_BY_NAME = {foreign.name: foreign for foreign in FOREIGN}
_IN_ZIP = {b"word/": "docx", b"xl/": "xlsx", b"ppt/": "slides", b"opendocument.spreadsheet": "xlsx"}
_IN_ZIP |= {b"opendocument.presentation": "slides", b"opendocument": "docx", b"epub+zip": "epub"}
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Microsoft's, until 2003


def foreign_bytes(beginning: bytes, suffix: str = "") -> Foreign | None:
    """Recognize a binary file by its first bytes; the suffix decides between formats that begin alike."""
    if beginning.startswith(_OLD_OFFICE):
        return _of_suffix(suffix, ("xlsx", "slides")) or _BY_NAME["docx"]
    if beginning[257:262] == b"ustar":
        return _BY_NAME["tar"]
    if beginning.startswith(b"RIFF") and beginning[8:12] == b"WEBP":
        return _BY_NAME["image"]
    if _is_zlib(beginning):
        return _BY_NAME["spacy"]
    found = next((foreign for foreign in FOREIGN if foreign.magic and beginning.startswith(foreign.magic)), None)
    if found is not None and found.name == "zip":
        inside = next((name for part, name in _IN_ZIP.items() if part in beginning), None)
        return _BY_NAME[inside] if inside else _of_suffix(suffix, ("docx", "xlsx", "slides", "epub", "numpy")) or found
    return found


def _is_zlib(beginning: bytes) -> bool:
    if not beginning.startswith((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return False
    try:
        return bool(zlib.decompressobj().decompress(beginning, 64))
    except zlib.error:
        return False


def _of_suffix(suffix: str, names: Collection[str]) -> Foreign | None:
    return next((_BY_NAME[name] for name in names if suffix in _BY_NAME[name].suffixes), None)


def foreign_text(beginning: str, *, inline: bool) -> Foreign | None:
    """Recognize a text file by its first characters; ``inline``: also if labels seem to stand among the words."""
    candidates = (foreign for foreign in FOREIGN if inline or foreign.name not in _INLINE)
    return next((foreign for foreign in candidates if foreign.begins and foreign.begins(beginning)), None)


def foreign_suffix(suffix: str) -> Foreign | None:
    """Recognize a format by the suffix of a file, in lower case."""
    return next((foreign for foreign in FOREIGN if suffix in foreign.suffixes), None)


BINARY = Foreign("binary", "a binary file", "Give a text file; --format names its format.")
