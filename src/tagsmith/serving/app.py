"""The application: routes and what they answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from tagsmith import __version__
from tagsmith.errors import InputError
from tagsmith.labeling.desk import Desk, Workplace
from tagsmith.labeling.routes import labeling_routes
from tagsmith.labeling.training_routes import training_routes
from tagsmith.labeling.versions import Trainer, in_service, name_of
from tagsmith.serving.guards import Application, Direct, Guards, Headers
from tagsmith.serving.limits import FAILED, Limits, Refusal
from tagsmith.serving.metrics import CONTENT_TYPE, Metrics
from tagsmith.serving.models import Models, ServedModel
from tagsmith.serving.schema import EXAMPLES, ErrorAnswer, ModelsAnswer, TagAnswer, TagRequest

REFUSALS = {
    400: "The request is not HTTP as it should be.",
    401: "The API key is missing or wrong.",
    403: "The request comes from a page of another site, or calls the server by a name that it does not have.",
    404: "There is no such thing: a model, label, sentence or version.",
    408: "The body was too slow in coming.",
    409: "It cannot be done now, or not on this server; the message says why.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The request cannot be understood, or asks for more than the limits allow.",
    503: "Too much waits already: try again after Retry-After seconds.",
    504: "There was no answer within the deadline.",
}
logger = logging.getLogger("tagsmith.serving")
PAGE = Path(__file__).with_name("page")
LABELING_PAGE = Path(__file__).parents[1] / "labeling" / "page"
_request = TypeAdapter(TagRequest)


def create_app(
    folders: Mapping[str, Path],
    limits: Limits | None = None,
    *,
    labeling: Workplace | None = None,
    api_key: str | None = None,
    origins: Iterable[str] = (),
    hosts: Iterable[str] = (),
) -> Application:
    """Make the application that serves the models in ``folders``, by name.

    Parameters
    ----------
    folders
        Name → model folder; the first is the default model.
    limits
        What it takes in.
    labeling
        Where people label and correct sentences for the first model, and train it; None: they do not. A version of it
        that was put in service there is served in place of the first folder. Without any folder the first model that
        is trained there gets the name of the workplace's folder.
    api_key
        What clients must send; None: nothing.
    origins
        Other sites whose pages may call it.
    hosts
        Names by which it may be called; empty: any.

    Raises
    ------
    ModelError
        A folder is no usable model.
    """
    limits, metrics, origins = limits or Limits(), Metrics(), tuple(origins)
    chosen = in_service(dict(folders), labeling) if labeling else folders
    models = Models(
        [ServedModel(name, folder, limits, metrics) for name, folder in chosen.items()],
        lambda folder: ServedModel(name_of(labeling), folder, limits, metrics),
    )
    desk = Desk(labeling, models)
    _open_early(desk)
    trainer = Trainer(desk, next(iter(folders.values()), None))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        for model in models:
            model.batcher.start()
        working = [asyncio.create_task(models.watch()), asyncio.create_task(desk.score())]
        yield {"closing": [trainer.close]}
        for task in working:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await trainer.cancel()
        desk.close()
        for model in models:
            await model.batcher.stop()

    app = FastAPI(
        title="tagsmith",
        version=__version__,
        summary="Tags text with recurrent sequence taggers.",
        docs_url=None,  # the pages of FastAPI fetch scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )

    async def tag(headers: Headers, body: bytes) -> bytes:
        wanted = _read_request(headers, body)
        return await models.find(wanted.model).batcher.submit(wanted, wanted.check(limits))

    _add_errors(app)
    _add_routes(app, models, limits, metrics, tag)
    refusals = _described_refusals()
    app.include_router(labeling_routes(desk, refusals))
    app.include_router(training_routes(trainer, refusals))
    _add_page(app)
    direct = {("POST", "/v1/tag"): tag}
    guards = Guards(
        app, limits, metrics, api_key=api_key, origins=origins, hosts=hosts, page=("/", "/page/"), direct=direct
    )
    models.expect(lambda: guards.reading)
    if not origins:
        return guards
    return CORSMiddleware(
        guards,
        allow_origins=origins,
        allow_methods=["DELETE", "GET", "POST", "PUT"],
        allow_headers=["authorization", "content-type", "x-api-key"],
    )


def _open_early(desk: Desk) -> None:
    """Say at the start, and not when somebody begins to label, that it cannot be done here.

    A folder that is not there yet is made when it is first needed, unless there is nothing else to do than to label.
    """
    if desk.workplace is None or not (desk.workplace.folder.exists() or desk.models.main is None):
        return
    try:
        desk.store  # noqa: B018 - opens it
    except Refusal as refusal:
        if desk.models.main is None:
            raise InputError(str(refusal)) from refusal
        logger.warning("nobody can label here: %s", refusal)


def _add_routes(app: FastAPI, models: Models, limits: Limits, metrics: Metrics, tag: Direct) -> None:
    refusals = _described_refusals()

    @app.post(
        "/v1/tag",
        response_model=TagAnswer,
        responses={status: own for status, own in refusals.items() if status != 409},
        openapi_extra={"requestBody": _request_body(limits)},
        tags=["tagging"],
    )
    async def tag_texts(request: Request) -> Response:
        """Tag texts, or sentences that are cut into tokens."""
        # Described here, answered by the guards before a request gets this far.
        return Response(await tag(dict(request.scope["headers"]), await request.body()))

    @app.get("/v1/models", responses={401: refusals[401]}, tags=["models"])
    async def list_models() -> ModelsAnswer:
        """List the models in service: labels, scores, recipe, model card."""
        return ModelsAnswer(models=[model.current.answer for model in models])

    @app.get("/healthz", tags=["operation"])
    async def health() -> dict[str, str]:
        """Answer if the process is alive."""
        return {"status": "alive"}

    @app.get("/readyz", responses={503: {"model": ErrorAnswer}}, tags=["operation"])
    async def ready() -> dict[str, str]:
        """Answer 200 if requests will be tagged."""
        if not all(model.batcher.running for model in models):
            raise Refusal(503, "not_ready", "The server is starting or stopping.", retry_after=1)
        return {"status": "ready"}

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, 401: refusals[401]},
        tags=["operation"],
    )
    async def show_metrics() -> Response:
        """Give Prometheus its numbers."""
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})


def _described_refusals() -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer, "description": text} for status, text in REFUSALS.items()}


def _add_page(app: FastAPI) -> None:
    """Serve the page's files. They hold no data, so they need no API key."""
    files = Unkept(directory=PAGE)
    for view in ("label", "train"):
        app.mount(f"/page/{view}", Unkept(directory=LABELING_PAGE / view))
    app.mount("/page", files, name="page")

    @app.get("/", include_in_schema=False)
    async def show_page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)


class Unkept(StaticFiles):
    """Files that a browser asks for again each time, so that a new version of the server has no old page."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def _read_request(headers: Headers, body: bytes) -> TagRequest:
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        raise Refusal(415, "not_json", "Send the body as application/json.")
    try:
        return _request.validate_json(body)
    except ValidationError as error:
        raise Refusal(422, "invalid", _said(error)) from None


def _said(error: ValidationError) -> str:
    """What is wrong with a request, without a word of what it held."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    places = [
        ".".join(str(part) for part in own["loc"] if isinstance(part, int) or part in TagRequest.model_fields)
        for own in found[:5]
    ]
    said = [f"{place or 'body'}: {_message(own)}" for place, own in zip(places, found, strict=False)]
    return "; ".join(dict.fromkeys(said))


def _message(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def _add_errors(app: FastAPI) -> None:
    """Give every error the same shape."""

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        refusal = Refusal(error.status_code, "http", str(error.detail))
        return JSONResponse(refusal.body(), error.status_code, headers=error.headers)

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.body(), refusal.status, headers=refusal.headers())

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse(FAILED.body(), FAILED.status)  # the guards log it

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = [(".".join(map(str, own["loc"][1:])) or "body", _message(own)) for own in error.errors()[:5]]
        said = "; ".join(f"{place}: {message}" for place, message in found)
        return JSONResponse(Refusal(422, "invalid", said).body(), 422)


def _request_body(limits: Limits) -> dict[str, Any]:
    """The request body's OpenAPI description, with the limits of this server in it."""
    schema = TagRequest.model_json_schema()
    properties = schema["properties"]
    text = {"type": "string", "maxLength": limits.characters}
    for name, kind in (
        ("text", text),
        ("texts", {"type": "array", "items": text, "maxItems": limits.texts}),
        (
            "tokens",
            {
                "type": "array",
                "items": {"type": "array", "items": {"type": "string", "minLength": 1}},
                "maxItems": limits.texts,
            },
        ),
    ):
        properties[name] = {**properties[name], "anyOf": [kind, {"type": "null"}]}
    properties["k_best"]["maximum"] = limits.k_best
    schema["oneOf"] = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in ("text", "texts", "tokens")
    ]
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": EXAMPLES}}}
