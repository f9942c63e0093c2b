"""Tables of scores for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tagsmith.errors import visible
from tagsmith.scores.comparison import Comparison
from tagsmith.scores.evaluation import Evaluation
from tagsmith.scores.intervals import Interval, interval_text
from tagsmith.scores.matching import KINDS
from tagsmith.scores.scores import FIGURES, Scores

_SHOWN = 20  # rows of a table of buckets, or pairs of types
BUCKETS = {
    "sentence_length": "sentences of so many tokens",
    "mention_length": "mentions of so many tokens",
    "seen": "mentions, by their words in training",
    "label_frequency": "labels of so many mentions in training",
}


def scores_tables(scores: Scores, title: str) -> list[Table]:
    """Return a table of the scores, or one for each layer if several were scored."""
    tables = [scores_table(layer_scores, f"{title}: {layer}") for layer, layer_scores in scores.layers.items()]
    return tables or [scores_table(scores, title)]


def scores_table(scores: Scores, title: str | None = None) -> Table:
    """Format scores as a Rich table, in percent: a row per label, then the averages and the accuracy.

    The intervals, if there are any, are those of the last score of each row.
    """
    table = Table(title=None if title is None else escape(visible(title)), show_footer=False)
    intervals = scores.intervals
    table.add_column("label")
    for heading in ("precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    if intervals:
        table.add_column(f"{100 * intervals.confidence:.0f} % interval", justify="right")
    table.add_column("support", justify="right")

    def add(name: Text | str, cells: list[str], pair: Interval | None, last: str, style: str | None = None) -> None:
        shown = [interval_text(pair) if pair else ""] if intervals else []
        table.add_row(name, *[""] * (3 - len(cells)), *cells, *shown, last, style=style)

    of_types = intervals.types if intervals else {}
    overall = intervals.scores if intervals else {}
    for label, row in scores.types.items():
        numbers = _percentages(row.precision, row.recall, row.f1)
        add(Text(visible(label)), numbers, of_types.get(label, {}).get("f1"), f"{row.support:,}")
    table.add_section()
    micro = _percentages(scores.precision, scores.recall, scores.f1)
    add("all (micro)", micro, overall.get("f1"), f"{scores.support:,}", "bold")
    macro = _percentages(scores.macro_precision, scores.macro_recall, scores.macro_f1)
    add("mean of labels (macro)", macro, overall.get("macro_f1"), f"{len(scores.types):,} labels")
    for name, field in FIGURES.items():
        add(name, _percentages(getattr(scores, field)), overall.get(field), f"{scores.tokens:,} tokens")
    return table


def detail_tables(evaluation: Evaluation) -> Iterator[Table]:
    """Yield tables of the errors, of the types that are confused most, of the schemas, and of the buckets."""
    yield errors_table(evaluation)
    if confused := confusions(evaluation):
        table = _table("types confused", ("gold", "predicted", "spans"), names=2)
        for count, gold, predicted in confused[:_SHOWN]:
            table.add_row(Text(visible(gold)), Text(visible(predicted)), f"{count:,}")
        yield table
    if evaluation.matching:
        columns = ("schema", "precision", "recall", "F1", "correct", "incorrect", "partial", "missed", "spurious")
        table = _table("matching", columns)
        for schema, matching in evaluation.matching.items():
            match = matching.overall
            counts = (match.correct, match.incorrect, match.partial, match.missed, match.spurious)
            scores = _percentages(match.precision, match.recall, match.f1)
            table.add_row(schema, *scores, *(f"{count:,}" for count in counts))
        yield table
    yield buckets_table(evaluation)


def buckets_table(evaluation: Evaluation) -> Table:
    """Format the scores of the buckets, with the intervals of F1 if there are any."""
    intervals = evaluation.intervals
    shown = [f"{100 * intervals.confidence:.0f} % interval"] if intervals else []
    table = _table("some of the spans", ("spans of", "precision", "recall", "F1", *shown, "support"))
    for by, buckets in evaluation.buckets.items():
        table.add_row(Text(visible(BUCKETS.get(by, by))), style="bold")
        found = intervals.buckets.get(by, {}) if intervals else {}
        for name, row in list(buckets.items())[:_SHOWN]:
            numbers = _percentages(row.precision, row.recall, row.f1)
            if intervals:
                numbers.append(interval_text(found[name]["f1"]) if name in found else "")
            table.add_row(Text(f"  {visible(name)}"), *numbers, f"{row.support:,}")
        if len(buckets) > _SHOWN:
            table.add_row(f"  … and {len(buckets) - _SHOWN:,} more")
        table.add_section()
    return table


def errors_table(evaluation: Evaluation) -> Table:
    """Format the numbers of errors: a row per label, a column per kind."""
    table = _table("errors", ("label", "correct", *KINDS))
    errors = evaluation.errors

    def row(counts: Mapping[str, int]) -> list[str]:
        return [f"{counts[kind]:,}" for kind in ("correct", *KINDS)]

    for label, counts in errors.types.items():
        table.add_row(Text(visible(label)), *row(counts))
    table.add_section()
    table.add_row("all", *row(errors.overall), style="bold")
    return table


def confusions(evaluation: Evaluation) -> list[tuple[int, str, str]]:
    """Return how many spans of one type were taken for another, the most first."""
    errors = evaluation.errors
    pairs = [
        (count, gold, predicted)
        for gold, row in zip(errors.labels, errors.confusion, strict=False)
        for predicted, count in zip(errors.labels, row, strict=False)
        if count and gold != predicted
    ]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))


def _table(title: str | None, columns: tuple[str, ...], names: int = 1) -> Table:
    """Return a table whose first columns hold names, and whose others hold numbers."""
    table = Table(title=title)
    for number, heading in enumerate(columns):
        table.add_column(escape(heading), justify="left" if number < names else "right")
    return table


def verdict(comparison: Comparison, a: str = "A", b: str = "B") -> str:
    """Say in a sentence whether ``b`` is better than ``a``."""
    f1 = comparison.differences["f1"]
    low, high = f1.interval
    if not f1.is_clear:
        units = comparison.unit if comparison.units != 1 else comparison.unit.removesuffix("s")
        return (
            f"No difference can be told from {comparison.units:,} {units}: {b} − {a} is {points(f1.value)} points "
            f"of F1 ({points(low, 1)} to {points(high, 1)}; p = {f1.p:.4f})."
        )
    low, high = (low, high) if f1.value > 0 else (-high, -low)
    return (
        f"{b} is {'better' if f1.value > 0 else 'worse'} than {a} by {abs(100 * f1.value):.2f} points of F1 "
        f"({100 * low:.1f} to {100 * high:.1f}; p = {f1.p:.4f})."
    )


def points(fraction: float, digits: int = 2) -> str:
    """Write a difference in points of percent, with its sign.

    >>> points(-0.0123)
    '−1.23'
    """
    shown = f"{100 * fraction:+.{digits}f}"
    return shown.replace("-", "−") if float(shown) else f"{0:.{digits}f}"


def _percentages(*fractions: float) -> list[str]:
    return [f"{100 * fraction:.2f}" for fraction in fractions]
