"""``docs/english.md`` shows what its commands and code print; so does the README where it tags with ``en``.

Run this file to print them anew, as after a new version of the model.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

import processes
from tagsmith.cli import demo
from tagsmith.tagging.tagger import load

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs" / "english.md", ROOT / "README.md")
CONSOLE = re.compile(r"(?<=```console\n)(\$ echo .* \| tagsmith \w+ en.*\n)(?:(?!\$ |```).*\n)*")
DEMO = re.compile(r"(<!-- tests/cli/test_english_page.py prints it -->\n\n```text\n)(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def printed_anew(page: str, folder: Path, *, python: bool = True) -> str:
    """Run the commands with ``en``, and the code, in a folder; return the page with what they print now."""
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    names: dict[str, object] = {}

    def command(match: re.Match[str]) -> str:
        shell = ("sh", "-c", match[1][2:])
        done = processes.run(shell, cwd=folder, env=variables, capture_output=True, text=True, check=True, timeout=60)
        return match[1] + done.stdout.rstrip("\n") + "\n"

    def code(match: re.Match[str]) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(match[1], names)
        return f"```python\n{match[1]}```\n\n```text\n{stream.getvalue()}```"

    page = DEMO.sub(lambda match: f"{match[1]}{demo_sentences()}```", CONSOLE.sub(command, page))
    return PYTHON.sub(code, page) if python else page


def without_numbers(page: str) -> str:
    """Leave out probabilities: in 8 bits they differ a little between processors."""
    return re.sub(r"\b[01]\.\d\d\b|\d+ %", "#", page)


def demo_sentences() -> str:
    """What ``tagsmith demo`` prints first, but for its remark."""
    lines: list[str] = []
    demo._show_spans(lines.append, load(demo.READY))
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_the_page_shows_what_is_printed(tmp_path, monkeypatch):
    pytest.importorskip("spacy")
    monkeypatch.chdir(tmp_path)
    page = PAGES[0].read_text("utf-8")
    assert len(CONSOLE.findall(page)) == len(PYTHON.findall(page)) == 2
    assert without_numbers(printed_anew(page, tmp_path)) == without_numbers(page)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the command is for a POSIX shell")
def test_the_readme_shows_what_is_printed(tmp_path):
    page = PAGES[1].read_text("utf-8")
    assert len(CONSOLE.findall(page)) == len(DEMO.findall(page)) == 1
    assert without_numbers(printed_anew(page, tmp_path, python=False)) == without_numbers(page)


def main() -> None:
    """Print what the pages show anew."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for page in PAGES:
            text = page.read_text("utf-8")
            page.write_text(printed_anew(text, Path(folder), python=page.name == "english.md"), "utf-8")


if __name__ == "__main__":
    main()
