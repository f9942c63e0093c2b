"""The annotation desk: takes in text, offers the sentence to label next, keeps what people decide, exports it."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagsmith import (
    FORMATS,
    Document,
    Layer,
    Scheme,
    Sentence,
    Tagger,
    TokenSpan,
    WriteOptions,
    spans_to_tags,
    tokenize_text,
)
from tagsmith.errors import InputError
from tagsmith.files import only_one
from tagsmith.labeling.schema import (
    Counts,
    Edit,
    LabeledSentence,
    LabeledSpan,
    LabeledSpanAnswer,
    LabelingAnswer,
)
from tagsmith.labeling.store import ChangedMeanwhileError, NewSentence, SentenceRow, Store
from tagsmith.labeling.suggestions import suggest
from tagsmith.serving.models import Models, Version
from tagsmith.serving.refusals import Refusal, log_failure
from tagsmith.serving.schema import ModelVersion, TokenAnswer

SCORED_AT_ONCE = 64
LOCK = "in-use.lock"
NEW_LAYER = Layer("tags", Scheme.IOB2)  # where there is no model yet


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelingProject:
    """What people label, and where it is kept.

    Parameters
    ----------
    folder
        Holds the database and the trained models; made when it is first needed.
    labels
        Labels to begin with, where there is no model yet.
    corpus, dev
        Labeled files to train on, and to score on, besides the labeled sentences.
    vectors
        Pretrained vectors for a model that is trained from nothing.
    """

    folder: Path
    labels: tuple[str, ...] = ()
    corpus: tuple[Path, ...] = ()
    dev: tuple[Path, ...] = ()
    vectors: str | None = None

    @property
    def model_name(self) -> str:
        """The name of a model that began from nothing: ``people`` for the folder ``people.labeling``."""
        return self.folder.resolve().name.removesuffix(".labeling") or "new"


class Desk:
    """The labeling of one server. Its methods block: call them in a thread.

    Parameters
    ----------
    project
        What is labeled.
    models
        The default one suggests.
    """

    def __init__(self, project: LabelingProject, models: Models) -> None:
        self.project, self.models = project, models
        self.more_to_score = asyncio.Event()
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._opened = ExitStack()

    @property
    def store(self) -> Store:
        """The database, made when it is first needed.

        Raises
        ------
        Refusal
            The model has several layers, the database cannot be used, or another server is using the folder.
        """
        with self._opening:
            if self._store is None:
                self._store = self._open()
            return self._store

    def _open(self) -> Store:
        if self.tagger and len(self.tagger.layers) > 1:
            raise no_labeling("This model has several layers; labeling is for models with one.")
        folder = self.project.folder
        with ExitStack() as opened:
            try:
                store = Store(folder)
            except InputError as error:
                raise no_labeling(str(error)) from error
            opened.callback(store.close)
            # Two servers would give the same number to two versions, and not see each other's edits.
            if not opened.enter_context(only_one(folder / LOCK, seconds=0)):
                raise no_labeling(
                    f"{folder}: another server is using it. Stop that server, or name another folder with --labeling."
                )
            known = store.setting("gives_spans")
            if known not in (None, self.gives_spans):
                kinds = ("plain tags", "spans")
                raise no_labeling(
                    f"{folder} holds {kinds[known]}, but the model gives {kinds[self.gives_spans]}. "
                    "Name another folder with --labeling."
                )
            store.set("gives_spans", self.gives_spans)
            store.set("labels", self._labels(store))  # a retrained model knows only the labels that occurred
            self._opened = opened.pop_all()
        return store

    def close(self) -> None:
        """Close the database, and release the folder."""
        self._opened.close()

    @property
    def version(self) -> Version | None:
        """The model that suggests."""
        return None if self.models.main is None else self.models.main.current

    @property
    def tagger(self) -> Tagger | None:
        """Its tagger."""
        return None if self.version is None else self.version.tagger

    @property
    def layer(self) -> Layer:
        """What people label: the model's layer, whose scheme writes spans as tags."""
        return NEW_LAYER if self.tagger is None else self.tagger.layer()

    @property
    def gives_spans(self) -> bool:
        """Whether people label spans, and not every token."""
        return self.layer.gives_spans

    def labels(self) -> list[str]:
        """All labels. Known labels keep their order, on which keys and colors depend; new ones come last.

        First come those given at the start and the model's, then those added later, or brought by a new model.
        """
        return self._labels(self.store)

    def _labels(self, store: Store) -> list[str]:
        of_model = self.tagger.labels if self.tagger else ()
        return list(dict.fromkeys((*store.setting("labels", []), *self.project.labels, *of_model)))

    def state(self) -> LabelingAnswer:
        """What there is to label, with which labels."""
        version, store = self.version, self.store
        return LabelingAnswer(
            labels=self.labels(),
            gives_spans=self.gives_spans,
            model=None if version is None else ModelVersion(name=version.answer.name, version=version.version),
            counts=self.counts(),
            scored=0 if version is None else store.scored(version.version),
            formats=list(FORMATS),
        )

    def counts(self) -> Counts:
        """The number of sentences of each status."""
        return Counts(**self.store.counts())

    def add_label(self, label: str) -> None:
        """Add a label; only to spans, as tokens that already have another label would need it too."""
        if not self.gives_spans:
            raise Refusal(409, "no_new_labels", "This model gives each token a label; labels cannot be added to it.")
        if label not in (labels := self.labels()):
            self.store.set("labels", [*labels, label])

    # --- sentences

    def add_text(self, text: str, source: str) -> tuple[list[int], int]:
        """Cut a text into sentences and add the new ones; return the ids of all, and how many are new."""
        sentences = []
        for tokens in tokenize_text(text):
            first, last = tokens[0].start, tokens[-1].end
            words, starts = [token.text for token in tokens], [token.start - first for token in tokens]
            sentences.append(NewSentence(text[first:last], words, starts))
        return self.store.add(sentences, source)

    def next(self, skip: Sequence[int]) -> LabeledSentence | None:
        """The sentence to label next, with the suggestions of the model in service."""
        row = self.store.next(skip)
        return None if row is None else self.shown(row)

    def sentence(self, number: int) -> SentenceRow:
        """Return a sentence.

        Raises
        ------
        Refusal
            There is no such sentence.
        """
        row = self.store.sentence(number)
        if row is None:
            raise _no_such_sentence()
        return row

    def save(self, number: int, edit: Edit) -> LabeledSentence:
        """Keep a person's decision; when this returns it is on the disk.

        Raises
        ------
        Refusal
            There is no such sentence, its spans are impossible, or someone else edited it after it was shown.
        """
        row = self.sentence(number)
        given: Sequence[LabeledSpan] | None = edit.spans
        if given is None and edit.status == "accepted":
            given = self.shown(row).spans  # as it stands
        spans = None if given is None else self._checked(given, len(row.words))
        if edit.status == "accepted" and not self.gives_spans and len(spans or ()) < len(row.words):
            raise Refusal(409, "tokens_without_label", "Each token needs a label.")
        try:
            saved = self.store.save(number, edit.status, spans, edit.revision)
        except ChangedMeanwhileError:
            raise Refusal(409, "changed_meanwhile", "Someone else changed this sentence in the meantime.") from None
        if saved is None:
            raise _no_such_sentence()
        self.more_to_score.set()
        return self.shown(saved)

    def _checked(self, given: Sequence[LabeledSpan], length: int) -> list[TokenSpan]:
        labels, taken = set(self.labels()), 0
        spans = sorted(TokenSpan(span.start, span.end, span.label) for span in given)
        for start, end, label in spans:
            if start >= end:
                raise Refusal(409, "bad_span", f"A span ends before it starts, at token {start}.")
            if end > length:
                raise Refusal(409, "bad_span", f"A span goes past the sentence's {length} tokens.")
            if start < taken:
                raise Refusal(409, "bad_span", f"Two spans overlap at token {start}.")
            if label not in labels:
                raise Refusal(404, "no_such_label", "A span has an unknown label; add the label first.")
            if not self.gives_spans and end - start > 1:
                raise Refusal(409, "bad_span", "With plain tags each token is a span of its own.")
            taken = end
        return spans

    def shown(self, row: SentenceRow) -> LabeledSentence:
        """A sentence as an answer; one that nobody labeled yet has the model's spans."""
        suggested, certainty = row.spans is None, row.certainty
        spans: list[Any] = row.spans or []
        if suggested and (version := self.version):
            spans = row.suggested or []
            if row.scored_by != version.version:
                ((spans, certainty),) = suggest(version.tagger, [row.words])
        return LabeledSentence(
            id=row.id,
            text=row.text,
            tokens=[
                TokenAnswer(text=word, start=start, end=start + len(word))
                for word, start in zip(row.words, row.starts, strict=True)
            ],
            spans=[
                LabeledSpanAnswer(start=start, end=end, label=label, score=score[0] if score else None)
                for start, end, label, *score in spans
            ],
            suggested=suggested,
            status=row.status,
            revision=row.revision,
            source=row.source,
            certainty=certainty,
        )

    # --- labeled data

    def tags(self, row: SentenceRow) -> list[str]:
        """The labels of a sentence as tags, one per token."""
        spans = [TokenSpan(*span) for span in row.spans or []]
        if not self.gives_spans:
            return [span.label for span in spans]
        return spans_to_tags(spans, len(row.words), self.layer.scheme)

    def export(self, format: str) -> str:
        """Write all accepted sentences in a format.

        Raises
        ------
        Refusal
            There is no such format.
        """
        if format not in FORMATS:
            raise Refusal(422, "no_such_format", f"There is no such format; there are: {', '.join(FORMATS)}.")
        stream, layer, documents = io.StringIO(), self.layer, []
        for row in self.store.accepted():
            sentence = Sentence(tuple(row.words), tuple(row.starts), {layer.name: tuple(self.tags(row))})
            documents.append(Document(row.text, (sentence,)))
        FORMATS[format].write(documents, stream, WriteOptions(layers=(layer,)))
        return stream.getvalue()

    # --- the queue's order

    async def score(self) -> None:
        """Let the model score waiting sentences forever, a few at a time, and again when there is a new one."""
        while True:
            self.more_to_score.clear()
            try:
                while await asyncio.to_thread(self._score_some):
                    pass
            except Exception as error:
                log_failure(error)  # its message may contain text
            try:
                async with asyncio.timeout(1.0):  # a new model version does not announce itself
                    await self.more_to_score.wait()
            except TimeoutError:
                pass

    def _score_some(self) -> bool:
        """Score some sentences; return whether there were any."""
        version = self.version
        if version is None or self._store is None:  # nobody has labeled anything yet
            return False
        rows = self.store.unscored(version.version, SCORED_AT_ONCE)
        suggested = suggest(version.tagger, [row.words for row in rows])
        self.store.keep_scores(
            version.version,
            [
                (row.id, [list(span) for span in spans], certainty)
                for row, (spans, certainty) in zip(rows, suggested, strict=True)
            ],
        )
        return bool(rows)


def no_labeling(message: str) -> Refusal:
    """The refusal of anything that needs labeling, where it cannot be done."""
    return Refusal(409, "no_labeling", message)


def _no_such_sentence() -> Refusal:
    return Refusal(404, "no_such_sentence", "There is no such sentence.")
