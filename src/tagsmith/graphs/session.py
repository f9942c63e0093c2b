"""Graphs at work: ONNX Runtime is imported here and nowhere else."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from tagsmith.errors import ModelError
from tagsmith.graphs.builder import BuiltGraph

RUNTIME_VERSION: str = onnxruntime.__version__


class OpenGraph:
    """A graph opened by ONNX Runtime.

    A run takes one thread; several runs can be made at the same time. Raises :class:`ModelError`, with the ``name`` of
    the graph, if ONNX Runtime cannot open it.
    """

    def __init__(self, graph: BuiltGraph, name: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Copies, because an array that is a view of a file's bytes may stand at any address.
        weights = {weight: np.array(array, order="C") for weight, array in graph.weights.items()}
        try:
            # The session borrows this memory.
            self._initializers = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
            options.add_external_initializers(list(weights), self._initializers)
            self._session = onnxruntime.InferenceSession(graph.content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no base class in common
            remedy = "Check the memory of this machine and the version of onnxruntime."
            raise ModelError(f"ONNX Runtime cannot open {name}: {error}", remedy=remedy) from error
        self.inputs = frozenset(value.name for value in self._session.get_inputs())
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, inputs: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Run the graph and return its outputs by name."""
        return dict(zip(self._outputs, self._session.run(None, inputs), strict=True))


@cache
def products_may_overflow() -> bool:
    """Whether products of unsigned with signed 8-bit integers may overflow here, unlike those of unsigned ones.

    So it is on x86-64 processors without VNNI instructions: they add pairs of products in 16 bits. ONNX Runtime's own
    remedy (``session.x64quantprecision``) does not reach nodes inside ``If`` and ``Scan``. Where the processor is not
    known, the answer is yes: unsigned products are slower, but exact everywhere.
    See https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return "vnni" not in Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return True
