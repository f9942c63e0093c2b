"""The routes of training and of the versions it makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from tagsmith.labeling.training_schema import TrainingAnswer, TrainingOptions
from tagsmith.labeling.versions import Trainer

Number = Annotated[int, Path(ge=0, le=2**53)]


Ask = Callable[[], Awaitable[TrainingAnswer]]
REFUSED: tuple[int | str, ...] = (400, 401, 403, 404, 408, 409, 413, 422)


def training_routes(trainer: Trainer, refusals: Mapping[int | str, dict[str, Any]]) -> APIRouter:
    """Make the routes; ``refusals`` describe errors in the OpenAPI schema."""
    known = {status: refusals[status] for status in REFUSED}
    router = APIRouter(prefix="/v1", tags=["training"], responses=known)

    async def state() -> TrainingAnswer:
        return await asyncio.to_thread(trainer.state)

    @router.get("/training")
    async def show_training() -> TrainingAnswer:
        """Tell of the last run, of all versions, and whether one can train now."""
        return await state()

    @router.post("/training", status_code=202)
    async def start_training(options: TrainingOptions) -> TrainingAnswer:
        """Start to train on the accepted sentences, in a process of its own."""
        await trainer.start(options)
        return await state()

    @router.post("/training/cancel")
    async def cancel_training() -> TrainingAnswer:
        """Stop the run, if there is one, and keep nothing of it."""
        await trainer.cancel()
        return await state()

    @router.get(
        "/training/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def follow_training() -> StreamingResponse:
        """Follow a run: the events ``state``, ``progress``, ``epoch`` and ``message``, and ``end`` at its end."""
        return StreamingResponse(
            _events(trainer, state), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    _add_versions(router, trainer, state)
    return router


def _add_versions(router: APIRouter, trainer: Trainer, state: Ask) -> None:
    @router.post("/versions/{number}")
    async def put_in_service(number: Number) -> TrainingAnswer:
        """Put a version in service: accept a new one, or bring an old one back."""
        await trainer.put_in_service(number)
        return await state()

    @router.delete("/versions/{number}")
    async def throw_away(number: Number) -> TrainingAnswer:
        """Throw a version away."""
        await trainer.throw_away(number)
        return await state()


async def _events(trainer: Trainer, state: Ask) -> AsyncIterator[str]:
    run = trainer.run
    with run.listening() if run else nullcontext() as heard:  # first, so that nothing falls between
        first = await state()
        yield f"event: state\ndata: {first.model_dump_json()}\n\n"
        if run is None or heard is None or first.run is None or first.run.state != "running":
            return
        async for event in run.follow(heard, after=len(first.run.epochs)):
            if event is None:
                yield ": still running\n\n"
                continue
            name, data = event
            yield f"event: {name}\ndata: {data or (await state()).model_dump_json()}\n\n"
    if not run.running:
        yield f"event: end\ndata: {(await state()).model_dump_json()}\n\n"
