"""The sample corpora: English sentences written for tagsmith (CC0), see ``GUIDELINES.md`` beside this file.

``names`` marks people, places, organizations and dates; ``sentiment`` marks what is praised, blamed or only mentioned.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

from tagsmith.errors import DataError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
Name = Literal["names", "sentiment"]
FOLDERS: dict[Name, str] = {"names": "", "sentiment": "sentiment/"}


def sample_path(split: Split, corpus: Name = "names") -> Path:
    """Return the path of one part of a sample corpus: CoNLL columns, word and IOB2 tag.

    Raises DataError: there is no such part or corpus, or the package lies where it has no file of its own (in a zip
    archive).

    Parameters
    ----------
    split
        ``"train"``, ``"dev"`` or ``"test"``.
    corpus
        ``"names"`` or ``"sentiment"``.

    Examples
    --------
    >>> sample_path("dev").name
    'dev.conll'
    """
    if split not in SPLITS:
        raise DataError(f"The sample corpus has no part {split!r}.", remedy=f"Choose one of {', '.join(SPLITS)}.")
    if corpus not in FOLDERS:
        raise DataError(f"There is no sample corpus {corpus!r}.", remedy=f"Choose one of {', '.join(FOLDERS)}.")
    path = files(__name__) / f"{FOLDERS[corpus]}{split}.conll"
    if not isinstance(path, Path):
        raise DataError("The sample corpus is inside an archive.", remedy="Install tagsmith with pip.", path=str(path))
    return path
