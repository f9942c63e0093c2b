"""The documentation names only files that exist, and shows the packages in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from test_import_order import ORDER

ROOT = Path(__file__).parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "results/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("README.md")),
]
NAMED = re.compile(r"`((?:benchmarks|tests|src|docs|results)/[\w./]+\.\w+)`")
LINKED = re.compile(r"\]\(([\w./-]+\.md)?(?:#([\w-]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CHAIN = re.compile(r"\w+(?: ──► \w+)+")


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


def test_the_picture_shows_the_packages_in_the_order_of_their_imports():
    picture = FENCED.search(ARCHITECTURE.read_text("utf-8"))
    assert picture
    assert tuple(" ──► ".join(CHAIN.findall(picture.group())).split(" ──► ")) == ORDER


def test_the_tables_stand_in_the_order_of_imports():
    tables = re.findall(r"^\| `(\w+)/` \|", ARCHITECTURE.read_text("utf-8"), re.MULTILINE)
    assert tuple(tables) == ORDER
