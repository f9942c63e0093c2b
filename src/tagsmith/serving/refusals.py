"""Error answers: their one shape, their descriptions, and the one place that turns an exception into an answer."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from fastapi import HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from tagsmith.serving.schema import ErrorAnswer

DESCRIPTIONS = {
    400: "The request is not valid HTTP.",
    401: "The API key is missing or wrong.",
    403: "The request comes from another site's page, or calls the server by a name it does not have.",
    404: "There is no such model, label, sentence or version.",
    408: "The body took too long to arrive.",
    409: "This cannot be done now, or not on this server; the message says why.",
    413: "The body is too large.",
    415: "The body is not application/json, or it is compressed.",
    422: "The request does not fit this description, or asks for more than the limits allow.",
    503: "Too many requests are waiting. Try again after Retry-After seconds.",
    504: "There was no answer within the deadline.",
    507: "The labels cannot be written: the disk may be full. Nothing of the request is kept.",
}
logger = logging.getLogger("tagsmith.serving")


class Refusal(HTTPException):
    """An error as the answer to a request.

    ``code`` is a word for programs, ``message`` a sentence for people that never repeats the client's text; ``limit``
    is the limit that was passed, ``retry_after`` the seconds after which to try again.
    """

    def __init__(
        self, status: int, code: str, message: str, *, limit: float | None = None, retry_after: int | None = None
    ) -> None:
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        if status in (408, 413):  # the rest of the body would be read as the next request
            headers["connection"] = "close"
        super().__init__(status, message, headers)
        self.code, self.limit = code, limit


def invalid_request(errors: Sequence[Mapping[str, Any]], model: type[BaseModel] | None = None) -> Refusal:
    """The refusal of a request that does not fit its schema, from Pydantic's errors.

    Each place is named by the keys of ``model``, the model of the body, and by numbers; without a model, by all keys of
    the error. What the client wrote stays out of the message, unless it is a key that resembles a known one.
    """
    problems: dict[str, list[tuple[bool, str]]] = {}  # place → whether a value is of a wrong type, and what is wrong
    for error in errors[:20]:
        place, known = _place(error["loc"], model)
        kind, message = str(error["type"]), str(error["msg"]).removeprefix("Value error, ")
        if kind == "extra_forbidden":
            key, message = unknown_key(str(error["loc"][-1]), known)
            place = ".".join(filter(None, (place, key)))
        elif kind == "json_invalid" and error["loc"]:
            place, message = "", f"Invalid JSON at character {error['loc'][0]}"
        problems.setdefault(place or "body", []).append((kind.endswith("_type"), message))
    shown = []
    for place, found in problems.items():
        # Of a value that may be of several types, what is wrong tells more than that it is of none of the others.
        messages = [message for is_type, message in found if not is_type] or [message for _, message in found]
        shown.append(f"{place}: {', or: '.join(dict.fromkeys(messages))}")
    return Refusal(422, "invalid", "; ".join(shown[:5]))


def _place(location: Sequence[str | int], model: type[BaseModel] | None) -> tuple[str, list[str]]:
    """Name a place in a request by the keys of its model; return the keys known there too."""
    if model is None:
        return ".".join(map(str, location)), []
    parts: list[str] = []
    models = [model]
    for part in location:
        field = next((own.model_fields[part] for own in models if part in own.model_fields), None)
        if field is not None:
            models = list(_models_in(field.annotation))
        if field is not None or isinstance(part, int):  # else one of several types, or the client's own key
            parts.append(str(part))
    return ".".join(parts), [name for own in models for name in own.model_fields]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type such as ``list[Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def unknown_key(key: str, known: Sequence[str]) -> tuple[str, str]:
    """Say that there is no such key; return the key too if it resembles one of ``known``, else nothing."""
    if near := get_close_matches(key.lower(), known, n=1):
        return key, f"there is no such key; did you mean {near[0]}?"
    return "", f"there is a key that is not known; there are: {', '.join(known)}" if known else "no keys are known here"


def error_response(error: Exception, model: type[BaseModel] | None = None) -> Response:
    """Turn any exception into the answer that the client gets; ``model`` is that of the request's body."""
    if isinstance(error, RequestValidationError):
        in_body = [problem for problem in error.errors() if problem["loc"][0] == "body"]
        problems = in_body or error.errors()
        error = invalid_request([{**own, "loc": own["loc"][1:]} for own in problems], model if in_body else None)
    elif isinstance(error, StarletteHTTPException) and error.status_code == 400 and not isinstance(error, Refusal):
        error = Refusal(422, "invalid", "body: it is not JSON in UTF-8")  # FastAPI could not parse it
    if not isinstance(error, StarletteHTTPException):
        error = Refusal(500, "internal", "The server failed; its log says where.")
    content: dict[str, object] = {"code": getattr(error, "code", "http"), "message": error.detail}
    if (limit := getattr(error, "limit", None)) is not None:
        content["limit"] = limit
    return JSONResponse({"error": content}, error.status_code, error.headers)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe error answers for the OpenAPI schema."""
    return {status: {"model": ErrorAnswer, "description": DESCRIPTIONS[status]} for status in statuses}


def log_failure(error: BaseException) -> None:
    """Log where an error came from, without its message, which may contain a client's text."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s (message withheld)\n%s", type(error).__name__, places)
