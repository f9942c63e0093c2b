"""What ``tagsmith inspect`` found, as sections of facts, tables and problems: on the terminal, and as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tagsmith.errors import visible

if TYPE_CHECKING:
    from rich.console import Console

MOST_ROWS = 200  # of a table of the page


@dataclass(frozen=True)
class View:
    """A table: its columns, the first of text; its rows; and how many of these a terminal shows."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    shown: int = 30
    text_columns: int = 1  # so many at the left hold text, and the others numbers
    title: str = ""
    on_terminal: bool = True


@dataclass(frozen=True)
class Section:
    """A file, a model, or the comparison of several files; ``problems`` is None where none are looked for."""

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    tables: Sequence[View] = ()
    problems: Sequence[str] | None = None


def show(section: Section, console: Console) -> None:
    """Print a section: facts, tables, then problems."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(visible(section.title), style="bold"), soft_wrap=True)
    grid = Table.grid(padding=(0, 2))
    for name, value in section.facts.items():
        grid.add_row(Text(visible(name)), Text(visible(value), overflow="fold"))
    if section.facts:
        console.print(grid)
    for view in section.tables:
        if view.on_terminal and view.rows:
            _show_table(view, console)
    if section.problems is not None:
        for line in section.problems or ["no problems found"]:
            console.print(Text(visible(line)), soft_wrap=True)


def _show_table(view: View, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    if view.title:
        console.print(Text(visible(view.title)), soft_wrap=True)
    table = Table(*map(visible, view.columns), box=None, pad_edge=False)
    for column in table.columns[view.text_columns :]:
        column.justify = "right"
    for row in view.rows[: view.shown]:
        table.add_row(*(Text(visible(cell), overflow="fold") for cell in row))
    if len(view.rows) > view.shown:
        table.add_row(f"… and {len(view.rows) - view.shown:,} more")
    console.print(table)


def html_page(sections: Sequence[Section], version: str, title: str = "A look at the data") -> str:
    """Return one self-contained page, without scripts.

    >>> "<dd>a &amp; b</dd>" in html_page([Section("x", {"words": "a & b"})], "1")
    True
    """
    from tagsmith.scores.report.frame import page

    shown = "\n".join(map(_html_section, sections))
    body = f"<main>\n<h1>{_text(title)}</h1>\n{shown}\n</main>\n<footer><p>tagsmith {_text(version)}</p></footer>"
    return page(title, body)


def _html_section(section: Section) -> str:
    parts = [f"<section>\n<h2>{_text(section.title)}</h2>"]
    if section.facts:
        facts = (f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in section.facts.items())
        parts.append("<dl>\n" + "\n".join(facts) + "\n</dl>")
    if section.problems is not None:
        problems = [_text(line) for line in _blocks(section.problems)] or ["No problems found."]
        kind = ' class="problems"' if section.problems else ""
        parts.append(f"<ul{kind}>\n" + "\n".join(f"<li>{line}</li>" for line in problems) + "\n</ul>")
    parts += [_html_table(view) for view in section.tables if view.rows]
    return "\n".join([*parts, "</section>"])


def _blocks(lines: Sequence[str]) -> list[str]:
    """Join the lines that are indented to the one above."""
    blocks: list[str] = []
    for line in lines:
        if line.startswith(" ") and blocks:
            blocks[-1] += "\n" + line
        else:
            blocks.append(line)
    return blocks


def _html_table(view: View) -> str:
    from tagsmith.scores.report.frame import table

    rows = [tuple(map(_text, cells)) for cells in view.rows[:MOST_ROWS]]
    if len(view.rows) > MOST_ROWS:
        rows.append((f"… and {len(view.rows) - MOST_ROWS:,} more", *[""] * (len(view.columns) - 1)))
    title = view.title or ", ".join(view.columns)
    kind = "" if view.title else "plain"
    return table(title, tuple(map(_text, view.columns)), rows, names=view.text_columns, kind=kind)


def _text(value: str) -> str:
    from tagsmith.scores.report.frame import text

    return text(value)
