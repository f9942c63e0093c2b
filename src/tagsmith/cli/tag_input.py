"""Input of ``tagsmith tag``: documents of sentences and tokens, read one at a time in constant memory.

Beside the registered formats there are two of unlabeled text, see :mod:`tagsmith.formats.running_text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tagsmith.errors import DataError, place_of
from tagsmith.formats import FORMATS, check_running_text, companion_format, format_by_suffix
from tagsmith.formats.options import AUTO, ReadOptions
from tagsmith.formats.running_text import TEXT_READERS
from tagsmith.formats.source import source_name, suffix_of
from tagsmith.remote import files_below, whole
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence

_TEXT_SUFFIXES = frozenset({"", ".txt", ".text"})
_TOKENS_SUFFIXES = frozenset({".tokens", ".tok"})
_SHOWN = 5


def read_input(
    sources: Sequence[tuple[str, str]], options: ReadOptions, predicted: Sequence[str]
) -> Iterator[Document]:
    """Read files, each given with the name of its format, one after the other.

    If there are several, the record of each document names its file (``source``). A file's layers stay beside the
    ``predicted`` ones; those that would be replaced by them, or be taken for them, become ``gold_tags``, ``gold_upos``.
    """
    for source, name in sources:
        read = TEXT_READERS[name] if name in TEXT_READERS else FORMATS[name].read_for_tagging
        for document in read(source, options):
            if any(sentence.layers for sentence in document.sentences):
                sentences = tuple(_with_gold(sentence, predicted) for sentence in document.sentences)
                document = replace(document, sentences=sentences)
            if len(sources) > 1:
                record = {"source": source_name(source), **document.meta.get("record", {})}
                document = replace(document, meta={**document.meta, "record": record})
            yield document


def input_format(source: Path, wanted: str, encoding: str) -> str:
    """Return the name of the format to read a file in: the one wanted or, for ``auto``, that of its suffix."""
    if wanted == AUTO:
        if companion := companion_format(source):
            return companion
        if suffix_of(source) in _TOKENS_SUFFIXES:
            return "tokens"
        if by_suffix := format_by_suffix(source):
            return by_suffix
        check_running_text(source, encoding)
        return "text"
    if wanted not in (known := [*TEXT_READERS, *FORMATS]):
        raise DataError(f"There is no input format {wanted!r}.", remedy=f"Choose one of {', '.join(known)}.")
    return wanted


def files_to_tag(folder: Path, wanted: str, outside: Path | None) -> tuple[list[Path], str]:
    """Find the files to tag in a folder and those inside it, and say which are left out.

    For ``auto`` these are texts and files in a known format. Hidden files, and those in the folder ``outside``, where
    results go, are left out without a word.

    Raises DataError: there is no such file.
    """
    found = (path for path in files_below(folder) if not companion_format(path))
    inner = (path.relative_to(folder) for path in found)
    files = [folder / path for path in inner if not any(part.startswith(".") for part in path.parts)]
    if outside is not None and whole(outside) != whole(folder):
        files = [path for path in files if not whole(path).is_relative_to(whole(outside))]
    taken = [path for path in files if wanted != AUTO or has_known_suffix(path)]
    left = [str(path.relative_to(folder)) for path in files if path not in set(taken)]
    names = ", ".join(left[:_SHOWN]) + (f" and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else "")
    if not taken:
        problem = f"There is no text in this folder{f', only {names}' if left else ''}."
        raise DataError(problem, remedy="Name the files, or their format with --input-format.", path=folder)
    note = f" (left out: {names}; --input-format takes all)" if left else ""
    return taken, f"{place_of(folder)}: {len(taken):,} files{note}"


def has_known_suffix(path: Path) -> bool:
    """Whether a file's suffix is none, or that of a text or a known format."""
    return suffix_of(path) in _TEXT_SUFFIXES | _TOKENS_SUFFIXES or format_by_suffix(path) is not None


def _with_gold(sentence: Sentence, predicted: Sequence[str]) -> Sentence:
    layers: dict[str, tuple[str, ...]] = {}
    for name, tags in sentence.layers.items():
        while name in (DEFAULT_LAYER, *predicted, *layers):
            name = f"gold_{name}"
        layers[name] = tags
    return replace(sentence, layers=layers)
