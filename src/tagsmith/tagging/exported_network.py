"""Exported network: runs the ONNX graphs of a model, from sentences to emissions."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from tagsmith.errors import ModelError
from tagsmith.model.folder import REMEDY, SENTENCE_GRAPHS, Model, ModelFile, Precision
from tagsmith.model.vectors import quantize_rows
from tagsmith.tagging.chain import Floats, Integers
from tagsmith.tagging.word_table import Column, FormColumns, WordTable

WINDOW = 4096  # tokens of a window of a long sentence


class ExportedNetwork:
    """The graphs of a model, with a word table in front. Safe to use from several threads.

    ``precision`` selects one of the two sentence graphs.
    """

    def __init__(self, model: Model, precision: Precision) -> None:
        self._model = model
        self._words, self._sentences = (
            OpenGraph(model.graphs[name], model.weights, name) for name in (ModelFile.WORDS, SENTENCE_GRAPHS[precision])
        )
        a = model.architecture
        self._ways = len(a.directions)
        gates, int8 = self._ways * 4, "scales" in self._sentences.inputs
        kinds = {
            "encodings": Column(a.encoding_size, np.float16 if int8 else np.float32),
            "projections": Column(gates * a.units, np.int8 if int8 else np.float32),
            "scales": Column(gates, np.float32),
        }
        columns = {name: column for name, column in kinds.items() if name in self._sentences.inputs}
        self._columns = tuple(columns)
        self._table = WordTable(self._encode, tuple(columns.values()))
        self.look_up = self._table.look_up

    def emissions(self, forms: FormColumns, tokens: npt.NDArray[np.int32], lengths: Integers) -> Floats:
        """Run over a batch: tokens (T, B), which are rows of ``forms``, and lengths (B,) → (T, B, tags).

        Past the end of a sentence, tokens may be any rows, and emissions are undefined.
        """
        return self._sentences.run(self._feed(forms, tokens, lengths))["emissions"]

    def windows(self, sentence: Sequence[str]) -> Iterator[Floats]:
        """Run over one long sentence window by window; the emissions (WINDOW, 1, tags) are those of the whole sentence.

        The forward direction carries its state from window to window. The backward direction needs the state from all
        later windows, so a sweep from the last window to the first computes these states and keeps nothing else (two
        vectors per window and layer). A layer reads the output of the layer below in both directions, so each layer
        takes one sweep in each direction.
        """
        starts = range(0, len(sentence), WINDOW)
        architecture = self._model.architecture
        ways, layers = self._ways, architecture.layers
        # The states at the start of each window: (windows, hidden or memory, layers·directions, 1, H)
        states = np.zeros((len(starts) + 1, 2, layers * ways, 1, architecture.units), np.float32)

        def run(window: int) -> tuple[Floats, Floats]:
            """Return the window's emissions, and its last states in the shape of its initial states."""
            words = sentence[starts[window] : starts[window] + WINDOW]
            forms = self.look_up([words])
            inputs = self._feed(forms, forms.tokens[:, None], np.array([len(words)]))
            carried = [name for name in ("hidden", "memory") if name in inputs]  # only an LSTM has a memory
            inputs |= dict(zip(carried, states[window], strict=False))
            outputs = self._sentences.run(inputs)
            return outputs["emissions"], np.stack([outputs[f"last_{name}"] for name in carried])

        # If there is only a forward direction, one sweep carries the states of all layers.
        for layer in range(layers) if ways == 2 else (layers - 1,):
            if ways == 2:
                backward = layer * ways + 1
                for window in range(len(starts) - 1, 0, -1):
                    ends = run(window)[1]
                    states[window - 1, : len(ends), backward] = ends[:, backward]
            for window in range(len(starts)):
                emissions, ends = run(window)
                states[window + 1, : len(ends), ::ways] = ends[:, ::ways]
                if layer == layers - 1:
                    yield emissions

    def _feed(
        self, forms: FormColumns, tokens: npt.NDArray[np.int32], lengths: Integers
    ) -> dict[str, npt.NDArray[Any]]:
        architecture = self._model.architecture
        state = np.zeros((architecture.layers * self._ways, len(lengths), architecture.units), np.float32)
        inputs: dict[str, npt.NDArray[Any]] = {
            "tokens": tokens,
            "lengths": lengths.astype(np.int32),
            "hidden": state,
            "memory": state,
            **dict(zip(self._columns, forms.columns, strict=True)),
        }
        for name in ("projections", "scales"):  # one row per direction
            if name in inputs:
                inputs[name] = inputs[name].reshape(len(inputs[name]) * self._ways, -1)
        return {name: array for name, array in inputs.items() if name in self._sentences.inputs}

    def _encode(self, forms: Sequence[str]) -> list[npt.NDArray[Any]]:
        """Compute the columns of new forms."""
        weights, architecture = self._model.weights, self._model.architecture
        rows = self._model.vocabulary.encode(forms)
        vectors = weights["word/trained"][rows.trained].astype(np.float32, copy=False)
        if "word/pretrained" in weights:
            vectors = vectors + weights["word/pretrained"][rows.pretrained] * weights["word/scales"][rows.pretrained]
        inputs: dict[str, npt.NDArray[Any]] = {"vectors": vectors}
        if architecture.characters != "none":
            longest = max(1, int((rows.characters > 0).sum(axis=1).max()))
            inputs["characters"] = rows.characters[:, :longest]
        if architecture.shape_dim:
            inputs["shapes"] = rows.shapes
        outputs = self._words.run(inputs)
        if "scales" in self._columns:
            gates = outputs["projections"].reshape(-1, architecture.units)  # (n·directions·4, H)
            values, scales = quantize_rows(gates)
            outputs |= {"projections": values.reshape(len(forms), -1), "scales": scales.reshape(len(forms), -1)}
        return [outputs[name] for name in self._columns]


class OpenGraph:
    """A graph opened by ONNX Runtime, with the ``weights`` that it refers to by name.

    A run takes one thread; several runs can be made at the same time. Raises :class:`ModelError`, with the ``name`` of
    the graph, if ONNX Runtime cannot open it.
    """

    def __init__(self, graph: bytes, weights: Mapping[str, npt.NDArray[Any]], name: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if _products_may_overflow():
            options.add_session_config_entry("session.x64quantprecision", "1")  # slower products that cannot overflow
        external = {
            weight: np.ascontiguousarray(array) for weight, array in weights.items() if weight.encode() in graph
        }
        try:
            # The session borrows this memory.
            self._initializers = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in external.values()]
            options.add_external_initializers(list(external), self._initializers)
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no base class in common
            raise ModelError(f"ONNX Runtime cannot open {name}: {error}", remedy=REMEDY) from error
        self.inputs = frozenset(value.name for value in self._session.get_inputs())
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, inputs: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Run the graph and return its outputs by name."""
        return dict(zip(self._outputs, self._session.run(None, inputs), strict=True))


@cache
def _products_may_overflow() -> bool:
    """Whether products of 8-bit integers can overflow: on x86-64 processors without VNNI, or if that is unknown.

    See https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return "vnni" not in Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return True
