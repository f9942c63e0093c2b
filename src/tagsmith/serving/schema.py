"""What goes over the wire: the request to tag, and the answer, as Pydantic models that make the OpenAPI schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from tagsmith.serving.limits import Limits, too_many


def _number(value: Any) -> Any:
    """Pass numbers on, but none in words, and no truth values: the description promises to refuse them."""
    if isinstance(value, str | bool):
        raise ValueError("give a number")
    return value


Number = BeforeValidator(_number)
Probability = Annotated[float, Field(ge=0, le=1), Number]


class Wire(BaseModel):
    """Whatever is sent: nothing else is taken."""

    model_config = ConfigDict(extra="forbid")


Token = Annotated[str, Field(min_length=1)]


class TagRequest(Wire):
    """Texts or tokens to tag: exactly one of ``text``, ``texts`` and ``tokens``."""

    text: str | None = Field(None, description="One text.")
    texts: list[str] | None = Field(None, description="Several texts.")
    tokens: list[list[Token]] | None = Field(None, description="Sentences that are cut into tokens already.")
    model: str | None = Field(None, description="Name of the model; by default the first.")
    threshold: Probability | dict[str, Probability] | None = Field(
        None, description="Spans less probable are left out: one number, or one for each label."
    )
    k_best: Annotated[int, Number] = Field(0, ge=0, description="Give so many of the most probable tag sequences.")
    marginals: StrictBool = Field(False, description="Give the probability of every tag at every token.")

    @model_validator(mode="after")
    def _check_one(self) -> TagRequest:
        if sum(own is not None for own in (self.text, self.texts, self.tokens)) != 1:
            raise ValueError("give exactly one of text, texts and tokens")
        return self

    def check(self, limits: Limits) -> int:
        """Return how many characters there are to tag.

        Raises
        ------
        Refusal
            There are more texts, characters or sequences than the limits allow.
        """
        if self.tokens is not None:
            sizes = [sum(map(len, sentence)) + len(sentence) for sentence in self.tokens]
        else:
            sizes = [len(text) for text in self.texts or [self.text or ""]]
        if len(sizes) > limits.texts:
            raise too_many("too_many_texts", "Texts in a request", len(sizes), limits.texts)
        if max(sizes, default=0) > limits.characters:
            raise too_many("text_too_long", "Characters in a text", max(sizes), limits.characters)
        if self.k_best > limits.k_best:
            raise too_many("k_best_too_large", "Tag sequences asked for", self.k_best, limits.k_best)
        return sum(sizes)


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
    """A labeled stretch of the document's text and its probability under the model."""

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
    """A layer that a model gives."""

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
