"""Nothing that tagsmith does speaks to another machine unless it is asked to, and nothing is kept but in its own cache.

A library loaded before the C library (``watched_network.c``) writes down and refuses every name lookup, connection and
packet that would leave this machine, whatever language asks for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

import processes
from random_model import random_model
from tagsmith.model.folder import write_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="needs Linux and a C compiler"),
]


class Watched:
    """Runs programs in a home of their own and tells what they asked of the network."""

    def __init__(self, folder: Path) -> None:
        library, self.log, self.home = folder / "watched.so", folder / "asked", folder / "home"
        self.folder = folder
        source = Path(__file__).with_name("watched_network.c")
        processes.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.home.mkdir()
        kept = {
            key: value
            for key, value in os.environ.items()
            if key not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        }
        self.environment = {
            **kept, "LD_PRELOAD": str(library), "WATCHED_NETWORK": str(self.log), "HOME": str(self.home)
        }  # fmt: skip

    def started(self, *arguments: object) -> AbstractContextManager[subprocess.Popen]:
        """Start Python with these arguments."""
        return processes.started(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: object) -> str:
        """Run Python with these arguments and return what it prints."""
        with self.started(*arguments) as process:
            out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return out

    def asked(self) -> list[str]:
        """What was asked of other machines."""
        return self.log.read_text("utf-8").splitlines() if self.log.exists() else []

    def kept(self) -> set[str]:
        """The folders below the home that programs made."""
        return {str(path.relative_to(self.home)) for path in self.home.glob(".cache/*")}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_the_watch_sees_lookups_connections_and_packets(watched: Watched):
    code = """
import socket
for ask in (
    lambda: socket.getaddrinfo("example.org", 443),
    lambda: socket.create_connection(("192.0.2.1", 443)),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.2", 53)),
):
    try:
        ask()
    except OSError:
        continue
    raise SystemExit("was let through")
"""
    watched.run("-c", code)
    assert watched.asked() == ["lookup example.org", "connect 192.0.2.1", "sendto 192.0.2.2"]


def test_training_evaluating_and_tagging_ask_nothing(watched: Watched):
    from tagsmith.sample import sample_path

    train, dev = (sample_path(part) for part in ("train", "dev"))
    quick = ("--set=epochs=1", "--set=units=8", "--set=characters=none")
    watched.run("-m", "tagsmith", "train", train, "--dev", dev, "--out", "model", *quick)
    watched.run("-m", "tagsmith", "evaluate", "model", dev)
    (watched.folder / "text").write_text("Ada lives in Rome.\n", "utf-8")
    assert "Rome" in watched.run("-m", "tagsmith", "tag", "model", "text")
    watched.run("-c", "import tagsmith; print(tagsmith.load('model').tag([['Ada']]))")
    assert "Rome\tB-LOCATION" in watched.run("-m", "tagsmith", "tag", "en", "text")
    assert watched.asked() == []
    assert watched.kept() <= {".cache/tagsmith", ".cache/matplotlib", ".cache/fontconfig"}


def test_serving_asks_nothing(watched: Watched):
    write_model(random_model(), watched.folder / "model")
    with watched.started("-m", "tagsmith", "serve", "model", "--port", "0", "--labeling", "labels") as process:
        assert process.stderr
        address = next(word for word in process.stderr.readline().split() if word.startswith("http"))
        with httpx.Client(base_url=address, timeout=30) as client:
            assert client.post("/v1/tag", json={"text": "Ada lives in Rome."}).status_code == 200
            assert client.post("/v1/labeling/sentences", json={"text": "Ada left."}).is_success
            assert client.get("/").status_code == client.get("/openapi.json").status_code == 200
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert watched.asked() == []
    assert watched.kept() <= {".cache/tagsmith"}


def test_only_a_model_on_the_hub_asks_the_hub(watched: Watched):
    pytest.importorskip("huggingface_hub")
    code = """
import sys, tagsmith
try:
    tagsmith.load(sys.argv[1])
except tagsmith.ModelError as error:
    print(error)
"""
    write_model(random_model(), watched.folder / "model")
    for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HOME", "HF_TOKEN"):
        watched.environment.pop(name, None)
    assert watched.run("-c", code, "model") == ""
    assert watched.asked() == []
    assert watched.kept() <= {".cache/tagsmith"}
    assert "the Hub cannot be reached" in watched.run("-c", code, "hf://ada/names")
    assert set(watched.asked()) == {"lookup huggingface.co"}
    watched.log.unlink()
    watched.environment["HF_HUB_OFFLINE"] = "1"
    assert "HF_HUB_OFFLINE" in watched.run("-c", code, "hf://ada/names")
    assert watched.asked() == []
