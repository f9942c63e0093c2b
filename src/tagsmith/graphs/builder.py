"""Builder for ONNX graphs.

Graphs are built node by node from named weight arrays. Large weights are not copied into them (:meth:`Graph.weight`):
the graph refers to them by name, and :class:`~tagsmith.graphs.session.OpenGraph` hands them over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.graphs import onnx_messages as onnx
from tagsmith.graphs.onnx_messages import Array, GraphMessage, Shape

Weights = Mapping[str, Array]
Kind = tuple[str, Shape]  # of a value: its type, a key of ``onnx_messages.TYPES``, and its shape
OPSETS = {"": 17, "com.microsoft": 1}
RUNTIME_DOMAIN = "com.microsoft"  # ONNX Runtime's own operators


@dataclass(frozen=True, eq=False)
class BuiltGraph:
    """A graph as the bytes of an ONNX file, and the weights that it refers to by name."""

    content: bytes
    weights: Weights


class Graph:
    """A graph, or a subgraph of ``outer``; the constants of all subgraphs belong to the outermost graph.

    Methods that add nodes return the names of the nodes' outputs.
    """

    def __init__(self, outer: Graph | None = None) -> None:
        self._nodes: list[bytes] = []
        self._constants: dict[str, bytes] = outer._constants if outer else {}
        self._weights: dict[str, Array] = outer._weights if outer else {}
        self._names: list[str] = outer._names if outer else []

    def _new_name(self, stem: str) -> str:
        self._names.append(f"{stem}_{len(self._names)}")
        return self._names[-1]

    def constant(self, array: npt.ArrayLike, kind: Any = None) -> str:
        """Add an array, converted to the NumPy type ``kind`` if given."""
        name = self._new_name("constant")
        self._constants[name] = onnx.tensor(name, np.asarray(array, kind))
        return name

    def scalar(self, value: float, kind: Any) -> str:
        """Add a single number (an array without axes)."""
        name = self._new_name("scalar")
        self._constants[name] = onnx.tensor(name, np.array(value, kind))
        return name

    def weight(self, name: str, weights: Weights) -> str:
        """Refer to a weight by its name, without a copy."""
        self._constants[name] = onnx.external_tensor(name, weights[name])
        self._weights[name] = weights[name]
        return name

    def nodes_of(self, operator: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        names = [self._new_name(operator.lower()) for _ in range(outputs)]
        number = len(self._names)
        self._nodes.append(onnx.node(operator, inputs, names, f"node_{number}", domain, attributes))
        return names

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.nodes_of(operator, *inputs, outputs=1, **attributes)[0]

    def cast(self, value: str, kind: str) -> str:
        """Convert a value to another type."""
        return self.node("Cast", value, to=onnx.TYPES[kind])

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

        def subgraph(branch: Callable[[Graph], Sequence[str]]) -> GraphMessage:
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
        inputs = [onnx.value(name, *kind) for name, (_, kind) in zip(names, sources, strict=True)]
        kinds = [*(kind for _, kind in states), *results]
        graph = inner._subgraph("step", inputs, body(inner, names), kinds)
        values = [value for value, _ in sources]
        return self.nodes_of("Scan", *values, outputs=len(kinds), body=graph, num_scan_inputs=1)

    def _subgraph(
        self, name: str, inputs: Sequence[bytes], outputs: Sequence[str], kinds: Sequence[Kind]
    ) -> GraphMessage:
        declared = [onnx.value(value, *kind) for value, kind in zip(outputs, kinds, strict=True)]
        return onnx.graph(name, self._nodes, inputs, declared)

    def build(self, inputs: Mapping[str, Kind], outputs: Mapping[str, tuple[str, Kind]]) -> BuiltGraph:
        """Return the finished graph; ``outputs`` are the values and their kinds by public name."""
        for name, (value, _) in outputs.items():
            self._nodes.append(onnx.node("Identity", [value], [name]))
        graph = onnx.graph(
            "tagsmith",
            self._nodes,
            [onnx.value(name, *kind) for name, kind in inputs.items()],
            [onnx.value(name, *kind) for name, (_, kind) in outputs.items()],
            self._constants.values(),
        )
        return BuiltGraph(onnx.model(graph, OPSETS), self._weights)
