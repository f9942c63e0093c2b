"""Tables of scores for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tagsmith.errors import visible
from tagsmith.scores.scores import FIGURES, Scores


def scores_tables(scores: Scores, title: str) -> list[Table]:
    """Return a table of the scores, or one for each layer if several were scored."""
    tables = [scores_table(layer_scores, f"{title}: {layer}") for layer, layer_scores in scores.layers.items()]
    return tables or [scores_table(scores, title)]


def scores_table(scores: Scores, title: str | None = None) -> Table:
    """Format scores as a Rich table, in percent: a row per label, then the averages and the accuracy."""
    table = Table(title=None if title is None else escape(visible(title)), show_footer=False)
    table.add_column("label")
    for heading in ("precision", "recall", "F1", "support"):
        table.add_column(heading, justify="right")
    for label, row in scores.types.items():
        table.add_row(Text(visible(label)), *_percentages(row.precision, row.recall, row.f1), f"{row.support:,}")
    table.add_section()
    micro = _percentages(scores.precision, scores.recall, scores.f1)
    table.add_row("all (micro)", *micro, f"{scores.support:,}", style="bold")
    table.add_row(
        "mean of labels (macro)",
        *_percentages(scores.macro_precision, scores.macro_recall, scores.macro_f1),
        f"{len(scores.types):,} labels",
    )
    for name, field in FIGURES.items():
        table.add_row(name, "", "", *_percentages(getattr(scores, field)), f"{scores.tokens:,} tokens")
    return table


def _percentages(*fractions: float) -> list[str]:
    return [f"{100 * fraction:.2f}" for fraction in fractions]
