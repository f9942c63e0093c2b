"""Recipe: every choice of a training run in one frozen dataclass, and the presets."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tagsmith.errors import RecipeError
from tagsmith.model.architecture import Architecture
from tagsmith.remote import opened

_LONGEST_FILE = 1 << 16  # bytes
_LONGEST_LINE = 4000  # bytes: tomllib takes quadratic time for a key of many parts, a.a.a.a
_LARGEST = 10**9  # of any number: no choice is near it
SCHEDULES = ("constant", "linear", "cosine")
OPTIMIZERS = ("adam", "sgd")
# Which values a field may have, and how to say so.
RANGES: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
    (
        ("word_dropout", "hidden_dropout", "recurrent_dropout", "momentum"),
        lambda v: 0 <= v < 1,
        "at least 0 and below 1",
    ),
    (("unknown_rate", "final_rate"), lambda v: 0 <= v <= 1, "between 0 and 1"),
    (("batch_tokens", "longest", "epochs", "least_steps"), lambda v: v >= 1, "at least 1"),
    (("learning_rate", "clip_norm"), lambda v: 0 < v < math.inf, "above 0 and finite"),
    (
        ("warmup_epochs", "average_epochs", "patience"),
        lambda v: 0 <= v < math.inf,
        "0 or more and finite",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Every choice of a training run.

    Parameters
    ----------
    architecture
        The network; pretrained vectors set its ``word_dim``.
    word_dropout, hidden_dropout, recurrent_dropout, variational_dropout
        Shares of features dropped: of the words' encodings, of the recurrent layers' outputs, of the state between
        time steps; and whether the first two drop the same features at every token of a sentence.
    unknown_rate
        In a batch, the trained vector of a word is replaced with this probability by that of unseen words. So the
        network learns what new words are like, and relies less on the words that it knows by heart.
    batch_tokens
        Tokens per batch, padding included.
    longest
        Longer training sentences are cut into pieces of this many tokens. (Tagging never cuts.)
    optimizer, learning_rate, momentum, clip_norm
        ``"adam"`` or ``"sgd"`` (with ``momentum``); the gradient's norm is clipped at ``clip_norm``.
    schedule, warmup_epochs, final_rate
        The learning rate rises for ``warmup_epochs``, then stays (``"constant"``) or falls (``"linear"``, ``"cosine"``)
        to ``final_rate`` of itself in the last epoch.
    epochs, patience
        Most epochs; stop after ``patience`` epochs without a better dev score. 0: never, since that would cut off a
        falling schedule.
    least_steps
        An epoch reads a small corpus several times, so that it has about this many steps (batches) at least.
    average_epochs
        Weights used for dev scores and the model are an exponential moving average over about this many
        epochs; 0 uses the last weights as they are.
    """

    architecture: Architecture = Architecture()  # noqa: RUF009 - frozen
    word_dropout: float = 0.5
    hidden_dropout: float = 0.5
    recurrent_dropout: float = 0.0
    variational_dropout: bool = False
    unknown_rate: float = 0.3
    batch_tokens: int = 320
    longest: int = 256
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    momentum: float = 0.9
    clip_norm: float = 5.0
    schedule: str = "cosine"
    warmup_epochs: float = 0.5
    final_rate: float = 0.05
    epochs: int = 30
    patience: int = 0
    least_steps: int = 200
    average_epochs: float = 3.0

    def __post_init__(self) -> None:
        for name, known in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in known:
                raise RecipeError(f"{name} is {getattr(self, name)!r}.", remedy=f"Choose one of {', '.join(known)}.")
        for names, possible, remedy in RANGES:
            for name in names:
                value = getattr(self, name)
                if not isinstance(value, int | float) or not possible(value):
                    raise RecipeError(f"{name} is {value!r}.", remedy=f"It must be {remedy}.")

    def as_dict(self) -> dict[str, Any]:
        """Return every field by name, those of the architecture among them, as JSON values."""
        fields_by_name = asdict(self)
        return {**fields_by_name.pop("architecture"), **fields_by_name}


def toml_value(value: Any) -> str:
    """Write a field's value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


PRESETS: dict[str, Recipe] = {
    "fast": Recipe(architecture=Architecture(units=64)),
    "balanced": Recipe(),
    "accurate": Recipe(
        architecture=Architecture(units=256, layers=2, residual=True), variational_dropout=True, recurrent_dropout=0.25
    ),
}


# Where no pretrained vectors say what a word is like, its spelling has to: changes to every preset.
WITHOUT_VECTORS = {"character_units": 150, "character_width": 5}


def make_recipe(
    preset: str = "balanced", changes: Mapping[str, Any] | None = None, *, with_vectors: bool = True
) -> Recipe:
    """Return a preset with single fields changed; without pretrained vectors it reads spellings more closely.

    Raises RecipeError: the preset or a field is unknown, or a value is impossible.
    """
    if preset not in tuple(PRESETS):  # a tuple: a TOML file may give what no dictionary can look up
        raise RecipeError(f"there is no preset {preset!r}.", remedy=f"Choose one of {', '.join(PRESETS)}.")
    return change_recipe(PRESETS[preset], {**({} if with_vectors else WITHOUT_VECTORS), **(changes or {})})


def change_recipe(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return a recipe with single fields changed, its own and those of its architecture.

    Raises RecipeError: a field is unknown, or a value is impossible.
    """
    values = recipe.as_dict()
    for name, value in changes.items():
        if name not in values:
            raise RecipeError(f"a recipe has no field {name!r}.", remedy=f"Fields: {', '.join(sorted(values))}.")
        kind = type(values[name])
        if type(value) is int and abs(value) > _LARGEST:
            raise RecipeError(f"{name} is above {_LARGEST:,}.", remedy="Choose a smaller number.")
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise RecipeError(f"{name} is {value!r}.", remedy=f"It must be of type {kind.__name__}.")
        values[name] = value
    shape = {field.name: values.pop(field.name) for field in fields(Architecture)}
    return Recipe(architecture=Architecture(**shape), **values)


def choose_recipe(
    preset: str, recipe: Recipe | Mapping[str, Any] | str | Path | None, *, with_vectors: bool = True
) -> Recipe:
    """Return the recipe that a caller means: a whole one, a TOML file's, or a preset with fields changed.

    ``with_vectors`` is as in :func:`make_recipe`; a whole recipe stays as it is.

    Raises RecipeError: as :func:`read_recipe` and :func:`make_recipe`.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, str | Path):
        return read_recipe(Path(recipe), preset, with_vectors=with_vectors)
    return make_recipe(preset, recipe, with_vectors=with_vectors)


def read_recipe(path: Path, preset: str = "balanced", *, with_vectors: bool = True) -> Recipe:
    """Read a TOML file of recipe fields; ``preset = "…"`` in it names the preset that it changes.

    Raises RecipeError: the file is missing, no TOML, or holds an unknown field or an impossible value.
    """
    changes = read_changes(path)
    try:
        return make_recipe(changes.pop("preset", preset), changes, with_vectors=with_vectors)
    except RecipeError as error:
        raise RecipeError(error.problem, path=path, remedy=error.remedy) from error


def read_changes(path: Path, what: str = "the recipe", example: str = "units = 200") -> dict[str, Any]:
    """Read a TOML file of recipe fields, or of what is searched in them, as it is.

    Raises RecipeError: the file is missing or not TOML.
    """
    try:
        with opened(path) as stream:
            content = stream.read(_LONGEST_FILE + 1)
        if len(content) > _LONGEST_FILE:
            raise RecipeError(f"{what} is longer than {_LONGEST_FILE:,} bytes.", path=path, remedy="Check the path.")
        if max(map(len, content.split(b"\n"))) > _LONGEST_LINE:
            remedy = "Write a list in several lines."
            raise RecipeError(f"{what} has a line of more than {_LONGEST_LINE:,} bytes.", path=path, remedy=remedy)
        return tomllib.loads(content.decode("utf-8").replace("\r\n", "\n"))
    except OSError as error:
        raise RecipeError(f"{what} cannot be read: {error.strerror}.", path=path, remedy="Check the path.") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets a thousand levels deep
        if isinstance(error, RecipeError):
            raise
        problem = f"this is not TOML: {error}."
        raise RecipeError(problem, path=path, remedy=f"Write lines such as: {example}") from error
