"""Requests and answers of labeling and training, as Pydantic models; the OpenAPI schema is made from them."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tagsmith.serving.schema import FAIL_FAST, ModelVersion, Number, Probability, TokenAnswer, Wire

Status = Literal["waiting", "accepted", "skipped"]
RunState = Literal["running", "done", "failed", "canceled"]
LABEL = r"[^\s\x00-\x1f\x7f-\xa0]+"  # roughly: :func:`label_problem` knows more
NO_LABELS = ("O", "_")  # tags that mean: no label
LONGEST_LABEL = 100  # characters
TEXT = "text"  # the format of a file that holds no labels
FILE_FORMATS = ("conll", "conllu", "csv", "jsonl")  # of labeled files that can be added, and of the export


# Characters without a shape that Unicode does not count among the format characters: fillers, joiners, selectors of
# variants, empty patterns.
SHAPELESS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
KINDS = {  # Unicode's general categories
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cs": "half of a surrogate pair",
    "Co": "a private character, which looks different everywhere",
    "Cn": "a character that Unicode does not have",
    "Zs": "a space",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}


def label_problem(label: str) -> str:
    """What keeps this from being a label, in words that do not repeat it; empty if nothing does.

    Each character of a label must be visible, so that labels that look the same are the same.
    """
    if not label:
        return "a label cannot be empty"
    if label in NO_LABELS:
        return f"a label cannot be {' or '.join(NO_LABELS)}, which stand for no label"
    for place, character in enumerate(label, 1):
        category = unicodedata.category(character)
        kind = KINDS.get(category, KINDS["Cf"] if character in SHAPELESS else "")
        if not kind and place == 1 and category[0] == "M":
            kind = "a mark, which needs a letter before it"
        if kind:
            name = unicodedata.name(character, "")
            shown = f"U+{ord(character):04X}{' ' + name if name else ''}"
            return f"a label cannot contain {shown}, {kind} (character {place} of the label)"
    return ""


def _check_label(label: str) -> str:
    if problem := label_problem(label):
        raise ValueError(problem)
    return label


Label = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_LABEL,
        json_schema_extra={"pattern": f"^{LABEL}$", "not": {"enum": list(NO_LABELS)}},
    ),
    AfterValidator(_check_label),
]
TokenNumber = Annotated[int, Field(ge=0, le=2**53), Number]


def is_whole(text: str) -> bool:
    """Whether each character of a text is whole: JSON can write half of one, a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_whole(text: str) -> str:
    if not is_whole(text):
        raise ValueError(HALF)
    return text


HALF = "the text holds half of a character (a lone surrogate)"
Text = Annotated[str, AfterValidator(_check_whole)]


class NoOptions(Wire):
    """Nothing: every POST sends JSON, which pages of other sites cannot do without asking."""


def _check_format(format: str) -> str:
    if format not in (*FILE_FORMATS, TEXT):
        raise ValueError(f"there is no such format; there are: {', '.join((*FILE_FORMATS, TEXT))}")
    return format


class NewLabel(Wire):
    """A label to add."""

    label: Label


class NewText(Wire):
    """Text to label; it is cut into sentences and tokens."""

    text: Text
    source: str = Field("", max_length=500, description="Where it comes from, such as the name of a file.")


class AddedAnswer(Wire):
    """The sentences of a text, in its order; sentences that were there before are not added again."""

    ids: list[int]
    added: int
    known: int


class NewFile(Wire):
    """A file, with labels or without."""

    content: Text = Field(description="Its text; a long file may come in parts that end between two sentences.")
    name: str = Field("", max_length=500, description="Its name, whose ending says which format it has.")
    format: Annotated[str, AfterValidator(_check_format)] | None = Field(
        None,
        description="By default found by the name, or by how the content begins.",
        json_schema_extra={"enum": [*FILE_FORMATS, TEXT, None]},
    )
    first_line: Annotated[int, Field(ge=1, le=2**53), Number] = Field(
        1, description="The number of the content's first line in the file; not 1 in a later part."
    )


class Note(Wire):
    """Something about a file."""

    line: int
    message: str


class LabeledSpan(Wire):
    """A labeled span: tokens ``start`` to ``end`` (exclusive), counted from 0."""

    start: TokenNumber
    end: TokenNumber
    label: str


class LabeledSpanAnswer(LabeledSpan):
    """With its probability, if the model suggests it."""

    score: Probability | None = None


class Conflict(Wire):
    """A sentence of a file that is there already with other labels; those that are there stay."""

    line: int
    id: int
    spans: list[LabeledSpan] = Field(description="The spans of the file.")


class FileAnswer(Wire):
    """What became of a file's sentences."""

    format: str
    ids: list[int] = Field(description="All sentences that were taken in or were there before, in the file's order.")
    accepted: int = Field(description="Sentences that are accepted now, with the labels of the file.")
    to_check: list[int] = Field(description="Those with labels that were changed or left out: they wait as drafts.")
    predicted: int = Field(description="Those whose spans have scores: they wait, with these spans as suggestions.")
    added: int = Field(description="New sentences without labels, which wait.")
    known: int = Field(description="Sentences that were there before and say the same.")
    new_labels: list[str]
    refused: list[Note] = Field(description="What could not be taken in, by line.")
    changed: list[Note] = Field(description="Labels that were changed or left out, by line.")
    conflicts: list[Conflict]


class LabeledSentence(Wire):
    """A sentence to label, or labeled."""

    id: int
    text: str
    tokens: list[TokenAnswer] = Field(description="Offsets are in characters of the sentence's text.")
    spans: list[LabeledSpanAnswer] = Field(description="With plain tags, one for each token that has one.")
    suggested: bool = Field(description="Whether the spans are suggestions and not a person's.")
    predicted_by: str | None = Field(description="The file that suggests the spans; null: it is the model, if any.")
    status: Status
    source: str
    revision: str = Field(description="Changes with each edit; send it back with the next one.")
    certainty: float | None = Field(
        description="Probability of the best tag sequence minus that of the second best; null: not known yet."
    )


class NextAnswer(Wire):
    """The sentence to label next, and how many are waiting."""

    sentence: LabeledSentence | None
    left: int


class SentencesAnswer(Wire):
    """Sentences, the last changed first."""

    sentences: list[LabeledSentence]


class Edit(Wire):
    """A person's decision about a sentence."""

    status: Status
    spans: Annotated[list[LabeledSpan], FAIL_FAST] | None = Field(
        None, description="By default the spans it has, or those the model suggests. With plain tags, one per token."
    )
    revision: str | None = Field(
        None, description="The sentence's revision when it was shown: after someone else's edit nothing is saved."
    )


class StatusCounts(Wire):
    """The number of sentences of each status.

    ``held_out`` of the accepted ones are in the dev set; for ``predicted`` of the waiting ones a file suggests spans.
    """

    waiting: int
    accepted: int
    skipped: int
    held_out: int
    predicted: int


class SavedAnswer(Wire):
    """A sentence as it is on the disk now."""

    sentence: LabeledSentence
    counts: StatusCounts


class RemovedAnswer(Wire):
    """How many sentences were removed."""

    removed: int


class LabelingAnswer(Wire):
    """What there is to label, with which labels."""

    labels: list[str]
    layer: str = Field(description="The layer of the model that is labeled here.")
    other_layers: list[str] = Field(
        description="Further layers of the model in service; a version that is trained here does not have them."
    )
    gives_spans: bool = Field(description="False: each token has one label, such as a part of speech.")
    model: ModelVersion | None = Field(description="The model that suggests; null: there is none yet.")
    borrowed: list[str] = Field(
        description="While nothing trained here is in service: the labels that the model suggests with which training "
        "begins, as it knows labels of these names."
    )
    counts: StatusCounts
    scored: int = Field(description="How many waiting sentences the model has scored.")
    formats: list[str] = Field(description="File formats of the export.")


class TrainingOptions(Wire):
    """How to train."""

    epochs: Annotated[int, Field(ge=1, le=200), Number] | None = Field(None, description="Most epochs.")
    predictions: bool = Field(
        False,
        description="Learn as well from the waiting sentences that files of predictions label, but for about a fifth: "
        "these can be held out once a person accepts them.",
    )


class LabelScores(Wire):
    """The scores of one label, as fractions of 1; the training process reports more of them."""

    model_config = ConfigDict(extra="ignore")

    precision: float
    recall: float
    f1: float
    support: int


class IntervalsAnswer(Wire):
    """The ends of the 95 % interval of each score."""

    model_config = ConfigDict(extra="ignore")

    precision: tuple[float, float]
    recall: tuple[float, float]
    f1: tuple[float, float]
    accuracy: tuple[float, float]


class ScoresAnswer(LabelScores):
    """A model's scores on the dev set, as fractions of 1; for plain tags, look at ``accuracy``."""

    accuracy: float
    types: dict[str, LabelScores]
    intervals: IntervalsAnswer | None = Field(default=None, description="null: there is only one sentence.")


class EpochAnswer(Wire):
    """One epoch: its mean loss per token in training and on the dev set, and its dev score."""

    epoch: int
    loss: float
    dev_loss: float
    dev: float
    best: bool
    seconds: float


class DifferenceAnswer(Wire):
    """What became of a score: the new one minus the old one, as a fraction of 1."""

    value: float
    low: float = Field(description="The ends of the 95 % interval, by paired bootstrap over sentences.")
    high: float
    p: float = Field(description="By paired approximate randomization: how often chance makes such a difference.")
    clear: bool = Field(
        description="Whether it can be told from chance: p is below 0.05, and 0 is not between the ends."
    )


class ComparisonAnswer(Wire):
    """Two models compared on sentences that neither was trained on."""

    measure: Literal["f1", "accuracy"] = Field(description="The score that decides.")
    sentences: int
    left_out: int = Field(description="Further sentences, which one of the models was trained on.")
    outcome: Literal["better", "worse", "unclear"]
    told: str = Field(description="The outcome in words.")
    differences: dict[str, DifferenceAnswer] = Field(description="Of precision, recall, f1 and accuracy.")
    types: dict[str, dict[str, DifferenceAnswer]] = Field(description="Label → that of precision, recall and f1.")


class RunAnswer(Wire):
    """One training run; ``number`` is that of the version it makes."""

    number: int
    state: RunState = "running"
    started: datetime
    seconds: float = 0.0
    train: int = Field(description="Labeled sentences in the training set.")
    predicted: int = Field(default=0, description="Waiting sentences that it learns from as files predict them.")
    dev: int = Field(description="Sentences of the dev set, including those of the dev files.")
    corpus: int = Field(default=0, description="Sentences of the original corpus.")
    measure: str = Field(default="F1", description="What ``dev`` of an epoch measures: F1 or accuracy.")
    of_epochs: int = 0
    epochs: list[EpochAnswer] = Field(default_factory=list)
    progress: float = Field(default=0.0, ge=0, le=1)
    messages: list[str] = Field(default_factory=list)
    problem: str = ""
    before: ScoresAnswer | None = Field(
        default=None, description="The model served when the run began, on the same dev set."
    )
    after: ScoresAnswer | None = None
    comparison: ComparisonAnswer | None = Field(
        default=None, description="Both compared; null: there was no model before, or every dev sentence is trained on."
    )


class VersionAnswer(Wire):
    """A model that can be served; number 0 is the one that the server was started with."""

    number: int
    created: datetime | None
    sentences: int = Field(description="Labeled sentences that it was trained on.")
    dev: int
    f1: float | None
    accuracy: float | None
    in_service: bool
    original: bool


class VersionsComparedAnswer(Wire):
    """Two versions compared on the dev set as it is now."""

    old: int
    new: int
    before: ScoresAnswer = Field(description="The scores of the version ``old``.")
    after: ScoresAnswer
    comparison: ComparisonAnswer


class TrainingAnswer(Wire):
    """The last run, all versions, and whether training can start now."""

    run: RunAnswer | None
    versions: list[VersionAnswer]
    start: str | None = Field(
        description="The model whose network training begins with while none is in service; null: it begins anew."
    )
    in_service: int | None
    ready: bool
    hint: str
