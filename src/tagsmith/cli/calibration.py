"""What ``tagsmith evaluate`` says of probabilities: how far they can be trusted, and thresholds for a precision."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tagsmith.cli import options
from tagsmith.errors import DataError, visible

if TYPE_CHECKING:
    from tagsmith.scores.calibration import Calibration, Reliability
    from tagsmith.scores.thresholds import LabelThreshold, Thresholds
    from tagsmith.tagging.labeled import Labeled
    from tagsmith.tagging.tagger import Tagger


def check_precision(precision: float | None) -> None:
    """Raise unless it is a probability that spans can have."""
    if precision is not None and not 0 < precision <= 1:
        raise DataError(f"the precision is {precision:g}.", remedy="Write a number above 0, and at most 1: 0.95.")


@dataclass(frozen=True)
class Judged:
    """What labeled data say of a tagger's probabilities, if it was asked for."""

    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    thresholds: Thresholds | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` adds to the scores."""
        values: dict[str, Any] = {}
        if self.calibrations:
            values["calibration"] = {layer: one.as_dict() for layer, one in self.calibrations.items()}
        if self.thresholds:
            values["thresholds"] = self.thresholds.as_dict()
        return values


def judge(tagger: Tagger, labeled: Labeled, calibration: bool, precision: float | None) -> Judged:
    """Measure the calibration and choose thresholds, each if it is wanted."""
    return Judged(
        tagger.calibration(labeled) if calibration else {},
        None if precision is None else tagger.thresholds(labeled, precision=precision),
    )


def print_judged(judged: Judged, data: str, details: bool) -> None:
    """Print the thresholds and, with ``details``, the calibration."""
    if details:
        print_calibration(judged.calibrations)
    if judged.thresholds is not None:
        print_thresholds(judged.thresholds, data)


def print_calibration(calibrations: Mapping[str, Calibration]) -> None:
    """Print a table of the calibration errors of each layer."""
    from rich.table import Table

    for layer, found in calibrations.items():
        table = Table(title=f"calibration of {visible(layer)}: expected calibration error (ECE), in percent")
        table.add_column("predictions")
        for heading in ("number", "confidence", "right", "ECE", "by chance", "ECE before"):
            table.add_column(heading, justify="right")
        before = found.before or found
        rows: list[tuple[str, Reliability | None, Reliability | None]] = [
            ("spans", found.spans, before.spans),
            *((f"  {label}", one, before.span_types.get(label)) for label, one in found.span_types.items()),
            ("tokens", found.tokens, before.tokens),
        ]
        for name, now, then in rows:
            if now:
                figures = [now.confidence, now.right, now.ece, now.chance, *([then.ece] if then else [])]
                table.add_row(visible(name), f"{now.count:,}", *(f"{100 * figure:.2f}" for figure in figures))
        options.stdout_console().print(table)


def print_thresholds(chosen: Thresholds, data: str) -> None:
    """Print the thresholds for a precision, what recall they leave, and the options of ``tagsmith tag``."""
    from rich.table import Table
    from rich.text import Text

    wanted = f"{100 * chosen.precision:g} %"
    table = Table(title=f"thresholds for a precision of {wanted} on {visible(data)}")
    table.add_column("label")
    for heading in ("threshold", "precision", "95 % interval", "recall", "without", "spans"):
        table.add_column(heading, justify="right")
    for label, one in chosen.labels.items():
        threshold = "none" if one.threshold is None else f"{one.threshold!r}"
        interval = "" if one.interval is None else "–".join(f"{100 * bound:.1f}" for bound in one.interval)
        shares = [_percent(share) for share in (one.precision, one.recall, one.recall_without)]
        table.add_row(Text(visible(label)), threshold, shares[0], interval, *shares[1:], f"{one.found:,}")
    console = options.stdout_console()
    console.print(table)
    for label, one in chosen.labels.items():
        if one.threshold is None:
            console.print(visible(f"{label}: {_unreached(one, wanted)}"), markup=False, highlight=False, soft_wrap=True)
    if given := threshold_options(chosen.reached()):
        console.print(f"tagsmith tag … {given}", markup=False, highlight=False, soft_wrap=True)


def threshold_options(thresholds: Mapping[str, float]) -> str:
    """Write thresholds as options of ``tagsmith tag``, for a shell."""
    pairs: Iterable[str] = (f"{label}={threshold!r}" for label, threshold in thresholds.items() if threshold)
    return " ".join(f"--threshold {shlex.quote(pair)}" for pair in pairs)


def _unreached(one: LabelThreshold, wanted: str) -> str:
    if one.best is None or one.precision is None:
        return "no span of it is found here, so that nothing can be said of its precision"
    return f"no threshold reaches {wanted}; the row shows the nearest, {one.best!r}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"
