"""Requests and answers of the server, as Pydantic models; the OpenAPI schema is made from them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator


def _number(value: Any) -> Any:
    """Accept numbers only: no strings, no booleans, as the OpenAPI schema says."""
    if isinstance(value, str | bool):
        raise ValueError("give a number")
    return value


Number = BeforeValidator(_number)
FAIL_FAST: Any = Field(fail_fast=True)  # a list of a million wrong values is not a million errors
Probability = Annotated[float, Field(ge=0, le=1), Number]


class Wire(BaseModel):
    """Base of all requests and answers: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


Word = Annotated[str, Field(min_length=1)]


class TagRequest(Wire):
    """Texts or tokens to tag: exactly one of ``text``, ``texts`` and ``tokens``."""

    text: str | None = Field(None, description="One text.")
    texts: Annotated[list[str], FAIL_FAST] | None = Field(None, description="Several texts.")
    tokens: Annotated[list[Annotated[list[Word], FAIL_FAST]], FAIL_FAST] | None = Field(
        None, description="Sentences already cut into tokens."
    )
    model: str | None = Field(None, description="Name of the model; by default the first.")
    threshold: Probability | Annotated[dict[str, Probability], Field(max_length=1000)] | None = Field(
        None, description="Least probability of a span: one number, or one for each label."
    )
    k_best: Annotated[int, Number] = Field(0, ge=0, description="How many of the most probable tag sequences to give.")
    marginals: StrictBool = Field(False, description="Give the probability of every tag at every token.")

    @model_validator(mode="after")
    def _check_one(self) -> TagRequest:
        if (self.text is None) + (self.texts is None) + (self.tokens is None) != 2:
            raise ValueError("give exactly one of text, texts and tokens")
        return self


class TokenAnswer(Wire):
    """A token: characters ``start`` to ``end`` (exclusive) of the document's text."""

    text: str
    start: int
    end: int


class SequenceAnswer(Wire):
    """One of the most probable tag sequences of a sentence."""

    tags: list[str]
    probability: Probability


class MarginalsAnswer(Wire):
    """The probability of each tag at each token of a sentence."""

    tags: list[str] = Field(description="The columns. Spans have tags of the scheme BIOES here.")
    probabilities: list[list[Probability]] = Field(description="A row for each token.")


class SentenceAnswer(Wire):
    """A sentence of a document, with one tag per token in each of the model's layers."""

    start: int
    end: int
    tokens: list[TokenAnswer]
    tags: dict[str, list[str]] = Field(description="Layer → tags.")
    k_best: dict[str, list[SequenceAnswer]] | None = Field(None, description="Layer → sequences, if asked for.")
    marginals: dict[str, MarginalsAnswer] | None = Field(None, description="Layer → probabilities, if asked for.")


class SpanAnswer(Wire):
    """A labeled span of the document's text, in characters, with its probability."""

    start: int
    end: int
    text: str
    label: str
    score: Probability
    layer: str


class DocumentAnswer(Wire):
    """A tagged text. Sentences given as tokens come back as one document, a line for each."""

    text: str
    sentences: list[SentenceAnswer]
    spans: list[SpanAnswer]


class ModelVersion(Wire):
    """Which model answered."""

    name: str
    version: str


class TagAnswer(Wire):
    """The answer: a document for each text, in the order of the request."""

    model: ModelVersion
    documents: list[DocumentAnswer]


class LayerAnswer(Wire):
    """A layer that a model predicts."""

    name: str
    scheme: str
    labels: list[str]
    gives_spans: bool


class ModelAnswer(ModelVersion):
    """A model in service."""

    layers: list[LayerAnswer]
    precision: str
    scores: dict[str, Any]
    recipe: dict[str, Any]
    card: str = Field(description="The model card, in Markdown.")


class ModelsAnswer(Wire):
    """All models in service, the default one first."""

    models: list[ModelAnswer]


class Refused(Wire):
    """Why a request was refused."""

    code: str
    message: str
    limit: float | None = None


class ErrorAnswer(Wire):
    """An error."""

    error: Refused


EXAMPLES: dict[str, dict[str, Any]] = {
    "text": {"summary": "One text", "value": {"text": "John lives in New York."}},
    "texts": {
        "summary": "Several texts, sure spans only",
        "value": {"texts": ["John lives in New York.", "So does Mary."], "threshold": 0.9},
    },
    "tokens": {
        "summary": "Tokens, the three best sequences",
        "value": {"tokens": [["John", "lives", "in", "New", "York", "."]], "k_best": 3},
    },
}
