"""Input of ``tagsmith redact``: texts as they are, to the last character, and records with texts in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, check_running_text, format_by_suffix
from tagsmith.formats.foreign import foreign_suffix
from tagsmith.formats.jsonl import records
from tagsmith.formats.options import ReadOptions
from tagsmith.formats.source import Place, open_source, source_name
from tagsmith.formats.unpacking import SUFFIXES as PACKED

PART = 1 << 18  # characters of a longer text that are redacted together
BLOCK = 1 << 17  # characters of short records that are redacted together
MOST_RECORDS = 4096
# Where a part of a long text may end, the best place first, and the characters of each that belong to the part.
_ENDS = ("\n\n", "\n\r\n", "\n", "。", ". ", "! ", "? ", " ")
# What a record's labels and tokens may be called: they repeat the text, or count its characters.
_ABOUT_THE_TEXT = (
    "annotations", "completions", "entities", "label", "labels", "layers", "ner_tags", "predictions", "sentences",
    "spans", "tags", "tokens", "words",
)  # fmt: skip


def read_parts(source: str, encoding: str) -> Iterator[str]:
    """Yield a text, a long one in parts that end where a paragraph, a line, a sentence or a word does, if one does."""
    with open_source(source, encoding) as stream:
        text = ""
        while piece := stream.read(PART):
            text += piece
            while len(text) >= 2 * PART:
                end = _end_of_part(text)
                yield text[:end]
                text = text[end:]
        if text:
            yield text


def _end_of_part(text: str) -> int:
    """Find the last good place to cut in the second half of the part, or cut where it ends."""
    for mark in _ENDS:
        if (place := text.rfind(mark, PART // 2, PART)) >= 0:
            return place + len(mark)
    return PART


class Record(NamedTuple):
    """A record of a file of JSON lines, and the names of its fields that hold text."""

    line: int
    content: dict[str, Any]
    fields: list[str]

    @property
    def texts(self) -> list[str]:
        """The texts of the fields."""
        return [self.content[name] for name in self.fields]

    def with_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the record with other texts, without what it says about the old ones."""
        new = dict(zip(self.fields, texts, strict=True))
        return {name: new.get(name, value) for name, value in self.content.items() if name not in self.about_texts}

    @property
    def about_texts(self) -> set[str]:
        """The keys that repeat a text or count its characters."""
        return {name for name in _ABOUT_THE_TEXT if isinstance(self.content.get(name), list | dict)}

    @property
    def others(self) -> set[str]:
        """The other keys that may hold text."""
        others = self.content.keys() - {*self.fields} - self.about_texts
        return {name for name in others if isinstance(self.content[name], str | list | dict)}


def read_records(source: str, fields: Sequence[str], encoding: str) -> Iterator[list[Record]]:
    """Yield blocks of records; a field may be missing or null in some, but not all in one.

    Raises DataError: a line is no JSON object, has none of the fields, or one that is no text.
    """
    file = Place(source_name(source), ReadOptions(encoding=encoding))
    block, size = list[Record](), 0
    with open_source(source, encoding) as stream:
        for line, content in records(stream, file):
            record = Record(line, content, _fields(content, fields, file._replace(line=line)))
            block.append(record)
            size += sum(map(len, record.texts))
            if size >= BLOCK or len(block) == MOST_RECORDS:
                yield block
                block, size = [], 0
    if block:
        yield block


def _fields(content: Any, fields: Sequence[str], place: Place) -> list[str]:
    if not isinstance(content, dict):
        raise place.error("This is not a JSON object.", 'Give {"text": "…"}.')
    present = [name for name in fields if content.get(name) is not None]
    if not present:
        raise place.error(f"This object has no {' or '.join(map(repr, fields))}.", "Name the key with --field.")
    for name in present:
        if not isinstance(content[name], str):
            raise place.error(f"The value of {name!r} is no text.", "Name only keys with texts.")
    return present


def input_format(source: str, wanted: str, encoding: str) -> str:
    """Return ``text`` or ``jsonl``, as wanted or by the suffix of a file.

    Raises DataError: there is no such format, or the file is, or seems to be, in one that cannot be redacted.
    """
    if wanted not in ("auto", "text", "jsonl"):
        raise DataError(f"There is no input format {wanted!r}.", remedy="Choose auto, text or jsonl.")
    if wanted != "auto":
        return wanted
    by_suffix = format_by_suffix(source)
    if by_suffix not in (None, "jsonl"):
        raise DataError(
            f"A {by_suffix} file holds words, not texts.",
            remedy="Give text or JSON lines, or say --input-format text to redact it as it is.",
            path=source,
        )
    if by_suffix is None:
        check_running_text(source, encoding)
    return by_suffix or "text"


def check_output(output: str, form: str, wanted: str) -> None:
    """Raise DataError if the suffix of an output says that it is in another format than the inputs.

    If the user wants a file to be read as text whatever it is, it may be written so too.
    """
    suffix = Path(output).suffix.lower()
    if form == "jsonl" and suffix not in ("", *FORMATS["jsonl"].suffixes):
        raise DataError("The output is JSON lines, as the input is.", remedy="Name it .jsonl.", path=output)
    claimed = format_by_suffix(output) or foreign_suffix(suffix) if wanted == "auto" else None
    if form == "text" and (claimed or suffix in PACKED):
        raise DataError("The output is plain text, as the input is.", remedy="Name it .txt.", path=output)
