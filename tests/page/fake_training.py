"""A server of the page whose training does exactly what a test tells it, when the test tells it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from tagsmith.labeling.extension import VIEWS
from tagsmith.serving.app import PAGE
from tagsmith.serving.guards import Guards
from tagsmith.serving.limits import Limits
from tagsmith.serving.metrics import Metrics

SCORES = {
    "before": {"precision": 0.5, "recall": 0.625, "f1": 0.5556, "accuracy": 0.81, "support": 8},
    "after": {"precision": 0.8571, "recall": 0.75, "f1": 0.8, "accuracy": 0.92, "support": 8},
}
TYPES = {
    "before": {
        "LOCATION": {"precision": 0.75, "recall": 0.6, "f1": 0.6667, "support": 5},
        "PERSON": {"precision": 0.5, "recall": 0.6667, "f1": 0.5714, "support": 3},
    },
    "after": {
        "LOCATION": {"precision": 1.0, "recall": 0.8, "f1": 0.8889, "support": 5},
        "PERSON": {"precision": 0.5, "recall": 0.3333, "f1": 0.4, "support": 3},
    },
}


def difference(value: float, low: float, high: float, p: float = 0.01) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "p": p, "clear": p < 0.05 and not low <= 0 <= high}


COMPARISON = {
    "measure": "f1",
    "sentences": 24,
    "left_out": 0,
    "outcome": "better",
    "told": "F1 better by 24.4 points (95 % interval 3.1 to 45.0)",
    "differences": {
        "precision": difference(0.3571, 0.052, 0.601),
        "recall": difference(0.125, -0.1, 0.35, 0.4),
        "f1": difference(0.2444, 0.031, 0.45),
        "accuracy": difference(0.11, 0.02, 0.2),
    },
    "types": {
        "LOCATION": {
            "precision": difference(0.25, -0.1, 0.5, 0.2),
            "recall": difference(0.2, -0.2, 0.5, 0.3),
            "f1": difference(0.2222, -0.05, 0.48, 0.1),
        },
        "PERSON": {
            "precision": difference(0.0, 0.0, 0.0, 1.0),
            "recall": difference(-0.3334, -0.6, -0.1),
            "f1": difference(-0.1714, -0.4, -0.02, 0.03),
        },
    },
}
UNCLEAR = COMPARISON | {
    "sentences": 4,
    "outcome": "unclear",
    "told": "No difference can be told from 4 sentences: F1 +24.4 points (95 % interval −20.0 to +66.7)",
    "differences": COMPARISON["differences"] | {"f1": difference(0.2444, -0.2, 0.667, 0.5)},
}


def original(**changes: Any) -> dict[str, Any]:
    return version(0, sentences=0, f1=0.5556, accuracy=0.81, in_service=True, original=True) | changes


def version(number: int, **changes: Any) -> dict[str, Any]:
    made = {"number": number, "created": "2026-11-25T14:00:00+00:00", "sentences": 16, "dev": 4, "f1": 0.8}
    return made | {"accuracy": 0.92, "in_service": False, "original": False} | changes


def epoch(number: int, **changes: Any) -> dict[str, Any]:
    best = number <= 6  # from then on it gets worse
    dev = round(0.8 - 0.6 * 0.6**number, 4) if best else 0.74
    return {
        "epoch": number,
        "loss": round(2.4 * 0.75**number, 4),
        "dev_loss": round(2 * 0.8**number, 4),
        "dev": dev,
        "best": best,
        "seconds": 1.2,
    } | changes


class FakeTraining:
    """The state of labeling and training, and the open streams of events."""

    def __init__(self) -> None:
        self.labeling: dict[str, Any] | None = {
            "labels": ["LOCATION", "PERSON"],
            "layer": "ner",
            "other_layers": [],
            "borrowed": [],
            "gives_spans": True,
            "model": {"name": "demo", "version": "abc"},
            "counts": {"waiting": 12, "accepted": 20, "skipped": 1, "held_out": 4, "predicted": 0},
            "scored": 12,
            "formats": ["conll", "conllu", "csv", "jsonl"],
        }
        self.run: dict[str, Any] | None = None
        self.versions = [original()]
        self.lender: str | None = None  # what training begins with where there is no model
        self.ready, self.hint = True, ""
        self.comparison = COMPARISON
        self.refused = ""  # why no versions are compared, and there is no report
        self.asked: list[tuple[str, Any]] = []  # what was changed through the API, and what was compared
        self.streams: list[asyncio.Queue[bytes | None]] = []
        self.opened = 0  # streams so far
        self.server: uvicorn.Server | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    # What tests call.

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        app = Guards(make_app(self), Limits(), Metrics())
        config = uvicorn.Config(
            app, port=self.port, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)

    def stop(self) -> None:
        self.break_streams()
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()

    def wait_for_streams(self, opened: int) -> None:
        """Wait until so many streams have been opened, all in all, and one is open."""
        deadline = time.monotonic() + 20
        while self.opened < opened or not self.streams:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.01)

    def begin(self, **changes: Any) -> None:
        """Let a run be under way."""
        started = {"number": 1, "state": "running", "started": "2026-11-25T14:00:00+00:00", "seconds": 3.0}
        sizes = {"train": 16, "dev": 4, "predicted": 0, "corpus": 0, "measure": "F1", "of_epochs": 8}
        empty = {"epochs": [], "progress": 0.0, "messages": [], "problem": "", "before": None, "after": None}
        empty["comparison"] = None
        self.run = {**started, **sizes, **empty, **changes}

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Send an event to whoever listens, and remember it as a server would."""
        if event == "epoch":
            self.run["epochs"].append(data)
        elif event == "progress":
            self.run["progress"] = data["progress"]
        elif event == "message":
            self.run["messages"].append(data["text"])
        self._send(as_event(event, data))

    def end(self, state: str, **changes: Any) -> None:
        """End the run; if it is done, a version waits."""
        self.run |= {"state": state, "seconds": 12.3, "progress": 1.0} | changes
        if state == "done":
            self.run |= {"after": SCORES["after"] | {"types": TYPES["after"]}} | changes
            if self.versions:
                comparison = COMPARISON | {"sentences": self.run["dev"]}
                self.run |= {
                    "before": SCORES["before"] | {"types": TYPES["before"]},
                    "comparison": comparison,
                } | changes
            self.versions.append(version(self.run["number"]))
        self._send(as_event("end", self.training()))
        self.break_streams()

    def break_streams(self) -> None:
        """End all streams without a word, as a server that goes down does."""
        self._send(None)

    # What the API answers.

    def training(self) -> dict[str, Any]:
        serving = next((own["number"] for own in self.versions if own["in_service"]), None)
        return {
            "run": self.run, "versions": self.versions, "start": self.lender, "in_service": serving,
            "ready": self.ready, "hint": self.hint,
        }  # fmt: skip

    def serve_version(self, number: int) -> None:
        for own in self.versions:
            own["in_service"] = own["number"] == number

    def _send(self, block: bytes | None) -> None:
        for queue in list(self.streams):
            self.loop.call_soon_threadsafe(queue.put_nowait, block)

    async def events(self) -> AsyncIterator[bytes]:
        self.loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.streams.append(queue)
        self.opened += 1
        try:
            yield as_event("state", self.training())
            if self.run and self.run["state"] == "running":
                while block := await queue.get():
                    yield block
        finally:
            self.streams.remove(queue)


def as_event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def make_app(fake: FakeTraining) -> FastAPI:
    app = FastAPI()
    for name, folder in VIEWS.items():
        app.mount(f"/page/{name}", StaticFiles(directory=folder))
    app.mount("/page", StaticFiles(directory=PAGE))

    @app.get("/")
    def page():
        return FileResponse(PAGE / "index.html")

    @app.get("/v1/labeling")
    def labeling():
        if fake.labeling is None:
            return refusal(409, "no_labeling", "This model has several layers; labeling needs one.")
        return fake.labeling

    @app.get("/v1/labeling/export")
    def export(format: str):
        headers = {"content-disposition": f'attachment; filename="accepted.{format}"'}
        return Response(f"in {format}\n", headers=headers, media_type=f"application/{format}")

    _add_training(app, fake)
    return app


def _add_training(app: FastAPI, fake: FakeTraining) -> None:
    @app.get("/v1/training")
    async def training():
        return fake.training()

    @app.post("/v1/training", status_code=202)
    async def train(request: Request):
        fake.asked.append(("train", await request.json()))
        if fake.run and fake.run["state"] == "running":
            return refusal(409, "running", "A run is under way already.")
        fake.begin(number=1 + (fake.run["number"] if fake.run else 0))
        return fake.training()

    @app.post("/v1/training/cancel")
    async def cancel():
        fake.asked.append(("cancel", None))
        fake.end("canceled")
        return fake.training()

    @app.get("/v1/training/events")
    async def events():
        return StreamingResponse(fake.events(), media_type="text/event-stream")

    _add_versions(app, fake)


def _add_versions(app: FastAPI, fake: FakeTraining) -> None:
    @app.get("/v1/training/comparison")
    async def compare(old: int, new: int):
        fake.asked.append(("compare", (old, new)))
        if fake.refused:
            return refusal(409, "busy", fake.refused)
        sides = {name: SCORES[name] | {"types": TYPES[name]} for name in ("before", "after")}
        return {"old": old, "new": new, **sides, "comparison": fake.comparison}

    @app.get("/v1/training/versions/{number}/report")
    async def report(number: int, against: int | None = None):
        fake.asked.append(("report", (number, against)))
        if fake.refused:
            return refusal(409, "busy", fake.refused)
        return Response(f"<!DOCTYPE html><title>Version {number}</title>", media_type="text/html")

    @app.post("/v1/versions/{number}")
    async def put_in_service(number: int):
        fake.asked.append(("serve", number))
        fake.serve_version(number)
        return fake.training()

    @app.delete("/v1/versions/{number}")
    async def throw_away(number: int):
        fake.asked.append(("throw away", number))
        fake.versions = [own for own in fake.versions if own["number"] != number]
        return fake.training()


def refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
