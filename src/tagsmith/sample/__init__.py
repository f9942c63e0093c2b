"""The sample corpus: English sentences written for tagsmith (CC0), see ``GUIDELINES.md`` beside this file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

from tagsmith.errors import DataError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


def sample_path(split: Split) -> Path:
    """Return the path of one part of the sample corpus: CoNLL columns, word and IOB2 tag.

    Raises DataError: there is no such part, or the package lies where it has no file of its own (in a zip archive).

    Parameters
    ----------
    split
        ``"train"``, ``"dev"`` or ``"test"``.

    Examples
    --------
    >>> sample_path("dev").name
    'dev.conll'
    """
    if split not in SPLITS:
        raise DataError(f"The sample corpus has no part {split!r}.", remedy=f"Choose one of {', '.join(SPLITS)}.")
    path = files(__name__) / f"{split}.conll"
    if not isinstance(path, Path):
        raise DataError("The sample corpus is inside an archive.", remedy="Install tagsmith with pip.", path=str(path))
    return path
