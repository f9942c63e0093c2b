"""File formats: a module for each, which registers itself by its ``FORMAT``.

A new format is one new module with a :class:`~tagsmith.formats.format.Format` called ``FORMAT``. Nothing else lists
the formats: reading, ``tagsmith convert``, ``tagsmith tag`` and the labeling page's export look them up in
:data:`FORMATS`.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from tagsmith.errors import DataError
from tagsmith.formats.foreign import Foreign, foreign_bytes, foreign_suffix, foreign_text
from tagsmith.formats.format import Format
from tagsmith.formats.options import AUTO
from tagsmith.formats.source import Source, beginning_of, codec_of, source_name, suffix_of
from tagsmith.formats.unpacking import SUFFIXES
from tagsmith.remote import is_file

FALLBACK = "conll"  # what nothing else claims, and every stream


def find_formats() -> dict[str, Format]:
    """Import the modules of this package and return their formats by name, in alphabetical order."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    formats = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {format.name: format for format in sorted(formats, key=lambda format: format.name)}


FORMATS = find_formats()


def format_named(name: str) -> Format:
    """Look up a format.

    Raises DataError: there is no such format; the message lists those there are.
    """
    if name not in FORMATS:
        raise DataError(f"There is no format {name!r}.", remedy=f"Choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def format_by_suffix(source: Source) -> str | None:
    """Name the format that a file's suffix stands for, or None; the suffix of a compression does not count."""
    suffix = suffix_of(source)
    formats = FORMATS.values()
    return next((format.name for format in formats if suffix in (*format.suffixes, *format.read_suffixes)), None)


def detect_format(source: Source, encoding: str = "utf-8") -> str:
    """Name the format of a source by its suffix or, if that is unknown, by how it begins.

    Formats are asked in alphabetical order. What none claims is ``"conll"``. A stream that cannot be looked at without
    reading it is ``"conll"`` too.

    Raises DataError: the source is in a format that is known but not read, see :mod:`tagsmith.formats.foreign`.
    """
    if companion := companion_format(source):
        return companion
    by_suffix = format_by_suffix(source)
    beginning = _beginning(source, encoding)
    if isinstance(beginning, Foreign):
        return _taken_over(beginning, source)
    if foreign := foreign_text(beginning, inline=False):
        return _taken_over(foreign, source)
    if by_suffix not in (None, FALLBACK):
        return by_suffix
    claim = _claim(beginning)
    if claim and (by_suffix is None or claim != "jsonl" or '":' in beginning):  # a token may be {" or {}
        return claim
    foreign = foreign_text(beginning, inline=True) or (None if by_suffix else foreign_suffix(suffix_of(source)))
    return _taken_over(foreign, source) if foreign else FALLBACK


def companion_format(source: Source) -> str | None:
    """Name the format in which a file only stands beside another, as a text beside brat's annotations of it."""
    if not isinstance(source, str | Path):
        return None
    path = Path(source)
    for format in FORMATS.values():
        other = format.companions.get(path.suffix.lower())
        if other is not None and is_file(path.with_suffix(other)):
            return format.name
    return None


def check_running_text(source: Source, encoding: str = "utf-8") -> None:
    """Raise DataError if a source that is to be read as running text seems to be in some format."""
    beginning = _beginning(source, encoding)
    if isinstance(beginning, Foreign):
        raise beginning.error(source_name(source), otherwise="")
    claim = companion_format(source)
    foreign = None if claim else foreign_text(beginning, inline=False) or foreign_suffix(suffix_of(source))
    if foreign and foreign.name not in FORMATS:
        raise foreign.error(source_name(source), otherwise="To tag it as it is, give --input-format text.")
    if claim := claim or (foreign.name if foreign else _claim(beginning)):
        raise DataError(
            f"This seems to be {claim}, not running text.",
            remedy=f"Give --input-format {claim}, or --input-format text to tag it as it is.",
            path=source_name(source),
        )


def _beginning(source: Source, encoding: str) -> str | Foreign:
    """Return how a source begins, or the binary format that it is in; "" if it cannot be looked at."""
    beginning = beginning_of(source)
    if not isinstance(beginning, bytes):
        return beginning or ""
    foreign = foreign_bytes(beginning, suffix_of(source))
    return foreign or beginning.decode(codec_of(encoding, source_name(source)), "replace").removeprefix("\ufeff")


def _claim(beginning: str) -> str | None:
    """Name the first format that claims a file that begins like this."""
    return next((format.name for format in FORMATS.values() if format.begins and format.begins(beginning)), None)


def _taken_over(foreign: Foreign, source: Source) -> str:
    """Return the name of a foreign format that is read by now; raise its error if it is not."""
    if foreign.name in FORMATS:
        return foreign.name
    raise foreign.error(source_name(source))


def format_to_write(target: Source, wanted: str, otherwise: str, option: str) -> Format:
    """Choose the format of an output: the one wanted or, if that is ``"auto"``, the one of the target's suffix.

    Raises DataError: there is no such format, or none that is written has the target's suffix.

    Parameters
    ----------
    target
        A path; ``"-"``, a stream and a name without a suffix say nothing.
    otherwise
        The format if the target says nothing.
    option
        What the user can name the format with, for the message.
    """
    suffix = Path(target).suffix if isinstance(target, str | Path) else ""
    if wanted != AUTO:
        return format_named(wanted)
    if not suffix:
        return format_named(otherwise)
    known = {suffix: format for format in FORMATS.values() for suffix in format.suffixes}
    if suffix.lower() in known:
        return known[suffix.lower()]
    foreign = foreign_suffix(suffix.lower())
    if foreign:
        problem = f"tagsmith does not write {foreign.title}."
    elif suffix.lower() in SUFFIXES:
        problem = "tagsmith does not compress what it writes."
    elif format_by_suffix(target):
        problem = f"The suffix {suffix!r} stands for one JSON value, but tagsmith writes JSON lines."
    else:
        problem = f"The suffix {suffix!r} does not say which format to write."
    raise DataError(
        problem,
        remedy=f"Use one of {', '.join(known)}, or name the format with {option}: {', '.join(FORMATS)}.",
        path=str(target),
    )
