"""The documentation names only files that are there, and leaves no gaps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "benchmarks").rglob("README.md"))]
NAMED = re.compile(r"`((?:benchmarks|tests|src|docs|results)/[\w./]+\.\w+)`")
LINKED = re.compile(r"\]\(([\w./-]+\.md)(?:#[\w-]+)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_and_linked_files_exist(page: Path):
    text = page.read_text("utf-8")
    missing = [name for name in NAMED.findall(text) if not (ROOT / name).exists()]
    missing += [name for name in LINKED.findall(text) if not (page.parent / name).exists()]
    assert not missing
    assert not re.search(r"\b[A-Z]+_TABLE\b", text), "a table is missing"
