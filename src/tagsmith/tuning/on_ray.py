"""Running trials on Ray: tasks of a cluster, each of which runs one trial after the other of the same study."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tagsmith.errors import TagsmithError, TrainingError
from tagsmith.network.backend import keras
from tagsmith.scale.ray import connect, import_ray
from tagsmith.tuning.study import errors_of_the_database
from tagsmith.tuning.worker import Search, Tell, work

SECONDS = 0.5  # between looks at what the tasks have to tell


def work_on_ray(search: Search, tell: Tell, tasks: int, address: str | None) -> None:
    """Run trials in tasks of Ray, each on one core.

    The study stays a database in the folder, so that every machine of the cluster has to see the folder, on a disk
    whose locks work.

    Raises TrainingError: a task died or could not go on; the others have been ended. InputError, MissingExtraError: as
    :func:`~tagsmith.scale.ray.connect`.
    """
    ray = import_ray("--engine ray")
    started = connect(address, tasks)
    running: list[Any] = []
    try:
        from ray.util.queue import Queue

        news = Queue(actor_options={"num_cpus": 0})
        environment = {"env_vars": {"KERAS_BACKEND": keras.config.backend()}}
        task = ray.remote(num_cpus=1, max_retries=0, runtime_env=environment)(_work)
        given = ray.put(replace(search, folder=search.folder.resolve()))
        running = [task.remote(given, news) for _ in range(tasks)]
        while running:
            ended, running = ray.wait(running, timeout=SECONDS)
            _pass_on(news, tell)
            for one in ended:
                _check_end(ray, one)
        _pass_on(news, tell)
    finally:
        for one in running:
            ray.cancel(one, force=True)
        if started:
            ray.shutdown()


def _pass_on(news: Any, tell: Tell) -> None:
    for one in news.get_nowait_batch(news.qsize()):
        tell(one)


def _check_end(ray: Any, task: Any) -> None:
    try:
        problem = ray.get(task)
    except ray.exceptions.RayError as error:
        raise TrainingError(
            f"A task of the search died ({type(error).__name__}; often there is too little memory). The finished "
            "trials are kept; go on with --resume, and with fewer --processes if memory is short."
        ) from error
    if problem is not None:
        raise TrainingError(problem)


def _work(search: Search, news: Any) -> str | None:
    """Run trials until there are enough; return what went wrong."""
    try:
        with errors_of_the_database(search.folder):
            work(search, news.put)
    except TagsmithError as error:
        return str(error)
    return None
