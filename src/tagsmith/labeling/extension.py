"""Labeling as an extension of the server: its routes, its views of the page, its background work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tagsmith.errors import InputError
from tagsmith.labeling.desk import Desk, LabelingProject
from tagsmith.labeling.retraining import Retraining, folders_in_service
from tagsmith.labeling.routes import labeling_routes, routes_without_labeling, training_routes
from tagsmith.serving.app import Extension, in_background
from tagsmith.serving.limits import Limits
from tagsmith.serving.models import Models
from tagsmith.serving.refusals import Refusal

logger = logging.getLogger("tagsmith.labeling")
VIEWS = {name: Path(__file__).with_name("page") / name for name in ("label", "train")}


def open_labeling(
    folders: dict[str, Path], project: LabelingProject, limits: Limits | None = None
) -> tuple[Models, Extension]:
    """Load models to serve, and make the extension in which people label for the first of them and train it.

    A version that was put in service is served in place of the first folder. Without any folder, the first model that
    is trained gets the name of the project's folder.

    Raises
    ------
    InputError
        A folder is no usable model; or there is no model, and the project's folder cannot be used.
    """
    models = Models(folders_in_service(folders, project), limits)
    desk = Desk(project, models)
    _open_early(desk)
    retraining = Retraining(desk, next(iter(folders.values()), None))

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with in_background(desk.score()):
            yield
        await retraining.cancel()
        desk.close()

    return models, Extension(
        routers=(labeling_routes(desk), training_routes(retraining)),
        pages=VIEWS,
        running=running,
        close_streams=retraining.close_streams,
    )


def without_labeling() -> Extension:
    """Make the extension of a server that only tags: the page's views and the routes say why they do nothing."""
    return Extension(routers=(routes_without_labeling(),), pages=VIEWS)


def _open_early(desk: Desk) -> None:
    """Report at the start, and not when somebody begins to label, that the folder cannot be used.

    A folder that does not exist yet is made when it is first needed, unless there is no model to tag with.
    """
    if not desk.project.folder.exists() and desk.models.main is not None:
        return
    try:
        desk.store  # noqa: B018 - opens it
    except Refusal as refusal:
        if desk.models.main is None:
            raise InputError(refusal.detail) from refusal
        logger.warning("nobody can label here: %s", refusal.detail)
