"""Charts as inline SVG, each with a text that says what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tagsmith.scores.calibration import Reliability
from tagsmith.scores.report.frame import percent, text

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 42
Point = tuple[float, float]


class Axes:
    """The frame of a chart: from data to its coordinates."""

    def __init__(self, x: Point, y: Point) -> None:
        self._x, self._y = x, y

    def at(self, point: Point) -> str:
        """Return the coordinates of a point as SVG writes them."""
        return f"{self.x(point[0]):.1f},{self.y(point[1]):.1f}"

    def x(self, value: float) -> float:
        """Return how far right a value is."""
        low, high = self._x
        return LEFT + (value - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return how far down a value is."""
        low, high = self._y
        return HEIGHT - BOTTOM - (value - low) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)

    def ticks(self, across: Mapping[float, str], up: Mapping[float, str], names: tuple[str, str]) -> str:
        """Draw the grid, its numbers, and the names of the two axes."""
        bottom, end = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = [
            f'<path class="grid" d="M{LEFT} {self.y(value):.1f}H{end}"/>'
            f'<text class="tick end" x="{LEFT - 6}" y="{self.y(value) + 4:.1f}">{shown}</text>'
            for value, shown in up.items()
        ]
        parts += [
            f'<text class="tick middle" x="{self.x(value):.1f}" y="{bottom + 16}">{shown}</text>'
            for value, shown in across.items()
        ]
        across_middle, up_middle = (LEFT + end) / 2, (TOP + bottom) / 2
        parts += [
            f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{end}"/>',
            f'<text class="name middle" x="{across_middle:.0f}" y="{HEIGHT - 6}">{names[0]}</text>',
            f'<text class="name middle" transform="translate(11 {up_middle:.0f}) rotate(-90)">{names[1]}</text>',
        ]
        return "".join(parts)


def figure(drawn: str, alternative: str, caption: str) -> str:
    """Put a drawing in a figure. ``alternative`` is text; the caption is HTML."""
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(alternative)}">{drawn}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def line(axes: Axes, points: Sequence[Point], kind: str) -> str:
    """Draw points joined by lines."""
    return f'<polyline class="{kind}" points="{" ".join(map(axes.at, points))}"/>' if points else ""


TENTHS = {tenth / 10: f"{10 * tenth}" for tenth in range(0, 11, 2)}


def reliability_chart(found: Reliability, unit: str) -> str:
    """Draw the share of right predictions over their confidence, in bins of equal mass."""
    axes = Axes((0.0, 1.0), (0.0, 1.0))
    most = max(one.size for one in found.bins)
    dots = "".join(
        f'<circle class="dot" cx="{axes.x(one.confidence):.1f}" cy="{axes.y(one.right):.1f}" '
        f'r="{2 + 4 * (one.size / most) ** 0.5:.1f}"><title>{one.size:,} {unit}: confidence '
        f"{percent(one.confidence)} %, right {percent(one.right)} %</title></circle>"
        for one in found.bins
    )
    drawn = (
        axes.ticks(TENTHS, TENTHS, ("confidence, %", "right, %"))
        + line(axes, [(0, 0), (1, 1)], "ideal")
        + line(axes, [(one.confidence, one.right) for one in found.bins], "curve")
        + dots
    )
    told = "; ".join(f"at {percent(one.confidence, 0)} % {percent(one.right, 0)} % right" for one in found.bins)
    caption = (
        f"Reliability: {len(found.bins)} bins of about equally many {unit}. On the dashed line, confidence is right."
    )
    return figure(drawn, f"Reliability diagram: {told}.", caption)


def risk_chart(found: Reliability, unit: str) -> str:
    """Draw the share of wrong predictions among the most confident ones."""
    points = [(one.coverage, one.risk) for one in found.curve]
    most = max(risk for _, risk in points)
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.25) if most <= 4 * step)
    axes = Axes((0.0, 1.0), (0.0, 4 * step))
    up = {part * step: percent(part * step, 0) for part in range(5)}
    drawn = axes.ticks(TENTHS, up, (f"{unit} kept, the most confident, %", "wrong, %")) + line(axes, points, "curve")
    shown = [points[row] for row in sorted({len(points) // 4, len(points) // 2, len(points) - 1})]
    told = "; ".join(f"of the {percent(kept, 0)} % most confident {percent(risk)} % are wrong" for kept, risk in shown)
    return figure(drawn, f"Risk–coverage curve: {told}.", "Risk and coverage: fewer kept, fewer wrong.")


def learning_chart(history: Sequence[Mapping[str, Any]]) -> str:
    """Draw the dev score of each epoch, and the losses as far as their axis goes."""
    epochs = [float(one["epoch"]) for one in history]
    dev = [float(one["dev"]) for one in history]
    losses = {kind: [float(one[kind]) for one in history] for kind in ("loss", "dev_loss")}
    axes = Axes((min(epochs), max(epochs)), (0.0, 1.0))
    scale = max(*losses["loss"], *losses["dev_loss"], 1e-9)
    step = max(1, round(len(epochs) / 8))
    across = {epoch: f"{epoch:g}" for epoch in epochs[::step]}
    best = max(range(len(dev)), key=lambda row: (dev[row], row))
    drawn = (
        axes.ticks(across, TENTHS, ("epoch", "dev score, %"))
        + "".join(
            line(axes, [(epoch, one / scale) for epoch, one in zip(epochs, loss, strict=True)], kind)
            for kind, loss in losses.items()
        )
        + line(axes, list(zip(epochs, dev, strict=True)), "curve")
        + f'<circle class="dot" cx="{axes.x(epochs[best]):.1f}" cy="{axes.y(dev[best]):.1f}" r="4"/>'
    )
    told = f"best of {len(epochs)} epochs: {percent(dev[best], 2)} % on dev at epoch {epochs[best]:g}"
    caption = (
        f"The dev score of each epoch (line) and the loss per token, in training (dashed) and on dev "
        f"(dotted); the top is {scale:.3g} for both. "
        f"{told[0].upper()}{told[1:]}."
    )
    return figure(drawn, f"Learning curve, {told}.", caption)
