"""``docs/tutorial.md`` prints what it says it prints.

The page's ``python`` blocks run in order in one namespace. A ``text`` block after one is its exact output; a
block marked ``text jax`` or ``text tensorflow`` is the output on that backend, compared with every number
blanked out (training's numbers depend on the backend's random numbers and on the processor).
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from tagsmith.network.backend import keras

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BACKENDS = ("jax", "tensorflow")


def steps(page: str) -> list[tuple[str, dict[str, str]]]:
    """Return each python block with the outputs shown below it, by backend; "" is for any backend."""
    blocks: list[tuple[str, dict[str, str]]] = []
    for match in BLOCK.finditer(page):
        language, backend, text = match.groups()
        if language == "python":
            blocks.append((text, {}))
        elif language == "text":
            blocks[-1][1][backend or ""] = text
    return blocks


def without_numbers(text: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", text)


def test_every_block_has_its_output_for_each_backend():
    for code, shown in steps(PAGE.read_text(encoding="utf-8")):
        assert set(shown) in ({""}, set(BACKENDS)), code
        assert all(text.strip() for text in shown.values()), code


@pytest.mark.slow
def test_the_page_prints_what_it_shows(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")  # the width of Keras's summary
    keras.utils.clear_session()  # layers are named as in a fresh session
    namespace: dict[str, object] = {}
    for code, shown in steps(PAGE.read_text(encoding="utf-8")):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(PAGE), "exec"), namespace)
        lines = "\n".join(line.rstrip() for line in printed.getvalue().splitlines()) + "\n"
        if "" in shown:
            assert lines == shown[""]
        else:
            backend = keras.backend.backend()
            assert without_numbers(lines) == without_numbers(shown.get(backend, shown["jax"]))
