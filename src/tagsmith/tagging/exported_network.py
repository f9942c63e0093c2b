"""The exported network: word forms and sentences in, emissions out, by ONNX Runtime."""

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
from tagsmith.model.folder import REMEDY, Model, Precision
from tagsmith.model.vectors import quantize_rows
from tagsmith.tagging.chain import Floats, Integers
from tagsmith.tagging.word_table import Column, FormColumns, WordTable

GRAPHS = {"int8": "sentences.int8.onnx", "float32": "sentences.onnx"}
STATES = ("hidden", "memory")  # what a recurrent layer carries; memory only in an LSTM
# A longer sentence is read in windows of this many tokens, which bounds the memory.
WINDOW = 4096


class ExportedNetwork:
    """The graphs of a model, opened, with a word table in front. Safe to use from several threads at once.

    Parameters
    ----------
    model
        What :func:`tagsmith.model.folder.read_model` returns.
    precision
        Which of the two sentence graphs to run.
    """

    def __init__(self, model: Model, precision: Precision) -> None:
        self._model = model
        self._words, self._sentences = (
            OpenGraph(model.graphs[name], model.weights, name) for name in ("words.onnx", GRAPHS[precision])
        )
        a = model.architecture
        self._ways = len(a.directions)
        gates, int8 = self._ways * 4, "scales" in self._sentences.inputs  # in 8 bits
        known = {
            "encodings": Column(a.encoding_size, np.float16 if int8 else np.float32),
            "projections": Column(gates * a.units, np.int8 if int8 else np.float32),
            "scales": Column(gates, np.float32),
        }
        columns = {name: column for name, column in known.items() if name in self._sentences.inputs}
        if a.context_size:
            columns["contexts"] = Column(a.context_size, np.float16 if int8 else np.float32)
        self._columns = tuple(columns)
        self._table = WordTable(self._encode, tuple(columns.values()))

    def look_up(self, sentences: Sequence[Sequence[str]]) -> FormColumns:
        """Find the word forms of sentences, see :meth:`WordTable.look_up`."""
        return self._table.look_up(sentences)

    def emissions(self, forms: FormColumns, tokens: npt.NDArray[np.int32], lengths: Integers) -> Floats:
        """Run over a batch.

        Parameters
        ----------
        forms
            The word forms that the tokens refer to.
        tokens
            Each token's row in the forms' columns, (T, B); past a sentence's end any row.
        lengths
            Tokens of each sentence, (B,).

        Returns
        -------
        Floats
            (T, B, tags); past a sentence's end of no meaning.
        """
        inputs = self._feed(forms, tokens, lengths)
        if "contexts" in self._columns:
            inside = np.arange(len(tokens)) < lengths[:, None]  # (B, T)
            inputs["context"] = self._context_sums(forms, tokens.T[inside], lengths) / np.float32(lengths[:, None])
        return self._sentences.run(inputs)["emissions"]

    def _context_sums(self, forms: FormColumns, tokens: npt.NDArray[np.int32], lengths: Integers) -> Floats:
        """Sum up what the tokens, sentence after sentence, add to their sentence's vector: (B, context_size)."""
        parts = forms.columns[self._columns.index("contexts")][tokens].astype(np.float32, copy=False)
        sums: Floats = np.add.reduceat(parts, np.cumsum(lengths) - lengths, axis=0)
        return sums

    def windows(self, sentence: Sequence[str]) -> Iterator[Floats]:
        """Run over one long sentence window by window; the emissions, (WINDOW, 1, tags), are those of the whole.

        The recurrent state is carried from window to window, forwards in the forward direction. The backward direction
        needs the state that comes out of everything behind a window: a first sweep over the windows, from the last to
        the first, finds these states and keeps them alone (two vectors per window and layer). Deeper layers read what
        the layer below makes of the whole sentence in both directions, so each layer costs one sweep in each.
        """
        starts = range(0, len(sentence), WINDOW)
        architecture = self._model.architecture
        ways, layers = self._ways, architecture.layers
        # What enters each window: (windows, hidden or memory, layers·directions, 1, H)
        states = np.zeros((len(starts) + 1, 2, layers * ways, 1, architecture.units), np.float32)
        context = self._long_context(sentence) if "contexts" in self._columns else None

        def run(window: int) -> tuple[Floats, Floats]:
            """The window's emissions, and what leaves it in the shape of what entered."""
            words = sentence[starts[window] : starts[window] + WINDOW]
            forms = self.look_up([words])
            inputs = self._feed(forms, forms.tokens[:, None], np.array([len(words)]))
            carried = [name for name in STATES if name in inputs]
            inputs |= dict(zip(carried, states[window], strict=False))
            if context is not None:
                inputs["context"] = context
            found = self._sentences.run(inputs)
            return found["emissions"], np.stack([found[f"last_{name}"] for name in carried])

        # Forwards only, one sweep carries the states of all layers.
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

    def _long_context(self, sentence: Sequence[str]) -> Floats:
        """The vector of a sentence that is read in windows, (1, context_size)."""
        total = np.zeros((1, self._model.architecture.context_size), np.float32)
        for first in range(0, len(sentence), WINDOW):
            words = sentence[first : first + WINDOW]
            forms = self.look_up([words])
            total += self._context_sums(forms, forms.tokens, np.array([len(words)]))
        return total / np.float32(len(sentence))

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
        for name in ("projections", "scales"):  # one row for each direction
            if name in inputs:
                inputs[name] = inputs[name].reshape(len(inputs[name]) * self._ways, -1)
        return {name: array for name, array in inputs.items() if name in self._sentences.inputs}

    def _encode(self, forms: Sequence[str]) -> list[npt.NDArray[Any]]:
        """Run the word graph over new forms, and return the columns of the word table for them."""
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
        found = self._words.run(inputs)
        if "scales" in self._columns:
            gates = found["projections"].reshape(-1, architecture.units)  # (n·directions·4, H)
            values, scales = quantize_rows(gates)
            found |= {"projections": values.reshape(len(forms), -1), "scales": scales.reshape(len(forms), -1)}
        return [found[name] for name in self._columns]


class OpenGraph:
    """A graph opened by ONNX Runtime, with the weights that it leaves to ``weights.safetensors``.

    Each run takes one thread: several run side by side instead.

    Parameters
    ----------
    graph, weights
        The serialized graph, and weights by name; those that the graph names are handed over.
    name
        Of the graph's file, for messages.

    Raises
    ------
    ModelError
        ONNX Runtime cannot open the graph.
    """

    def __init__(self, graph: bytes, weights: Mapping[str, npt.NDArray[Any]], name: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if _products_may_overflow():
            options.add_session_config_entry("session.x64quantprecision", "1")  # slower products that cannot
        # Weights that the graph leaves outside stand in it by their names alone.
        stored = {own: np.ascontiguousarray(array) for own, array in weights.items() if own.encode() in graph}
        try:
            # The session borrows their memory.
            self._lent = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in stored.values()]
            options.add_external_initializers(list(stored), self._lent)
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise ModelError(f"ONNX Runtime cannot open {name}: {error}", remedy=REMEDY) from error
        self.inputs = frozenset(one.name for one in self._session.get_inputs())
        self._outputs = [one.name for one in self._session.get_outputs()]

    def run(self, inputs: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Run the graph; return its outputs by name."""
        return dict(zip(self._outputs, self._session.run(None, inputs), strict=True))


@cache
def _products_may_overflow() -> bool:
    """Whether the usual products of 8-bit integers can overflow: on x86-64 processors without VNNI instructions.

    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html. True where the system does not say.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return "vnni" not in Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return True
