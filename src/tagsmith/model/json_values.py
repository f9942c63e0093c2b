"""JSON from strangers: no value of Python's own extensions, no key twice, and errors of one kind."""

from __future__ import annotations

import json
import math
from typing import Any


def parse_json(content: bytes) -> Any:
    """Parse a JSON file.

    Raises ValueError: it is not JSON, has a key twice in one object, a number that is not finite or has thousands of
    digits, or hundreds of values inside one another.
    """
    try:
        return json.loads(content, object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("it has a key twice")
    return values


def _refuse(constant: str) -> Any:
    raise ValueError(f"it has {constant}, which is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("it has a number that is too large")
    return value
