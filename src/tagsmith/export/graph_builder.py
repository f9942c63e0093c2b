"""Builder for ONNX graphs.

Graphs are written node by node from named weight arrays, not traced from Keras: the result is small, readable and the
same on every backend. Weights may stay in ``weights.safetensors`` (:meth:`Graph.weight`): the graph declares them as
external data, and whoever opens it passes them in by name. Needs the ``onnx`` package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.errors import MissingExtraError
from tagsmith.model.folder import ModelFile

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise MissingExtraError("Writing a model", "train") from error

Array = npt.NDArray[Any]
Weights = Mapping[str, Array]
Shape = Sequence[int | str]
Kind = tuple[str, Shape]  # of a value: its type, a key of TYPES, and its shape; names stand for free sizes
OPSET = 17
RUNTIME_DOMAIN = "com.microsoft"  # ONNX Runtime's own operators
TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
}


def typed(name: str, kind: str, shape: Shape | None = None) -> Any:
    """Declare the type (a key of ``TYPES``) and the shape of a value."""
    return helper.make_tensor_value_info(name, TYPES[kind], shape)


class Graph:
    """A graph, or a subgraph of ``outer``; the constants of all subgraphs belong to the outermost graph.

    Methods that add nodes return the names of the nodes' outputs.
    """

    def __init__(self, outer: Graph | None = None) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = outer.constants if outer else {}
        self._stored: set[str] = outer._stored if outer else set()
        self._names: list[str] = outer._names if outer else []

    def _new_name(self, stem: str) -> str:
        self._names.append(f"{stem}_{len(self._names)}")
        return self._names[-1]

    def constant(self, array: npt.ArrayLike, kind: Any = None) -> str:
        """Add an array, converted to the NumPy type ``kind`` if given."""
        name = self._new_name("constant")
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(np.asarray(array, kind)), name)
        return name

    def scalar(self, value: float, kind: Any) -> str:
        """Add a single number (an array without axes)."""
        name = self._new_name("scalar")
        self.constants[name] = numpy_helper.from_array(np.array(value, kind), name)
        return name

    def weight(self, name: str, weights: Weights) -> str:
        """Refer to an array of ``weights.safetensors`` without storing it again."""
        self.constants[name] = numpy_helper.from_array(weights[name], name)
        self._stored.add(name)
        return name

    def nodes_of(self, operator: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        names = [self._new_name(operator.lower()) for _ in range(outputs)]
        number = len(self._names)
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=f"node_{number}", **attributes))
        return names

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.nodes_of(operator, *inputs, outputs=1, **attributes)[0]

    def cast(self, value: str, kind: str) -> str:
        """Convert a value to another type."""
        return self.node("Cast", value, to=TYPES[kind])

    def concatenate(self, values: Sequence[str], axis: int) -> str:
        """Concatenate values along an axis."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=axis)

    def split(self, value: str, sizes: Sequence[int], axis: int) -> list[str]:
        """Split a value along an axis into parts of the given sizes."""
        if len(sizes) == 1:
            return [value]
        return self.nodes_of("Split", value, self.constant(sizes, np.int64), outputs=len(sizes), axis=axis)

    def choose(self, condition: str, results: Sequence[Kind], *branches: Callable[[Graph], Sequence[str]]) -> list[str]:
        """Add an ``If`` node: the first branch runs if ``condition`` holds, else the second.

        Each branch adds nodes to a subgraph and returns its ``results``.
        """

        def subgraph(branch: Callable[[Graph], Sequence[str]]) -> Any:
            inner = Graph(self)
            return inner._subgraph("branch", [], branch(inner), results)

        then_branch, else_branch = map(subgraph, branches)
        return self.nodes_of("If", condition, outputs=len(results), then_branch=then_branch, else_branch=else_branch)

    def scan(
        self,
        body: Callable[[Graph, Sequence[str]], Sequence[str]],
        states: Sequence[tuple[str, Kind]],
        steps: tuple[str, Kind],
        results: Sequence[Kind],
    ) -> list[str]:
        """Add a ``Scan`` node: run ``body`` once for each entry of the first axis of ``steps``.

        ``body`` takes a subgraph and the names of the states and the step, and returns the new states and the step's
        results. The initial states and the steps come with their kinds inside the body; ``results`` are the kinds of
        the results. Returns the last states, then the results of all steps, stacked along a new first axis.
        """
        inner = Graph(self)
        sources = [*states, steps]
        names = [self._new_name("inside") for _ in sources]
        inputs = [typed(name, *kind) for name, (_, kind) in zip(names, sources, strict=True)]
        kinds = [*(kind for _, kind in states), *results]
        graph = inner._subgraph("step", inputs, body(inner, names), kinds)
        values = [value for value, _ in sources]
        return self.nodes_of("Scan", *values, outputs=len(kinds), body=graph, num_scan_inputs=1)

    def _subgraph(self, name: str, inputs: Sequence[Any], outputs: Sequence[str], kinds: Sequence[Kind]) -> Any:
        declared = [typed(value, *kind) for value, kind in zip(outputs, kinds, strict=True)]
        return helper.make_graph(self.nodes, name, inputs, declared)

    def model(self, inputs: Sequence[Any], outputs: Sequence[tuple[str, str, str, Shape]]) -> bytes:
        """Return the checked and serialized model; outputs are (value, public name, type, shape)."""
        for value, name, _, _ in outputs:
            self.nodes.append(helper.make_node("Identity", [value], [name]))
        declared = [typed(name, kind, shape) for _, name, kind, shape in outputs]
        graph = helper.make_graph(self.nodes, "tagsmith", inputs, declared, list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME_DOMAIN, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="tagsmith")
        model.ir_version = 8
        onnx.checker.check_model(model)
        for tensor in model.graph.initializer:
            if tensor.name in self._stored:
                tensor.ClearField("raw_data")
                tensor.data_location = TensorProto.EXTERNAL
                tensor.external_data.add(key="location", value=ModelFile.WEIGHTS.value)
        return bytes(model.SerializeToString())
