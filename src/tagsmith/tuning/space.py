"""The search space: the recipe fields that a search varies, each with its values or its range."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagsmith.errors import RecipeError
from tagsmith.training.recipe import Recipe, change_recipe, read_changes, toml_value

if TYPE_CHECKING:
    import optuna

DIGITS = 4  # significant digits of a drawn number: more make no difference to the results
RANGE = "{low = 0.001, high = 0.01, log = true}"
LIST = "units = [100, 200]"


@dataclass(frozen=True, slots=True)
class Choices:
    """One of these values."""

    values: tuple[Any, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def draw(self, trial: optuna.Trial, name: str) -> Any:
        """Draw a value for a trial."""
        return trial.suggest_categorical(name, self.values)

    def as_toml(self) -> str:
        """Return it as the TOML of a space file."""
        return f"[{', '.join(map(toml_value, self.values))}]"


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of numbers, both bounds included; they have the type of the field."""

    low: float
    high: float
    log: bool = False  # drawn evenly over the logarithm
    step: float | None = None  # between possible values, counted from low

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / (self.step or 1)
        return self.step is None or math.isclose(steps, round(steps), abs_tol=1e-9)

    def draw(self, trial: optuna.Trial, name: str) -> int | float:
        """Draw a value for a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, step=int(self.step or 1), log=self.log)
        value = trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def as_toml(self) -> str:
        """Return it as the TOML of a space file."""
        more = (", log = true" if self.log else "") + ("" if self.step is None else f", step = {self.step}")
        return f"{{low = {self.low}, high = {self.high}{more}}}"


Space = Mapping[str, Choices | Interval]


def default_space(base: Recipe) -> dict[str, Choices | Interval]:
    """Return the space around a recipe, which is in it: a small recipe gives a space of small ones.

    The number of epochs stays the same: more are seldom worse, and decide how long the search takes.
    """
    rate, shape = base.learning_rate, base.architecture
    return {
        "learning_rate": Interval(float(f"{rate / 4:.2g}"), float(f"{rate * 4:.2g}"), log=True),
        "batch_tokens": _around(base.batch_tokens, (base.batch_tokens // 2, base.batch_tokens * 2)),
        "units": _around(shape.units, (shape.units // 2, shape.units * 3 // 2)),
        "layers": _around(shape.layers, (1, 2)),
        "characters": _around(shape.characters, ("cnn", "lstm")),
        "word_dropout": Interval(min(0.1, base.word_dropout), max(0.7, base.word_dropout)),
        "hidden_dropout": Interval(min(0.1, base.hidden_dropout), max(0.7, base.hidden_dropout)),
        "variational_dropout": Choices((False, True)),
        "unknown_rate": Interval(0.0, max(0.6, base.unknown_rate)),
        "average_epochs": _around(base.average_epochs, (0.0, 1.0, 4.0)),
    }


def _around(value: Any, others: Iterable[Any]) -> Choices:
    return Choices(tuple(sorted({value, *(other for other in others if other or isinstance(value, float))})))


def choose_space(space: Mapping[str, Any] | str | Path | None, base: Recipe) -> Space:
    """Return the space that a caller means: that of a TOML file or of plain values, or the one around the recipe.

    A file has a list of values for a field, or a table with ``low``, ``high`` and perhaps ``log`` or ``step``.

    Raises
    ------
    RecipeError
        The file is missing, not TOML, or as :func:`make_space`.
    """
    if space is None:
        return default_space(base)
    if not isinstance(space, str | Path):
        return make_space(space, base)
    table = read_changes(Path(space), "the search space", LIST)
    try:
        return make_space(table, base)
    except RecipeError as error:
        raise RecipeError(error.problem, path=space, remedy=error.remedy) from error


def make_space(table: Mapping[str, Any], base: Recipe) -> dict[str, Choices | Interval]:
    """Check a space given as plain values: a list for choices, a mapping for an interval.

    Raises
    ------
    RecipeError
        The space is empty, a field is unknown, or a recipe could not have one of the values.
    """
    if not table:
        raise RecipeError("the search space is empty.", remedy=f"Name a field, such as: {LIST}")
    known = base.as_dict()
    space: dict[str, Choices | Interval] = {}
    for name, given in table.items():
        if name not in known:
            raise RecipeError(f"a recipe has no field {name!r}.", remedy=f"Fields: {', '.join(sorted(known))}.")
        if isinstance(given, Mapping):
            space[name] = _interval(name, given, base)
        elif isinstance(given, list | tuple):
            space[name] = _choices(name, given, base)
        else:
            raise RecipeError(
                f"{name} is {given!r}, which leaves nothing to search.",
                remedy=f"Give a list of values or a range such as {RANGE}, or put the value into the recipe.",
            )
    return space


def _choices(name: str, given: list[Any] | tuple[Any, ...], base: Recipe) -> Choices:
    values = tuple(_possible(name, value, base) for value in given)
    if not values:
        raise RecipeError(f"{name} has no values.", remedy="List at least one.")
    for number, value in enumerate(values):
        if value in values[:number]:
            raise RecipeError(f"{name} has the value {value!r} twice.", remedy="List each value once.")
    return Choices(values)


def _interval(name: str, given: Mapping[str, Any], base: Recipe) -> Interval:
    kind = type(base.as_dict()[name])
    if kind not in (int, float):
        raise RecipeError(f"{name} is no number and has no range.", remedy="List its values in brackets.")
    unknown = set(given) - {"low", "high", "log", "step"}
    if unknown or not {"low", "high"} <= set(given):
        problem = f"has the unknown key {min(unknown)!r}" if unknown else "lacks low or high"
        raise RecipeError(f"the range of {name} {problem}.", remedy=f"Write, for example, {name} = {RANGE}.")
    low, high = (_possible(name, given[key], base) for key in ("low", "high"))
    log, step = given.get("log", False), given.get("step")
    problems = (
        (low >= high, f"the range of {name} goes from {low} to {high}.", "low must be below high."),
        (type(log) is not bool, f"log is {log!r} in the range of {name}.", "It must be true or false."),
        (log and low <= 0, f"{name} has a logarithmic range from {low}.", "low must be above 0 there."),
        (log and step is not None, f"the range of {name} has both log and step.", "Leave one of them out."),
        (
            step is not None and (type(step) not in {kind, int} or not 0 < step <= high - low),
            f"step is {step!r} in the range of {name}.",
            f"It must be of type {kind.__name__}, above 0 and at most high - low.",
        ),
    )
    for wrong, problem, remedy in problems:
        if wrong:
            raise RecipeError(problem, remedy=remedy)
    if step is None:
        return Interval(low, high, log)
    reached = low + math.floor((high - low) / step + 1e-9) * step  # the last value that whole steps lead to
    return Interval(low, kind(min(reached, high)), step=kind(step))


def _possible(name: str, value: Any, base: Recipe) -> Any:
    """Return the value as the recipe would hold it; raise if it could not."""
    return change_recipe(base, {name: value}).as_dict()[name]
