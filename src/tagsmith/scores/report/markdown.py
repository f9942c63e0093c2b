"""The little Markdown that model cards have, as HTML: headings, paragraphs, lists, tables, code. Text stays text."""

from __future__ import annotations

import re
from collections.abc import Callable

from tagsmith.scores.report.frame import table, text

_FENCE = re.compile(r"^\s*(```|~~~)")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_RULE = re.compile(r"^\s*\|[\s:|-]+\|\s*$")
_INLINE = re.compile(
    r"(`+)(?P<code>.+?)\1|\*\*(?P<strong>.+?)\*\*|\*(?P<em>\S(?:.*?\S)?)\*"
    r"|\[(?P<link>[^\]]+)\]\((?P<address>[^()\s]+)\)|\\(?P<escaped>[\\`*\[\]<|])"
)


def from_markdown(markdown: str, level: int) -> str:
    r"""Return HTML in which the first level of headings is ``level``.

    >>> from_markdown("# A *b*\n\n- `<i>`", 3)
    '<h3>A <em>b</em></h3>\n<ul><li><code>&lt;i&gt;</code></li></ul>'
    """
    lines, made = markdown.splitlines(), []
    while lines:
        if lines[0].strip():
            made.append(_block(lines, level))
        else:
            del lines[0]
    return "\n".join(made)


def _block(lines: list[str], level: int) -> str:
    """Take the next block from the lines."""
    if _FENCE.match(lines[0]):
        del lines[0]
        taken = _while(lines, lambda line: not _FENCE.match(line))
        del lines[:1]
        return f'<pre tabindex="0"><code>{text(chr(10).join(taken))}</code></pre>'
    if heading := _HEADING.match(lines[0]):
        del lines[0]
        own = min(6, level + len(heading[1]) - 1)
        return f"<h{own}>{_inline(heading[2])}</h{own}>"
    if _ITEM.match(lines[0]):
        return _list(lines)
    if _ROW.match(lines[0]) and len(lines) > 1 and _RULE.match(lines[1]):
        named = lines[0].strip(" |").replace("|", ",")
        head, _, *rows = map(_cells, _while(lines, lambda line: bool(_ROW.match(line))))
        padded = [[*row, *[""] * (len(head) - len(row))][: len(head)] for row in rows]
        return table(f"Table: {named}", head, padded, kind="plain")
    taken = [lines.pop(0), *_while(lines, lambda line: bool(line.strip()) and not _begins(line))]
    return f"<p>{_inline(' '.join(taken))}</p>"


def _begins(line: str) -> bool:
    return any(pattern.match(line) for pattern in (_FENCE, _HEADING, _ITEM, _ROW))


def _list(lines: list[str]) -> str:
    tag = "ul" if (first := _ITEM.match(lines[0])) is None or first[1] is None else "ol"
    items: list[str] = []
    while lines and lines[0].strip():
        item = _ITEM.match(lines[0])
        if item is None and _begins(lines[0]):
            break
        line = lines.pop(0)
        items.append(item[2] if item else f"{items.pop()} {line.strip()}")  # a line without a bullet goes on
    return f"<{tag}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{tag}>"


def _cells(line: str) -> list[str]:
    inner = line.strip()[1:-1].replace("\\|", "\0")
    return [_inline(cell.replace("\0", "|").strip()) for cell in inner.split("|")]


def _while(lines: list[str], wanted: Callable[[str], bool]) -> list[str]:
    taken = []
    while lines and wanted(lines[0]):
        taken.append(lines.pop(0))
    return taken


def _inline(markdown: str) -> str:
    made, done = [], 0
    for match in _INLINE.finditer(markdown):
        made += [text(markdown[done : match.start()]), _element(match)]
        done = match.end()
    return "".join([*made, text(markdown[done:])])


def _element(match: re.Match[str]) -> str:
    if match["escaped"] is not None:
        return text(match["escaped"])
    for group, tag in (("code", "code"), ("strong", "strong"), ("em", "em")):
        if match[group] is not None:
            return f"<{tag}>{text(match[group])}</{tag}>"
    # Only addresses of the web become links: "javascript:" in a card must not run.
    if not re.match(r"https?:", match["address"], re.IGNORECASE):
        return text(match[0])
    return f'<a href="{text(match["address"])}" rel="noopener noreferrer">{text(match["link"])}</a>'
