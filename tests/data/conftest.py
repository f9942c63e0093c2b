from __future__ import annotations

import os
from pathlib import Path

import pytest


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
