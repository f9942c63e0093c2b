"""The search space: the recipe fields that a search varies, each with its values or its range."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optuna import Trial
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tagsmith.errors import RecipeError
from tagsmith.training.recipe import Recipe, change_recipe, read_changes, toml_value

DIGITS = 4  # significant digits of a drawn number: more make no difference to the results
RANGE = "{low = 0.001, high = 0.01, log = true}"
LIST = "units = [100, 200]"

Dimension = CategoricalDistribution | IntDistribution | FloatDistribution
Space = Mapping[str, Dimension]


def draw(dimension: Dimension, trial: Trial, name: str) -> Any:
    """Draw a field's value for a trial."""
    if isinstance(dimension, CategoricalDistribution):
        return trial.suggest_categorical(name, dimension.choices)
    if isinstance(dimension, IntDistribution):
        return trial.suggest_int(name, dimension.low, dimension.high, step=dimension.step, log=dimension.log)
    value = trial.suggest_float(name, dimension.low, dimension.high, step=dimension.step, log=dimension.log)
    return min(max(float(f"{value:.{DIGITS}g}"), dimension.low), dimension.high)


def holds(dimension: Dimension, value: object) -> bool:
    """Return whether a value is one of those that can be drawn."""
    if isinstance(dimension, CategoricalDistribution):
        return value in dimension.choices
    if not isinstance(value, int | float) or not dimension.low <= value <= dimension.high:
        return False
    steps = (value - dimension.low) / (dimension.step or 1)
    return dimension.step is None or math.isclose(steps, round(steps), abs_tol=1e-9)


def as_toml(dimension: Dimension) -> str:
    """Return a field's values or range as the TOML of a space file."""
    if isinstance(dimension, CategoricalDistribution):
        return f"[{', '.join(map(toml_value, dimension.choices))}]"
    has_step = dimension.step is not None and not (isinstance(dimension, IntDistribution) and dimension.step == 1)
    more = (", log = true" if dimension.log else "") + (f", step = {dimension.step}" if has_step else "")
    return f"{{low = {dimension.low}, high = {dimension.high}{more}}}"


def default_space(base: Recipe) -> dict[str, Dimension]:
    """Return the space around a recipe, which is in it: a small recipe gives a space of small ones.

    The number of epochs stays the same: more are seldom worse, and decide how long the search takes.
    """
    rate, shape = base.learning_rate, base.architecture
    return {
        "learning_rate": FloatDistribution(float(f"{rate / 4:.2g}"), float(f"{rate * 4:.2g}"), log=True),
        "batch_tokens": _around(base.batch_tokens, (base.batch_tokens // 2, base.batch_tokens * 2)),
        "units": _around(shape.units, (shape.units // 2, shape.units * 3 // 2)),
        "layers": _around(shape.layers, (1, 2)),
        "characters": _around(shape.characters, ("cnn", "lstm")),
        "word_dropout": FloatDistribution(min(0.1, base.word_dropout), max(0.7, base.word_dropout)),
        "hidden_dropout": FloatDistribution(min(0.1, base.hidden_dropout), max(0.7, base.hidden_dropout)),
        "variational_dropout": CategoricalDistribution((False, True)),
        "unknown_rate": FloatDistribution(0.0, max(0.6, base.unknown_rate)),
        "average_epochs": _around(base.average_epochs, (0.0, 1.0, 4.0)),
    }


def _around(value: Any, others: Iterable[Any]) -> CategoricalDistribution:
    return CategoricalDistribution(
        tuple(sorted({value, *(other for other in others if other or isinstance(value, float))}))
    )


def choose_space(space: Mapping[str, Any] | str | Path | None, base: Recipe) -> Space:
    """Return the space that a caller means: that of a TOML file or of plain values, or the one around the recipe.

    A file has a list of values for a field, or a table with ``low``, ``high`` and perhaps ``log`` or ``step``.

    Raises RecipeError: the file is missing, not TOML, or as :func:`make_space`.
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


def make_space(table: Mapping[str, Any], base: Recipe) -> dict[str, Dimension]:
    """Check a space given as plain values: a list for choices, a mapping for an interval.

    Raises RecipeError: the space is empty, a field is unknown, or a recipe could not have one of the values.
    """
    if not table:
        raise RecipeError("the search space is empty.", remedy=f"Name a field, such as: {LIST}")
    known = base.as_dict()
    space: dict[str, Dimension] = {}
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


def _choices(name: str, given: list[Any] | tuple[Any, ...], base: Recipe) -> CategoricalDistribution:
    values = tuple(_possible(name, value, base) for value in given)
    if not values:
        raise RecipeError(f"{name} has no values.", remedy="List at least one.")
    for number, value in enumerate(values):
        if value in values[:number]:
            raise RecipeError(f"{name} has the value {value!r} twice.", remedy="List each value once.")
    return CategoricalDistribution(values)


def _interval(name: str, given: Mapping[str, Any], base: Recipe) -> IntDistribution | FloatDistribution:
    kind = type(base.as_dict()[name])
    if kind not in (int, float):
        raise RecipeError(f"{name} is not a number, so it has no range.", remedy="List its values in brackets.")
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
            step is not None and (type(step) not in {kind, int} or not (high - low) / 1e9 < step <= high - low),
            f"step is {step!r} in the range of {name}.",
            f"It must be of type {kind.__name__}, above 0, at most high - low, and not a billion times smaller.",
        ),
    )
    for wrong, problem, remedy in problems:
        if wrong:
            raise RecipeError(problem, remedy=remedy)
    if step is not None:
        high = kind(min(low + math.floor((high - low) / step + 1e-9) * step, high))  # the last one that is reached
    if kind is int:
        return IntDistribution(low, high, log, step or 1)
    return FloatDistribution(low, high, log, step)


def _possible(name: str, value: Any, base: Recipe) -> Any:
    """Return the value as the recipe would hold it; raise if it could not."""
    return change_recipe(base, {name: value}).as_dict()[name]
