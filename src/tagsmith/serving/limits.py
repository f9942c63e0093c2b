"""The server's limits: sizes, numbers and times."""

from __future__ import annotations

from dataclasses import dataclass

from tagsmith.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one client may ask for, and all clients together.

    Parameters
    ----------
    body
        Bytes of a request's body.
    texts
        Texts, or sentences given as tokens, in a request.
    characters
        Characters of a text, or of a sentence given as tokens.
    k_best
        Tag sequences a request may ask for.
    waiting
        Requests that wait for a model; further ones are refused.
    waiting_characters
        Characters in all waiting requests.
    deadline
        Seconds until a request must be answered.
    body_seconds, header_seconds
        Seconds a client has to send the body, and to send the request line and headers.
    headers
        Bytes of the request line and headers.
    connections
        Open connections.
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
