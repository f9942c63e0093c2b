"""The routes of labeling."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from tagsmith.labeling.desk import MEDIA_TYPES, Desk
from tagsmith.labeling.schema import (
    AddedAnswer,
    Counts,
    LabeledSentence,
    LabelingAnswer,
    NewLabel,
    NewText,
    NextAnswer,
    RemovedAnswer,
    Save,
    SavedAnswer,
    SentencesAnswer,
    StatusField,
)

Number = Annotated[int, Path(ge=1, le=2**53)]


REFUSED: tuple[int | str, ...] = (400, 401, 403, 404, 408, 409, 413, 422)


def labeling_routes(desk: Desk, refusals: Mapping[int | str, dict[str, Any]]) -> APIRouter:
    """Make the routes; ``refusals`` describe errors in the OpenAPI schema."""
    known = {status: refusals[status] for status in REFUSED}
    router = APIRouter(prefix="/v1/labeling", tags=["labeling"], responses=known)

    @router.get("")
    async def show_labeling() -> LabelingAnswer:
        """Tell what there is to label, with which labels."""
        return await asyncio.to_thread(desk.state)

    @router.post("/labels")
    async def add_label(new: NewLabel) -> LabelingAnswer:
        """Add a label."""
        await asyncio.to_thread(desk.add_label, new.label)
        return await asyncio.to_thread(desk.state)

    @router.post("/sentences")
    async def add_text(new: NewText) -> AddedAnswer:
        """Add the sentences of a text to the queue."""
        ids, added = await asyncio.to_thread(desk.add_text, new.text, new.source)
        desk.more_to_score.set()
        return AddedAnswer(ids=ids, added=added, known=len(ids) - added)

    @router.get("/next")
    async def next_sentence(skip: Annotated[str, Query(pattern=r"^[0-9,]*$", max_length=10_000)] = "") -> NextAnswer:
        """Offer the waiting sentence that the model is least sure of, but none of ``skip`` (ids between commas)."""
        skipped = [int(number) for number in skip.split(",") if 0 < len(number) < 16]
        sentence = await asyncio.to_thread(desk.next, skipped)
        return NextAnswer(sentence=sentence, left=(await asyncio.to_thread(desk.store.counts))["waiting"])

    @router.get("/sentences")
    async def list_sentences(status: StatusField, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> SentencesAnswer:
        """List sentences, the last changed first."""
        rows = await asyncio.to_thread(desk.store.sentences, status, limit)
        return SentencesAnswer(sentences=await asyncio.to_thread(lambda: [desk.shown(row) for row in rows]))

    @router.delete("/sentences")
    async def remove_sentences(status: Literal["waiting", "skipped"]) -> RemovedAnswer:
        """Remove all sentences that wait, or all that were skipped."""
        return RemovedAnswer(removed=await asyncio.to_thread(desk.store.remove, status))

    @router.get("/sentences/{number}")
    async def show_sentence(number: Number) -> LabeledSentence:
        """Show a sentence."""
        return await asyncio.to_thread(lambda: desk.shown(desk.sentence(number)))

    @router.put("/sentences/{number}")
    async def save_sentence(number: Number, wanted: Save) -> SavedAnswer:
        """Keep what a person says of a sentence; the answer comes when it is safe on the disk."""
        sentence = await asyncio.to_thread(desk.save, number, wanted)
        return SavedAnswer(sentence=sentence, counts=Counts(**await asyncio.to_thread(desk.store.counts)))

    @router.get(
        "/export",
        response_class=Response,
        responses={200: {"content": {own.partition(";")[0]: {} for own in MEDIA_TYPES.values()}}},
    )
    async def export(format: Literal["conll", "jsonl", "csv"]) -> Response:
        """Give all accepted sentences as a file."""
        content = await asyncio.to_thread(desk.export, format)
        headers = {
            "content-type": MEDIA_TYPES[format],
            "content-disposition": f'attachment; filename="labels.{format}"',
        }
        return Response(content, headers=headers)

    return router
