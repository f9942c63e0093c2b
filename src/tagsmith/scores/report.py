"""HTML report of scores: one self-contained page without scripts, fonts or links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from string import Template

from tagsmith.scores.scores import FIGURES, Scores, TypeScores

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --line: #8884; --bar: #2a7de1; --soft: #8888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 58rem; margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; }
.figure { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1.1rem; }
.figure b { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
td.f1 { width: 30%; }
.bar { display: inline-block; width: 60%; height: .7rem; border-radius: .35rem; background: var(--line); }
.bar i { display: block; height: 100%; border-radius: inherit; background: var(--bar); }
tr.all { font-weight: 600; }
.table { overflow-x: auto; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>$title</h1>
$sections
<h2>Settings</h2>
<dl>
$settings
</dl>
</body>
</html>
""")
_SECTION = Template("""\
<div class="figures">
$figures
</div>
<div class="table">
<table>
<thead>
<tr><th>label</th><th>precision</th><th>recall</th><th>F1</th><th>in the data</th><th>found</th><th>correct</th></tr>
</thead>
<tbody>
$rows
</tbody>
</table>
</div>""")


def html_report(scores: Scores, settings: Mapping[str, str], title: str = "Evaluation") -> str:
    """Format scores as an HTML page, in percent, with a section for each layer if several were scored.

    ``settings``, name → value, say how the scores were made.

    Examples
    --------
    >>> from tagsmith.scores.scores import score_tags
    >>> "<td>A&amp;B</td>" in html_report(score_tags([["B-A&B"]], [["O"]]), {"model": "m"})
    True
    """
    sections = [f"<h2>{escape(layer)}</h2>\n{_section(layer_scores)}" for layer, layer_scores in scores.layers.items()]
    return _PAGE.substitute(
        title=escape(title),
        sections="\n".join(sections or [_section(scores)]),
        settings="\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in settings.items()),
    )


def _section(scores: Scores) -> str:
    """Format the figures and the table of one layer."""
    figures = {
        "F1": f"{100 * scores.f1:.2f}",
        "precision": f"{100 * scores.precision:.2f}",
        "recall": f"{100 * scores.recall:.2f}",
        **{name: f"{100 * getattr(scores, field):.2f}" for name, field in FIGURES.items()},
        "tokens": f"{scores.tokens:,}",
    }
    rows = [
        *(_counted_row(label, label_scores) for label, label_scores in scores.types.items()),
        _counted_row("all (micro)", scores, "all"),
        _row("mean of labels (macro)", scores.macro_precision, scores.macro_recall, scores.macro_f1),
    ]
    return _SECTION.substitute(
        figures="\n".join(f'<div class="figure"><b>{value}</b>{name}</div>' for name, value in figures.items()),
        rows="\n".join(rows),
    )


def _counted_row(name: str, scores: TypeScores, kind: str = "label") -> str:
    counts = [f"{count:,}" for count in (scores.support, scores.found, scores.correct)]
    return _row(name, scores.precision, scores.recall, scores.f1, counts, kind)


def _row(
    name: str, precision: float, recall: float, f1: float, counts: Sequence[str] = ("", "", ""), kind: str = "label"
) -> str:
    bar = f'<span class="bar"><i style="width: {100 * f1:.1f}%"></i></span>'
    cells = [
        f"<td>{escape(name)}</td><td>{100 * precision:.2f}</td><td>{100 * recall:.2f}</td>",
        f'<td class="f1">{bar} {100 * f1:.2f}</td>',
        *(f"<td>{count}</td>" for count in counts),
    ]
    return f'<tr class="{kind}">{"".join(cells)}</tr>'
