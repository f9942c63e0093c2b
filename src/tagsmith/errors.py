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

import re
from pathlib import Path

_ONE_SLASH = re.compile(r"^((?!file:)[A-Za-z][A-Za-z0-9+.-]+:)/(?=[^/])")  # pathlib makes one slash of two
_PASSWORD = re.compile(r"(\w://)[^/@\s]*:[^/@\s]*@")
_QUERY = re.compile(r"(\bhttps?://[^\s?'\"]*)\?[^\s'\"]*")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    r"""Return a text for a terminal, with control characters written as escapes.

    A stranger's file could otherwise command the terminal: change its title, its colors, or the clipboard.

    >>> visible("\x1b[31mred")
    '\\x1b[31mred'
    """
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)


def place_of(path: str | Path) -> str:
    """Return how messages name a path: a URL in full, but without passwords and keys.

    >>> place_of(Path("s3://bucket/train.conll")), place_of("https://me:secret@host/a.conll?token=1")
    ('s3://bucket/train.conll', 'https://…@host/a.conll?…')
    """
    text = _ONE_SLASH.sub(r"\1//", str(path) if isinstance(path, str) else _posix(path))
    return _QUERY.sub(r"\1?…", _PASSWORD.sub(r"\1…@", text))


def _posix(path: Path) -> str:
    posix = Path(path).as_posix()
    return posix if _ONE_SLASH.match(posix) else str(path)


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
        place = "" if path is None else place_of(path)
        where = "" if path is None else f"{place}: " if line is None else f"{place}:{line}: "
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
        super().__init__(f"{what} needs the '{extra}' extra. Install it with: {install_command(extra)}")


class TrainingError(TagsmithError, RuntimeError):
    """Training cannot go on."""


def install_command(extra: str) -> str:
    """Return the command that installs an extra where tagsmith came from: sources, an archive, Git or an index.

    A package that was not installed from an index records its origin in ``direct_url.json`` (PEP 610).
    """
    import json
    import os
    import shlex
    from importlib import metadata
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        installed = metadata.distribution("tagsmith")
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
        pip = "uv pip install" if (installed.read_text("INSTALLER") or "").strip() == "uv" else "pip install"
    except (metadata.PackageNotFoundError, ValueError):
        origin, pip = {"url": Path(__file__).parents[2].as_uri(), "dir_info": {}}, "pip install"  # run from its sources
    url = str(origin.get("url", ""))
    if "dir_info" in origin:
        folder = Path(url2pathname(urlsplit(url).path))
        pip += " -e" if origin["dir_info"].get("editable") else ""
        if not (folder / "pyproject.toml").is_file():
            return f"{pip} '.[{extra}]', in a folder with the sources of tagsmith ({folder} has none)"
        wanted = f"{'.' if folder == Path.cwd() else folder}[{extra}]"
    elif "vcs_info" in origin:
        version = origin["vcs_info"]
        wanted = f"tagsmith[{extra}] @ {version.get('vcs')}+{url}@{version.get('commit_id')}"
    else:
        wanted = f"tagsmith[{extra}]{f' @ {url}' if url else ''}"
    return f'{pip} "{wanted}"' if os.name == "nt" else f"{pip} {shlex.quote(wanted)}"
