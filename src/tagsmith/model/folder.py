"""The model folder: written whole or not at all, verified when read; nothing in it can execute code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from tagsmith.errors import ModelError
from tagsmith.files import OpenFolder, digest, new_folder, read_folder
from tagsmith.model.architecture import Architecture, architecture_from_dict
from tagsmith.model.vocabulary import Vocabulary, vocabulary_from_dict
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme

FORMAT_VERSION = 5
Precision = Literal["int8", "float32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Result = TypeVar("Result")
REMEDY = "Copy the whole folder again, or train the model anew."


class ModelFile(StrEnum):
    """The files of a model folder; others may stand beside them."""

    CONFIG = "config.json"  # format version, architecture, layers, recipe, scores, sha256 of every file
    VOCABULARY = "vocabulary.json"  # words and characters, in the order of their rows
    WEIGHTS = "weights.safetensors"  # every weight by name; pretrained vectors as int8 rows with a float32 scale each
    CARD = "README.md"  # the model card
    HISTORY = "history.jsonl"  # a line for each epoch, with times: no digest, so that two like runs give like models
    LEARNING_CURVE = "learning_curve.png"


UNCHECKED = (ModelFile.HISTORY,)  # without a digest, and not read with the model
REQUIRED = (ModelFile.VOCABULARY, ModelFile.WEIGHTS)


@dataclass(frozen=True)
class Model:
    """Everything a tagger needs, in memory."""

    architecture: Architecture
    vocabulary: Vocabulary
    layers: tuple[Layer, ...]  # the network's outputs are the tags of all layers side by side
    weights: Mapping[str, npt.NDArray[Any]]  # by name; the CRF of layer n (from 0) has the names ``crf/n/…``
    recipe: Mapping[str, Any] = field(default_factory=dict)  # how it was trained, as JSON values, for the reader
    scores: Mapping[str, Any] = field(default_factory=dict)  # how well it did, likewise
    extras: Mapping[str, bytes] = field(default_factory=dict)  # further files: model card, history, learning curve
    precision: Precision = "int8"  # what an LSTM's kernels run in where the user does not say


def write_model(model: Model, folder: Path) -> None:
    """Write ``model`` to ``folder``, whole or not at all.

    A temporary sibling is written, flushed to disk and renamed; a model already there is replaced only then. A process
    that loads a model meanwhile gets the old one or the new one.

    Raises ModelError: ``folder`` exists and is not a model folder, or is a file; OSError: the disk is full or the place
    is not writable; nothing is left behind.
    """
    check_target(folder)
    with new_folder(folder) as temporary:
        for name, content in _files(model).items():
            (temporary / name).write_bytes(content)


def check_target(folder: Path) -> None:
    """Raise :class:`ModelError` unless a model can be written to ``folder``."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ModelFile.CONFIG).is_file():
        raise ModelError(
            "this folder exists, is not empty and holds no model.",
            path=folder,
            remedy="Choose another folder.",
        )
    if folder.exists() and not folder.is_dir():
        raise ModelError("this is a file.", path=folder, remedy="Name a folder for the model.")
    if Path.cwd().is_relative_to(folder.resolve()):  # it would be renamed and deleted under the user's feet
        raise ModelError("you are in this folder now.", path=folder, remedy="Name another folder for the model.")


def _files(model: Model) -> dict[str, bytes]:
    """Return every file of a model's folder, name → content."""
    vocabulary = json.dumps(model.vocabulary.as_dict(), ensure_ascii=True).encode()
    arrays = {name: np.ascontiguousarray(array) for name, array in model.weights.items()}
    files: dict[str, bytes] = {
        ModelFile.VOCABULARY: vocabulary,
        ModelFile.WEIGHTS: safetensors.numpy.save(arrays),
        **model.extras,
    }
    config: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "architecture": model.architecture.as_dict(),
        "layers": [{"name": one.name, "scheme": one.scheme.value, "labels": one.labels} for one in model.layers],
        "precision": model.precision,
        "recipe": model.recipe,
        "scores": model.scores,
        "sha256": {name: digest(content) for name, content in sorted(files.items()) if name not in UNCHECKED},
    }
    config["sha256"][ModelFile.CONFIG] = _config_digest(config)
    files[ModelFile.CONFIG] = (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
    return files


def read_model(folder: Path) -> Model:
    """Read and verify a model folder; if another process replaces it meanwhile, the new one.

    Raises ModelError: the folder or one of its files is missing, truncated or altered, or of another format version.
    """
    return _read_folder(folder, _read_model)


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json``, checking that it is one and of a known format version."""
    return _read_folder(folder, _read_config)


def _read_folder(folder: Path, read: Callable[[OpenFolder], Result]) -> Result:
    try:
        return read_folder(folder, read)
    except FileNotFoundError:
        raise ModelError("there is no such model folder.", path=folder, remedy="Check the path.") from None
    except NotADirectoryError:
        raise _no_model(folder) from None
    except OSError as error:
        raise ModelError(
            f"it cannot be read: {error.strerror}.", path=error.filename or folder, remedy=REMEDY
        ) from error


def _no_model(folder: Path) -> ModelError:
    return ModelError(
        f"this is not a model folder: it holds no {ModelFile.CONFIG}.",
        path=folder,
        remedy="Name the folder that 'tagsmith train --out' wrote.",
    )


def _read_model(files: OpenFolder) -> Model:
    config, folder = _read_config(files), files.path
    digests = {name: sha256 for name, sha256 in config["sha256"].items() if name != ModelFile.CONFIG}
    contents = {name: _read_verified(files, name, sha256) for name, sha256 in digests.items()}
    for name in REQUIRED:
        if name not in contents:
            raise ModelError(f"the configuration does not list {name}.", path=folder / ModelFile.CONFIG, remedy=REMEDY)
    try:
        return Model(
            architecture_from_dict(config["architecture"]),
            vocabulary_from_dict(json.loads(contents[ModelFile.VOCABULARY])),
            tuple(Layer(one["name"], Scheme(one["scheme"]), tuple(one["labels"])) for one in config["layers"]),
            safetensors.numpy.load(contents[ModelFile.WEIGHTS]),
            config["recipe"],
            config["scores"],
            {name: content for name, content in contents.items() if name not in REQUIRED},
            config["precision"],
        )
    except (KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the model cannot be read: {error!r}.", path=folder, remedy=REMEDY) from error


def _read_config(files: OpenFolder) -> dict[str, Any]:
    path = files.path / ModelFile.CONFIG
    try:
        with files.open(ModelFile.CONFIG) as stream:
            config = json.loads(stream.read())
    except (FileNotFoundError, IsADirectoryError):
        raise _no_model(files.path) from None
    except ValueError as error:
        raise ModelError("the configuration is damaged.", path=path, remedy=REMEDY) from error
    try:
        version = config["format_version"]
        digests = config["sha256"]
    except (KeyError, TypeError) as error:
        raise ModelError("the configuration is damaged.", path=path, remedy=REMEDY) from error
    if version != FORMAT_VERSION:
        raise ModelError(
            f"the model has format version {version}; this version of tagsmith reads {FORMAT_VERSION}.",
            path=path,
            remedy="Load it with the version of tagsmith that wrote it.",
        )
    if not isinstance(digests, dict) or any(Path(name).name != name for name in digests):
        raise ModelError("the configuration is damaged.", path=path, remedy=REMEDY)
    if digests.get(ModelFile.CONFIG) != _config_digest(config):
        raise ModelError("the configuration is truncated or altered.", path=path, remedy=REMEDY)
    return dict(config)


def _config_digest(config: Mapping[str, Any]) -> str:
    """sha256 of what the configuration says, except of this digest."""
    others = {name: sha256 for name, sha256 in config["sha256"].items() if name != ModelFile.CONFIG}
    return digest(json.dumps({**config, "sha256": others}, sort_keys=True).encode())


def _read_verified(files: OpenFolder, name: str, sha256: str) -> bytes:
    path = files.path / name
    try:
        with files.open(name) as stream:
            content = stream.read()
    except FileNotFoundError as error:
        raise ModelError("this file of the model is missing.", path=path, remedy=REMEDY) from error
    except OSError as error:
        problem = f"this file of the model cannot be read: {error.strerror}."
        raise ModelError(problem, path=path, remedy=REMEDY) from error
    if digest(content) != sha256:
        raise ModelError(
            "this file of the model is truncated or altered: its sha256 is not the one in config.json.",
            path=path,
            remedy=REMEDY,
        )
    return content
