"""What the server takes in, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass

from tagsmith.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one client may ask for, and all of them together.

    Parameters
    ----------
    body
        Bytes of a request's body.
    texts
        Texts, or sentences given as tokens, in a request.
    characters
        Characters of a text, or of a sentence given as tokens.
    k_best
        Tag sequences asked for.
    waiting
        Requests that wait for a model; with more, new ones are refused.
    waiting_characters
        Characters in all of them.
    deadline
        Seconds in which a request is answered or given up.
    body_seconds, header_seconds
        Seconds that a client has to send the body, and the line and headers before it.
    headers
        Bytes of a request's line and headers.
    connections
        Open at a time.
    """

    body: int = 4 << 20
    texts: int = 256
    characters: int = 100_000
    k_best: int = 20
    waiting: int = 512
    waiting_characters: int = 4 << 20
    deadline: float = 30.0
    body_seconds: float = 20.0
    header_seconds: float = 10.0
    headers: int = 32 << 10
    connections: int = 2048

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise RecipeError(f"the limit {name} is {getattr(self, name)}.", remedy="It must be above 0.")


class Refusal(Exception):  # noqa: N818 - not an error of the server's: an answer
    """A request is answered with an error.

    Parameters
    ----------
    status
        HTTP status.
    code
        A word for programs.
    message
        A sentence for people; it never repeats the client's text.
    limit
        The limit that was passed, if one was.
    retry_after
        Seconds after which to try again, if that may help.
    """

    def __init__(
        self, status: int, code: str, message: str, *, limit: float | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.limit, self.retry_after = status, code, message, limit, retry_after

    def body(self) -> dict[str, object]:
        """What the client gets."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.limit is not None:
            error["limit"] = self.limit
        return {"error": error}

    def headers(self) -> dict[str, str]:
        """Headers that go with it."""
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}


FAILED = Refusal(500, "internal", "The server failed; its log says where.")


def too_many(code: str, what: str, count: int, limit: int) -> Refusal:
    """The refusal of a request that is well formed and too large."""
    return Refusal(422, code, f"{what}: {count:,}; the limit is {limit:,}.", limit=limit)


def overloaded(what: str, limit: int) -> Refusal:
    """The refusal of a request that came at a bad time."""
    return Refusal(
        503, "overloaded", f"Too many {what} are waiting; the limit is {limit:,}.", limit=limit, retry_after=1
    )
