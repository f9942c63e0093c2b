"""The server's own routes: tagging, the models in service, health, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from tagsmith.serving.limits import Limits
from tagsmith.serving.metrics import CONTENT_TYPE
from tagsmith.serving.models import Models
from tagsmith.serving.refusals import Refusal, described, invalid_request
from tagsmith.serving.schema import EXAMPLES, ErrorAnswer, ModelsAnswer, TagAnswer, TagRequest

MOST_ERRORS = 100
JSON = {"content-type": "application/json"}


class PlainRoute(APIRoute):
    """A route that FastAPI documents, and whose function takes the request and returns the response by itself.

    FastAPI's handling of parameters and dependencies would cost a tenth of the time of a small request.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)

        self.app = respond


def add_routes(router: APIRouter, models: Models) -> BaseRoute:
    """Add the routes that tag and tell about the models; return the one that tags."""

    async def tag(request: Request) -> Response:
        """Tag texts, or sentences that are cut into tokens."""
        with models.arrivals:
            body = await request.body()
        wanted = read_tag_request(body)
        characters = count_characters(wanted, models.limits)
        batcher, awaited = models.find(wanted.model).batcher, request.scope.get("state", {}).get("awaited")
        return Response(await batcher.submit(wanted, characters, awaited), headers=JSON)

    router.add_api_route(
        "/v1/tag",
        tag,
        methods=["POST"],
        response_model=TagAnswer,
        responses=described(400, 401, 403, 404, 408, 413, 415, 422, 503, 504),
        openapi_extra={"requestBody": _request_body(models.limits)},
        tags=["tagging"],
        route_class_override=PlainRoute,
    )
    tagging = router.routes[-1]

    @router.get("/v1/models", responses=described(401), tags=["models"])
    async def list_models() -> ModelsAnswer:
        """List the models in service: labels, scores, recipe, model card."""
        return ModelsAnswer(models=[model.current.answer for model in models])

    @router.get("/healthz", tags=["operation"])
    async def health() -> dict[str, str]:
        """Answer if the process is alive."""
        return {"status": "alive"}

    @router.get("/readyz", responses={503: {"model": ErrorAnswer}}, tags=["operation"])
    async def ready() -> dict[str, str]:
        """Answer 200 if requests will be tagged."""
        if not all(model.batcher.running for model in models):
            raise Refusal(503, "not_ready", "The server is starting or stopping.", retry_after=1)
        return {"status": "ready"}

    metrics_answers = {200: {"content": {"text/plain": {}}}, **described(401)}

    @router.get("/metrics", response_class=Response, responses=metrics_answers, tags=["operation"])
    async def show_metrics() -> Response:
        """Give Prometheus its numbers."""
        return Response(models.metrics.text(), headers={"content-type": CONTENT_TYPE})

    return tagging


def read_tag_request(body: bytes) -> TagRequest:
    """Parse and validate the body of ``/v1/tag``; refuse what does not fit the schema (422)."""
    try:
        return TagRequest.model_validate_json(body)
    except ValidationError as error:
        if error.error_count() > MOST_ERRORS:  # to describe a million of them would take a minute
            message = (
                f"{error.error_count():,} keys or values are wrong; known keys: {', '.join(TagRequest.model_fields)}."
            )
            raise Refusal(422, "invalid", f"body: {message}") from None
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid_request(problems, TagRequest) from None


def count_characters(request: TagRequest, limits: Limits) -> int:
    """Return how many characters there are to tag; refuse more texts, characters or sequences than allowed (422)."""
    key = next(name for name in ("tokens", "texts", "text") if getattr(request, name) is not None)
    if request.tokens is not None:
        sizes = [sum(map(len, sentence)) + len(sentence) for sentence in request.tokens]
    else:
        sizes = [len(text) for text in (request.texts if request.texts is not None else [request.text or ""])]
    if len(sizes) > limits.texts:
        message = f"{key}: {len(sizes):,} texts; the limit is {limits.texts:,}."
        raise Refusal(422, "too_many_texts", message, limit=limits.texts)
    if (longest := max(sizes, default=0)) > limits.characters:
        place = key if key == "text" else f"{key}.{sizes.index(longest)}"
        message = f"{place}: {longest:,} characters; the limit is {limits.characters:,}."
        raise Refusal(422, "text_too_long", message, limit=limits.characters)
    if request.k_best > limits.k_best:
        message = f"k_best: {request.k_best:,} tag sequences; the limit is {limits.k_best:,}."
        raise Refusal(422, "k_best_too_large", message, limit=limits.k_best)
    return sum(sizes)


def _request_body(limits: Limits) -> dict[str, Any]:
    """Describe the body of ``/v1/tag`` for the OpenAPI schema, with this server's limits."""
    schema = TagRequest.model_json_schema()
    properties = schema["properties"]
    text = {"type": "string", "maxLength": limits.characters}
    words = {"type": "array", "items": {"type": "string", "minLength": 1}}
    for name, kind in (
        ("text", text),
        ("texts", {"type": "array", "items": text, "maxItems": limits.texts}),
        ("tokens", {"type": "array", "items": words, "maxItems": limits.texts}),
    ):
        properties[name] = {**properties[name], "anyOf": [kind, {"type": "null"}]}
    properties["k_best"]["maximum"] = limits.k_best
    schema["oneOf"] = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in ("text", "texts", "tokens")
    ]
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": EXAMPLES}}}
