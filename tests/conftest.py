"""Put ``tests/`` itself on the import path, so that any test can import the plain references there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import httpx

    from running_servers import Servers

sys.path.insert(0, str(Path(__file__).parent))
import search_budget  # noqa: F401  (registers the profiles)

settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Let one warning of Keras's own pass: its ``__array__`` does not know NumPy 2's ``copy`` yet."""
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend",
    )


@pytest.fixture
def corpora() -> Path:
    """The folder of real corpora; without it the test is skipped."""
    folder = os.environ.get("TAGSMITH_DATA")
    if not folder:
        pytest.skip("TAGSMITH_DATA does not name a folder of corpora")
    return Path(folder)


@pytest.fixture
def file(tmp_path):
    """Make a file of text or bytes, by name."""

    def make(content: str | bytes, name: str = "data.conll") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of models with random weights, by name."""
    from running_servers import write_models

    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def serve(models: dict[str, Path]) -> Iterator[Servers]:
    """Start a server with these options; those still running are stopped after the module's tests."""
    from running_servers import Servers

    servers = Servers(models)
    yield servers
    servers.stop(*servers.running)


@pytest.fixture(scope="module")
def address(serve: Servers) -> str:
    """A server with the usual limits."""
    return serve()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A client of that server."""
    import httpx

    with httpx.Client(base_url=address, timeout=20) as client:
        yield client
