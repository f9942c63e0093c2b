"""Search results: the best recipe as TOML, the trials as a table, the importance plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from tagsmith import __version__
from tagsmith.training.recipe import Recipe, change_recipe, toml_value
from tagsmith.tuning.space import Dimension, Space
from tagsmith.tuning.study import Trial

if TYPE_CHECKING:
    from rich.table import Table

BEST, TRIALS, PLOT = "best.toml", "trials.csv", "importance.png"  # the files in a search's folder
SHOWN = 5  # trials in the printed table, the base recipe besides
PANELS = 4  # side by side in the plot
HOLLOW = {"facecolors": "none", "edgecolors": "tab:gray"}


@dataclass(frozen=True, slots=True)
class Tuning:
    """The result of a search."""

    base: Recipe  # the search began with it
    measure: str  # what the dev score is: "F1", "accuracy" or, of several layers, "mean"
    trials: tuple[Trial, ...]  # the finished ones, in the order of their numbers; at least one is complete
    importances: dict[str, float]  # how much each field mattered, most first; empty where there are too few trials

    @property
    def best(self) -> Trial:
        """The complete trial with the best dev score."""
        return ranked(self.trials)[0]

    @property
    def recipe(self) -> Recipe:
        """Its recipe."""
        return change_recipe(self.base, self.best.changes)

    @property
    def score(self) -> float:
        """Its dev score, as a fraction of 1."""
        return self.best.score or 0.0


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return the complete trials, best first; of equals the earlier."""
    return sorted((trial for trial in trials if trial.complete), key=lambda trial: (-(trial.score or 0), trial.number))


def recipe_file(tuning: Tuning) -> str:
    """Return the best recipe as TOML, every field, with what it changes in the base recipe."""
    best, base = tuning.best, tuning.base.as_dict()
    count, measure = len(tuning.trials), tuning.measure
    lines = [
        f"# tagsmith {__version__}, {datetime.now(UTC):%Y-%m-%d}: the best of {count} trials by dev {measure}.",
        f"# Trial {best.number}: dev {measure} {_percent(best)} in epoch {best.best_epoch} of {best.epochs}.",
        *(
            f"# The recipe that the search began with: dev {measure} {_percent(trial)}."
            for trial in tuning.trials
            if trial.base and trial.complete
        ),
        "# Use it with: tagsmith train TRAIN --out MODEL --recipe THIS_FILE",
        "",
    ]
    for name, value in tuning.recipe.as_dict().items():
        was = f"  # was {toml_value(base[name])}" if base[name] != value else ""
        lines.append(f"{name} = {toml_value(value)}{was}")
    return "\n".join([*lines, ""])


def trials_file(trials: Sequence[Trial], measure: str) -> str:
    """Return all trials as CSV, scores in percent."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.changes))
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["trial", "state", f"dev {measure}", "best epoch", "epochs", "seconds", *names, "problem"])
    for trial in trials:
        state = "complete" if trial.complete else "pruned"
        numbers = [_percent(trial), trial.best_epoch, trial.epochs, f"{trial.seconds:.1f}"]
        values = [_value(trial.changes.get(name)) for name in names]
        table.writerow([trial.number, state, *numbers, *values, trial.problem])
    return stream.getvalue()


def trials_table(tuning: Tuning) -> Table:
    """Return the best trials as a table for the terminal: a column each, a row for each searched field.

    The fields stand in the order of their importance; what differs from the base recipe is bold.
    """
    from rich.table import Table

    shown = ranked(tuning.trials)[:SHOWN]
    shown += [trial for trial in tuning.trials if trial.base and trial.complete and trial not in shown]
    table = Table()
    table.add_column("trial")
    for trial in shown:
        table.add_column(f"{trial.number}{' (base)' if trial.base else ''}", justify="right")
    table.add_row(f"dev {tuning.measure}", *map(_percent, shown))
    table.add_row("best epoch", *(f"{trial.best_epoch} of {trial.epochs}" for trial in shown))
    table.add_row("seconds", *(f"{trial.seconds:.0f}" for trial in shown), end_section=True)
    for name in dict.fromkeys((*tuning.importances, *(name for trial in shown for name in trial.changes))):
        values = [trial.changes.get(name) for trial in shown]
        unchanged = tuning.base.as_dict()[name]
        table.add_row(name, *(_value(v) if v == unchanged else f"[bold]{_value(v)}[/bold]" for v in values))
    return table


def _percent(trial: Trial) -> str:
    return "" if trial.score is None else f"{100 * trial.score:.2f}"


def _value(value: Any) -> str:
    return "" if value is None else toml_value(value).strip('"')


# -------------------------------------------------------------------------------------------------- the plot


def importance_plot(tuning: Tuning, space: Space) -> bytes:
    """Draw each field's importance and, below, the dev score over its values; return a PNG file's bytes.

    Without importances there is only the lower part.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    importances = tuning.importances
    names = [*importances, *(name for name in space if name not in importances)]
    rows = -(-len(names) // PANELS)
    heights = [0.8 + 0.28 * len(importances)] * bool(importances) + [2.1 * rows + 0.3]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if importances:
        _draw_importances(parts[0].add_subplot(), importances, len(tuning.trials))
    panels = list(parts[-1].subplots(rows, PANELS, sharey=True, squeeze=False).flat)
    for panel, name in zip(panels, names, strict=False):
        _draw_field(panel, name, space[name], tuning.trials)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    parts[-1].supylabel(f"dev {tuning.measure} (%)", fontsize="medium")
    parts[-1].legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _draw_importances(bars: Any, importances: Mapping[str, float], trials: int) -> None:
    bars.barh(list(importances), [100 * value for value in importances.values()], color="tab:blue")
    bars.bar_label(bars.containers[0], fmt="%.0f", padding=3)
    bars.invert_yaxis()
    bars.margins(x=0.08)
    bars.spines[["top", "right"]].set_visible(False)
    bars.set_xlabel(f"importance (%): PED-ANOVA over {trials} trials")


def _draw_field(panel: Any, name: str, dimension: Dimension, trials: Sequence[Trial]) -> None:
    """Draw the score of every trial over its value of a field: those stopped early hollow, the base recipe marked."""
    with_it = [trial for trial in trials if name in trial.changes and trial.score is not None]
    values: list[Any] = []
    if isinstance(dimension, CategoricalDistribution):  # evenly spaced, also where the base recipe is none of them
        values = [*dimension.choices, *{trial.changes[name] for trial in with_it} - set(dimension.choices)]
        values = sorted(values) if all(isinstance(value, int | float) for value in values) else values
        panel.set_xticks(range(len(values)), map(_value, values))
        panel.set_xlim(-0.5, len(values) - 0.5)
    elif dimension.log:
        panel.set_xscale("log")
        ticks = [dimension.low, (dimension.low * dimension.high) ** 0.5, dimension.high]
        panel.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
        panel.set_xticks([], minor=True)

    def draw(trials: list[Trial], **style: Any) -> None:
        x = [trial.changes[name] for trial in trials]
        x = [values.index(value) for value in x] if values else x
        panel.scatter(x, [100 * (trial.score or 0.0) for trial in trials], s=18, **style)

    draw([trial for trial in with_it if not (trial.complete or trial.base)], **HOLLOW, label="stopped early")
    draw([trial for trial in with_it if trial.complete and not trial.base], color="tab:blue", label="complete")
    draw([trial for trial in with_it if trial.base], color="tab:orange", marker="D", label="base recipe")
    panel.set_title(name, fontsize="medium")
    panel.tick_params(labelsize="small")
