"""Ray: columns of predictions added to a dataset of Ray Data, and shards tagged by actors of a cluster.

Actors get the model's files from the process that begins, so that the machines of the cluster need no common disk for
them. An actor that dies is replaced by Ray, and does again what it had begun.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tagsmith.errors import InputError, MissingExtraError, TagsmithError
from tagsmith.files import cache_folder, new_folder
from tagsmith.formats.tables import arrow
from tagsmith.model.configuration import Precision
from tagsmith.model.folder import config_digest, names_model
from tagsmith.remote import is_file
from tagsmith.scale.job import Done, Failed, Job, Results
from tagsmith.scale.processes import TRIES, tagged
from tagsmith.scale.shards import Shard
from tagsmith.scale.worker import Worker, model_files

Files = dict[str, bytes]
BATCH_ROWS = 2048  # tagged together


def tag_dataset(
    ds: Any,
    model: str | Path,
    column: str | None = None,
    *,
    prefix: str = "",
    tags: bool = False,
    threshold: float | Mapping[str, float] | None = None,
    precision: Precision | None = None,
    concurrency: int | tuple[int, int] | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Any:
    """Add the predictions for a column of texts, or of lists of tokens, to a dataset of Ray Data.

    The result is as lazy as any dataset of Ray. Each actor takes one core, and loads the model once. An actor that dies
    is replaced, and its batches are tagged again: no row is lost or there twice. A batch that kills three actors ends
    the run of the dataset with an error of Ray.

    Parameters
    ----------
    ds
        A ``ray.data.Dataset``.
    model
        A model folder of this machine, whose files are sent to the actors, or the name of a model: ``en``,
        ``hf://owner/name``.
    column, prefix, tags, threshold
        As for :meth:`tagsmith.Tagger.tag_frame`, which adds the same columns.
    precision
        As for :class:`tagsmith.Tagger`.
    concurrency
        The number of actors; or the least and the most, between which Ray goes by the work there is. By default from
        one to as many as the cluster has cores.
    batch_rows
        Rows tagged together.

    Raises
    ------
    DataError
        There is no such column, or it holds something else; a new column's name is taken; the threshold is impossible.
    ModelError
        As :func:`tagsmith.load`.
    MissingExtraError
        Ray is not installed, or not pyarrow with it.

    Examples
    --------
    >>> import ray  # doctest: +SKIP
    >>> tagged = tag_dataset(ray.data.read_parquet("texts/"), "en")  # doctest: +SKIP
    >>> tagged.write_parquet("tagged/")  # doctest: +SKIP
    """
    ray = import_ray("Tagging a dataset of Ray")
    worker = Worker(str(model), column, prefix, tags, threshold, precision).pinned()
    schema = ds.schema()
    if schema is None:
        return ds  # it has no rows, and no columns
    pyarrow = arrow("Tagging a dataset of Ray")
    if isinstance(schema.base_schema, pyarrow.Schema):
        worker.schema(schema.base_schema)  # raises now what would else be raised by an actor
    least, most = (1, None) if concurrency is None else (concurrency, concurrency)
    if isinstance(concurrency, tuple):
        least, most = concurrency
    return ds.map_batches(
        _Tagger,
        fn_constructor_args=(worker, _sent(ray, worker)),
        batch_format="pyarrow",
        batch_size=batch_rows,
        compute=ray.data.ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=TRIES - 1,  # Ray Data's default is to try a batch that kills every actor for ever
    )


def run(job: Job, shards: Iterable[Shard], workers: int, address: str | None = None) -> Results:
    """Tag shards by actors; yield what becomes of each, as it is finished. Few more than ``workers`` are in memory.

    There are fewer actors while the cluster has fewer free cores. They write the results, so the folder must be one
    that all machines of the cluster see, or a URL. When the iterator is closed, they are ended.

    Raises InputError: as :func:`connect`; an actor has written results that this process does not see.
    """
    ray = import_ray("--engine ray")
    started = connect(address, workers)
    actors = list[Any]()
    try:
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=TRIES - 1)(_ShardTagger)
        sent = _sent(ray, job.worker)
        actors += [actor.remote(job, sent) for _ in range(workers)]
        # An actor gets a shard when it runs, and not before: a cluster may lack the cores for all of them, now or ever.
        starting = {one.__ray_ready__.remote(): one for one in actors}
        idle, busy = list[Any](), dict[Any, tuple[Any, Shard]]()

        def wait() -> Results:
            """Wait for one actor, to start or to be done with a shard."""
            (ready, *_), _ = ray.wait([*busy, *starting])
            if ready in starting:
                idle.append(starting.pop(ready))
                return
            one, shard = busy.pop(ready)
            idle.append(one)
            yield _result(ray, ready, job, shard)

        for shard in shards:
            while not idle:
                yield from wait()
            one = idle.pop()
            busy[one.tag.remote(shard)] = one, shard
        while busy:
            yield from wait()
    finally:
        for one in actors:
            ray.kill(one)  # one that died and came again would keep its core
        if started:
            ray.shutdown()


def _result(ray: Any, ready: Any, job: Job, shard: Shard) -> Done | Failed:
    try:
        result: Done | Failed = ray.get(ready)
    except ray.exceptions.RayError as error:
        problem = f"{shard.source}: {TRIES} actors died of the rows from line {shard.line} on ({type(error).__name__})."
        return Failed(shard.name, shard.number, TagsmithError(f"{problem} The next run tries them again."))
    if isinstance(result, Done) and not is_file(Path(job.folder, result.output)):
        remedy = "Name a folder on a disk that all machines of the cluster share, or a URL."
        raise InputError("The actors write where this machine sees nothing.", path=job.folder, remedy=remedy)
    return result


def connect(address: str | None, cores: int) -> bool:
    """Connect to a cluster, or start Ray on this machine; False: the program is connected already.

    Raises MissingExtraError: Ray is not installed; InputError: there is no cluster at the address.
    """
    ray = import_ray("--engine ray")
    if ray.is_initialized():
        return False
    options: dict[str, Any] = {"configure_logging": False, "log_to_driver": False}
    if address is None:
        options |= {"num_cpus": cores, "include_dashboard": False}
    try:
        ray.init(address=address or "local", **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        remedy = "Start one with 'ray start --head'; or leave --address out, for one on this machine."
        raise InputError(f"There is no Ray cluster at {address}.", remedy=remedy) from error
    return True


def import_ray(doing: str) -> Any:
    """Import Ray, which is not to report its use to its makers (SECURITY.md).

    Raises MissingExtraError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or Ray warns of what it will do in future
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError(doing, "ray") from error
    return ray


# -------------------------------------------------------------------------------------------------- actors


class _Tagger:
    """An actor of Ray Data."""

    def __init__(self, worker: Worker, files: Any) -> None:
        self.worker = _placed(worker, files)

    def __call__(self, table: Any) -> Any:
        return self.worker(table)


class _ShardTagger:
    """An actor that tags shards."""

    def __init__(self, job: Job, files: Any) -> None:
        self.job = replace(job, worker=_placed(job.worker, files))

    def tag(self, shard: Shard) -> Done | Failed:
        """Tag a shard and write its results."""
        return tagged(self.job, shard)


def _sent(ray: Any, worker: Worker) -> Any:
    """Put the files of a model folder where actors find them; None: it has a name, and they find it by that."""
    if names_model(worker.model):
        return None
    return ray.put(model_files(worker))


def _placed(worker: Worker, files: Any) -> Worker:
    """Return the worker with its model on this machine, which is written once for all actors here."""
    if files is None:
        return worker
    import ray

    folder = cache_folder("models") / str(worker.digest)[:32]
    if config_digest(folder) != worker.digest:
        content: Files = ray.get(files) if isinstance(files, ray.ObjectRef) else files
        with new_folder(folder) as made:
            for name, data in content.items():
                (made / name).write_bytes(data)
    return replace(worker, model=str(folder))
