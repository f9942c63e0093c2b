"""The database of labeling: sentences, model versions and settings in one SQLite file.

Each change is one transaction, written ahead (WAL) and synced to the disk before it is acknowledged. So neither a
killed process nor a power cut loses an acknowledged change (https://www.sqlite.org/wal.html).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import JSON, URL, Engine, Select, String, create_engine, delete, event, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tagsmith import Document, TokenSpan
from tagsmith.errors import InputError
from tagsmith.labeling.comparing import words_digest
from tagsmith.labeling.labeled_file import FileSentence
from tagsmith.labeling.schema import Status
from tagsmith.serving.refusals import Refusal

DATABASE = "labels.sqlite"
Outcome = Literal["accepted", "to_check", "predicted", "added", "known", "conflict"]
SELECTED_AT_ONCE = 500  # rows; SQLite limits the values in a statement
HELD_OUT_EVERY = 5  # each fifth accepted sentence belongs to the dev set


class Table(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {list[Any]: JSON, dict[str, Any]: JSON}  # noqa: RUF012 - read by SQLAlchemy once


class SentenceRow(Table):
    """A sentence and a person's decision about it; ``suggested`` and ``certainty`` come from the model.

    Spans are lists of start, end (exclusive) and label, in tokens; suggested ones have a score as well.
    """

    __tablename__ = "sentences"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    words: Mapped[list[Any]]
    starts: Mapped[list[Any]]
    source: Mapped[str] = mapped_column(default="")
    status: Mapped[Status] = mapped_column(String, default="waiting", index=True)
    spans: Mapped[list[Any] | None]
    held_out: Mapped[bool | None]
    changed: Mapped[datetime | None]
    suggested: Mapped[list[Any] | None]
    certainty: Mapped[float | None]
    scored_by: Mapped[str | None]

    @property
    def revision(self) -> str:
        """A new one after each edit of a person; empty before the first."""
        return f"{self.changed:%Y%m%dT%H%M%S%f}" if self.changed else ""

    @property
    def is_kept(self) -> bool:
        """Whether it is not learned from as a file predicts it, so that it can be held out once a person accepts it."""
        return int(self.digest[:8], 16) % HELD_OUT_EVERY == 0

    @property
    def labels(self) -> set[str]:
        """The labels that a person gave."""
        return {label for _, _, label in self.spans or ()}


class PredictionRow(Table):
    """What a file says that the spans of a sentence are, each with its probability; a person has still to decide."""

    __tablename__ = "predictions"
    id: Mapped[int] = mapped_column(primary_key=True)  # the sentence's
    spans: Mapped[list[Any]]
    source: Mapped[str]
    certainty: Mapped[float | None]  # as the file states it, which counts more than the model's


class Added(NamedTuple):
    """A sentence of a file that is in the database now, and what became of it."""

    id: int
    outcome: Outcome


class VersionRow(Table):
    """A model trained on the labeled sentences; its folder is named by its number."""

    __tablename__ = "versions"
    number: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime]
    sentences: Mapped[int]
    dev: Mapped[int]
    scores: Mapped[dict[str, Any]]


class LearnedRow(Table):
    """A sentence that a version was trained on, and the first such version; later ones go on from it.

    It is named by its words: it stays known when it is removed, and when it is added again.
    """

    __tablename__ = "learned"
    digest: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]


class SettingRow(Table):
    """A value to remember, by name."""

    __tablename__ = "settings"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class Store:
    """The database in a folder, made if it is missing. Safe to call from several threads.

    Raises
    ------
    InputError
        The folder cannot be written, or the file is not such a database.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._one_writer = threading.Lock()  # SQLite has one writer at a time: wait here, not in its busy loop
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._engine = _open(folder / DATABASE)
            Table.metadata.create_all(self._engine)
        except (OSError, DatabaseError) as error:
            raise InputError(
                f"the labeled sentences cannot be kept: {getattr(error, 'orig', None) or error}.",
                path=folder / DATABASE,
                remedy="Name another folder with --labeling, or serve with --no-labeling.",
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """A transaction; after the context it is on the disk.

        Raises Refusal: the disk is full, or the database cannot be written for another reason; nothing is changed.
        """
        try:
            with self._one_writer, Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (OperationalError, sqlite3.OperationalError) as error:  # SQLAlchemy 2.0 lets the latter pass
            message = (
                f"{DATABASE} cannot be written: {getattr(error, 'orig', error)}. Nothing of this request was kept."
            )
            raise Refusal(507, "not_kept", message) from error

    def _reading(self) -> Session:
        return Session(self._engine, expire_on_commit=False)

    def _all(self, wanted: Select[Any]) -> list[Any]:
        with self._reading() as session:
            return list(session.scalars(wanted))

    def add(self, sentences: Iterable[Document], source: str) -> tuple[list[int], int]:
        """Add new sentences, a document each; return the ids of all, in their order, and how many are new."""
        with self._writing() as session:
            rows = self._rows_of(session, list(sentences), source)
            session.flush()
            return [row.id for row, _ in rows], sum(is_new for _, is_new in rows)

    def add_labeled(self, sentences: Sequence[FileSentence], source: str) -> list[Added]:
        """Add the sentences of a labeled file, in one transaction; return what became of each.

        A sentence that a person has labeled before is never changed. Of several predictions the last counts.
        """
        outcomes: list[Outcome] = []
        with self._writing() as session:
            rows = self._rows_of(session, [sentence.document for sentence in sentences], source)
            parts = self._next_parts(session)
            session.flush()
            for sentence, (row, is_new) in zip(sentences, rows, strict=True):
                _, _, spans, to_check, scores, certainty = sentence
                given = None if spans is None else [list(span) for span in spans]
                if spans is not None and scores is not None:
                    is_kept = _keep_prediction(session, row, spans, scores, certainty, source)
                    outcomes.append("predicted" if is_kept else "known")
                elif given is None or (given == row.spans and (row.status == "accepted" or to_check)):
                    outcomes.append("added" if is_new else "known")
                elif row.spans is not None and given != row.spans:
                    outcomes.append("conflict")
                else:
                    row.spans, row.changed = given, datetime.now(UTC)
                    row.status = "waiting" if to_check else "accepted"
                    if not to_check and row.held_out is None:
                        row.held_out = next(parts)
                    outcomes.append("to_check" if to_check else "accepted")
            session.flush()
            return [Added(row.id, outcome) for (row, _), outcome in zip(rows, outcomes, strict=True)]

    def _rows_of(self, session: Session, documents: Sequence[Document], source: str) -> list[tuple[SentenceRow, bool]]:
        """Return the row of each sentence, and whether it is new; a new one has an id after the next flush."""
        sentences = [document.sentences[0] for document in documents]
        keys = [words_digest(own.words) for own in sentences]
        known: dict[str, SentenceRow] = {}
        for first in range(0, len(keys), SELECTED_AT_ONCE):
            wanted = select(SentenceRow).where(SentenceRow.digest.in_(keys[first : first + SELECTED_AT_ONCE]))
            known |= {row.digest: row for row in session.scalars(wanted)}
        rows = []
        for document, sentence, key in zip(documents, sentences, keys, strict=True):
            is_new = key not in known
            if is_new:
                words, starts = list(sentence.words), list(sentence.starts)
                known[key] = SentenceRow(
                    digest=key, text=document.text, words=words, starts=starts, source=source, status="waiting"
                )
                session.add(known[key])
            rows.append((known[key], is_new))
        return rows

    def _next_parts(self, session: Session) -> Iterator[bool]:
        """Say of one newly accepted sentence after the other whether it belongs to the dev set."""
        assigned = session.scalar(select(func.count()).where(SentenceRow.held_out.is_not(None))) or 0
        for number in count(assigned):
            yield number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1

    def sentence(self, number: int) -> SentenceRow:
        """Return a sentence."""
        with self._reading() as session:
            return _existing(session.get(SentenceRow, number))

    def sentences(self, status: Status, limit: int | None = None) -> list[SentenceRow]:
        """Return sentences, the last changed first."""
        wanted = select(SentenceRow).where(SentenceRow.status == status)
        return self._all(wanted.order_by(SentenceRow.changed.desc().nulls_last(), SentenceRow.id.desc()).limit(limit))

    def accepted(self) -> list[SentenceRow]:
        """Return the accepted sentences in the order in which they were added."""
        return self._all(select(SentenceRow).where(SentenceRow.status == "accepted").order_by(SentenceRow.id))

    def next(self, skip: Sequence[int] = ()) -> SentenceRow | None:
        """Return the waiting sentence that the model is least sure of; those it has not seen come last."""
        wanted = select(SentenceRow).where(SentenceRow.status == "waiting", SentenceRow.id.not_in(skip))
        rows = self._all(wanted.order_by(SentenceRow.certainty.asc().nulls_last(), SentenceRow.id).limit(1))
        return rows[0] if rows else None

    def counts(self) -> dict[str, int]:
        """Count the sentences of each status, the accepted ones that are held out, and those to learn as predicted."""
        counts: dict[str, int] = {"waiting": 0, "accepted": 0, "skipped": 0}
        with self._reading() as session:
            by_status = session.execute(select(SentenceRow.status, func.count()).group_by(SentenceRow.status))
            counts |= {status: count for status, count in by_status}  # noqa: C416 - its rows are not pairs
            held_out = select(func.count()).where(SentenceRow.status == "accepted", SentenceRow.held_out.is_(True))
            counts["held_out"] = session.scalar(held_out) or 0
            counts["predicted"] = session.scalar(select(func.count()).select_from(_predicted().subquery())) or 0
        return counts

    def prediction(self, number: int) -> PredictionRow | None:
        """Return what a file says of a sentence."""
        with self._reading() as session:
            return session.get(PredictionRow, number)

    def predicted(self) -> list[tuple[SentenceRow, PredictionRow]]:
        """Return the waiting sentences with predictions that nobody has labeled, in the order they were added."""
        with self._reading() as session:
            return [(row, prediction) for row, prediction in session.execute(_predicted())]

    def save(
        self, number: int, status: Status, spans: Sequence[TokenSpan] | None, revision: str | None = None
    ) -> SentenceRow:
        """Set a sentence's status and, unless None, its spans; refuse if it has another revision than this one."""
        with self._writing() as session:
            row = _existing(session.get(SentenceRow, number))
            if revision not in (None, row.revision):
                raise Refusal(409, "changed_meanwhile", "Someone else changed this sentence in the meantime.")
            if spans is not None:
                row.spans = [list(span) for span in spans]
            if status == "accepted" and row.held_out is None:
                row.held_out = next(self._next_parts(session))
            row.status, row.changed = status, datetime.now(UTC)
            return row

    def hold_out(self, number: int, held_out: bool) -> None:
        """Move a sentence to the dev set, or to the training set, for good."""
        with self._writing() as session:
            session.get_one(SentenceRow, number).held_out = held_out

    def remove(self, status: Status) -> int:
        """Remove all sentences of a status; return how many there were."""
        with self._writing() as session:
            ids = select(SentenceRow.id).where(SentenceRow.status == status)
            session.execute(delete(PredictionRow).where(PredictionRow.id.in_(ids)))
            removed = session.execute(delete(SentenceRow).where(SentenceRow.status == status).returning(SentenceRow.id))
            return len(removed.all())

    def unscored(self, version: str, limit: int) -> list[SentenceRow]:
        """Return waiting sentences that this version of the model has not scored."""
        is_unscored = SentenceRow.scored_by.is_distinct_from(version)
        wanted = select(SentenceRow).where(SentenceRow.status == "waiting", is_unscored)
        return self._all(wanted.order_by(SentenceRow.id).limit(limit))

    def scored(self, version: str) -> int:
        """Count the waiting sentences that this version of the model has scored."""
        with self._reading() as session:
            is_scored = SentenceRow.scored_by == version
            return session.scalar(select(func.count()).where(SentenceRow.status == "waiting", is_scored)) or 0

    def keep_scores(self, version: str, scores: Iterable[tuple[int, list[Any], float]]) -> None:
        """Keep the spans that the model suggests, and how certain it is, by the sentences' ids."""
        with self._writing() as session:
            for number, suggested, certainty in scores:
                if (row := session.get(SentenceRow, number)) is not None:
                    known = session.get(PredictionRow, number)
                    stated = known.certainty if known else None
                    row.suggested, row.scored_by = suggested, version
                    row.certainty = certainty if stated is None else stated

    def add_version(self, version: VersionRow, learned: Iterable[Sequence[str]] = ()) -> None:
        """Keep a version, and the words of the sentences that it was trained on."""
        rows = [{"digest": words_digest(words), "version": version.number} for words in learned]
        with self._writing() as session:
            session.add(version)
            if rows:
                session.execute(insert(LearnedRow).on_conflict_do_nothing(), rows)

    def learned(self, version: int) -> set[str]:
        """Return the digests of the sentences that this version, or one before it, was trained on."""
        return set(self._all(select(LearnedRow.digest).where(LearnedRow.version <= version)))

    def versions(self) -> list[VersionRow]:
        """Return all versions in the order of their numbers."""
        return self._all(select(VersionRow).order_by(VersionRow.number))

    def remove_version(self, number: int) -> None:
        """Forget a version."""
        with self._writing() as session:
            session.execute(delete(VersionRow).where(VersionRow.number == number))

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a setting."""
        with self._reading() as session:
            row = session.get(SettingRow, name)
        return default if row is None else row.value

    def set(self, name: str, value: Any) -> None:
        """Keep a setting."""
        with self._writing() as session:
            session.merge(SettingRow(name=name, value=value))


def _predicted() -> Select[SentenceRow, PredictionRow]:
    found = select(SentenceRow, PredictionRow).join(PredictionRow, PredictionRow.id == SentenceRow.id)
    return found.where(SentenceRow.status == "waiting", SentenceRow.spans.is_(None)).order_by(SentenceRow.id)


def _keep_prediction(
    session: Session,
    row: SentenceRow,
    spans: Sequence[TokenSpan],
    scores: Sequence[float],
    certainty: float | None,
    source: str,
) -> bool:
    """Keep what a file says of a sentence, unless a person has decided; return whether that is new."""
    scored = [[*span, score] for span, score in zip(spans, scores, strict=True)]
    known = session.get(PredictionRow, row.id)
    if row.spans is not None or row.status != "waiting" or (known is not None and known.spans == scored):
        return False
    session.merge(PredictionRow(id=row.id, spans=scored, source=source, certainty=certainty))
    if certainty is not None:
        row.certainty = certainty
    elif row.scored_by is None:  # the least certain comes first until a model has looked
        row.certainty = min(scores, default=None)
    return True


def _existing(row: SentenceRow | None) -> SentenceRow:
    if row is None:
        raise Refusal(404, "no_such_sentence", "There is no such sentence.")
    return row


def _open(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine
