"""The worker: a batch of Arrow in, the same batch with the predictions out. Every engine runs this and nothing else.

A worker is a few values, so that it can be pickled and sent anywhere. Its model is loaded where it is called, once for
each process, with one thread: an engine starts as many processes as it is to use cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tagsmith.errors import ModelError
from tagsmith.files import OpenFolder, read_folder
from tagsmith.files import digest as digest_of
from tagsmith.formats.tables import arrow
from tagsmith.model.configuration import Precision
from tagsmith.model.folder import INSIDE, MOST, ModelFile, config_digest, local_folder
from tagsmith.tagging.tables import tag_frame
from tagsmith.tagging.tagger import Tagger, load


@dataclass(frozen=True)
class Worker:
    """A picklable function from batches of Arrow to batches of Arrow.

    Parameters
    ----------
    model
        A model folder that every machine of the engine sees, or the name of a model: ``en``, ``hf://owner/name``.
    column, prefix, tags, threshold
        As for :meth:`tagsmith.Tagger.tag_frame`.
    precision
        As for :class:`tagsmith.Tagger`.
    digest
        That of the model, see :func:`model_digest`; any model if it is None. A run that takes hours would otherwise mix
        the answers of two models if somebody trains the model anew meanwhile.

    Examples
    --------
    >>> import pyarrow
    >>> worker = Worker("en")
    >>> batch = pyarrow.RecordBatch.from_pydict({"text": ["Ada Lovelace was born in London."]})
    >>> [span["text"] for span in worker(batch)["spans"][0].as_py()]
    ['Ada Lovelace', 'London']
    """

    model: str
    column: str | None = None
    prefix: str = ""
    tags: bool = False
    threshold: float | Mapping[str, float] | None = None
    precision: Precision | None = None
    digest: str | None = None

    def __call__(self, batch: Any) -> Any:
        """Return a ``RecordBatch`` or a ``Table``, whichever it is given, with the columns of predictions added.

        Raises as :meth:`tagsmith.Tagger.tag_frame` and :func:`tagsmith.load`; ModelError: the model has another digest.
        """
        pyarrow = arrow("Tagging a table")
        tagger = loaded(self.model, self.precision, self.digest)
        table = pyarrow.Table.from_batches([batch]) if isinstance(batch, pyarrow.RecordBatch) else batch
        tagged = tag_frame(tagger, table, self.column, prefix=self.prefix, tags=self.tags, threshold=self.threshold)
        if table is batch:
            return tagged
        columns = [column.combine_chunks() for column in tagged.columns]
        return pyarrow.RecordBatch.from_arrays(columns, schema=tagged.schema)

    def schema(self, given: Any) -> Any:
        """Return the schema of the batches that come out, of that of the batches that go in; loads the model."""
        return self(given.empty_table()).schema

    def pinned(self) -> Worker:
        """Return the worker of the model as it is now: it refuses every other.

        Raises ModelError: as :func:`tagsmith.load`.
        """
        return replace(self, digest=model_digest(self.model))


def model_digest(model: str | Path) -> str:
    """Return a digest of a model: that of ``config.json``, which has those of all files.

    Raises ModelError: there is no such model.
    """
    found = config_digest(local_folder(model))
    if found is None:
        load(model)  # says what is wrong
        raise ModelError("config.json cannot be read.", path=model, remedy="Check the path.")
    return found


def model_files(worker: Worker) -> dict[str, bytes]:
    """Return the files of a pinned worker's model, to be sent to other machines.

    Raises ModelError: there is no such model, or it is another than the worker's by now.
    """

    def contents(folder: OpenFolder) -> dict[str, bytes]:
        return {str(name): folder.read(name, MOST[name]) for name in INSIDE}

    files = read_folder(local_folder(worker.model), contents)
    if digest_of(files[ModelFile.CONFIG]) != worker.digest:
        raise ModelError("The model was replaced while it was read.", path=worker.model, remedy="Try again.")
    return files


@lru_cache(maxsize=2)
def loaded(model: str, precision: Precision | None, digest: str | None) -> Tagger:
    """Load a model to be used by one thread; once for each process."""
    tagger = load(model, precision=precision, threads=1)
    if digest is not None and model_digest(model) != digest:
        remedy = "Keep a model that is in use, and train the new one in another folder."
        raise ModelError("This is another model than the one that the run began with.", path=model, remedy=remedy)
    return tagger
