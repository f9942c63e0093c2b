"""The model folder: written atomically, verified when read, nothing in it can execute code.

====================  ==============================================================================================
config.json           format version, architecture, recipe, tags, scheme, scores, sha256 of every file
vocabulary.json       words and characters, in the order of their rows
weights.safetensors   every weight by name; pretrained vectors as int8 rows with a float32 scale each
words.onnx            a word form's encoding
sentences.onnx        from encodings to emissions, float32
sentences.int8.onnx   the same with int8 recurrent kernels
README.md             the model card
====================  ==============================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from tagsmith.errors import ModelError
from tagsmith.files import digest, new_folder
from tagsmith.model.architecture import Architecture, architecture_from_dict
from tagsmith.model.vocabulary import Vocabulary, vocabulary_from_dict
from tagsmith.text.schemes import Scheme

FORMAT_VERSION = 2
SEVERAL_LAYERS = 3  # the format version of models of several layers, which version 2 cannot say
Precision = Literal["int8", "float32"]
CONFIG = "config.json"
REQUIRED = ("vocabulary.json", "weights.safetensors", "words.onnx", "sentences.onnx", "sentences.int8.onnx")
REMEDY = "Copy the whole folder again, or train the model anew."


@dataclass(frozen=True, slots=True)
class LayerTags:
    """A layer that a model gives: its name, the user's scheme, and the tags that the network chooses from."""

    name: str
    scheme: Scheme
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """Everything a tagger needs, in memory.

    Parameters
    ----------
    architecture, vocabulary
        Shape of the network and rows of its tables.
    tags
        The tags that the network chooses from, in the order of its outputs (BIOES inside for span tasks).
    scheme
        The scheme that the user's data are in and that tagging gives back.
    layer
        Name of the annotation layer that the model was trained on.
    weights
        Weight name → array.
    graphs
        File name → serialized ONNX graph.
    recipe, scores
        How it was trained and how well it did, as JSON values, for the reader.
    extras
        Further files, name → content: model card, history, learning curve.
    precision
        ``"int8"`` or ``"float32"``: which sentence graph to run where the user does not say.
    further
        The other layers, where there are several. The network's outputs are the tags of all layers side by side, and
        the CRF weights of layer n (from 0) are named ``crf/n/…``, those of the first ``crf/…``.
    """

    architecture: Architecture
    vocabulary: Vocabulary
    tags: tuple[str, ...]
    scheme: Scheme
    layer: str
    weights: Mapping[str, npt.NDArray[Any]]
    graphs: Mapping[str, bytes]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, bytes] = field(default_factory=dict)
    precision: Precision = "int8"
    further: tuple[LayerTags, ...] = ()

    @property
    def layers(self) -> tuple[LayerTags, ...]:
        """Every layer, the main one first."""
        return LayerTags(self.layer, self.scheme, self.tags), *self.further


def write_model(model: Model, folder: Path) -> None:
    """Write ``model`` to ``folder``, whole or not at all.

    A temporary sibling is written, flushed to disk and renamed; a model already there is replaced only then.

    Raises
    ------
    ModelError
        ``folder`` exists and is not a model folder, or is a file.
    OSError
        The disk is full or the place is not writable; nothing is left behind.
    """
    check_target(folder)
    with new_folder(folder) as temporary:
        for name, content in _files(model).items():
            (temporary / name).write_bytes(content)


def check_target(folder: Path) -> None:
    """Raise :class:`ModelError` unless a model can be written to ``folder``."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CONFIG).is_file():
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
    files = {
        "vocabulary.json": vocabulary,
        "weights.safetensors": safetensors.numpy.save(arrays),
        **model.graphs,
        **model.extras,
    }
    config: dict[str, Any] = {
        "format_version": SEVERAL_LAYERS if model.further else FORMAT_VERSION,
        "architecture": model.architecture.as_dict(),
        "tags": model.tags,
        "scheme": model.scheme.value,
        "layer": model.layer,
        "precision": model.precision,
        "recipe": model.recipe,
        "scores": model.scores,
        "sha256": {name: digest(content) for name, content in sorted(files.items())},
    }
    if model.further:
        config["further"] = [{"layer": own.name, "scheme": own.scheme.value, "tags": own.tags} for own in model.further]
    config["sha256"][CONFIG] = _config_digest(config)
    files[CONFIG] = (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
    return files


def read_model(folder: Path) -> Model:
    """Read and verify a model folder.

    Raises
    ------
    ModelError
        The folder or one of its files is missing, truncated or altered, or of another format version.
    """
    config = read_config(folder)
    digests = {name: sha256 for name, sha256 in config["sha256"].items() if name != CONFIG}
    contents = {name: _read_verified(folder / name, sha256) for name, sha256 in digests.items()}
    for name in REQUIRED:
        if name not in contents:
            raise ModelError(f"the configuration does not list {name}.", path=folder / CONFIG, remedy=REMEDY)
    try:
        return Model(
            architecture_from_dict(config["architecture"]),
            vocabulary_from_dict(json.loads(contents["vocabulary.json"])),
            tuple(config["tags"]),
            Scheme(config["scheme"]),
            config["layer"],
            safetensors.numpy.load(contents["weights.safetensors"]),
            {name: content for name, content in contents.items() if name.endswith(".onnx")},
            config["recipe"],
            config["scores"],
            {name: content for name, content in contents.items() if name not in REQUIRED},
            config["precision"],
            tuple(
                LayerTags(own["layer"], Scheme(own["scheme"]), tuple(own["tags"])) for own in config.get("further", ())
            ),
        )
    except (KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the model cannot be read: {error!r}.", path=folder, remedy=REMEDY) from error


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json``, checking that it is one and of a known format version."""
    path = folder / CONFIG
    if not folder.exists():
        raise ModelError("there is no such model folder.", path=folder, remedy="Check the path.")
    if not path.is_file():
        raise ModelError(
            f"this is not a model folder: it holds no {CONFIG}.",
            path=folder,
            remedy="Name the folder that 'tagsmith train --out' wrote.",
        )
    try:
        config = json.loads(path.read_bytes())
        version = config["format_version"]
        digests = config["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError("the configuration is damaged.", path=path, remedy=REMEDY) from error
    if version not in (FORMAT_VERSION, SEVERAL_LAYERS):
        raise ModelError(
            f"the model has format version {version}; this version of tagsmith reads {FORMAT_VERSION} and "
            f"{SEVERAL_LAYERS}.",
            path=path,
            remedy="Load it with the version of tagsmith that wrote it.",
        )
    if not isinstance(digests, dict) or any(Path(name).name != name for name in digests):
        raise ModelError("the configuration is damaged.", path=path, remedy=REMEDY)
    if digests.get(CONFIG) != _config_digest(config):
        raise ModelError("the configuration is truncated or altered.", path=path, remedy=REMEDY)
    return dict(config)


def _config_digest(config: Mapping[str, Any]) -> str:
    """sha256 of what the configuration says, except of this digest."""
    others = {name: sha256 for name, sha256 in config["sha256"].items() if name != CONFIG}
    return digest(json.dumps({**config, "sha256": others}, sort_keys=True).encode())


def _read_verified(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
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
