"""What ``config.json`` may say: every value is checked before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from tagsmith.errors import InputError
from tagsmith.model.architecture import Architecture, architecture_from_dict
from tagsmith.scores.intervals import INTERVALS
from tagsmith.scores.scores import Scores, TypeScores
from tagsmith.text.layer import Layer, layers_problem
from tagsmith.text.schemes import Scheme

Precision = Literal["int8", "float32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FIELDS = {"format_version", "architecture", "layers", "precision", "recipe", "scores", "sha256"}
PARTS = {"dev", "test"}  # of the data, that a model may have scores on
DATA_PARTS = ("train", "dev", "test")
LARGEST_NUMBER = 2**63  # of the numbers that are only shown
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Scaling:
    """What makes the scores of a layer's tags calibrated probabilities: by default nothing.

    ``outside`` is added to the score of the tag ``O`` at each token; then all scores are divided by ``temperature``.
    """

    temperature: float = 1.0
    outside: float = 0.0


SCALES = {"temperature": (0.1, 10.0), "outside": (-20.0, 20.0)}  # the least and the most of each


@dataclass(frozen=True)
class Configuration:
    """The checked values of ``config.json``."""

    architecture: Architecture
    layers: tuple[Layer, ...]
    precision: Precision
    recipe: Mapping[str, Any]
    scores: Mapping[str, Any]
    sha256: Mapping[str, str]  # file name → digest
    scalings: Mapping[str, Scaling]  # of the layers that are calibrated
    data: Mapping[str, Any]


def check_configuration(config: Mapping[str, Any], files: Sequence[str]) -> Configuration:
    """Check every value; ``files`` are the names of the files that may have a digest.

    Raises ValueError: a value is missing, unknown, of another type, or impossible.
    """
    _keys(config, FIELDS | ({"data"} & config.keys()), "the configuration")
    for name in ("architecture", "recipe", "scores", "sha256"):
        if not isinstance(config[name], dict):
            raise ValueError(f"{name} is not an object")
    if config["precision"] not in PRECISIONS:
        raise ValueError(f"precision is not {' or '.join(PRECISIONS)}")
    try:
        architecture = architecture_from_dict(config["architecture"])
    except InputError as error:
        raise ValueError(f"of the architecture, {error.problem.rstrip('.')}") from error
    layers = _layers(config["layers"])
    _check_recipe(config["recipe"])
    for part, scores in config["scores"].items():
        if part not in PARTS:
            raise ValueError(f"scores are of {' or '.join(sorted(PARTS))}")
        _check_scores(scores, Scores, {layer.name for layer in layers})
    _check_data(config.get("data", {}))
    for name, sha256 in config["sha256"].items():
        if name not in files or not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
            raise ValueError("sha256 names a file that a model does not have, or is no digest")
    return Configuration(
        architecture,
        layers,
        config["precision"],
        config["recipe"],
        config["scores"],
        config["sha256"],
        {one["name"]: scaling for one in config["layers"] if (scaling := _scaling(one)) != Scaling()},
        config.get("data", {}),
    )


def _keys(values: Any, expected: set[str], what: str) -> None:
    if not isinstance(values, dict) or values.keys() != expected:
        raise ValueError(f"{what} does not have exactly the fields {', '.join(sorted(expected))}")


def _layers(values: Any) -> tuple[Layer, ...]:
    if not isinstance(values, list):
        raise ValueError("layers is not a list")
    layers = []
    for one in values:
        optional = {"calibration"} if isinstance(one, dict) and "calibration" in one else set()
        _keys(one, {"name", "scheme", "labels", *optional}, "a layer")
        name, scheme, labels = one["name"], one["scheme"], one["labels"]
        if not isinstance(name, str) or not isinstance(labels, list) or not {str}.issuperset(map(type, labels)):
            raise ValueError("a layer's name is not text, or its labels are not a list of texts")
        if scheme not in tuple(Scheme):
            raise ValueError("a layer's scheme is unknown")
        layers.append(Layer(name, Scheme(scheme), tuple(labels)))
    if problem := layers_problem(layers):
        raise ValueError(problem)
    return tuple(layers)


def _scaling(layer: Mapping[str, Any]) -> Scaling:
    """Return how a layer is calibrated; one that does not say is not."""
    if "calibration" not in layer:
        return Scaling()
    values = layer["calibration"]
    _keys(values, set(SCALES), "a layer's calibration")
    for name, (least, most) in SCALES.items():
        if type(values[name]) not in (int, float) or not least <= values[name] <= most:
            raise ValueError(f"the {name} of a layer's calibration is not a number from {least:g} to {most:g}")
    return Scaling(**{name: float(value) for name, value in values.items()})


def _check_recipe(recipe: Mapping[str, Any]) -> None:
    """A recipe is only shown, so that any fields will do if they are plain values."""
    for value in recipe.values():
        if not isinstance(value, str | int | float) or (not isinstance(value, str) and abs(value) > LARGEST_NUMBER):
            raise ValueError("a field of the recipe is not a text, a truth value or a number of usual size")


def _check_scores(values: Any, kind: type[TypeScores], layers: set[str]) -> None:
    """Scores are only shown too, but as numbers: they must have the fields of ``kind`` with their types."""
    given = values if kind is Scores and isinstance(values, dict) else {}
    several = layers if "layers" in given else None
    names = {field.name: field.type for field in fields(kind) if field.name not in ("intervals", "layers")}
    _keys(values, {*names, *({"intervals", "layers"} & given.keys())}, "a part's scores")
    if "intervals" in given:
        _check_intervals(values["intervals"])
    for name, type_name in names.items():
        value = values[name]
        if type_name == "float" and not _is_fraction(value):
            raise ValueError(f"the score {name} is not a number from 0 to 1")
        if type_name == "int" and not (type(value) is int and 0 <= value <= LARGEST_NUMBER):
            raise ValueError(f"the score {name} is not a count")
    for name, nested, of in (("types", TypeScores, None), ("layers", Scores, several)):
        if name in values:
            if not isinstance(values[name], dict) or (of is not None and not of.issuperset(values[name])):
                raise ValueError(f"the scores of {name} are not an object, or are of unknown layers")
            for one in values[name].values():
                _check_scores(one, nested, set())


def _check_intervals(values: Any) -> None:
    _keys(values, {*INTERVALS, "types", "unit", "units", "resamples", "confidence"}, "the intervals of scores")
    if not isinstance(values["types"], dict):
        raise ValueError("the intervals of types are not an object")
    for one in values["types"].values():
        _keys(one, set(INTERVALS[:3]), "the intervals of a type")
    for scores in ({name: values[name] for name in INTERVALS}, *values["types"].values()):
        for name, pair in scores.items():
            if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_fraction, pair)):
                raise ValueError(f"the interval of {name} is not two numbers from 0 to 1")
    if values["unit"] not in ("sentences", "documents") or not _is_fraction(values["confidence"]):
        raise ValueError("the intervals do not say what was drawn, or how sure they are")
    _check_counts(values, ("units", "resamples"))


def _check_data(data: Any) -> None:
    """What a model was trained and scored on is only shown, and compared with the digests of other files."""
    if not isinstance(data, dict) or not {*DATA_PARTS, "before"}.issuperset(data):
        raise ValueError("data is not an object, or has unknown parts")
    for part in (data[name] for name in DATA_PARTS if name in data):
        _keys(part, {"sentences", "tokens", "sources"}, "a part of the data")
        _check_counts(part, ("sentences", "tokens"))
    for sources in (*(data[name]["sources"] for name in DATA_PARTS if name in data), data.get("before", [])):
        if not isinstance(sources, list):
            raise ValueError("the sources of data are not a list")
        for one in sources:
            optional = {"documents"} if isinstance(one, dict) and "documents" in one else set()
            _keys(one, {"name", "sha256", "sentences", "tokens", *optional}, "a source of data")
            _check_counts(one, ("sentences", "tokens", *optional))
            name, sha256 = one["name"], one["sha256"]
            if not isinstance(name, str) or not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
                raise ValueError("a source of data has no name or no digest")


def _check_counts(values: Mapping[str, Any], names: Iterable[str]) -> None:
    if not all(type(values[name]) is int and 0 <= values[name] <= LARGEST_NUMBER for name in names):
        raise ValueError(f"{' or '.join(names)} is not a count")


def _is_fraction(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
