"""The annotation desk: takes in text, offers the sentence to label next, keeps what people decide, exports it.

Methods of :class:`Desk` that return answers are routes; FastAPI calls them in threads.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Path as PathParameter
from fastapi import Query, Response

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
from tagsmith.labeling import schema
from tagsmith.labeling.labeled_file import LabeledFile, format_of, length_problem, read_labeled
from tagsmith.labeling.schema import FILE_FORMATS, TEXT, LabeledSentence, LabelingAnswer, Status
from tagsmith.labeling.store import SentenceRow, Store
from tagsmith.labeling.suggestions import Suggester, borrowed
from tagsmith.labeling.training_process import SCRATCH
from tagsmith.serving.models import Models, Version
from tagsmith.serving.refusals import Refusal, log_failure
from tagsmith.serving.schema import ModelVersion, TokenAnswer

SCORED_AT_ONCE = 64
SCORING_SECONDS = 0.25  # between two looks for new sentences or a new model
LOCK = "in-use.lock"
RUNS = "runs"  # a folder for each training run
MOST_NEW_LABELS = 100  # in a file; labels stay for good
ONE_FILE = {name: format.write for name, format in FORMATS.items() if name in FILE_FORMATS and format.write}
NEW_LAYER = Layer("tags", Scheme.IOB2)  # where there is no model yet
SentenceNumber = Annotated[int, PathParameter(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelingProject:
    """What people label, and where it is kept."""

    folder: Path  # holds the database and the trained models; made when it is first needed
    layer: str | None = None  # of a model with several; by default the first with spans
    labels: tuple[str, ...] = ()  # to begin with, where there is no model yet
    start: Path | None = None  # a model whose network the first training begins with, where there is none to go on from
    corpus: tuple[Path, ...] = ()  # labeled files to train on, besides the labeled sentences
    dev: tuple[Path, ...] = ()  # labeled files to score on, besides the held-out sentences
    vectors: str | None = None  # pretrained ones, for a model that is trained from nothing

    @property
    def model_name(self) -> str:
        """The name of a model that began from nothing: ``people`` for the folder ``people.labeling``."""
        return self.folder.resolve().name.removesuffix(".labeling") or "new"


class Desk:
    """The labeling of a project; the default one of ``models`` suggests labels."""

    def __init__(self, project: LabelingProject, models: Models) -> None:
        self.project, self.models = project, models
        self._store: Store | None = None
        self._layer = project.layer
        self._borrowed: Suggester | None = None
        self._opening = threading.Lock()
        self._opened = ExitStack()

    @property
    def store(self) -> Store:
        """The database, made when it is first needed; a refusal says why nobody can label here."""
        with self._opening:
            if self._store is None:
                self._store = self._open()
            return self._store

    def _open(self) -> Store:
        folder = self.project.folder
        with ExitStack() as opened:
            try:
                store = Store(folder)
            except InputError as error:
                raise no_labeling(str(error)) from error
            opened.callback(store.close)
            # Two servers would give the same number to two versions, and not see each other's edits.
            if not opened.enter_context(only_one(folder / LOCK, seconds=0)):
                remedy = "Stop that server, or name another folder with --labeling."
                raise no_labeling(f"{folder}: another server is using it. {remedy}")
            for scratch in (folder / RUNS).glob(f"*/{SCRATCH}"):  # of a run whose machine went down
                shutil.rmtree(scratch, ignore_errors=True)
            self._layer = self._choose_layer(store)
            known, gives_spans = store.setting("gives_spans"), self.layer.gives_spans
            if known not in (None, gives_spans):
                kinds = ("plain tags", "spans")
                problem = f"{folder} holds {kinds[known]}, but the model gives {kinds[gives_spans]}."
                raise no_labeling(f"{problem} Name another folder with --labeling.")
            store.set("gives_spans", gives_spans)
            store.set("layer", self.layer.name)
            labels = self._labels(store)
            store.set("labels", labels)  # a retrained model knows only the labels that occurred
            self._borrowed = None if self.version else borrowed(self.project.start, labels)
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
    def suggester(self) -> Suggester | None:
        """What suggests labels, if anything does."""
        if self.version is None:
            return self._borrowed
        return Suggester(self.version.tagger, self.layer.name, self.version.answer.name, self.version.version)

    @property
    def layer(self) -> Layer:
        """What people label: a layer of the model, whose scheme writes spans as tags."""
        return NEW_LAYER if self.version is None else labeled_layer(self.version.tagger, self._layer)

    @property
    def other_layers(self) -> list[str]:
        """What else the model gives. A version that is trained here does not have it."""
        return [] if self.version is None else [name for name in self.version.tagger.layers if name != self.layer.name]

    def _choose_layer(self, store: Store) -> str | None:
        """The layer that was asked for, or else the one that was labeled here before."""
        labeled, asked = store.setting("layer"), self.project.layer
        if asked is not None and labeled not in (None, asked):
            problem = f"{self.project.folder} holds labels of the layer {labeled}."
            raise no_labeling(f"{problem} Choose it with --layer, or name another folder with --labeling.")
        if asked is None and self.version is not None and labeled in self.version.tagger.layers:
            return str(labeled)
        return asked

    def _labels(self, store: Store) -> list[str]:
        """All labels. Known labels keep their order, on which keys and colors depend; new ones come last."""
        return list(dict.fromkeys((*store.setting("labels", []), *self.project.labels, *self.layer.labels)))

    def show_labeling(self) -> LabelingAnswer:
        """Tell what there is to label, with which labels."""
        store, suggester = self.store, self.suggester
        return LabelingAnswer(
            labels=self._labels(store),
            layer=self.layer.name,
            other_layers=self.other_layers,
            gives_spans=self.layer.gives_spans,
            model=None if suggester is None else ModelVersion(name=suggester.name, version=suggester.version),
            borrowed=list(suggester.labels or ()) if suggester else [],
            counts=self._counts(),
            scored=0 if suggester is None else store.scored(suggester.version),
            formats=list(ONE_FILE),
        )

    def _counts(self) -> schema.StatusCounts:
        return schema.StatusCounts(**self.store.counts())

    def add_label(self, new: schema.NewLabel) -> LabelingAnswer:
        """Add a label."""
        if not self.layer.gives_spans:  # tokens that already have another label would need it too
            raise Refusal(409, "no_new_labels", "This model gives each token a label; labels cannot be added to it.")
        if new.label not in (labels := self._labels(self.store)):
            self.store.set("labels", [*labels, new.label])
        return self.show_labeling()

    def add_text(self, new: schema.NewText) -> schema.AddedAnswer:
        """Add the sentences of a text to the queue."""
        sentences = []
        for tokens in tokenize_text(new.text):
            first, last = tokens[0].start, tokens[-1].end
            sentence = Sentence(tuple(token.text for token in tokens), tuple(token.start - first for token in tokens))
            sentences.append(Document(new.text[first:last], (sentence,)))
        most = self.models.limits.characters
        if problem := next(filter(None, (length_problem(own, most) for own in sentences)), ""):
            remedy = "Put a blank line where a sentence ends."
            raise Refusal(422, "text_too_long", f"text: {problem}. {remedy}", limit=most)
        ids, added = self.store.add(sentences, new.source)
        return schema.AddedAnswer(ids=ids, added=added, known=len(ids) - added)

    def add_file(self, new: schema.NewFile) -> schema.FileAnswer:
        """Add the sentences of a file: those that it labels are accepted, others wait.

        If spans of it have scores it holds predictions: all its sentences wait, with these as suggestions.
        """
        content = new.content.removeprefix("\ufeff")
        format = new.format or format_of(new.name, content) or TEXT
        if format == TEXT:
            text = self.add_text(schema.NewText(text=content, source=new.name))
            return _file_answer(TEXT, text.ids, Counter(added=text.added, known=text.known), LabeledFile(), [])
        file = read_labeled(content, format, self.layer, self.models.limits.characters, new.first_line)
        new_labels = self._add_labels(file)
        results = self.store.add_labeled(file.sentences, new.name)
        answer = _file_answer(
            format, [own.id for own in results], Counter(own.outcome for own in results), file, new_labels
        )
        for sentence, result in zip(file.sentences, results, strict=True):
            if result.outcome == "to_check":
                answer.to_check.append(result.id)
            elif result.outcome == "conflict":
                spans = [
                    schema.LabeledSpan(start=own.start, end=own.end, label=own.label) for own in sentence.spans or ()
                ]
                answer.conflicts.append(schema.Conflict(line=sentence.line, id=result.id, spans=spans))
        return answer

    def _add_labels(self, file: LabeledFile) -> list[str]:
        """Add the labels of a file that the project lacks; of plain tags, refuse the sentences that have them."""
        known = self._labels(self.store)
        new = sorted(file.labels - set(known))
        if not self.layer.gives_spans:
            file.refuse_labels(set(new), "This model gives each token a label; labels cannot be added to it.")
            return []
        if len(new) > MOST_NEW_LABELS:
            problem = f"This file has {len(new)} labels that are not there yet; the limit is {MOST_NEW_LABELS}."
            raise Refusal(409, "too_many_labels", f"{problem} Its labels are perhaps in another column.")
        if new:
            self.store.set("labels", [*known, *new])
        return new

    def next_sentence(
        self, skip: Annotated[str, Query(pattern=r"^[0-9,]*$", max_length=10_000)] = ""
    ) -> schema.NextAnswer:
        """Offer the waiting sentence that the model is least sure of, but none of ``skip`` (ids between commas)."""
        row = self.store.next([int(number) for number in skip.split(",") if 0 < len(number) < 16])
        return schema.NextAnswer(sentence=None if row is None else self._shown(row), left=self._counts().waiting)

    def list_sentences(
        self, status: Status, limit: Annotated[int, Query(ge=1, le=1000)] = 50
    ) -> schema.SentencesAnswer:
        """List sentences, the last changed first."""
        return schema.SentencesAnswer(sentences=[self._shown(row) for row in self.store.sentences(status, limit)])

    def remove_sentences(self, status: Literal["waiting", "skipped"]) -> schema.RemovedAnswer:
        """Remove all waiting sentences, or all skipped ones."""
        return schema.RemovedAnswer(removed=self.store.remove(status))

    def show_sentence(self, number: SentenceNumber) -> LabeledSentence:
        """Show a sentence."""
        return self._shown(self.store.sentence(number))

    def save_sentence(self, number: SentenceNumber, edit: schema.Edit) -> schema.SavedAnswer:
        """Keep a person's decision about a sentence; the answer comes when it is safe on the disk."""
        row = self.store.sentence(number)
        given: Sequence[schema.LabeledSpan] | None = edit.spans
        if given is None and edit.status == "accepted":
            given = self._shown(row).spans  # as it stands
        spans = None if given is None else self._checked(given, len(row.words))
        if edit.status == "accepted" and not self.layer.gives_spans and len(spans or ()) < len(row.words):
            raise Refusal(409, "tokens_without_label", "Each token needs a label.")
        saved = self.store.save(number, edit.status, spans, edit.revision)
        return schema.SavedAnswer(sentence=self._shown(saved), counts=self._counts())

    def _checked(self, given: Sequence[schema.LabeledSpan], length: int) -> list[TokenSpan]:
        labels, taken = set(self._labels(self.store)), 0
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
            if not self.layer.gives_spans and end - start > 1:
                raise Refusal(409, "bad_span", "With plain tags each token is a span of its own.")
            taken = end
        return spans

    def _shown(self, row: SentenceRow) -> LabeledSentence:
        """A sentence as an answer; one that nobody labeled yet has the spans that a file or the model suggests."""
        suggested, certainty = row.spans is None, row.certainty
        spans: list[Any] = row.spans or []
        prediction = self.store.prediction(row.id) if suggested else None
        if prediction:
            spans = prediction.spans
        elif suggested and (suggester := self.suggester):
            spans = row.suggested or []
            if row.scored_by != suggester.version:
                ((spans, certainty),) = suggester.suggest([row.words])
        return LabeledSentence(
            id=row.id,
            text=row.text,
            tokens=[
                TokenAnswer(text=word, start=start, end=start + len(word))
                for word, start in zip(row.words, row.starts, strict=True)
            ],
            spans=[
                schema.LabeledSpanAnswer(start=start, end=end, label=label, score=score[0] if score else None)
                for start, end, label, *score in spans
            ],
            suggested=suggested,
            predicted_by=prediction.source if prediction else None,
            status=row.status,
            revision=row.revision,
            source=row.source,
            certainty=certainty,
        )

    def tags(self, row: SentenceRow) -> list[str]:
        """The labels of a sentence as tags, one per token."""
        spans = [TokenSpan(*span) for span in row.spans or []]
        if not self.layer.gives_spans:
            return [span.label for span in spans]
        return spans_to_tags(spans, len(row.words), self.layer.scheme)

    def export(self, format: Annotated[str, Query(json_schema_extra={"enum": list(ONE_FILE)})]) -> Response:
        """Give all accepted sentences as a file."""
        if format not in ONE_FILE:
            raise Refusal(422, "no_such_format", f"format: there is no such format; there are: {', '.join(ONE_FILE)}.")
        stream, layer, documents = io.StringIO(), self.layer, []
        for row in self.store.accepted():
            sentence = Sentence(tuple(row.words), tuple(row.starts), {layer.name: tuple(self.tags(row))})
            documents.append(Document(row.text, (sentence,)))
        ONE_FILE[format](documents, stream, WriteOptions(layers=(layer,)))
        disposition = f'attachment; filename="labels.{format}"'
        headers = {"content-type": FORMATS[format].media_type, "content-disposition": disposition}
        return Response(stream.getvalue(), headers=headers)

    async def score(self) -> None:
        """Let the model score waiting sentences forever, a few at a time, and again when there is a new model."""
        while True:
            try:
                while await asyncio.to_thread(self._score_some):
                    pass
            except Refusal:
                pass  # the disk is full: who labels is told
            except Exception as error:
                log_failure(error)  # its message may contain text
            await asyncio.sleep(SCORING_SECONDS)

    def _score_some(self) -> bool:
        """Score some sentences; return whether there were any."""
        suggester = self.suggester
        if suggester is None or self._store is None:  # nobody has labeled anything yet
            return False
        rows = self.store.unscored(suggester.version, SCORED_AT_ONCE)
        suggested = suggester.suggest([row.words for row in rows])
        scores = [
            (row.id, [list(span) for span in spans], certainty)
            for row, (spans, certainty) in zip(rows, suggested, strict=True)
        ]
        self.store.keep_scores(suggester.version, scores)
        return bool(rows)


def labeled_layer(tagger: Tagger, wanted: str | None) -> Layer:
    """The layer of a model that people label: the one that is wanted, or else the first that gives spans.

    Raises Refusal: the model does not have it.
    """
    layers = [tagger.layer(name) for name in tagger.layers]
    if wanted is None:
        return next((layer for layer in layers if layer.gives_spans), layers[0])
    if wanted not in tagger.layers:
        raise no_labeling(f"The model has no layer {wanted!r}; it has: {', '.join(tagger.layers)}.")
    return tagger.layer(wanted)


def _file_answer(
    format: str, ids: list[int], counts: Counter[str], file: LabeledFile, new_labels: list[str]
) -> schema.FileAnswer:
    return schema.FileAnswer(
        format=format,
        ids=ids,
        accepted=counts["accepted"],
        to_check=[],
        predicted=counts["predicted"],
        added=counts["added"],
        known=counts["known"],
        new_labels=new_labels,
        refused=sorted(file.refused, key=lambda note: note.line),
        changed=file.changed,
        conflicts=[],
    )


def no_labeling(message: str) -> Refusal:
    """The refusal of anything that needs labeling, where it cannot be done."""
    return Refusal(409, "no_labeling", message)
