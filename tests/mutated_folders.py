"""Model folders as a stranger may have made them: valid ones, what is done to them, and what may come of it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from random_model import SMALL, WITH_NGRAMS, packed_model, random_layers_model, random_model, random_sentences
from tagsmith.cli.inspect_model import model_report, model_section
from tagsmith.errors import ModelError
from tagsmith.model.configuration import Scaling
from tagsmith.model.folder import Model, model_files
from tagsmith.scores.aligned import align_tags
from tagsmith.scores.intervals import score_intervals
from tagsmith.scores.scores import score_tags
from tagsmith.serving.models import _describe
from tagsmith.tagging.tagger import load
from tagsmith.text.schemes import Scheme, is_legal

Files = dict[str, "bytes | Callable[[Path], object]"]  # a file's content, or what makes something else of its path
SENTENCES = [*random_sentences(4), ["John"], [], ["🙂"] * 30]
MANY = random_sentences(30, longest=4)  # enough for an LSTM in 8 bits to run in its loop
ONE_LINE = 2000  # characters of a message

# JSON values that do not belong where they are put, as text, because some of them are none.
STRANGE = [
    "null", "true", "false", "0", "-0", "1", "-1", "2", "1.5", "7.0", "1000000000", "9223372036854775808", "-1e400",
    "1e999", "NaN", "-Infinity", "9" * 400, "9" * 5000, '""', '"x"', '"0"', '"\\u0000"', '"\\u202e"', '"\\ud800"',
    '"a\\nb"', '"O"', '"B-X"', '"../x"', '"/dev/zero"', '"' + "x" * 5000 + '"', "[]", "{}", "[[]]", "[null]", '[""]',
    '["x", "x"]', '{"x": 1}', '{"x": 1, "x": 2}', "[" * 400 + "]" * 400, "[" * 100000,
    '{"a":' * 3000 + "1" + "}" * 3000,
]  # fmt: skip
NUMBERS = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e6, -1e6, 1.1e6, 65504.0, 1e-40, 0.0, -1e9]


@cache
def valid_models() -> tuple[Model, ...]:
    """Small models of every kind."""
    tags = [["B-PER", "O"], ["O"]], [["B-PER", "B-LOC"], ["O"]]
    scores = replace(score_tags(*tags), intervals=score_intervals(align_tags(*tags), resamples=9)).as_dict()
    source = {"name": "a.conll", "sha256": "0" * 64, "sentences": 2, "tokens": 3, "documents": 1}
    data = {"train": {"sentences": 2, "tokens": 3, "sources": [source]}, "before": [source]}
    return (
        replace(random_model(), scores={"dev": scores}, data=data, extras={"README.md": b"# A model\n"}),
        random_model(replace(SMALL, cell="gru", head="softmax", characters="none", layers=2), pretrained=False),
        random_model(
            replace(SMALL, cell="rnn", characters="lstm", shape_dim=0, bidirectional=False), vocabulary=WITH_NGRAMS
        ),
        random_model(replace(SMALL, layers=2, residual=True, characters="gru"), scheme=Scheme.PLAIN, labels=("A", "B")),
        replace(random_layers_model(), precision="float32", scalings={"ner": Scaling(1.5, -0.5)}),
        packed_model(replace(SMALL, word_dim=7)),
    )


@cache
def valid_files(number: int) -> dict[str, bytes]:
    """The files of one of them, by name."""
    return model_files(valid_models()[number])


def sealed(files: Files) -> Files:
    """The files with the right digests in ``config.json``, as the author of a model would make them."""
    try:
        config = json.loads(files["config.json"])  # type: ignore[arg-type]
        listed = config["sha256"]
        for name in listed:
            if isinstance(files.get(name), bytes):
                listed[name] = hashlib.sha256(files[name]).hexdigest()  # type: ignore[arg-type]
        listed.pop("config.json", None)
        listed["config.json"] = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        return {**files, "config.json": json.dumps(config).encode()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return files  # nobody could seal it


def written(files: Files, folder: Path) -> Path:
    """Write the files to a new folder."""
    folder.mkdir()
    for name, content in files.items():
        if callable(content):
            content(folder / name)
        else:
            (folder / name).write_bytes(content)
    return folder


# ------------------------------------------------------------------------------------------------------- changes


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value; of a long list the first entries."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(3, len(value))):
            yield from places(value[index], (*path, index))


def json_with(value: Any, path: tuple[Any, ...], raw: str | None, key: str | None = None) -> bytes:
    """JSON text with ``raw`` in the place of what is at ``path``; None removes it. ``key`` is put beside it."""
    mark = "@strange@"
    value = json.loads(json.dumps(value))
    if not path:
        return (raw or "").encode()
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    if raw is None:
        del holder[path[-1]]
    elif key is not None and isinstance(holder, dict):
        holder[key] = mark
    else:
        holder[path[-1]] = mark
    return json.dumps(value).replace(f'"{mark}"', raw or "").encode()


def header_of(weights: bytes) -> tuple[Any, bytes]:
    """The header and the numbers of a safetensors file."""
    end = 8 + int.from_bytes(weights[:8], "little")
    return json.loads(weights[8:end]), weights[end:]


def with_header(header: bytes, numbers: bytes) -> bytes:
    """A safetensors file."""
    return len(header).to_bytes(8, "little") + header + numbers


def with_number(weights: bytes, choose: int, number: float) -> bytes:
    """The weights with one number changed; the changes are numbered from 0 on, and go round."""
    header, numbers = header_of(weights)
    names = [name for name, one in header.items() if name != "__metadata__" and one["dtype"] not in ("I8", "U8")]
    one = header[names[choose % len(names)]]
    first, end = one["data_offsets"]
    kind = np.dtype({"F32": "<f4", "F16": "<f2"}[one["dtype"]])
    place = first + (choose // len(names)) * kind.itemsize % (end - first)
    with np.errstate(over="ignore"):
        changed = numbers[:place] + np.array(number, kind).tobytes() + numbers[place + kind.itemsize :]
    return with_header(json.dumps(header).encode(), changed)


def scaled(weights: bytes, number: float) -> bytes:
    """All float32 weights as large as they may be, with their signs."""
    header, numbers = header_of(weights)
    content = bytearray(numbers)
    for name, one in header.items():
        if name != "__metadata__" and one["dtype"] == "F32":
            first, end = one["data_offsets"]
            values = np.frombuffer(numbers[first:end], "<f4")
            content[first:end] = np.where(values < 0, -number, number).astype("<f4").tobytes()
    return with_header(json.dumps(header).encode(), bytes(content))


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket has 107 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


KINDS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a socket": _socket,
    "a link to an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a link to the kernel's log": lambda path: path.symlink_to("/proc/kmsg"),
    "a link to the terminal": lambda path: path.symlink_to("/dev/tty"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to a file without a size": lambda path: path.symlink_to("/proc/self/maps"),
}


# ------------------------------------------------------------------------------------------------------ outcomes


def _check_message(error: ModelError, folder: Path) -> None:
    text = str(error)
    assert text.isprintable(), text
    assert len(text) < ONE_LINE, text
    assert str(folder) in text
    assert error.remedy


def outcome(folder: Path) -> ModelError | None:
    """Load and use a model in every way; return the error that refused it, or None. Anything else is a failure."""
    try:
        tagger = load(folder, threads=1)
    except ModelError as error:
        _check_message(error, folder)
        return error
    for layer in tagger.model.layers:
        for sentences in (SENTENCES, MANY):
            for words, tags in zip(sentences, tagger.tag(sentences, layer=layer.name), strict=True):
                assert len(tags) == len(words)
                assert is_legal(tags, layer.scheme)
        for words, marginals in zip(SENTENCES, tagger.tag_marginals(SENTENCES, layer=layer.name), strict=True):
            assert marginals.shape == (len(words), len(layer.tags))
            assert ((marginals >= 0) & (marginals <= 1)).all()  # no NaN
        for best in tagger.tag_k_best(SENTENCES[:2], 3, layer=layer.name):
            assert all(0 <= share <= 1 for _, share in best)
    document = tagger("John lives in New York.")
    assert all(0 <= span.score <= 1 for span in document.spans)
    report = model_report(folder)
    json.dumps(report, indent=2, allow_nan=False)
    model_section(report)
    _describe("m", "0", tagger).model_dump_json()
    return None
