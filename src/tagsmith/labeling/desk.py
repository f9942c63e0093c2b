"""Where sentences are labeled: takes text in, offers the sentence to label next, keeps what a person says of it."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagsmith.errors import InputError
from tagsmith.files import only_one
from tagsmith.formats import WRITERS
from tagsmith.formats.options import WriteOptions
from tagsmith.labeling.schema import (
    Counts,
    LabeledSentence,
    LabelingAnswer,
    Save,
    SpanOfTokens,
    SpanOfTokensAnswer,
)
from tagsmith.labeling.store import ChangedMeanwhileError, NewSentence, SentenceRow, Store
from tagsmith.labeling.suggestions import suggest
from tagsmith.serving.guards import log_failure
from tagsmith.serving.limits import Refusal
from tagsmith.serving.models import Models, Version
from tagsmith.serving.schema import ModelVersion, TokenAnswer
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, TokenSpan, spans_to_tags
from tagsmith.text.tokenizer import words_and_starts

SCORED_AT_ONCE = 64
IN_USE = "in-use.lock"
MEDIA_TYPES = {"conll": "text/plain; charset=utf-8", "jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where and on what people label.

    Parameters
    ----------
    folder
        Holds the database and the models that are trained; made when it is first needed.
    labels
        Those to begin with, where there is no model yet.
    corpus, dev
        Labeled files that are trained on, and scored on, beside the labeled sentences.
    vectors
        Pretrained vectors for a model that is trained from nothing.
    """

    folder: Path
    labels: tuple[str, ...] = ()
    corpus: tuple[Path, ...] = ()
    dev: tuple[Path, ...] = ()
    vectors: str | None = None


class Desk:
    """The labeling of one server; what blocks is to be called in a thread.

    Parameters
    ----------
    workplace
        None: there is no labeling.
    models
        The default one suggests.
    """

    def __init__(self, workplace: Workplace | None, models: Models) -> None:
        self.workplace, self.models = workplace, models
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
            There is no labeling here, the database cannot be used, or another server is using the folder.
        """
        with self._opening:
            if self._store is None:
                self._store = self._open()
            return self._store

    def _open(self) -> Store:
        if self.workplace is None:
            raise Refusal(409, "no_labeling", "This server was started with --no-labeling.")
        if self.version and len(self.version.tagger.layers) > 1:
            raise Refusal(409, "no_labeling", "This model has several layers; labeling is for models with one.")
        folder = self.workplace.folder
        with ExitStack() as opened:
            try:
                store = Store(folder)
            except InputError as error:
                raise Refusal(409, "no_labeling", str(error)) from error
            opened.callback(store.close)
            if not opened.enter_context(only_one(folder / IN_USE, seconds=0)):
                # Two servers would give the same number to two versions, and not hear of each other's.
                message = (
                    f"{folder}: another server is using it. Stop that one, or name another folder with --labeling."
                )
                raise Refusal(409, "no_labeling", message)
            known = store.setting("gives_spans")
            if known not in (None, self.gives_spans):
                kinds = ("plain tags", "spans")
                message = f"{folder} holds {kinds[known]}, the model gives {kinds[self.gives_spans]}."
                raise Refusal(409, "no_labeling", f"{message} Name another folder with --labeling.")
            store.set("gives_spans", self.gives_spans)
            store.set("labels", self._labels(store))  # a model knows only those that occurred, a restart names others
            self._opened = opened.pop_all()
        return store

    def close(self) -> None:
        """Close the database, and leave the folder to other servers."""
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
    def gives_spans(self) -> bool:
        """Whether spans are labeled, and not each token."""
        return self.tagger is None or self.tagger.layer().gives_spans

    @property
    def scheme(self) -> Scheme:
        """How spans are written as tags: as the model has it."""
        return Scheme.IOB2 if self.tagger is None else self.tagger.scheme

    @property
    def layer(self) -> str:
        """What the labels are called in files: as the model has it."""
        return DEFAULT_LAYER if self.tagger is None else self.tagger.layers[0]

    def labels(self) -> list[str]:
        """All labels there are: those of before in their order, on which keys and colors depend, and new ones behind.

        First come those given at the start and the model's, then those that were added, or that a new model brought.
        """
        return self._labels(self.store)

    def _labels(self, store: Store) -> list[str]:
        models = self.tagger.labels if self.tagger else ()
        given = self.workplace.labels if self.workplace else ()
        return list(dict.fromkeys((*store.setting("labels", []), *given, *models)))

    def state(self) -> LabelingAnswer:
        """What there is to label, with which labels."""
        version, store = self.version, self.store
        named = None if version is None else ModelVersion(name=version.answer.name, version=version.version)
        return LabelingAnswer(
            labels=self.labels(),
            gives_spans=self.gives_spans,
            model=named,
            counts=Counts(**store.counts()),
            scored=0 if version is None else store.scored(version.version),
        )

    def add_label(self, label: str) -> None:
        """Add a label; of spans only, as tokens that have another label already would need it too."""
        if not self.gives_spans:
            raise Refusal(409, "no_new_labels", "This model gives each token a label; labels cannot be added to it.")
        if label not in (labels := self.labels()):
            self.store.set("labels", [*labels, label])

    # --- sentences

    def add_text(self, text: str, source: str) -> tuple[list[int], int]:
        """Cut a text into sentences and add those that are new; return the ids of all, and how many are new."""
        found = [
            NewSentence(text[starts[0] : starts[-1] + len(words[-1])], words, [start - starts[0] for start in starts])
            for words, starts in words_and_starts(text)
            if words
        ]
        return self.store.add(found, source)

    def next(self, skip: Sequence[int]) -> LabeledSentence | None:
        """The sentence to label next, with what the model in service makes of it."""
        row = self.store.next(skip)
        return None if row is None else self.shown(row)

    def sentence(self, number: int) -> SentenceRow:
        """Return a sentence.

        Raises
        ------
        Refusal
            There is none.
        """
        row = self.store.sentence(number)
        if row is None:
            raise Refusal(404, "no_such_sentence", "There is no such sentence.")
        return row

    def save(self, number: int, wanted: Save) -> LabeledSentence:
        """Keep what a person says; when this returns it is on the disk.

        Raises
        ------
        Refusal
            There is no such sentence, its spans are not possible, or it was changed since the client saw it.
        """
        row = self.sentence(number)
        given: Sequence[SpanOfTokens] | None = wanted.spans
        if given is None and wanted.status == "accepted":
            given = self.shown(row).spans  # as it stands
        spans = None if given is None else self._checked(given, len(row.words))
        if wanted.status == "accepted" and not self.gives_spans and len(spans or ()) < len(row.words):
            raise Refusal(409, "tokens_without_label", "Each token needs a label.")
        try:
            saved = self.store.save(number, wanted.status, spans, wanted.revision)
        except ChangedMeanwhileError:
            raise Refusal(409, "changed_meanwhile", "Somebody else changed this sentence meanwhile.") from None
        if saved is None:
            raise Refusal(404, "no_such_sentence", "There is no such sentence.")
        self.more_to_score.set()
        return self.shown(saved)

    def _checked(self, spans: Sequence[SpanOfTokens], length: int) -> list[tuple[int, int, str]]:
        labels, before = set(self.labels()), -1
        found = sorted((span.first, span.last, span.label) for span in spans)
        for first, last, label in found:
            if first > last:
                raise Refusal(409, "bad_span", f"A span goes from token {first} back to token {last}.")
            if last >= length:
                raise Refusal(409, "bad_span", f"A span must lie in the sentence's {length} tokens.")
            if first <= before:
                raise Refusal(409, "bad_span", f"Two spans overlap at token {first}.")
            if label not in labels:
                raise Refusal(404, "no_such_label", "A span has a label that is not known; add it first.")
            if not self.gives_spans and first != last:
                raise Refusal(409, "bad_span", "With plain tags each token is a span of its own.")
            before = last
        return found

    def shown(self, row: SentenceRow) -> LabeledSentence:
        """A sentence as it goes over the wire; one that nobody labeled yet has the model's spans."""
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
                SpanOfTokensAnswer(first=first, last=last, label=label, score=score[0] if score else None)
                for first, last, label, *score in spans
            ],
            suggested=suggested,
            status=row.status,
            revision=row.revision,
            source=row.source,
            certainty=certainty,
        )

    # --- labeled data

    def document(self, row: SentenceRow, scheme: Scheme, layer: str) -> Document:
        """A sentence with its labels as tags."""
        spans = row.spans or []
        if scheme is Scheme.PLAIN:
            tags = [label for _, _, label in spans]
        else:
            tags = spans_to_tags(
                [TokenSpan(first, last + 1, label) for first, last, label in spans], len(row.words), scheme
            )
        return Document(row.text, (Sentence(tuple(row.words), tuple(row.starts), {layer: tuple(tags)}),))

    def export(self, format: str) -> str:
        """Write all accepted sentences in a format."""
        stream, scheme = io.StringIO(), self.scheme
        layer = self.layer
        documents = [self.document(row, scheme, layer) for row in self.store.accepted()]
        WRITERS[format](documents, stream, WriteOptions(layers=(Layer(layer, scheme),)))
        return stream.getvalue()

    # --- the queue's order

    async def score(self) -> None:
        """Let the model look at waiting sentences for ever, a few at a time, and again when there is a new one."""
        while True:
            self.more_to_score.clear()
            try:
                while await asyncio.to_thread(self._score_some):
                    pass
            except Exception as error:
                log_failure(error)  # it may hold text
            try:
                async with asyncio.timeout(1.0):  # a new version says nothing when it comes
                    await self.more_to_score.wait()
            except TimeoutError:
                pass

    def _score_some(self) -> bool:
        """Score some sentences; return whether there were any."""
        version = self.version
        if version is None or self._store is None:  # nobody has labeled anything yet
            return False
        rows = self.store.unscored(version.version, SCORED_AT_ONCE)
        found = suggest(version.tagger, [row.words for row in rows])
        scores = [(row.id, [list(span) for span in spans], own) for row, (spans, own) in zip(rows, found, strict=True)]
        self.store.keep_scores(version.version, scores)
        return bool(rows)
