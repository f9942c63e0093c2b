"""What the server asks the training process to do, by way of a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to train.

    Parameters
    ----------
    folder
        Of the run; ``train.conll`` and ``dev.conll`` in it are the labeled sentences, in ``scheme``.
    out
        The model folder to write.
    start
        The model to go on from; None: begin from nothing.
    corpus, dev
        More labeled files.
    layer
        What the labels are called there.
    """

    folder: str
    out: str
    start: str | None
    scheme: str
    layer: str
    corpus: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()
    vectors: str | None = None
    epochs: int | None = None

    def write(self, path: Path) -> None:
        """Write the file that :func:`read_job` reads."""
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")


def read_job(path: Path) -> Job:
    """Read a job."""
    return Job(**json.loads(path.read_text("utf-8")))
