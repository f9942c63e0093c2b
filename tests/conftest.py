"""Put ``tests/`` itself on the import path, so that any test can import the plain references there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config: pytest.Config) -> None:
    """Let one warning of Keras's own pass: its ``__array__`` does not know NumPy 2's ``copy`` yet."""
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras.src.backend",
    )
