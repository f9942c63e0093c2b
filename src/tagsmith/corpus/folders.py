"""A folder or a mapping in place of files: its training, development and test data, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from tagsmith import remote
from tagsmith.errors import DataError, place_of
from tagsmith.formats import FALLBACK, companion_format, detect_format, format_by_suffix
from tagsmith.formats.columns import looks_like_columns
from tagsmith.formats.source import BEGINNING, beginning_of
from tagsmith.remote import entries, local_path
from tagsmith.text.arguments import shown

PARTS = ("train", "dev", "test")
_PART_OF_WORD = {
    **dict.fromkeys(("train", "training", "trainset", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "devset", "valid", "validation", "val", "testa"), "dev"),
    **dict.fromkeys(("test", "testing", "testset", "tst", "testb"), "test"),
}
_BETWEEN_CASES = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
_LABELED = frozenset({"annotated", "gold", "labeled", "labelled"})
# Of files that no format claims, those with these suffixes may be columns; README.md, say, is none.
_PERHAPS_COLUMNS = frozenset({"", ".txt", ".tsv", ".dat", ".data", ".annotated", ".gold"})
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The files of a folder: those of each part, those whose names name no part, and what to tell the user."""

    folder: Path
    parts: dict[str, list[Path]]
    others: list[Path]
    unnamed: bool  # no name names a part, and all files are for training

    def of(self, part: str) -> list[Path]:
        """Return the files of a part; if no name names a part, all files. Raises DataError: there is no such file."""
        named = self.parts[part]
        if not named and not (self.parts["dev"] or self.parts["test"]):
            named = self.parts["train"] if self.unnamed else []
        if named:
            return named
        files = [path for each in self.parts.values() for path in each] + self.others
        problem = f"No file here is called {part}: there are {_names(files, self.folder)}."
        raise DataError(problem, remedy="Name the file.", path=self.folder)

    def described(self, part: str, others: Sequence[str] = ()) -> str:
        """Say which files are taken for a part, and which for the ``others``."""
        taken = {part: self.of(part), **{other: self.parts[other] for other in others}}
        each = "; ".join(f"{name} {_names(files, self.folder) or 'none'}" for name, files in taken.items())
        used = {path for files in taken.values() for path in files}
        left = [path for files in (*self.parts.values(), self.others) for path in files if path not in used]
        return f"{place_of(self.folder)}: {each}" + (f" (not taken: {_names(left, self.folder)})" if left else "")


def part_of_name(name: str) -> str | None:
    """Return the part that a file's name names; of several words that do, the last decides.

    >>> [part_of_name(name) for name in ("en_ewt-ud-train.conllu", "wnut17train.conll", "eng.testa", "data.conll")]
    ['train', 'train', 'dev', None]
    """
    words = _WORD.findall(_BETWEEN_CASES.sub(" ", name).lower())
    return next((_PART_OF_WORD[word] for word in reversed(words) if word in _PART_OF_WORD), None)


def files_of_folder(folder: str | Path) -> FolderFiles:
    """Find the labeled files of a folder, also one level deeper in folders such as ``train``.

    If no name names a part, all files in a known format are for training; if there is none, those that look labeled.

    Raises DataError: there is no labeled file, but perhaps in the folders inside, which are named; a part has files of
    several kinds, which may be the same twice.
    """
    folder = local_path(folder)
    files = _find_files(folder)
    if not any(files.parts.values()):
        inside = [one.path for one in entries(folder) if one.is_folder and _holds_labeled(one.path)]
        problem = "There is no labeled file in this folder" + (f", but in {_names(inside, folder)}." if inside else ".")
        remedy = "Name one of them." if inside else "Name files, or put 'train', 'dev' and 'test' into their names."
        raise DataError(problem, remedy=remedy, path=folder)
    return files


def _find_files(folder: Path) -> FolderFiles:
    """Find the labeled files of a folder; there may be none."""
    inside = entries(folder)
    if {"config.json", "vocabulary.json"} <= {one.path.name for one in inside if one.is_file}:
        problem = "This is a model folder, not labeled data."
        raise DataError(problem, remedy="To go on from a model, name it with --from.", path=folder)
    found: dict[str | None, list[Path]] = {}
    for entry in inside:
        inner = part_of_name(entry.path.name) if entry.is_folder else None
        for file in [one.path for one in (entries(entry.path) if inner else [entry]) if one.is_file]:
            if not file.name.startswith(".") and _may_be_labeled(file):
                found.setdefault(part_of_name(file.name) or inner, []).append(file)
    parts = {part: _of_one_kind(found.get(part, []), part, folder) for part in PARTS}
    others = [path for path in found.get(None, ()) if _has_format(path)]
    if not any(parts.values()) and not others:
        others = [one.path for one in inside if one.is_file and _looks_labeled(one.path)]
    unnamed = not any(parts.values())
    if unnamed:
        parts, others = {**parts, "train": _of_one_kind(others, "train", folder)}, []
    return FolderFiles(folder, parts, others, unnamed)


def is_folder(source: object) -> TypeGuard[str | Path]:
    """Whether data is the path of a folder."""
    return isinstance(source, str | Path) and str(source) != "-" and remote.is_folder(source)


def without_folders(train: Any, dev: Any, test: Any) -> tuple[Any, Any, Any, list[str]]:
    """Replace the folders among data by their files, and tell which.

    A folder that is given to train from has files for ``dev`` and ``test`` too, unless these are given. One that is
    given as ``dev`` or ``test`` has files of that part, or all its files if their names name no part.
    """
    given = {"dev": dev, "test": test}
    more: dict[str, list[Any]] = {part: [] for part, data in given.items() if data is None}
    notes: list[str] = []

    def expanded(data: Any, part: str) -> Any:
        items = data if isinstance(data, list | tuple) else [data]
        if not any(map(is_folder, items)):
            return data
        files: list[Any] = []
        for item in items:
            if not is_folder(item):
                files.append(item)
                continue
            found = files_of_folder(item)
            files += found.of(part)
            others = list(more) if part == "train" else []
            for other in others:
                more[other] += found.parts[other]
            notes.append(found.described(part, others))
        return files

    train = expanded(train, "train")
    dev, test = (more.get(part) or expanded(data, part) for part, data in given.items())
    return train, dev, test, notes


def split_by_name(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the keys of a mapping name, as those of a ``DatasetDict``: part → data.

    Raises DataError: there is nothing to train on; a key names no part, or a part is named twice.
    """
    named: dict[str, Any] = {}
    for key, value in data.items():
        part = part_of_name(str(key))
        if part is None or part in named:
            problem = f"The data is {shown(data)}, whose key {key!r} names "
            problem += "no part." if part is None else f"the part {part} once more."
            raise DataError(problem, remedy="Name the parts 'train', 'dev' (or 'validation') and 'test'.")
        named[part] = value
    return named


def part_by_name(data: Mapping[str, Any], part: str) -> Any:
    """Return one part of a mapping, see :func:`split_by_name`. Raises DataError: it is not there."""
    named = split_by_name(data)
    if part not in named:
        raise DataError(f"There is no {part} part: only {', '.join(map(str, data))}.", remedy="Give the part itself.")
    return named[part]


def part_of_folder(folder: str | Path, part: str) -> tuple[list[Path], str]:
    """Return a folder's files of a part, or all its files if their names name no part; and what to tell the user."""
    found = files_of_folder(folder)
    return found.of(part), found.described(part)


def _may_be_labeled(path: Path) -> bool:
    suffix = path.suffix.lower()
    return not companion_format(path) and bool(_has_format(path) or suffix in _PERHAPS_COLUMNS or part_of_name(suffix))


def _looks_labeled(path: Path) -> bool:
    """Whether a file that no name or suffix tells of begins like labeled data."""
    try:
        beginning = beginning_of(path)
        if not isinstance(beginning, bytes) or detect_format(path) != FALLBACK:
            return isinstance(beginning, bytes)
    except DataError:  # a format that is not read
        return False
    text = beginning.decode("utf-8", "replace").removeprefix("\ufeff")
    return looks_like_columns(text, len(beginning) < BEGINNING)


def _holds_labeled(folder: Path) -> bool:
    """Whether a folder holds labeled files itself; what is further inside is not looked at."""
    try:
        return any(_find_files(folder).parts.values())
    except (DataError, OSError):  # a model folder, files of several kinds, or no permission to look
        return False


def _of_one_kind(files: list[Path], part: str, folder: Path) -> list[Path]:
    """Choose files in a known format before others, and those called annotated before all."""
    for better in (_is_annotated, _has_format):
        files = [path for path in files if better(path)] or files
    if len({path.suffix.lower() for path in files}) > 1 and not all(part_of_name(path.suffix) for path in files):
        raise DataError(
            f"The folder holds files of several kinds for {part}: {_names(files, folder)}.",
            remedy="They may be the same sentences twice. Name the files to take.",
            path=folder,
        )
    return files


def _has_format(path: Path) -> bool:
    """Whether one of a file's suffixes is that of a format, as in ``news.conll.txt``."""
    return any(format_by_suffix(f"file{suffix}") for suffix in path.suffixes)


def _is_annotated(path: Path) -> bool:
    return not _LABELED.isdisjoint(_WORD.findall(path.name.lower()))


def _names(files: Sequence[Path], folder: Path) -> str:
    names = [str(path.relative_to(folder)) for path in files[:_SHOWN]]
    return ", ".join(names) + (f" and {len(files) - _SHOWN:,} more" if len(files) > _SHOWN else "")
