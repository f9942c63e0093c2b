"""What ``tagsmith inspect`` found, as sections of facts, tables and problems: on the terminal, and as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from string import Template
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


_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #666; --warn: #d98b00; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 58rem; margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(min-content, max-content) 1fr; gap: .2rem 1.5rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .5rem 0 .2rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th.text, td.text { text-align: left; overflow-wrap: break-word; }
ul.problems { list-style: none; padding: 0; }
ul.problems li { border-left: .3rem solid var(--warn); margin: .5rem 0; padding: .1rem .8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { :root { --soft: #aaa; } }
@media print { body { max-width: none; margin: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
</style>
</head>
<body>
<h1>$title</h1>
$sections
<p>tagsmith $version</p>
</body>
</html>
""")


def html_page(sections: Sequence[Section], version: str, title: str = "A look at the data") -> str:
    """Return one self-contained page, without scripts.

    >>> "<dd>a &amp; b</dd>" in html_page([Section("x", {"words": "a & b"})], "1")
    True
    """
    return _PAGE.substitute(
        title=escape(title), sections="\n".join(map(_html_section, sections)), version=escape(version)
    )


def _html_section(section: Section) -> str:
    parts = [f"<section>\n<h2>{escape(visible(section.title))}</h2>"]
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
    def row(cells: Sequence[str], tag: str) -> str:
        opened = [f'<{tag} class="text">' if number < view.text_columns else f"<{tag}>" for number in range(len(cells))]
        written = (f"{start}{_text(cell)}</{tag}>" for start, cell in zip(opened, cells, strict=True))
        return f"<tr>{''.join(written)}</tr>"

    rows = [row(cells, "td") for cells in view.rows[:MOST_ROWS]]
    if len(view.rows) > MOST_ROWS:
        rows.append(row([f"… and {len(view.rows) - MOST_ROWS:,} more"], "td"))
    caption = f"<caption>{_text(view.title)}</caption>\n" if view.title else ""
    head = row(view.columns, "th")
    body = "\n".join(rows)
    table = f"<table>\n{caption}<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    return f'<div class="table" tabindex="0">\n{table}\n</div>'


def _text(value: str) -> str:
    """Text as HTML; control characters are shown as escapes, except for line feeds."""
    return "\n".join(escape(visible(line)) for line in value.split("\n"))
