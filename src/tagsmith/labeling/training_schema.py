"""What training sends over the wire, as Pydantic models that make the OpenAPI schema."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tagsmith.serving.schema import Number, Wire

State = Literal["running", "done", "failed", "cancelled"]


class TrainingOptions(Wire):
    """How to train."""

    epochs: Annotated[int, Field(ge=1, le=200), Number] | None = Field(None, description="Most epochs.")


class TypeScores(Wire):
    """The scores of one label, as fractions of 1."""

    precision: float
    recall: float
    f1: float
    support: int


class ScoresAnswer(TypeScores):
    """A model's scores on the dev set, as fractions of 1; of plain tags, ``accuracy`` is the one to look at."""

    accuracy: float
    types: dict[str, TypeScores]


class EpochAnswer(Wire):
    """One epoch: its mean loss per token, and its dev score."""

    epoch: int
    loss: float
    dev: float
    best: bool
    seconds: float


class RunAnswer(Wire):
    """One training run; ``number`` is that of the version it makes."""

    number: int
    state: State
    started: datetime
    seconds: float
    train: int = Field(description="Labeled sentences that it trains on.")
    dev: int = Field(description="Sentences of the dev set, those of the dev files included.")
    corpus: int = Field(description="Sentences of the original corpus.")
    measure: str = Field(description="What ``dev`` of an epoch measures: F1 or accuracy.")
    of_epochs: int
    epochs: list[EpochAnswer]
    progress: float = Field(ge=0, le=1)
    messages: list[str]
    problem: str
    before: ScoresAnswer | None = Field(description="The model in service when the run began, on the same dev set.")
    after: ScoresAnswer | None


class VersionAnswer(Wire):
    """A model that can be put in service; number 0 is the one that the server was started with."""

    number: int
    created: datetime | None
    sentences: int = Field(description="Labeled sentences that it was trained on.")
    dev: int
    f1: float | None
    accuracy: float | None
    in_service: bool
    original: bool


class TrainingAnswer(Wire):
    """The last run, all versions, and whether one can train now."""

    run: RunAnswer | None
    versions: list[VersionAnswer]
    in_service: int | None
    ready: bool
    hint: str
