"""The documentation names only files that exist, leaves no gaps, and keeps its lines short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "results/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("README.md")),
]
NAMED = re.compile(r"`((?:benchmarks|tests|src|docs|results)/[\w./]+\.\w+)`")
LINKED = re.compile(r"\]\(([\w./-]+\.md)?(?:#([\w-]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LONGEST_LINE = 120


def anchors(page: Path) -> set[str]:
    """The fragments that lead to the page's headings, as GitHub makes them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_and_linked_files_exist(page: Path):
    text = page.read_text("utf-8")
    missing = [name for name in NAMED.findall(text) if not (ROOT / name).exists()]
    for name, anchor in LINKED.findall(text):
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(f"{name}#{anchor}")
    assert not missing
    assert not re.search(r"\b[A-Z]+_TABLE\b", text), "a table is missing"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_of_prose_are_short(page: Path):
    prose = FENCED.sub("", page.read_text("utf-8")).splitlines()
    assert not [line for line in prose if len(line) > LONGEST_LINE and not line.startswith("|")]
