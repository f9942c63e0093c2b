"""The code and the commands of ``docs/keras.md`` run, in order, and print what it shows."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path

import pytest

import processes

PAGE = Path(__file__).parents[2] / "docs" / "keras.md"
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?|```console\n(.*?)```", re.DOTALL)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the command is for a POSIX shell")
def test_the_page_shows_what_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names: dict[str, object] = {}
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) == 6
    for code, expected, console in blocks:
        if code:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, names)
            assert printed.getvalue() == expected
        else:
            command, _, expected = console.removeprefix("$ ").partition("\n")
            done = processes.run(
                command, shell=True, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
            )
            assert done.stdout.strip() == expected.strip(), done.stderr
