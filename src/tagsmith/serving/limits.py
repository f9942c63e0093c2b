"""The server's limits: sizes, numbers and times."""

from __future__ import annotations

from dataclasses import dataclass

from tagsmith.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one client may ask for, and all clients together."""

    body: int = 4 << 20  # bytes of a request's body
    texts: int = 256  # texts, or sentences given as tokens, in a request
    characters: int = 100_000  # of a text, or of a sentence given as tokens
    k_best: int = 20  # tag sequences a request may ask for
    numbers: int = 4_000_000  # tokens × tags × (k_best, and 1 for marginals) of a request
    waiting: int = 512  # requests that wait for a model; further ones are refused
    waiting_characters: int = 4 << 20  # in all waiting requests
    deadline: float = 30.0  # seconds until a request must be answered
    body_seconds: float = 20.0  # for the client to send the body
    answer_seconds: float = 20.0  # for the client to take the next 64 KiB of its answer
    header_seconds: float = 10.0  # for the client to send the request line and headers
    bodies: int = 256 << 20  # bytes of all bodies at a time
    answers: int = 256 << 20  # bytes of all answers that their clients have not read yet
    headers: int = 32 << 10  # bytes of the request line and headers
    connections: int = 2048  # open at a time

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise RecipeError(f"the limit {name} is {getattr(self, name)}.", remedy="It must be above 0.")
