"""The exceptions of tagsmith.

::

    TagsmithError
    ├── InputError            something the user gave is wrong: the message says what, where and the remedy
    │   ├── DataError         a labeled or raw file cannot be read as what it was said to be
    │   ├── VectorsError      a pretrained-vectors file or package cannot be used
    │   ├── RecipeError       a training option is unknown or has an impossible value
    │   └── ModelError        a model folder is missing, incomplete, altered or of an unknown version
    ├── MissingExtraError     an optional dependency is not installed; the message names the extra
    └── TrainingError         training cannot go on (a loss that is not finite, say)

The command line turns :class:`InputError` and :class:`MissingExtraError` into one line and exit status 2,
:class:`TrainingError` into exit status 1.
"""

from __future__ import annotations

from pathlib import Path


class TagsmithError(Exception):
    """Root of the tree; catch it to catch everything tagsmith raises on purpose."""


class InputError(TagsmithError, ValueError):
    """Something the user gave is wrong.

    Parameters
    ----------
    problem
        What is wrong, in one sentence.
    remedy
        What the user can do about it.
    path, line
        Where: the file (or the name of a stream) and the 1-based line number, when known.
    """

    def __init__(
        self, problem: str, *, remedy: str = "", path: str | Path | None = None, line: int | None = None
    ) -> None:
        self.problem, self.remedy, self.path, self.line = problem, remedy, path, line
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(f"{where}{problem}{' ' + remedy if remedy else ''}")


class DataError(InputError):
    """A labeled or raw file cannot be read as what it was said to be."""


class VectorsError(InputError):
    """A pretrained-vectors file or package cannot be used."""


class RecipeError(InputError):
    """A training option is unknown or has an impossible value."""


class ModelError(InputError):
    """A model folder is missing, incomplete, altered or of an unknown version."""


class MissingExtraError(TagsmithError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{what} needs the '{extra}' extra. Install it with: pip install 'tagsmith[{extra}]'")


class TrainingError(TagsmithError, RuntimeError):
    """Training cannot go on."""
