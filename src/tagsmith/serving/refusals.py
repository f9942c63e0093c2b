"""Error answers: their one shape, their descriptions, and the one place that turns an exception into an answer."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Container, Mapping, Sequence
from typing import Any

from fastapi import HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
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


def invalid_request(errors: Sequence[Mapping[str, Any]], fields: Container[object] | None = None) -> Refusal:
    """The refusal of a request that does not fit its schema, from Pydantic's errors.

    With ``fields``, a place in the request is named by these fields and by numbers alone: the client's own keys stay
    out of the message.
    """
    problems = []
    for error in errors[:5]:
        parts = [part for part in error["loc"] if isinstance(part, int) or fields is None or part in fields]
        message = str(error["msg"]).removeprefix("Value error, ")
        problems.append(f"{'.'.join(map(str, parts)) or 'body'}: {message}")
    return Refusal(422, "invalid", "; ".join(dict.fromkeys(problems)))


def error_response(error: Exception) -> Response:
    """Turn any exception into the answer that the client gets."""
    if isinstance(error, RequestValidationError):
        error = invalid_request([{**problem, "loc": problem["loc"][1:]} for problem in error.errors()])
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
