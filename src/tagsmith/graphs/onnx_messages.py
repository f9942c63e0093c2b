"""The messages of an ONNX file, written as bytes: as much of the format as the graphs of a tagger need.

ONNX is protocol buffers (https://protobuf.dev/programming-guides/encoding/, and ``onnx.proto`` for the fields). A
message is a sequence of fields, each with a number: integers as varints; text, bytes and messages with
their length before them. Fields are written in the order of their numbers, as the ``onnx`` package
writes them; its own checker and parser read the result in the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = Sequence[int | str]
IR_VERSION = 8
# NumPy's types → TensorProto.DataType
TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
EXTERNAL = 1  # TensorProto.DataLocation


class GraphMessage(bytes):
    """A graph inside a node's attribute."""


# ------------------------------------------------------------------------------------------------ kinds of fields


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as 64 bits in two's complement."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _block(number: int, content: bytes | str) -> bytes:
    """Text, bytes or a message."""
    content = content.encode() if isinstance(content, str) else content
    return b"".join((_varint(number << 3 | 2), _varint(len(content)), content))


def _blocks(number: int, contents: Iterable[bytes | str]) -> bytes:
    return b"".join(_block(number, content) for content in contents)


# ------------------------------------------------------------------------------------------------------- messages


def value(name: str, kind: str, shape: Shape) -> bytes:
    """ValueInfoProto: name, type (a key of ``TYPES``) and shape of an input or output; names stand for free sizes."""
    sizes = (_integer(1, size) if isinstance(size, int) else _block(2, size) for size in shape)
    tensor = _integer(1, TYPES[kind]) + _block(2, _blocks(1, sizes))
    return _block(1, name) + _block(2, _block(1, tensor))


def tensor(name: str, array: Array) -> bytes:
    """TensorProto: an array with its numbers."""
    little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return _described(array) + _block(8, name) + _block(9, little_endian.tobytes())


def external_tensor(name: str, array: Array) -> bytes:
    """TensorProto of an array whose numbers whoever opens the graph hands over by name; no file is read."""
    entry = _block(1, "location") + _block(2, "handed over by name")
    return _described(array) + _block(8, name) + _block(13, entry) + _integer(14, EXTERNAL)


def _described(array: Array) -> bytes:
    return b"".join(_integer(1, size) for size in array.shape) + _integer(2, TYPES[array.dtype.name])


def node(
    operator: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    name: str = "",
    domain: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """NodeProto: one operator at work. An attribute is an integer, integers, text or a graph."""
    parts = [_blocks(1, inputs), _blocks(2, outputs)]
    parts += [_block(3, name)] if name else []
    parts += [_block(4, operator), *(_block(5, _attribute(*one)) for one in sorted((attributes or {}).items()))]
    parts += [_block(7, domain)] if domain else []
    return b"".join(parts)


def _attribute(name: str, content: Any) -> bytes:
    """AttributeProto."""
    if isinstance(content, int):
        field, kind = _integer(3, content), 2
    elif isinstance(content, str):
        field, kind = _block(4, content), 3
    elif isinstance(content, GraphMessage):
        field, kind = _block(6, content), 5
    else:
        field, kind = b"".join(_integer(8, one) for one in content), 7
    return _block(1, name) + field + _integer(20, kind)


def graph(
    name: str,
    nodes: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    constants: Iterable[bytes] = (),
) -> GraphMessage:
    """GraphProto."""
    parts = (_blocks(1, nodes), _block(2, name), _blocks(5, constants), _blocks(11, inputs), _blocks(12, outputs))
    return GraphMessage(b"".join(parts))


def model(main: bytes, opsets: Mapping[str, int]) -> bytes:
    """ModelProto: a whole file; ``opsets`` are the versions of the operators, by domain."""
    versions = (_block(1, domain) + _integer(2, version) for domain, version in opsets.items())
    return _integer(1, IR_VERSION) + _block(2, "tagsmith") + _block(7, main) + _blocks(8, versions)
