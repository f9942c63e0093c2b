"""What a search leaves for people: the best recipe, a table of the trials, a plot of what mattered."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagsmith import __version__
from tagsmith.training.recipe import Recipe, make_recipe, toml_value
from tagsmith.tuning.space import Choices, Interval, Space
from tagsmith.tuning.study import Trial

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 5  # trials in the printed table, the base recipe besides
PANELS = 4  # side by side in the plot
HOLLOW = {"facecolors": "none", "edgecolors": "tab:gray"}


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return the complete trials, best first; of equals the earlier."""
    return sorted((trial for trial in trials if trial.complete), key=lambda trial: (-(trial.score or 0), trial.number))


def best_recipe(base: Recipe, trials: Sequence[Trial]) -> Recipe:
    """Return the recipe of the best complete trial."""
    return make_recipe(changes={**base.as_dict(), **ranked(trials)[0].changes})


def recipe_file(base: Recipe, trials: Sequence[Trial], measure: str) -> str:
    """Return the best recipe as TOML, every field, with what it changes in the base recipe."""
    best = ranked(trials)[0]
    recipe, own = best_recipe(base, trials).as_dict(), base.as_dict()
    first = next((trial for trial in trials if trial.base and trial.complete), None)
    lines = [
        f"# tagsmith {__version__}, {datetime.now(UTC):%Y-%m-%d}: the best of {len(trials)} trials by dev {measure}.",
        f"# Trial {best.number}: dev {measure} {_percent(best)} in epoch {best.best_epoch} of {best.epochs}.",
    ]
    if first is not None:
        lines.append(f"# The recipe that the search began with: dev {measure} {_percent(first)}.")
    lines += ["# Use it with: tagsmith train TRAIN --out MODEL --recipe THIS_FILE", ""]
    for name, value in recipe.items():
        was = f"  # was {toml_value(own[name])}" if own[name] != value else ""
        lines.append(f"{name} = {toml_value(value)}{was}")
    return "\n".join([*lines, ""])


def trials_file(trials: Sequence[Trial], measure: str) -> str:
    """Return all trials as CSV, scores in per cent."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.changes))
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["trial", "state", f"dev {measure}", "best epoch", "epochs", "seconds", *names, "problem"])
    for trial in trials:
        state = "complete" if trial.complete else "pruned"
        numbers = [_percent(trial), trial.best_epoch, trial.epochs, f"{trial.seconds:.1f}"]
        values = [toml_value(trial.changes[name]).strip('"') if name in trial.changes else "" for name in names]
        table.writerow([trial.number, state, *numbers, *values, trial.problem])
    return stream.getvalue()


def _percent(trial: Trial) -> str:
    return "" if trial.score is None else f"{100 * trial.score:.2f}"


def trials_table(base: Recipe, trials: Sequence[Trial], measure: str, order: Sequence[str] = ()) -> Table:
    """Return the best trials as a table: a column each, a row for each searched field.

    ``order`` names fields that come first; what differs from the base recipe is bold.
    """
    from rich.table import Table

    shown = ranked(trials)[:SHOWN]
    shown += [trial for trial in trials if trial.base and trial.complete and trial not in shown]
    names = dict.fromkeys((*order, *(name for trial in shown for name in trial.changes)))
    table = Table()
    table.add_column("trial")
    for trial in shown:
        table.add_column(f"{trial.number}{' (base)' if trial.base else ''}", justify="right")
    table.add_row(f"dev {measure}", *map(_percent, shown))
    table.add_row("best epoch", *(f"{trial.best_epoch} of {trial.epochs}" for trial in shown))
    table.add_row("seconds", *(f"{trial.seconds:.0f}" for trial in shown), end_section=True)
    own = base.as_dict()
    for name in names:
        table.add_row(name, *(_cell(trial.changes.get(name), own[name]) for trial in shown))
    return table


def _cell(value: Any, own: Any) -> str:
    text = "" if value is None else toml_value(value).strip('"')
    return text if value == own else f"[bold]{text}[/bold]"


def importance_plot(importances: Mapping[str, float], trials: Sequence[Trial], space: Space, measure: str) -> bytes:
    """Draw each field's importance and, below, the dev score over its values; return a PNG file's bytes.

    Without importances there is only the lower part.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [*importances, *(name for name in space if name not in importances)]
    rows = -(-len(names) // PANELS)
    heights = [0.8 + 0.28 * len(importances)] * bool(importances) + [2.1 * rows + 0.3]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if importances:
        _draw_importances(parts[0].add_subplot(), importances, len(trials))
    panels = list(parts[-1].subplots(rows, PANELS, sharey=True, squeeze=False).flat)
    for panel, name in zip(panels, names, strict=False):
        _draw_field(panel, name, space[name], trials)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    parts[-1].supylabel(f"dev {measure} (%)", fontsize="medium")
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


def _draw_field(panel: Any, name: str, dimension: Choices | Interval, trials: Sequence[Trial]) -> None:
    """Draw the score of every trial over its value of a field: those stopped early hollow, the base recipe marked."""
    with_it = [trial for trial in trials if name in trial.changes and trial.score is not None]
    places: list[Any] = []
    if isinstance(dimension, Choices):  # evenly spaced, also where the base recipe is none of them
        places = [*dimension.values, *{trial.changes[name] for trial in with_it} - set(dimension.values)]
        places = sorted(places) if all(isinstance(place, int | float) for place in places) else places
        panel.set_xticks(range(len(places)), [toml_value(value).strip('"') for value in places])
        panel.set_xlim(-0.5, len(places) - 0.5)
    elif dimension.log:
        panel.set_xscale("log")
        ticks = [dimension.low, (dimension.low * dimension.high) ** 0.5, dimension.high]
        panel.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
        panel.set_xticks([], minor=True)

    def draw(chosen: list[Trial], **style: Any) -> None:
        values = [trial.changes[name] for trial in chosen]
        x = [places.index(value) for value in values] if places else values
        panel.scatter(x, [100 * (trial.score or 0.0) for trial in chosen], s=18, **style)

    draw([trial for trial in with_it if not (trial.complete or trial.base)], **HOLLOW, label="stopped early")
    draw([trial for trial in with_it if trial.complete and not trial.base], color="tab:blue", label="complete")
    draw([trial for trial in with_it if trial.base], color="tab:orange", marker="D", label="base recipe")
    panel.set_title(name, fontsize="medium")
    panel.tick_params(labelsize="small")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
    temporary.replace(path)
