"""The routes of labeling, training and model versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from tagsmith import FORMATS
from tagsmith.labeling.desk import Desk, no_labeling
from tagsmith.labeling.retraining import Retraining
from tagsmith.labeling.schema import (
    AddedAnswer,
    Edit,
    LabeledSentence,
    LabelingAnswer,
    NewLabel,
    NewText,
    NextAnswer,
    RemovedAnswer,
    SavedAnswer,
    SentencesAnswer,
    Status,
    TrainingAnswer,
    TrainingOptions,
)
from tagsmith.serving.refusals import described

SentenceNumber = Annotated[int, Path(ge=1, le=2**53)]
VersionNumber = Annotated[int, Path(ge=0, le=2**53)]
ERRORS = described(400, 401, 403, 404, 408, 409, 413, 422)


def labeling_routes(desk: Desk) -> APIRouter:
    """Make the routes of labeling."""
    router = APIRouter(prefix="/v1/labeling", tags=["labeling"], responses=ERRORS)

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
        return NextAnswer(sentence=sentence, left=(await asyncio.to_thread(desk.counts)).waiting)

    @router.get("/sentences")
    async def list_sentences(status: Status, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> SentencesAnswer:
        """List sentences, the last changed first."""
        rows = await asyncio.to_thread(desk.store.sentences, status, limit)
        return SentencesAnswer(sentences=await asyncio.to_thread(lambda: [desk.shown(row) for row in rows]))

    @router.delete("/sentences")
    async def remove_sentences(status: Literal["waiting", "skipped"]) -> RemovedAnswer:
        """Remove all waiting sentences, or all skipped ones."""
        return RemovedAnswer(removed=await asyncio.to_thread(desk.store.remove, status))

    @router.get("/sentences/{number}")
    async def show_sentence(number: SentenceNumber) -> LabeledSentence:
        """Show a sentence."""
        return await asyncio.to_thread(lambda: desk.shown(desk.sentence(number)))

    @router.put("/sentences/{number}")
    async def save_sentence(number: SentenceNumber, edit: Edit) -> SavedAnswer:
        """Keep a person's decision about a sentence; the answer comes when it is safe on the disk."""
        sentence = await asyncio.to_thread(desk.save, number, edit)
        return SavedAnswer(sentence=sentence, counts=await asyncio.to_thread(desk.counts))

    content_types = [format.media_type.partition(";")[0] for format in FORMATS.values()]
    described_files: dict[str, Any] = {"content": {content_type: {} for content_type in content_types}}

    @router.get("/export", response_class=Response, responses={200: described_files})
    async def export(format: Annotated[str, Query(json_schema_extra={"enum": list(FORMATS)})]) -> Response:
        """Give all accepted sentences as a file."""
        content = await asyncio.to_thread(desk.export, format)
        disposition = f'attachment; filename="labels.{format}"'
        headers = {"content-type": FORMATS[format].media_type, "content-disposition": disposition}
        return Response(content, headers=headers)

    return router


def training_routes(retraining: Retraining) -> APIRouter:
    """Make the routes of training and of the versions it makes."""
    router = APIRouter(prefix="/v1", tags=["training"], responses=ERRORS)

    async def state() -> TrainingAnswer:
        return await asyncio.to_thread(retraining.state)

    @router.get("/training")
    async def show_training() -> TrainingAnswer:
        """Tell about the last run, all versions, and whether training can start now."""
        return await state()

    @router.post("/training", status_code=202)
    async def start_training(options: TrainingOptions) -> TrainingAnswer:
        """Start to train on the accepted sentences, in a process of its own."""
        await retraining.start(options)
        return await state()

    @router.post("/training/cancel")
    async def cancel_training() -> TrainingAnswer:
        """Stop the run, if there is one, and keep nothing of it."""
        await retraining.cancel()
        return await state()

    @router.get(
        "/training/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def follow_training() -> StreamingResponse:
        """Follow a run: the events ``state``, ``progress``, ``epoch`` and ``message``, and ``end`` at its end."""
        headers = {"cache-control": "no-store"}
        return StreamingResponse(_events(retraining), media_type="text/event-stream", headers=headers)

    @router.post("/versions/{number}")
    async def put_in_service(number: VersionNumber) -> TrainingAnswer:
        """Put a version in service: accept a new one, or bring an old one back."""
        await retraining.put_in_service(number)
        return await state()

    @router.delete("/versions/{number}")
    async def delete_version(number: VersionNumber) -> TrainingAnswer:
        """Delete a version."""
        await retraining.delete_version(number)
        return await state()

    return router


async def _events(retraining: Retraining) -> AsyncIterator[str]:
    run = retraining.run
    with run.listening() if run else nullcontext() as queue:  # before the first state, so that no event is missed
        first = await asyncio.to_thread(retraining.state)
        yield f"event: state\ndata: {first.model_dump_json()}\n\n"
        if run is None or queue is None or first.run is None or first.run.state != "running":
            return
        async for event in run.follow(queue, after=len(first.run.epochs)):
            if event is None:
                yield ": still running\n\n"
                continue
            name, data = event
            yield f"event: {name}\ndata: {data or await _state_json(retraining)}\n\n"
    if not run.running:
        yield f"event: end\ndata: {await _state_json(retraining)}\n\n"


async def _state_json(retraining: Retraining) -> str:
    return (await asyncio.to_thread(retraining.state)).model_dump_json()


def routes_without_labeling() -> APIRouter:
    """Make routes that refuse what a server with ``--no-labeling`` cannot do."""
    router = APIRouter(include_in_schema=False)

    async def refuse() -> None:
        raise no_labeling("This server was started with --no-labeling.")

    for part in ("labeling", "training", "versions"):
        router.add_api_route(f"/v1/{part}{{rest:path}}", refuse, methods=["DELETE", "GET", "POST", "PUT"])
    return router
