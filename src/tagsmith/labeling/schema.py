"""What labeling sends over the wire, as Pydantic models that make the OpenAPI schema."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tagsmith.serving.schema import ModelVersion, Number, Probability, TokenAnswer, Wire

StatusField = Literal["waiting", "accepted", "skipped"]


LABEL = r"[^\s\x00-\x1f\x7f-\xa0]+"
NO_LABELS = ("O", "_")  # they say that there is none


def is_label(label: str) -> bool:
    """Whether this can be a label: it has no white space, and does not say that there is none."""
    return re.fullmatch(LABEL, label) is not None and label not in NO_LABELS


def _label(label: str) -> str:
    if not is_label(label):
        raise ValueError(f"a label has no spaces, and is not {' or '.join(NO_LABELS)}")
    return label


Label = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        json_schema_extra={"pattern": f"^{LABEL}$", "not": {"enum": list(NO_LABELS)}},
    ),
    AfterValidator(_label),
]
TokenNumber = Annotated[int, Field(ge=0, le=2**53), Number]


class NewLabel(Wire):
    """A label to add."""

    label: Label


class NewText(Wire):
    """Text to label; it is cut into sentences and tokens."""

    text: str
    source: str = Field("", max_length=500, description="Where it comes from, a file's name for instance.")


class AddedAnswer(Wire):
    """The sentences of a text, in its order; those that were there before are not added again."""

    ids: list[int]
    added: int
    known: int


class SpanOfTokens(Wire):
    """A labeled run of tokens, ``first`` to ``last`` (inclusive), counted from 0."""

    first: TokenNumber
    last: TokenNumber
    label: str


class SpanOfTokensAnswer(SpanOfTokens):
    """With its probability, where it is the model's."""

    score: Probability | None = None


class LabeledSentence(Wire):
    """A sentence to label, or labeled."""

    id: int
    text: str
    tokens: list[TokenAnswer] = Field(description="Offsets are in characters of the sentence's text.")
    spans: list[SpanOfTokensAnswer] = Field(description="Of plain tags, one for each token that has one.")
    suggested: bool = Field(description="Whether the spans are the model's and not a person's.")
    status: StatusField
    source: str
    revision: str = Field(description="Another one after each change; send it back with the next.")
    certainty: float | None = Field(
        description="The probability of the best tag sequence less that of the second best; null: not known yet."
    )


class NextAnswer(Wire):
    """The sentence to label next, and how many are waiting."""

    sentence: LabeledSentence | None
    left: int


class SentencesAnswer(Wire):
    """Sentences, the last changed first."""

    sentences: list[LabeledSentence]


class Save(Wire):
    """What a person says of a sentence."""

    status: StatusField
    spans: list[SpanOfTokens] | None = Field(
        None, description="By default those that it has, or that the model suggests. Of plain tags, one for each token."
    )
    revision: str | None = Field(
        None, description="That of the sentence as it was shown: if somebody changed it meanwhile, nothing is saved."
    )


class Counts(Wire):
    """How many sentences there are of each status; ``held_out`` of the accepted are for the dev set."""

    waiting: int
    accepted: int
    skipped: int
    held_out: int


class SavedAnswer(Wire):
    """A sentence as it is on the disk now."""

    sentence: LabeledSentence
    counts: Counts


class RemovedAnswer(Wire):
    """How many sentences were removed."""

    removed: int


class LabelingAnswer(Wire):
    """What there is to label, with which labels."""

    labels: list[str]
    gives_spans: bool = Field(description="False: each token has one label, as parts of speech.")
    model: ModelVersion | None = Field(description="The model that suggests; null: nothing was trained yet.")
    counts: Counts
    scored: int = Field(description="How many of the waiting sentences the model has looked at.")
