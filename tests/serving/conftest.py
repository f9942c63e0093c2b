"""A server on a real socket, in a thread; its models have random weights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from random_model import LAYERS, random_layers_model, random_model
from tagsmith.data.schemes import Scheme
from tagsmith.runtime.model_folder import write_model
from tagsmith.serving.app import create_app
from tagsmith.serving.limits import Limits
from tagsmith.serving.server import Server, configure

Serve = Callable[..., str]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a model for names, one for parts of speech, and one of several layers."""
    folder = tmp_path_factory.mktemp("models")
    # In float32: in 8 bits the scores of a sentence depend a little on what else is in the call.
    write_model(replace(random_model(), precision="float32"), folder / "ner")
    write_model(random_model(scheme=Scheme.PLAIN, labels=("NOUN", "VERB")), folder / "pos")
    write_model(random_layers_model(layers=LAYERS), folder / "all")
    return {name: folder / name for name in ("ner", "pos", "all")}


@pytest.fixture(scope="module")
def serve(models: dict[str, Path]) -> Iterator[Serve]:
    """Start a server with these options; return its address. It is stopped after the module's tests."""
    running: list[tuple[Server, threading.Thread]] = []

    def start(folders: dict[str, Path] | None = None, limits: Limits | None = None, **options: object) -> str:
        ports: list[int] = []
        limits = limits or Limits()
        app = create_app(models if folders is None else folders, limits, **options)
        server = Server(configure(app, "127.0.0.1", 0, limits), ports.append)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + 20
        while not ports:
            assert thread.is_alive(), "the server ended"
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{ports[0]}"

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join(20)
        assert not thread.is_alive(), "the server does not stop"


@pytest.fixture(scope="module")
def address(serve: Serve) -> str:
    """A server with the usual limits."""
    return serve()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=address, timeout=20) as client:
        yield client
