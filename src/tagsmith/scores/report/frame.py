"""The frame of a page: one file that holds its styles, scripts and data, and asks no network for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

from tagsmith.errors import visible

_ASSETS = resources.files("tagsmith.scores.report") / "page"
_ROW = ' scope="row"'
_LONE = re.compile("[\ud800-\udfff]")  # half of a surrogate pair, which no file of UTF-8 can hold
_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
$body
$scripts</body>
</html>
""")


def page(title: str, body: str, *, styles: Sequence[str] = (), scripts: Sequence[str] = (), data: Any = None) -> str:
    """Return a whole page. ``styles`` and ``scripts`` are files beside the style that all pages share.

    The scripts become one module. It finds ``data`` as JSON in the element with the id ``data``. The page's own policy
    lets no other script run, and nothing be fetched, whatever the data hold.
    """
    script = "\n" + "\n".join(map(_asset, scripts)) if scripts else ""
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"'sha256-{hashed}'" if scripts else "'none'"
    parts = [f'<script type="application/json" id="data">{_json(data)}</script>\n'] if data is not None else []
    parts += [f'<script type="module">{script}</script>\n'] if scripts else []
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'; form-action 'none'"
    return _PAGE.substitute(
        policy=policy,
        title=text(title),
        style="\n".join(map(_asset, ("style.css", *styles))),
        body=body,
        scripts="".join(parts),
    )


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


def _json(data: Any) -> str:
    """Write JSON that can stand in a script: no ``<`` can end it or begin a comment."""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return _LONE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


def text(value: str) -> str:
    """Escape text for HTML; control characters are shown as escapes, except for line feeds."""
    return "\n".join(escape(visible(_LONE.sub("\ufffd", line))) for line in value.split("\n"))


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1, kind: str = ""
) -> str:
    """Return a table that scrolls by itself where it is too wide.

    The caption is text, columns and cells are HTML. The first ``names`` columns hold text; the first heads its row.
    """

    def cell(tag: str, number: int, content: str, scope: str = "") -> str:
        kind = ' class="text"' if number < names else ""
        return f"<{tag}{scope}{kind}>{content}</{tag}>"

    head = "".join(cell("th", number, name, ' scope="col"') for number, name in enumerate(columns))
    body = "\n".join(
        f"<tr>{cell('th', 0, row[0], _ROW)}{''.join(cell('td', n, one) for n, one in enumerate(row[1:], 1))}</tr>"
        for row in rows
    )
    named, caption = f' class="{kind}"' if kind else "", text(caption)
    return (
        f'<div class="table" tabindex="0" role="group" aria-label="{caption}">\n<table{named}>\n'
        f"<caption><span>{caption}</span></caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def percent(share: float, digits: int = 1) -> str:
    """Write a fraction of 1 in percent.

    >>> percent(0.12345)
    '12.3'
    """
    return f"{100 * share:.{digits}f}"


def bar(share: float, shown: str) -> str:
    """Draw a fraction of 1 as a bar in front of what is shown for it."""
    return f'<span class="bar"><i style="width:{100 * share:.1f}%"></i></span><span class="of">{shown}</span>'
