"""Exact resume: one file with everything that the next epoch depends on, replaced after each epoch.

What a run draws at random is a function of the seed and the epoch (batches) or of a counter among the variables
(dropout), so the variables, the averaged weights and the count of epochs are the whole state.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from tagsmith.errors import ModelError, RecipeError
from tagsmith.files import write_atomically
from tagsmith.training.best_epoch import best_epoch

Arrays = dict[str, npt.NDArray[Any]]
FILE = "checkpoint.safetensors"


@dataclass
class Progress:
    """How far a run has come: an entry of ``history`` for each finished epoch, and the updates of the average."""

    updates: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The number of finished epochs."""
        return len(self.history)

    @property
    def scores(self) -> list[float]:
        """The dev score of each."""
        return [entry["dev"] for entry in self.history]

    @property
    def best_epoch(self) -> int:
        """The epoch that makes the model; 0 before there is one."""
        return best_epoch(self.scores)


def save_checkpoint(
    folder: Path,
    identity: str,
    progress: Progress,
    groups: Mapping[str, Mapping[str, npt.NDArray[Any]]],
    surroundings: Mapping[str, str],
) -> None:
    """Write the checkpoint to ``folder``, whole or not at all.

    ``groups`` maps a group's name (variables, average, best) to its arrays. ``surroundings`` are what the weights
    depend on besides: the processors and versions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{group}|{name}": np.asarray(a, order="C") for group, named in groups.items() for name, a in named.items()
    }
    metadata = {
        "identity": identity,
        "progress": json.dumps(vars(progress)),
        "surroundings": json.dumps(dict(surroundings)),
    }
    write_atomically(folder / FILE, safetensors.numpy.save(arrays, metadata))


def load_checkpoint(folder: Path, identity: str) -> tuple[Progress, dict[str, Arrays], dict[str, str]]:
    """Read a checkpoint back: progress, groups and surroundings.

    Raises ModelError: there is none, or it is damaged; RecipeError: it belongs to a run with other data, recipe,
    vectors or seed.
    """
    with _opened(folder) as (stream, metadata):
        progress = Progress(**json.loads(metadata["progress"]))
        surroundings = dict(json.loads(metadata["surroundings"]))
        arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
        owner = metadata["identity"]
    if owner != identity:
        raise RecipeError(
            "this checkpoint is of a run with other data, recipe, vectors or seed.",
            path=folder / FILE,
            remedy="Resume with the same arguments, or begin anew with --force.",
        )
    groups: dict[str, Arrays] = {}
    for name, array in arrays.items():
        group, _, rest = name.partition("|")
        groups.setdefault(group, {})[rest] = array
    return progress, groups, surroundings


def read_progress(folder: Path) -> Progress:
    """Read how far the run of a checkpoint has come; raises ModelError as :func:`load_checkpoint` does."""
    with _opened(folder) as (_, metadata):
        return Progress(**json.loads(metadata["progress"]))


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    path = folder / FILE
    if not path.is_file():
        raise ModelError("there is no run to resume here.", path=path, remedy="Train without --resume.")
    try:
        with safetensors.safe_open(path, "numpy") as stream:
            yield stream, stream.metadata() or {}
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError("the checkpoint is damaged.", path=path, remedy="Begin anew with --force.") from error
