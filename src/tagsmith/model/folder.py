"""The model folder: written whole or not at all, verified when read; nothing in it can execute code.

A model on the Hugging Face Hub (:mod:`tagsmith.model.hub`) or at a URL (:mod:`tagsmith.downloads`) is read from its
copy in the cache, and ``en`` from the package (:mod:`tagsmith.model.packaged`).
"""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from tagsmith import downloads
from tagsmith.errors import ModelError, place_of
from tagsmith.files import OpenFolder, digest, new_folder, read_folder
from tagsmith.model.architecture import Architecture
from tagsmith.model.card import write_card
from tagsmith.model.configuration import Configuration, Precision, Scaling, check_configuration
from tagsmith.model.hub import download, hub_name
from tagsmith.model.json_values import parse_json
from tagsmith.model.packaged import packaged_folder, packaged_name, packaged_remedy
from tagsmith.model.vocabulary import MOST_WORDS, Vocabulary, vocabulary_from_dict
from tagsmith.model.weights import MOST_BYTES, bars_problem, first_unsound, read_weights, stored
from tagsmith.remote import below, entries, exists, is_file, is_folder, local_path, remove_file, url_of
from tagsmith.scores.scores import scores_from_dict
from tagsmith.text.layer import Layer, layers_problem

FORMAT_VERSION = 6
Result = TypeVar("Result")
MOST_HISTORY = 1 << 20  # bytes
MIB = 2**20
REMEDY = "Copy the whole folder again, or train the model anew."


class ModelFile(StrEnum):
    """The files of a model folder; others may stand beside them."""

    CONFIG = "config.json"  # format version, architecture, layers, recipe, scores, data, sha256 of every file
    VOCABULARY = "vocabulary.json"  # words and characters, in the order of their rows
    WEIGHTS = "weights.safetensors"  # every weight by name, see tagsmith.model.weights
    CARD = "README.md"  # the model card: no digest, so that people can edit it
    HISTORY = "history.jsonl"  # a line for each epoch, with times: no digest, so that two like runs give like models
    LEARNING_CURVE = "learning_curve.png"


UNCHECKED = (ModelFile.CARD, ModelFile.HISTORY)  # without a digest; the history is not read with the model
REQUIRED = (ModelFile.VOCABULARY, ModelFile.WEIGHTS)
INSIDE = (ModelFile.CONFIG, *REQUIRED)  # what a model is made of; the other files are kept as they are
MOST = {  # bytes of each file; of a JSON file, Python's values take up to 24 times as many
    ModelFile.CONFIG: 8 * MIB,
    ModelFile.VOCABULARY: 256 * MIB,
    ModelFile.WEIGHTS: MOST_BYTES,
    ModelFile.CARD: 8 * MIB,
    ModelFile.LEARNING_CURVE: 8 * MIB,
}


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
    scalings: Mapping[str, Scaling] = field(default_factory=dict)  # how probabilities are calibrated, by layer
    data: Mapping[str, Any] = field(default_factory=dict)  # on what it was trained and scored, likewise for the reader


def write_model(model: Model, folder: Path) -> None:
    """Write ``model`` to ``folder``, whole or not at all.

    A temporary sibling is written, flushed to disk and renamed; a model already there is replaced only then. A process
    that loads a model meanwhile gets the old one or the new one.

    Raises ModelError: ``folder`` exists and is not a model folder, or is a file; or the model is one that could not be
    read. OSError: the disk is full or the place is not writable. Nothing is left behind.
    """
    check_target(folder)
    files = model_files(model)
    check_readable(model, files, folder)
    with new_folder(folder) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)
    if url := url_of(folder):
        for name in {*ModelFile} - {*files}:  # of the model that was there before
            with suppress(OSError):  # nobody reads it
                remove_file(below(url, name))


def check_readable(model: Model, files: Mapping[str, bytes], folder: str | Path) -> None:
    """Raise :class:`ModelError` if the model with these files could not be read; ``folder`` is where they go."""
    if problem := layers_problem(model.layers):
        raise ModelError(f"{problem}.", path=folder, remedy="Change the labels.")
    if name := first_unsound(model.weights):
        problem = f"the weight {name} has a number that is not finite, or too large."
        raise ModelError(problem, path=folder, remedy="Train with a lower learning_rate.")
    for name, content in files.items():
        if name in MOST and len(content) > MOST[ModelFile(name)]:
            problem = f"{name} would have {len(content):,} bytes, and at most {MOST[ModelFile(name)]:,} are read."
            raise ModelError(problem, path=folder, remedy="Train with fewer words, vectors or labels.")


def check_target(folder: Path) -> None:
    """Raise :class:`ModelError` unless a model can be written to ``folder``."""
    if on_hub := hub_name(folder):
        remedy = "Name a folder, load the model from there, and call its push_to_hub."
        raise ModelError("a model is written to this machine first.", path=str(on_hub), remedy=remedy)
    if is_folder(folder) and not is_file(folder / ModelFile.CONFIG) and entries(folder):
        raise ModelError(
            "this folder exists, is not empty and holds no model.",
            path=folder,
            remedy="Choose another folder.",
        )
    if exists(folder) and not is_folder(folder):
        raise ModelError("this is a file.", path=folder, remedy="Name a folder for the model.")
    if url_of(folder):
        return
    if folder.resolve().is_mount():
        remedy = "Name a folder inside it for the model."
        raise ModelError("a disk is mounted here, so no other folder can take its place.", path=folder, remedy=remedy)
    if Path.cwd().is_relative_to(folder.resolve()):  # it would be renamed and deleted under the user's feet
        raise ModelError("you are in this folder now.", path=folder, remedy="Name another folder for the model.")


def model_files(model: Model) -> dict[str, bytes]:
    """Return every file of a model's folder, name → content; :func:`model_from_files` reads them."""
    vocabulary = json.dumps(model.vocabulary.as_dict(), ensure_ascii=True).encode()
    arrays = {name: np.ascontiguousarray(stored(name, array)) for name, array in model.weights.items()}
    files: dict[str, bytes] = {
        ModelFile.VOCABULARY: vocabulary,
        ModelFile.WEIGHTS: safetensors.numpy.save(arrays),
        **model.extras,
    }
    config: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "architecture": model.architecture.as_dict(),
        "layers": [_layer_values(one, model.scalings.get(one.name)) for one in model.layers],
        "precision": model.precision,
        "recipe": model.recipe,
        "scores": model.scores,
        **({"data": model.data} if model.data else {}),
        "sha256": {name: digest(content) for name, content in sorted(files.items()) if name not in UNCHECKED},
    }
    config["sha256"][ModelFile.CONFIG] = _config_digest(config)
    files[ModelFile.CONFIG] = (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
    return files


def _layer_values(layer: Layer, scaling: Scaling | None) -> dict[str, Any]:
    values = {"name": layer.name, "scheme": layer.scheme.value, "labels": layer.labels}
    return values if scaling in (None, Scaling()) else {**values, "calibration": asdict(scaling)}


def with_card(model: Model) -> Model:
    """Return a model that has a model card: its own, or one that says what the model knows of itself."""
    if ModelFile.CARD in model.extras:
        return model
    scores = {part: scores_from_dict(one) for part, one in model.scores.items()}
    card = write_card(model.layers, scores, model.recipe, data=model.data)
    return replace(model, extras={**model.extras, ModelFile.CARD: card.encode()})


def read_model(folder: str | Path) -> Model:
    """Read and verify a model folder; if another process replaces it meanwhile, the new one.

    ``folder`` may be ``en``, see :mod:`tagsmith.model.packaged`, or ``hf://owner/name``, see :mod:`tagsmith.model.hub`,
    or a URL such as ``s3://bucket/model``, see :mod:`tagsmith.downloads`.

    Raises ModelError: the folder or one of its files is missing, truncated or altered, or of another format version.
    """
    return _read(folder, _read_model)


def model_from_files(files: Mapping[str, bytes]) -> Model:
    """Read and verify the files of a model folder in memory, name → content; errors are those of :func:`read_model`."""
    return _read_model(_FilesInMemory(files))


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read ``config.json``, checking that it is one and of a known format version."""
    return _read(folder, _read_config)


def local_folder(folder: str | Path) -> Path:
    """Return the folder itself, or that of a model which has a name.

    A model on the Hub, or one that is named by a URL, is downloaded if its newest version is not there.

    Raises ModelError: it is not there and cannot be downloaded, or comes with tagsmith in another version.
    """
    on_hub = hub_name(folder)
    if on_hub is not None:
        return download(on_hub, [*ModelFile], INSIDE)
    if url := url_of(folder):
        return _copied(url)
    return packaged_folder(folder) or local_path(folder)


def _copied(url: str) -> Path:
    """Return the folder in the cache with a copy of a model elsewhere."""
    most = {ModelFile.HISTORY.value: 64 * MIB, **{name.value: size for name, size in MOST.items()}}
    try:
        return downloads.download({name: below(url, name) for name in ModelFile}, most)
    except FileNotFoundError:
        remedy = "Check the URL; it is that of the folder."
        raise ModelError("there is no such model folder.", path=url, remedy=remedy) from None
    except OSError as error:
        remedy = "Check the URL, the network, your access and the disk."
        raise ModelError(
            f"it cannot be copied: {error.strerror}.", path=error.filename or url, remedy=remedy
        ) from error


def names_model(text: str | Path) -> bool:
    """Whether this is the name of a model, one that comes with tagsmith or one on the Hub, and not a path.

    Raises ModelError: as :func:`local_folder`, without a download.
    """
    return hub_name(text) is not None or packaged_name(text) is not None


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Read the epochs of a folder's ``history.jsonl``, none if it is not there.

    It has no digest, so that only lines as training writes them count.
    """
    entries: list[dict[str, Any]] = []
    numbers = ("epoch", "loss", "dev_loss", "dev")
    try:
        with (folder / ModelFile.HISTORY).open("rb") as stream:
            content = stream.read(MOST_HISTORY).decode("utf-8", "replace")
    except OSError:
        return entries
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and all(isinstance(entry.get(key), int | float) for key in numbers):
            entries.append(entry)
    return entries


def _read(folder: str | Path, read: Callable[[OpenFolder], Result]) -> Result:
    """Read a folder; of a model on the Hub or elsewhere, errors have the name that it has there."""
    local, on_hub = local_folder(folder), hub_name(folder) or url_of(folder)
    try:
        return _read_folder(local, read)
    except ModelError as error:
        if packaged_name(folder) is not None:
            raise ModelError(error.problem, path=error.path, remedy="Install tagsmith again.") from error
        if on_hub is None:
            raise
        remedy = error.remedy
        if remedy == REMEDY:
            again = "push" if hub_name(folder) else "upload"
            remedy = f"Delete {local} and load it again; if that does not help, its owner has to {again} it again."
        raise ModelError(
            error.problem, path=f"{place_of(str(on_hub))}, {Path(error.path or local).name}", remedy=remedy
        ) from error


def config_digest(folder: Path) -> str | None:
    """Return a digest of ``config.json``, which has those of the other files; None if it cannot be read."""
    try:
        return digest(read_folder(folder, lambda files: files.read(ModelFile.CONFIG, MOST[ModelFile.CONFIG])))
    except OSError:
        return None


def _read_folder(folder: Path, read: Callable[[OpenFolder], Result]) -> Result:
    try:
        return read_folder(folder, read)
    except FileNotFoundError:
        remedy = f"Check the path; a model on the Hugging Face Hub is hf://OWNER/NAME. {packaged_remedy()}".strip()
        raise ModelError("there is no such model folder.", path=folder, remedy=remedy) from None
    except NotADirectoryError:
        raise _no_model(folder) from None
    except OSError as error:
        raise ModelError(
            f"it cannot be read: {error.strerror}.", path=error.filename or folder, remedy=REMEDY
        ) from error
    except MemoryError as error:
        remedy = "Load it on a machine with more memory."
        raise ModelError("the model needs more memory than there is.", path=folder, remedy=remedy) from error


class _Files(Protocol):
    """The files of a model, on a disk or in memory."""

    path: Path

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading bytes; raise OSError."""

    def read(self, name: str, most: int) -> bytes:
        """Return a file's content; raise OSError, also if it has more than ``most`` bytes."""


class _FilesInMemory:
    """Contents by name."""

    path = Path("<memory>")

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = contents

    def open(self, name: str) -> IO[bytes]:
        """Open one for reading."""
        if name not in self.contents:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return io.BytesIO(self.contents[name])

    def read(self, name: str, most: int) -> bytes:
        """Return one."""
        content = self.open(name).read(most + 1)
        if len(content) > most:
            raise OSError(errno.EFBIG, f"It has more than {most:,} bytes")
        return content


def _no_model(folder: Path) -> ModelError:
    return ModelError(
        f"this is not a model folder: it holds no {ModelFile.CONFIG}.",
        path=folder,
        remedy=f"Name the folder that 'tagsmith train --out' wrote. {packaged_remedy(folder)}".strip(),
    )


def _read_model(files: _Files) -> Model:
    raw, path = _read_config(files), files.path
    with _errors_of(path / ModelFile.CONFIG):
        config = check_configuration(raw, [*MOST])
        for name in REQUIRED:
            if name not in config.sha256:
                raise ValueError(f"it does not list {name}")
    vocabulary = _read_vocabulary(files, config)
    weights = _read_weights(files, config, vocabulary)
    extras = {name: _read_verified(files, name, config) for name in sorted(config.sha256) if name not in INSIDE}
    if (card := _read_card(files)) is not None:
        extras[ModelFile.CARD] = card
    return Model(
        config.architecture,
        vocabulary,
        config.layers,
        weights,
        config.recipe,
        config.scores,
        extras,
        config.precision,
        config.scalings,
        config.data,
    )


def _read_config(files: _Files) -> dict[str, Any]:
    path = files.path / ModelFile.CONFIG
    try:
        content = files.read(ModelFile.CONFIG, MOST[ModelFile.CONFIG])
    except (FileNotFoundError, IsADirectoryError):
        raise _no_model(files.path) from None
    except OSError as error:
        raise _unreadable(path, error) from error
    with _errors_of(path):
        config = parse_json(content)
        if not isinstance(config, dict) or "format_version" not in config:
            raise ValueError("it is not the configuration of a model")
        if (version := config["format_version"]) != FORMAT_VERSION or type(version) is not int:
            raise ModelError(
                f"the model has format version {_shown(version, 20)}; this version of tagsmith reads {FORMAT_VERSION}.",
                path=path,
                remedy="Load it with the version of tagsmith that wrote it.",
            )
        digests = config.get("sha256")
        if not isinstance(digests, dict) or digests.get(ModelFile.CONFIG) != _config_digest(config):
            raise ValueError("it is truncated or altered")
    return config


def _config_digest(config: Mapping[str, Any]) -> str:
    """sha256 of what the configuration says, except of this digest."""
    others = {name: sha256 for name, sha256 in config["sha256"].items() if name != ModelFile.CONFIG}
    return digest(json.dumps({**config, "sha256": others}, sort_keys=True).encode())


def _read_vocabulary(files: _Files, config: Configuration) -> Vocabulary:
    content = _read_verified(files, ModelFile.VOCABULARY, config)
    with _errors_of(files.path / ModelFile.VOCABULARY):
        # Python takes 24 bytes of memory for each byte of some JSON, so the values of a large file are counted first.
        if len(content) > MOST[ModelFile.CONFIG]:
            bytes_of = np.frombuffer(content, np.uint8)
            values = sum(int(np.count_nonzero(bytes_of == ord(sign))) for sign in ",[{")
            if values > 3 * MOST_WORDS:  # a comma may be part of a word
                raise ValueError(f"it has {values:,} values or commas, and at most {3 * MOST_WORDS:,} are read")
        return vocabulary_from_dict(parse_json(content))


def _read_weights(files: _Files, config: Configuration, vocabulary: Vocabulary) -> dict[str, npt.NDArray[Any]]:
    path = files.path / ModelFile.WEIGHTS
    tags = [len(layer.tags) for layer in config.layers]
    try:
        with files.open(ModelFile.WEIGHTS) as stream, _errors_of(path):
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            content, weights = read_weights(stream, size, config.architecture, vocabulary, tags)
    except OSError as error:
        raise _unreadable(path, error) from error
    _verify(content, path, config.sha256[ModelFile.WEIGHTS])
    with _errors_of(path):
        if problem := bars_problem(config.layers, weights):
            raise ValueError(problem)
    return weights


def _read_verified(files: _Files, name: str, config: Configuration) -> bytes:
    path = files.path / name
    try:
        content = files.read(name, MOST[ModelFile(name)])
    except OSError as error:
        raise _unreadable(path, error) from error
    _verify(content, path, config.sha256[name])
    return content


def _read_card(files: _Files) -> bytes | None:
    """Read the model card, if there is one.

    It may be edited, so that it has no digest. But then a link could show the user's own files as a stranger's card:
    the only ones that are followed are those of the cache of ``huggingface_hub``, to ``blobs`` beside ``snapshots``.
    """
    path = files.path / ModelFile.CARD
    if is_link := path.is_symlink():
        above = Path(os.path.realpath(files.path)).parents
        if not any(one.name == "blobs" and one.parent in above for one in Path(os.path.realpath(path)).parents):
            raise _unreadable(path, OSError(errno.EINVAL, "It is a link to a file elsewhere"))
    try:
        return files.read(ModelFile.CARD, MOST[ModelFile.CARD])
    except FileNotFoundError as error:
        if is_link:
            raise _unreadable(path, error) from error
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


def _verify(content: bytes | memoryview, path: Path, sha256: str) -> None:
    if digest(content) != sha256:
        raise ModelError(
            "this file of the model is truncated or altered: its sha256 is not the one in config.json.",
            path=path,
            remedy=REMEDY,
        )


def _unreadable(path: Path, error: OSError) -> ModelError:
    if isinstance(error, FileNotFoundError):
        return ModelError("this file of the model is missing.", path=path, remedy=REMEDY)
    return ModelError(f"this file of the model cannot be read: {error.strerror}.", path=path, remedy=REMEDY)


def _shown(value: object, most: int) -> str:
    """A value of the file, or a message that may repeat one, in at most so many characters that can be seen."""
    text = str(value)[:most]
    return text if text.isprintable() else repr(text)[1:-1]


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Let what is wrong with a file's values be a :class:`ModelError` that names the file."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"this file of the model is damaged: {_shown(error, 500)}.", path=path, remedy=REMEDY
        ) from error
