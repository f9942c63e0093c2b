"""The application: the server's routes, its page, and what another package adds to both."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from tagsmith import __version__
from tagsmith.serving.guards import Guards
from tagsmith.serving.models import Models
from tagsmith.serving.refusals import error_response
from tagsmith.serving.routes import add_routes

PAGE = Path(__file__).with_name("page")
# Newer versions of FastAPI send traces by themselves if the environment names a collector; older ones ignore this.
NO_TELEMETRY: Any = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What another package adds to the server."""

    routers: tuple[APIRouter, ...] = ()
    pages: Mapping[str, Path] = field(default_factory=dict)  # folders of static files, by their names under /page
    running: Callable[[], AbstractAsyncContextManager[None]] = nullcontext  # lasts as long as the server runs
    close_streams: Callable[[], None] = lambda: None  # ends the event streams, when the server begins to stop
    notes: tuple[str, ...] = ()  # what to tell at the start


def create_app(
    models: Models,
    *,
    extension: Extension | None = None,
    api_key: str | None = None,
    origins: Iterable[str] = (),
    hosts: Iterable[str] = (),
    addresses: bool = False,
) -> ASGIApp:
    """Make the application that serves these models, with an extension such as labeling.

    ``api_key``, ``origins``, ``hosts`` and ``addresses`` are those of :class:`~tagsmith.serving.guards.Guards`.
    """
    extension, origins = extension or Extension(), tuple(origins)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[dict[str, Any]]:
        gc.freeze()  # what is loaded by now lives as long as the server: collections need not look at it
        async with models.running(), in_background(models.watch()), extension.running():
            yield {"close_streams": extension.close_streams}

    app = FastAPI(
        title="tagsmith",
        version=__version__,
        summary="Tags text with recurrent sequence taggers.",
        docs_url=None,  # FastAPI's own pages fetch scripts from other sites
        redoc_url=None,
        telemetry=NO_TELEMETRY,
        exception_handlers=dict.fromkeys((HTTPException, RequestValidationError, Exception), _answer_error),
    )
    tagging = add_routes(app.router, models)
    for router in extension.routers:
        app.include_router(router)
    _add_page(app, extension.pages)
    # Tagging comes before FastAPI's own middleware, which takes a tenth of the time of a small request.
    outer = Router([tagging, Mount("/", app)], default=_find_nothing, lifespan=lifespan)
    guards = Guards(
        outer, models.limits, models.metrics, api_key=api_key, origins=origins, hosts=hosts, addresses=addresses
    )
    if not origins:
        return guards
    return CORSMiddleware(
        guards,
        allow_origins=origins,
        allow_methods=["DELETE", "GET", "POST", "PUT"],
        allow_headers=["authorization", "content-type", "x-api-key"],
    )


async def _answer_error(request: Request, error: Exception) -> Response:
    endpoint = getattr(request.scope.get("route"), "endpoint", None)
    hints = get_type_hints(endpoint).values() if isinstance(error, RequestValidationError) and endpoint else ()
    model = next((hint for hint in hints if isinstance(hint, type) and issubclass(hint, BaseModel)), None)
    return error_response(error, model)


async def _find_nothing(*_: Any) -> None:
    raise HTTPException(404)


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine while the context lasts."""
    task = asyncio.create_task(work)
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class RevalidatedFiles(StaticFiles):
    """Static files that a browser checks each time, so that a new server version never meets an old page."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def _add_page(app: FastAPI, pages: Mapping[str, Path]) -> None:
    """Serve the page's files. They hold no data, so they need no API key."""
    for name, folder in pages.items():
        app.mount(f"/page/{name}", RevalidatedFiles(directory=folder))
    files = RevalidatedFiles(directory=PAGE)
    app.mount("/page", files)

    @app.get("/", include_in_schema=False)
    async def show_page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)
