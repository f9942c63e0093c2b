"""Servers on real sockets, in threads; their models have random weights."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from starlette.types import ASGIApp

from random_model import LAYERS, random_layers_model, random_model
from tagsmith.labeling.desk import LabelingProject
from tagsmith.labeling.extension import open_labeling, without_labeling
from tagsmith.model.folder import write_model
from tagsmith.serving.app import create_app
from tagsmith.serving.limits import Limits
from tagsmith.serving.models import Models
from tagsmith.serving.server import Server, configure, listen
from tagsmith.text.schemes import Scheme


def write_models(folder: Path) -> dict[str, Path]:
    """Write a model for names, one for parts of speech, and one of several layers; return their folders."""
    # In float32: in 8 bits the scores of a sentence depend a little on what else is in the call.
    write_model(replace(random_model(), precision="float32"), folder / "ner")
    write_model(random_model(scheme=Scheme.PLAIN, labels=("NOUN", "VERB")), folder / "pos")
    write_model(random_layers_model(layers=LAYERS), folder / "all")
    return {name: folder / name for name in ("ner", "pos", "all")}


class Servers:
    """Starts servers and stops them.

    Parameters
    ----------
    models
        Folders of the models that a server has unless told otherwise.
    """

    def __init__(self, models: dict[str, Path]) -> None:
        self.models = models
        self.running: dict[str, tuple[Server, threading.Thread]] = {}

    def __call__(
        self,
        folders: dict[str, Path] | None = None,
        limits: Limits | None = None,
        labeling: LabelingProject | None = None,
        **options: object,
    ) -> str:
        """Start a server with these options; return its address."""
        limits = limits or Limits()
        folders = self.models if folders is None else folders
        if labeling is None:
            models, extension = Models(folders, limits), without_labeling()
        else:
            models, extension = open_labeling(folders, labeling, limits)
        return self.run(create_app(models, extension=extension, **options), limits)

    def run(self, app: ASGIApp, limits: Limits) -> str:
        """Run an application; return its address."""
        ports: list[int] = []
        server = Server(configure(app, "127.0.0.1", 0, limits), ports.append)
        thread = threading.Thread(target=server.run, args=(listen("127.0.0.1", 0),))
        thread.start()
        deadline = time.monotonic() + 20
        while not ports:
            assert thread.is_alive(), "the server ended"
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)
        address = f"http://127.0.0.1:{ports[0]}"
        self.running[address] = server, thread
        return address

    def stop(self, *addresses: str) -> None:
        """Stop servers."""
        stopped = [self.running.pop(address) for address in addresses]
        for server, _ in stopped:
            server.should_exit = True
        for _, thread in stopped:
            thread.join(20)
            assert not thread.is_alive(), "the server does not stop"
