"""The weights of a model: their names, types and shapes, and the file that holds them.

Whoever reads a stranger's file must not trust it. The names, types and shapes follow from the architecture, the
vocabulary and the layers alone, and the header must state exactly these, and the file's size must be their sum, before
any memory is taken for them. The format is that of https://github.com/huggingface/safetensors: eight bytes with the
length of the header, the header as JSON, the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.model.architecture import GATES, WORD_SHAPES, Architecture
from tagsmith.model.json_values import parse_json
from tagsmith.model.vocabulary import Vocabulary
from tagsmith.text.layer import Layer

MOST_BYTES = 2**31  # of the file
MOST_HEADER_BYTES = 2**22
LARGEST = 1e6  # absolute value of a weight: up to it, no product or sum in the network can leave the range of float32
BARRED = np.float32(-1e9)  # as a score of a CRF: never, as if the tagging scheme did not allow it
MOST_STEPS = 64  # tokens of a sentence, until the tags that its last one can have must repeat those of a shorter one
PRETRAINED = "word/pretrained"
TRAINED = "word/trained"  # the table of trained vectors, whose halves are read one by one
TRAINED_SCALES = "word/trained_scales"  # of its rows, if these are stored in four bits
NUMPY_TYPES = {"F32": "<f4", "F16": "<f2", "I8": "|i1", "U8": "|u1"}
MOST_IN_FOUR_BITS = 7


class Kind(NamedTuple):
    """What an array must be: its shape, and the types it may have, as the file names them."""

    shape: tuple[int, ...]
    types: tuple[str, ...] = ("F32", "F16")  # halves are for storing: what computes gets float32


def weight_kinds(
    a: Architecture, vocabulary: Vocabulary, tags: Sequence[int], pretrained: bool, trained_scales: bool = False
) -> dict[str, Kind]:
    """Return what each weight of a model must be, by name; ``tags`` are the numbers of tags of its layers."""
    rows = len(vocabulary.words) + 2
    kinds = {TRAINED: Kind((rows, a.word_dim))}
    if trained_scales:
        kinds = {TRAINED: Kind((rows, a.word_dim), ("U8",)), TRAINED_SCALES: Kind((rows, 1))}
    if pretrained or vocabulary.ngrams is not None:
        rows = len(vocabulary.pretrained) + 1
        kinds |= {PRETRAINED: Kind((rows, a.word_dim), ("I8", "U8")), "word/scales": Kind((rows, 1))}
    if vocabulary.ngrams is not None:
        rows = len(vocabulary.ngrams.known)
        kinds |= {"word/ngrams": Kind((rows, a.word_dim), ("I8",)), "word/ngram_scales": Kind((rows, 1))}
    if a.characters != "none":
        kinds |= {"word/characters": Kind((len(vocabulary.characters) + 2, a.character_dim)), **_character_encoder(a)}
    if a.shape_dim:
        kinds["word/shapes"] = Kind((WORD_SHAPES, a.shape_dim))
    for number in range(a.layers):
        entering = a.state_size if number else a.encoding_size
        for direction in a.directions:
            kinds |= _cell(f"sentence/{number}/{direction}", a.cell, entering, a.units)
    kinds |= {"output/kernel": Kind((a.state_size, sum(tags))), "output/bias": Kind((sum(tags),))}
    for number, count in enumerate(tags if a.head == "crf" else ()):
        for part, shape in (("start", (count,)), ("between", (count, count)), ("end", (count,))):
            kinds[f"crf/{number}/{part}"] = Kind(shape, ("F32",))  # a barred transition is no half
    return kinds


def _character_encoder(a: Architecture) -> dict[str, Kind]:
    if a.characters == "cnn":
        filters = Kind((a.character_width, a.character_dim, a.character_units))
        return {"word/filters": filters, "word/filter_bias": Kind((a.character_units,))}
    prefixes = (f"word/spelling/{direction}" for direction in ("forward", "backward"))
    cells = (_cell(prefix, a.characters, a.character_dim, a.character_units) for prefix in prefixes)
    return {name: kind for cell in cells for name, kind in cell.items()}


def _cell(prefix: str, cell: str, entering: int, units: int) -> dict[str, Kind]:
    """The weights of one direction of a recurrent layer."""
    gates = GATES[cell] * units
    return {
        f"{prefix}/kernel": Kind((entering, gates)),
        f"{prefix}/recurrent_kernel": Kind((units, gates)),
        f"{prefix}/bias": Kind((2, gates) if cell == "gru" else (gates,)),
    }


def is_sound(array: npt.NDArray[Any], name: str = "") -> bool:
    """Whether all numbers of a weight are finite and small enough to compute with; a CRF may bar transitions."""
    if name.startswith("crf/"):
        array = np.where(array == BARRED, np.float32(0), array)
    if array.dtype in (np.int8, np.uint8) or not array.size:
        return True
    if array.dtype == np.float16:  # NumPy compares halves slowly; these bits are all set in what is not finite
        return int((array.view(np.uint16) & 0x7FFF).max()) < 0x7C00
    return bool(array.min() >= -LARGEST and array.max() <= LARGEST)  # NaN is the minimum of whatever has it


def read_weights(
    stream: IO[bytes], size: int, a: Architecture, vocabulary: Vocabulary, tags: Sequence[int]
) -> tuple[memoryview, dict[str, npt.NDArray[Any]]]:
    """Read a file of ``size`` bytes; return all of them, and the arrays, which are views of them.

    Raises ValueError: this is no such file, or not that of this architecture, vocabulary and tags; the file ends early.
    """
    if size > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes, and at most {MOST_BYTES:,} are read")
    length = int.from_bytes(stream.read(8) or b"", "little")  # None: the file is one of the system's own
    if not 2 <= length <= min(MOST_HEADER_BYTES, size - 8):
        raise ValueError("its header is truncated or altered")
    text = stream.read(length) or b""
    places = _places(parse_json(text), a, vocabulary, tags)
    start = 8 + length
    if (stated := start + max(end for _, _, _, end in places)) != size:
        raise ValueError(f"it is truncated or altered: it has {size:,} bytes, its header describes {stated:,}")
    content = _content(stream, size, length, text)
    arrays = {name: _array(content[start + first : start + end], name, kind) for name, kind, first, end in places}
    if TRAINED_SCALES in arrays:
        arrays[TRAINED] = arrays[TRAINED] * arrays.pop(TRAINED_SCALES)
    for array in arrays.values():
        array.flags.writeable = False
    return content, arrays


def _content(stream: IO[bytes], size: int, length: int, header: bytes) -> memoryview:
    """Read the rest of the file behind its header, and return all of it."""
    content = np.empty(size, np.uint8).data
    filled = 8 + length
    content[:filled] = length.to_bytes(8, "little") + header
    while filled < size:
        read = stream.readinto(content[filled:])  # type: ignore[attr-defined]
        if not read:
            raise ValueError("it became shorter while it was read")
        filled += read
    return content


def _array(stored: memoryview, name: str, kind: Kind) -> npt.NDArray[Any]:
    """Make one weight of its bytes, in the type that it is computed with."""
    array = np.frombuffer(stored, NUMPY_TYPES[kind.types[0]]).reshape(_stored_shape(kind.shape, kind.types[0]))
    if not is_sound(array, name):
        raise ValueError(f"the weight {name} has a number that is not finite or larger than {LARGEST:,.0f}")
    if array.dtype == np.uint8:
        return unpacked(array, kind.shape[1])
    if array.dtype == np.float16 and name != TRAINED:
        return array.astype(np.float32)
    return array


def _places(
    header: Any, a: Architecture, vocabulary: Vocabulary, tags: Sequence[int]
) -> list[tuple[str, Kind, int, int]]:
    """Return each array's name, shape with its one type, and first and last byte (exclusive), in the file's order."""
    if not isinstance(header, dict):
        raise ValueError("its header is altered")
    stated = {name: one for name, one in header.items() if name != "__metadata__"}
    expected = weight_kinds(a, vocabulary, tags, PRETRAINED in stated, TRAINED_SCALES in stated)
    if wrong := sorted(expected.keys() ^ stated.keys()):
        what = "lacks" if wrong[0] in expected else "has, unlike config.json,"
        raise ValueError(f"it {what} the weight {wrong[0][:100]!r}")
    places = []
    for name, kind in expected.items():
        places.append((name, *_place(name, stated[name], kind)))
    places.sort(key=lambda place: place[2:])
    before = 0
    for name, _, first, end in places:
        if first != before:
            raise ValueError(f"the weight {name} does not begin where the one before it ends")
        before = end
    return places


def _place(name: str, stated: Any, kind: Kind) -> tuple[Kind, int, int]:
    """Check what the header says of one array; return its shape with its one type, and its first and last byte."""
    match stated:
        case {"dtype": str(type_name), "shape": list(shape), "data_offsets": [int(first), int(end)], **others}:
            if others or type_name not in kind.types or not _is(shape, _stored_shape(kind.shape, type_name)):
                raise ValueError(f"the weight {name} is not {_written(kind)}, as config.json and vocabulary.json say")
            if first < 0 or end - first != math.prod(shape) * np.dtype(NUMPY_TYPES[type_name]).itemsize:
                raise ValueError(f"the weight {name} has another size than its shape says")
            return Kind(kind.shape, (type_name,)), first, end
    raise ValueError(f"its header is altered where it describes the weight {name}")


def _stored_shape(shape: tuple[int, ...], type_name: str) -> tuple[int, ...]:
    """The shape that the file states: of rows in four bits, two numbers are one byte."""
    return (shape[0], (shape[1] + 1) // 2) if type_name == "U8" else shape


def packed(levels: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Pack whole numbers (n, d) from -7 to 7 two by two, the first in the low bits → (n, ⌈d / 2⌉).

    >>> unpacked(packed(np.array([[-7, 0, 7]], np.int8)), 3).tolist()
    [[-7, 0, 7]]
    """
    if levels.shape[1] % 2:
        levels = np.pad(levels, ((0, 0), (0, 1)))
    halves = levels.view(np.uint8) & np.uint8(0x0F)
    return halves[:, ::2] | halves[:, 1::2] << np.uint8(4)


def unpacked(halves: npt.NDArray[np.uint8], columns: int) -> npt.NDArray[np.int8]:
    """Unpack the first ``columns`` numbers of each row → (n, columns); :func:`packed` packs them."""
    numbers = np.empty((len(halves), 2 * halves.shape[1]), np.int8)
    numbers[:, ::2], numbers[:, 1::2] = (halves << np.uint8(4)).view(np.int8) >> 4, halves.view(np.int8) >> 4
    return numbers[:, :columns]


def stored(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a weight as the file stores it: pretrained vectors that fit in four bits are packed, without loss."""
    if name != PRETRAINED or array.dtype != np.int8:
        return array
    least, most = int(array.min(initial=0)), int(array.max(initial=0))
    return packed(array) if least >= -MOST_IN_FOUR_BITS and most <= MOST_IN_FOUR_BITS else array


def _is(stated: list[Any], shape: tuple[int, ...]) -> bool:
    return all(type(size) is int for size in stated) and tuple(stated) == shape


def _written(kind: Kind) -> str:
    return f"{' or '.join(kind.types)} {' × '.join(f'{size:,}' for size in kind.shape)}"


def first_unsound(weights: Mapping[str, npt.NDArray[Any]]) -> str | None:
    """Return the name of the first weight with a number that is not finite or too large; None if all are sound."""
    return next((name for name, array in weights.items() if not is_sound(array, name)), None)


def bars_problem(layers: Sequence[Layer], weights: Mapping[str, npt.NDArray[Any]]) -> str:
    """Say which layer's CRF bars so much that a sentence of some length has no tags; empty if none does."""
    for number, layer in enumerate(layers):
        free = {name: array != BARRED for name, array in weights.items() if name.startswith(f"crf/{number}/")}
        if all(map(np.all, free.values())):
            continue
        start, between, end = (
            np.logical_and(allowed, free[f"crf/{number}/{part}"])
            for part, allowed in zip(("start", "between", "end"), layer.transitions, strict=True)
        )
        ends, seen = start, set[bytes]()  # the tags that the last of so many tokens can have
        while ends.tobytes() not in seen:
            if not (ends & end).any() or len(seen) == MOST_STEPS:
                return f"the CRF of the layer {layer.name[:100]} bars all tags of some sentence"
            seen.add(ends.tobytes())
            ends = np.any(between[ends], axis=0)
    return ""
