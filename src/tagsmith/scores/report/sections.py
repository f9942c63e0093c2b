"""The sections on one layer: scores, kinds of errors, confusion, calibration, groups of spans, comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tagsmith.scores.calibration import Reliability
from tagsmith.scores.comparison import Comparison, Difference
from tagsmith.scores.counts import SpanCounts
from tagsmith.scores.evaluation import Evaluation
from tagsmith.scores.intervals import Interval, interval_text
from tagsmith.scores.matching import KINDS
from tagsmith.scores.report.charts import reliability_chart, risk_chart
from tagsmith.scores.report.findings import UNITS, LayerFindings, Words, commonest, curve_data
from tagsmith.scores.report.frame import bar, percent, table, text
from tagsmith.scores.scores import FIGURES
from tagsmith.scores.tables import BUCKETS, confusions, points, verdict

THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
MOST_CONFUSED = 60  # labels of a matrix; with more there are only the commonest pairs
FEW_LABELS, NARROW = 24, 12  # with more, the commonest pairs are listed too; headings stand upright
MOST_PAIRS, MOST_GROUPS = 24, 200  # rows
KIND_MEANINGS = {
    "boundary": "the right type, other boundaries",
    "type": "the right boundaries, another type",
    "both": "another type and other boundaries",
    "missed": "a gold span, and nothing is predicted there",
    "spurious": "a predicted span, and there is none",
}


_UNSEEN = '<span class="unseen">, predicted {}</span>'


def label_name(label: str) -> str:
    """Return a label as HTML; a span without a type has a name too."""
    return f"<bdi>{text(label)}</bdi>" if label else "(no label)"


def scores_section(evaluation: Evaluation, plain: bool) -> str:
    """Show the headline figures and the scores of each label."""
    known = evaluation.intervals.scores if evaluation.intervals else {}
    main = {} if plain else {"F1": "f1", "precision": "precision", "recall": "recall"}
    figures = [_figure(name, getattr(evaluation, field), known.get(field)) for name, field in (main | FIGURES).items()]
    counts = {"tokens": evaluation.tokens} if plain else {"gold spans": evaluation.support, "found": evaluation.found}
    figures += [f'<div class="figure"><b>{count:,}</b>{name}</div>' for name, count in counts.items()]
    unit = "tokens" if plain else "spans"
    columns = ("label", "precision", "recall", "F1", "95 % interval", unit, "found", "correct")
    of_types = evaluation.intervals.types if evaluation.intervals else {}
    rows = [
        (
            label_name(label), percent(one.precision, 2), percent(one.recall, 2), bar(one.f1, percent(one.f1, 2)),
            _between(of_types.get(label, {}).get("f1")), f"{one.support:,}", f"{one.found:,}", f"{one.correct:,}",
        )
        for label, one in evaluation.types.items()
    ]  # fmt: skip
    counted = (f"{evaluation.support:,}", f"{evaluation.found:,}", f"{evaluation.correct:,}")
    rows += [
        (
            "all (micro)", percent(evaluation.precision, 2), percent(evaluation.recall, 2),
            bar(evaluation.f1, percent(evaluation.f1, 2)), _between(known.get("f1")), *counted,
        ),
        (
            "mean of labels (macro)", percent(evaluation.macro_precision, 2), percent(evaluation.macro_recall, 2),
            bar(evaluation.macro_f1, percent(evaluation.macro_f1, 2)), _between(known.get("macro_f1")), "", "", "",
        ),
    ]  # fmt: skip
    note = ""
    if found := evaluation.intervals:
        drawn = f"{found.resamples:,} bootstrap resamples of {found.units:,} {found.unit}"
        note = f'<p class="quiet">Intervals: {drawn}.</p>'
    shown = table("Scores of each label, in percent; the interval is that of F1", columns, rows, kind="totals")
    return f'<div class="figures">{"".join(figures)}</div>\n{shown}\n{note}'


def _figure(name: str, value: float, pair: Interval | None) -> str:
    interval = f"<small>{interval_text(pair)}</small>" if pair else ""
    return f'<div class="figure"><b>{percent(value, 2)}</b>{name}{interval}</div>'


def _between(pair: Interval | None) -> str:
    return interval_text(pair) if pair else ""


def kinds_section(evaluation: Evaluation, plain: bool) -> str:
    """Show the kinds of errors of each label, and the confusion matrix or the commonest pairs."""
    errors = evaluation.errors
    parts = []
    if not plain:
        columns = ("label", "correct", *(f'<span title="{KIND_MEANINGS[kind]}">{kind}</span>' for kind in KINDS))
        names = ("correct", *KINDS)
        rows = [(label_name(label), *_counts(counts, names)) for label, counts in errors.types.items()]
        rows.append(("all", *_counts(errors.overall, names)))
        parts.append(
            table("Gold spans of each label by what became of them, and spurious ones", columns, rows, kind="total")
        )
        meanings = "".join(f"<dt>{kind}</dt><dd>{meaning}</dd>" for kind, meaning in KIND_MEANINGS.items())
        parts.append(f'<dl class="meanings">{meanings}</dl>')
    if len(errors.labels) <= MOST_CONFUSED:
        parts.append(_matrix(evaluation, plain))
    pairs = confusions(evaluation)
    if pairs and (plain or len(errors.labels) > FEW_LABELS):
        most = MOST_PAIRS if len(errors.labels) > FEW_LABELS else MOST_PAIRS // 2
        number = {label: place for place, label in enumerate(errors.labels)}
        rows = []
        for count, one, other in pairs[:most]:
            pair = f'data-gold="{number[one]}" data-predicted="{number[other]}"'
            link = f'<a class="confused" href="#errors" {pair}>{label_name(one)}{_UNSEEN.format(label_name(other))}</a>'
            rows.append((link, label_name(other), f"{count:,}"))
        parts.append(table("Labels that are confused most", ("gold", "predicted", "number"), rows, names=2))
    return "\n".join(parts)


def _counts(counts: Mapping[str, int], names: Sequence[str]) -> Iterator[str]:
    return (f"{counts[name]:,}" if counts[name] else '<span class="none">0</span>' for name in names)


def _matrix(evaluation: Evaluation, plain: bool) -> str:
    """The confusion matrix; the script makes the cells with errors choose them in the list."""
    errors = evaluation.errors
    names = [label_name(label) for label in errors.labels]
    last = [] if plain else ["missed"]
    rows = []
    for gold, row in enumerate(errors.confusion):
        if plain and gold == len(names):
            continue
        total = sum(row) or 1
        cells = []
        for predicted, count in enumerate(row[: len(names) + len(last)]):
            right = gold == predicted
            wrong = errors.types[errors.labels[gold]]["boundary"] if right and gold < len(names) else count
            share = f' style="--share:{count / total:.3f}"' if count else ""
            place = " ".join(
                f'data-{side}="{number if number < len(names) else ""}"'
                for side, number in (("gold", gold), ("predicted", predicted))
            )
            empty = gold == predicted == len(names)
            kind = "none" if empty or (not count and not right) else "right" if right else "wrong"
            cells.append(f'<td class="{kind}"{share} {place} data-wrong="{wrong}">{"" if empty else f"{count:,}"}</td>')
        name = names[gold] if gold < len(names) else "spurious"
        rows.append(f'<tr><th scope="row" class="text">{name}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{name}</th>' for name in (*names, *last))
    many = " many" if len(names) > NARROW else ""
    more = "" if plain else ", of the right type with the boundary errors"
    caption = f"Confusion: gold labels in rows, predicted ones in columns; the diagonal holds what is right{more}"
    head = f'<tr><th scope="col" class="text">gold</th>{head}</tr>'
    return (
        f'<div class="table" tabindex="0" role="group" aria-label="{caption}">\n<table class="matrix{many}">\n'
        f"<caption><span>{caption}</span></caption>\n<thead>{head}</thead>"
        f"\n<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>\n</div>"
    )


def common_section(findings: LayerFindings, words: Words) -> str:
    """Show what is wrongly predicted and what is missed most often; the script lets each choose its errors."""
    titles = {"predicted": "Predicted wrongly most often", "gold": "Missed most often"}
    parts = []
    for side, found in commonest(findings, words).items():
        rows = [
            (
                f'<a class="common" href="#errors" data-side="{side}" data-label="{label}"><bdi>{text(one)}</bdi></a>',
                label_name(findings.aligned.labels[label]),
                f"{count:,}",
            )
            for one, label, count in found
        ]
        parts.append(table(titles[side], ("text", "label", "times"), rows, names=2) if rows else "")
    return f'<div class="pair">{"".join(parts)}</div>'


def thresholds_table(findings: LayerFindings) -> str:
    """Show precision and recall of all labels at some thresholds; the script moves through all of them."""
    curves = curve_data(findings).values()
    rows = []
    for threshold in THRESHOLDS:
        units = round(threshold * UNITS)
        correct, wrong = (sum(one >= units for curve in curves for one in curve[side]) for side in ("right", "wrong"))
        support = sum(curve["support"] for curve in curves)
        found = correct + wrong
        precision, recall, f1 = (percent(one, 2) for one in SpanCounts(support, found, correct).rates())
        rows.append((f"{threshold:.2f}", precision if found else "–", recall if support else "–", f1, f"{found:,}"))
    columns = ("threshold", "precision", "recall", "F1", "spans kept")
    return table("At some thresholds, all labels, in percent", columns, rows)


def calibration_section(
    found: Reliability, before: Reliability | None, of_types: Mapping[str, Reliability], unit: str
) -> str:
    """Show how far the probabilities can be trusted."""
    columns = ("label", "number", "confidence", "right", "ECE", "by chance")
    every = {label_name(label): one for label, one in of_types.items()} | {"all": found}
    rows = [
        (name, f"{one.count:,}", *(percent(value, 2) for value in (one.confidence, one.right, one.ece, one.chance)))
        for name, one in every.items()
    ]
    note = f" Before calibration it was {percent(before.ece, 2)}." if before and before.ece != found.ece else ""
    shown = table("Calibration by predicted label, in percent", columns, rows, kind="total")
    return (
        f"<p>The expected calibration error (ECE), the mean distance of confidence from the share of right {unit}, is "
        f"<b>{percent(found.ece, 2)}</b> points; chance alone makes {percent(found.chance, 2)}.{note}</p>"
        f'<div class="pair">{reliability_chart(found, unit)}{risk_chart(found, unit)}</div>\n{shown}'
    )


def buckets_section(evaluation: Evaluation) -> str:
    """Show the scores of some of the spans."""
    parts = []
    intervals = evaluation.intervals.buckets if evaluation.intervals else {}
    for by, buckets in evaluation.buckets.items():
        known = intervals.get(by, {})
        rows = [
            (
                f"<bdi>{text(name)}</bdi>", percent(one.precision, 2), percent(one.recall, 2),
                bar(one.f1, percent(one.f1, 2)), _between(known.get(name, {}).get("f1")), f"{one.support:,}",
            )
            for name, one in list(buckets.items())[:MOST_GROUPS]
        ]  # fmt: skip
        if len(buckets) > MOST_GROUPS:
            rows.append((f"… and {len(buckets) - MOST_GROUPS:,} more", "", "", "", "", ""))
        title = BUCKETS.get(by, f"by {by}")
        columns = ("group", "precision", "recall", "F1", "95 % interval", "gold")
        parts.append(table(f"{title[0].upper()}{title[1:]}", columns, rows))
    return "\n".join(parts)


def comparison_section(comparison: Comparison, name: str) -> str:
    """Show the paired difference to another system."""
    columns = ("score", "before", "now", "difference", "95 % interval", "p")
    systems = comparison.a.scores, comparison.b.scores
    rows = [
        (shown, *(percent(getattr(one, field), 2) for one in systems), *_difference(comparison.differences[field]))
        for shown, field in (("F1", "f1"), ("precision", "precision"), ("recall", "recall"), ("accuracy", "accuracy"))
    ]
    of_types = [
        (
            label_name(label),
            *(percent(one.types[label].f1 if label in one.types else 0.0, 2) for one in systems),
            *_difference(differences["f1"]),
        )
        for label, differences in comparison.types.items()
    ]
    unit = f"{comparison.units:,} {comparison.unit}"
    drawn = f"{comparison.resamples:,} paired resamples and {comparison.shuffles:,} shuffles of {unit}"
    said = verdict(comparison, name, "this model")
    names = f"<p>Before: <bdi>{text(name)}</bdi>. Now: this model.</p>"
    return (
        f'<p class="verdict">{text(said[0].upper() + said[1:])}</p>\n{names}\n'
        + table("Difference of the scores, in percent", columns, rows)
        + "\n"
        + table("F1 of each label, in percent", ("label", *columns[1:]), of_types)
        + f'\n<p class="quiet">From {drawn}.</p>'
    )


def _difference(found: Difference) -> tuple[str, str, str]:
    low, high = found.interval
    return points(found.value), f"{points(low, 1)} to {points(high, 1)}", f"{found.p:.4f}"
