"""The documentation names only files that exist, leaves none out, and keeps its lines short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

import tagsmith
from tagsmith.cli.app import app
from test_import_order import ORDER

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "tagsmith"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "results/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("README.md")),
    *sorted((ROOT / "models").rglob("README.md")),
]
NAMED = re.compile(r"`((?:benchmarks|tests|src|docs|results)/[\w./]+\.\w+)`")
LINKED = re.compile(r"\]\(([\w./-]+\.md)?(?:#([\w-]+))?\)")
PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w.-]+\.\w+)?|\w+\.py)`")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CHAIN = re.compile(r"\w+(?: ──► \w+)+")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
LONGEST_LINE = 120
COMMANDS = get_command(app).commands
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text("utf-8")


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


@pytest.mark.parametrize("page", [ARCHITECTURE, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_path_leads_to_a_file(page: Path):
    paths = PATH.findall(page.read_text("utf-8"))
    assert len(paths) >= 10
    assert not [path for path in paths if not any((folder / path).exists() for folder in (SOURCE, ROOT))]


def test_a_change_needs_at_most_two_files():
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Where to change what")[2].partition("\n## ")[0]
    requests = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(requests) == 12
    for request, _, files in requests:
        assert len(PATH.findall(files)) <= (3 if request == "| a recurrent cell" else 2), request


def test_the_architecture_names_every_module_in_its_package():
    modules = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if not path.name.startswith("__")}
    assert not modules - set(PATH.findall(ARCHITECTURE.read_text("utf-8")))


def test_the_picture_shows_the_packages_in_the_order_of_their_imports():
    picture = FENCED.search(ARCHITECTURE.read_text("utf-8"))
    assert picture
    assert tuple(" ──► ".join(CHAIN.findall(picture.group())).split(" ──► ")) == ORDER


def test_the_tables_stand_in_the_order_of_imports():
    tables = re.findall(r"^\| `(\w+)/` \|", ARCHITECTURE.read_text("utf-8"), re.MULTILINE)
    assert tuple(tables) == ORDER


def sections(page: str) -> dict[str, str]:
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))


def test_the_command_line_page_describes_each_command():
    assert [name for name in sections(COMMAND_LINE) if name in COMMANDS] == list(COMMANDS)
    assert re.findall(r"^\| \[`(\w+)`\]", COMMAND_LINE, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_options_that_its_section_shows_and_no_others(name: str):
    parameters = COMMANDS[name].params
    options = {option for one in parameters for option in (*one.opts, *one.secondary_opts) if option.startswith("--")}
    text = sections(COMMAND_LINE)
    of_others = re.compile(rf"\btagsmith (?!{name}\b)[^`\n|]*")
    shown, reading = (set(OPTION.findall(of_others.sub("", text[title]))) for title in (name, "Reading options"))
    assert shown <= options
    assert options <= shown | reading


def test_the_python_page_names_every_public_name():
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    assert not [name for name in tagsmith.__all__ if name != "__version__" and not re.search(rf"\b{name}\b", page)]
