"""Labeling as an extension of the server: its routes, its views of the page, its background work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from tagsmith import FORMATS
from tagsmith.errors import InputError
from tagsmith.labeling.desk import Desk, LabelingProject, no_labeling
from tagsmith.labeling.retraining import Retraining, folders_in_service
from tagsmith.labeling.version_scores import VersionScores
from tagsmith.serving.app import Extension, in_background
from tagsmith.serving.limits import Limits
from tagsmith.serving.models import Models
from tagsmith.serving.refusals import Refusal, described, unknown_key

logger = logging.getLogger("tagsmith.labeling")
VIEWS = {name: Path(__file__).with_name("page") / name for name in ("label", "train")}
ERRORS = described(400, 401, 403, 404, 408, 409, 413, 415, 422, 507)


def open_labeling(
    folders: dict[str, Path], project: LabelingProject, limits: Limits | None = None
) -> tuple[Models, Extension]:
    """Load models to serve, and make the extension in which people label for the first of them and train it.

    Raises InputError if a folder is no usable model, or if there is no model and the project's folder cannot be used.
    """
    models = Models(folders_in_service(folders, project), limits)
    desk = Desk(project, models)
    _open_early(desk)
    retraining = Retraining(desk, next(iter(folders.values()), None))
    scores = VersionScores(retraining)

    def close_streams() -> None:
        retraining.close_streams()
        scores.close()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with in_background(desk.score()):
            yield
        await retraining.stop()
        desk.close()

    return models, Extension(
        routers=(_labeling_routes(desk), _training_routes(retraining, scores)),
        pages=VIEWS,
        running=running,
        close_streams=close_streams,
        notes=_notes(desk),
    )


def without_labeling() -> Extension:
    """Make the extension of a server that only tags: the page's views and the routes say why they do nothing."""
    router = APIRouter(include_in_schema=False)

    async def refuse() -> None:
        raise no_labeling("This server was started with --no-labeling.")

    for part in ("labeling", "training", "versions"):
        router.add_api_route(f"/v1/{part}{{rest:path}}", refuse, methods=["DELETE", "GET", "POST", "PUT"])
    return Extension(routers=(router,), pages=VIEWS)


def _notes(desk: Desk) -> tuple[str, ...]:
    """What a user is to know before labeling: with what training begins, and what its versions lack."""
    if desk.version is None:
        start = desk.project.start
        return (f"training begins with the network of {start}" if start else "training begins with nothing",)
    if others := desk.other_layers:
        listed = " and ".join(others)
        return (f"labeling is for the layer {desk.layer.name}; a version trained on the page does not have {listed}",)
    return ()


def _open_early(desk: Desk) -> None:
    """Report at the start, and not when somebody begins to label, that the folder or the layer cannot be used.

    A folder that does not exist yet is made when it is first needed, unless there is no model to tag with.
    """
    if desk.project.layer is not None:
        try:
            desk.layer  # noqa: B018 - looks for it
        except Refusal as refusal:
            folder = desk.project.folder
            remedy = f" To label it beside what is in {folder}, name another folder with --labeling."
            raise InputError(f"{refusal.detail}{remedy if folder.exists() else ''}") from refusal
    if not desk.project.folder.exists() and desk.models.main is not None:
        return
    try:
        desk.store  # noqa: B018 - opens it
    except Refusal as refusal:
        if desk.models.main is None:
            raise InputError(refusal.detail) from refusal
        logger.warning("nobody can label here: %s", refusal.detail)


def _labeling_routes(desk: Desk) -> APIRouter:
    only_known = [Depends(_no_other_parameters)]
    router = APIRouter(prefix="/v1/labeling", tags=["labeling"], responses=ERRORS, dependencies=only_known)
    content_types = [format.media_type.partition(";")[0] for format in FORMATS.values()]
    router.get("")(desk.show_labeling)
    router.post("/labels")(desk.add_label)
    router.post("/files")(desk.add_file)
    router.get("/next")(desk.next_sentence)
    router.get("/sentences")(desk.list_sentences)
    router.post("/sentences")(desk.add_text)
    router.delete("/sentences")(desk.remove_sentences)
    router.get("/sentences/{number}")(desk.show_sentence)
    router.put("/sentences/{number}")(desk.save_sentence)
    router.get("/export", response_class=Response, responses=_files(*content_types))(desk.export)
    return router


def _training_routes(retraining: Retraining, scores: VersionScores) -> APIRouter:
    only_known = [Depends(_no_other_parameters)]
    router = APIRouter(prefix="/v1", tags=["training"], responses=ERRORS, dependencies=only_known)
    router.get("/training")(retraining.show_training)
    router.post("/training", status_code=202)(retraining.start)
    router.post("/training/cancel")(retraining.cancel)
    router.get("/training/events", response_class=Response, responses=_files("text/event-stream"))(retraining.follow)
    slow = described(503, 504)
    router.get("/training/comparison", responses=slow)(scores.compare)
    report = {**slow, **_files("text/html")}
    router.get("/training/versions/{number}/report", response_class=Response, responses=report)(scores.report)
    router.post("/versions/{number}")(retraining.put_in_service)
    router.delete("/versions/{number}")(retraining.delete_version)
    return router


async def _no_other_parameters(request: Request) -> None:
    """Refuse a parameter that the route does not have: a misspelled one would do nothing, without a word."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            key, message = unknown_key(name, known)
            raise Refusal(422, "invalid", f"{key or 'query'}: {message}")


def _files(*content_types: str) -> dict[int | str, dict[str, Any]]:
    """Describe answers that are not JSON for the OpenAPI schema."""
    return {200: {"content": {content_type: {} for content_type in content_types}}}
