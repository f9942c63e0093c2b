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
from tagsmith.formats.format import Format
from tagsmith.formats.source import Source, open_source

_FALLBACK = "conll"  # what nothing else claims, and every stream
_SNIFFED = 4096  # characters


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


def format_by_suffix(target: Source) -> str | None:
    """Name the format that a file's suffix stands for, or None."""
    suffix = Path(target).suffix.lower() if isinstance(target, str | Path) else None
    return next((format.name for format in FORMATS.values() if suffix in format.suffixes), None)


def detect_format(source: Source, encoding: str = "utf-8") -> str:
    """Name the format of a file by its suffix or, if that is unknown, by how the file begins.

    Formats are asked in alphabetical order. A file that none claims is ``"conll"``, and so is every stream.
    """
    if name := format_by_suffix(source):
        return name
    if not isinstance(source, str | Path) or str(source) == "-":
        return _FALLBACK
    with open_source(source, encoding) as stream:
        beginning = stream.read(_SNIFFED)
    claims = (format.name for format in FORMATS.values() if format.begins and format.begins(beginning))
    return next(claims, _FALLBACK)
