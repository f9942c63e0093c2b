"""Options of readers and writers for one layer, as tests state them."""

from __future__ import annotations

from typing import Any

from tagsmith.formats.options import WriteOptions
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme


def write_options(layer: str | None = None, scheme: Scheme = Scheme.IOB2, **others: Any) -> WriteOptions:
    """Write this layer; without one, the only one of the data."""
    return WriteOptions(layers=() if layer is None else (Layer(layer, scheme),), **others)
