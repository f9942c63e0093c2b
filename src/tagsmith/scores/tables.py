"""Scores as a table for the terminal."""

from __future__ import annotations

from rich.table import Table

from tagsmith.scores.scores import Scores


def scores_tables(scores: Scores, title: str) -> list[Table]:
    """Return the table of the scores or, where several layers were scored, one for each."""
    if not scores.layers:
        return [scores_table(scores, title)]
    return [scores_table(own, f"{title}: {layer}") for layer, own in scores.layers.items()]


def scores_table(scores: Scores, title: str | None = None) -> Table:
    """Lay scores out as a Rich table, in per cent: a row per label, then the averages and the accuracy.

    Parameters
    ----------
    scores
        As :func:`~tagsmith.scores.scores.score_tags` returns them.
    title
        Written above the table.
    """
    table = Table(title=title, show_footer=False)
    table.add_column("label")
    for heading in ("precision", "recall", "F1", "support"):
        table.add_column(heading, justify="right")
    for label, one in scores.types.items():
        table.add_row(label, *_percentages(one.precision, one.recall, one.f1), f"{one.support:,}")
    table.add_section()
    table.add_row(
        "all (micro)",
        *_percentages(scores.precision, scores.recall, scores.f1),
        f"{scores.support:,}",
        style="bold",
    )
    table.add_row(
        "mean of labels (macro)",
        *_percentages(scores.macro_precision, scores.macro_recall, scores.macro_f1),
        f"{len(scores.types):,} labels",
    )
    table.add_row("token accuracy", "", "", f"{100 * scores.accuracy:.2f}", f"{scores.tokens:,} tokens")
    return table


def _percentages(*fractions: float) -> list[str]:
    return [f"{100 * fraction:.2f}" for fraction in fractions]
