"""The exported network: word forms and sentences in, emissions out, by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from tagsmith.encoding.vectors import quantise_rows
from tagsmith.errors import ModelError
from tagsmith.runtime.chain import Floats, Integers
from tagsmith.runtime.model_folder import REMEDY, Model, Precision
from tagsmith.runtime.word_table import Column, Found, WordTable

GRAPHS = {"int8": "sentences.int8.onnx", "float32": "sentences.onnx"}
# A longer sentence is read in windows of this many tokens, which bounds the memory.
WINDOW = 4096


class ExportedNetwork:
    """The graphs of a model, opened, with a word table in front. Safe to use from several threads at once.

    Parameters
    ----------
    model
        What :func:`tagsmith.runtime.model_folder.read_model` returns.
    precision
        Which of the two sentence graphs to run.
    """

    def __init__(self, model: Model, precision: Precision) -> None:
        self._model = model
        self._words, self._sentences = (
            open_graph(model.graphs[name], model.weights, name) for name in ("words.onnx", GRAPHS[precision])
        )
        architecture = model.architecture
        self._ways = len(architecture.directions)
        self._inputs = {one.name for one in self._sentences.get_inputs()}
        gates = self._ways * 4
        columns = {"encodings": Column(architecture.encoding_size, np.float32)}
        if "scales" in self._inputs:  # an LSTM in 8 bits
            columns = {"encodings": Column(architecture.encoding_size, np.float16)}
            columns |= {"projections": Column(gates * architecture.units, np.int8), "scales": Column(gates, np.float32)}
        elif "projections" in self._inputs:
            columns["projections"] = Column(gates * architecture.units, np.float32)
        self._columns = tuple(columns)
        self._table = WordTable(self._encode, tuple(columns.values()))

    def look_up(self, sentences: Sequence[Sequence[str]]) -> Found:
        """Find the word forms of sentences, see :meth:`WordTable.look_up`."""
        return self._table.look_up(sentences)

    def emissions(self, forms: Found, tokens: npt.NDArray[np.int32], lengths: Integers) -> Floats:
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
        return np.asarray(self._sentences.run(("emissions",), inputs)[0])

    def windows(self, sentence: Sequence[str]) -> Iterator[Floats]:
        """Run over one long sentence window by window; the emissions, (WINDOW, 1, tags), are those of the whole.

        The recurrent state is carried from window to window, forwards in the forward direction. The backward direction
        needs the state that comes out of everything behind a window: a first sweep over the windows, from the last to
        the first, finds these states and keeps them alone (two vectors per window and layer). Deeper layers read what
        the layer below makes of the whole sentence, so each layer costs one sweep in each direction.
        """
        starts = range(0, len(sentence), WINDOW)
        architecture = self._model.architecture
        ways, layers = self._ways, architecture.layers
        # What enters each window: (windows, hidden or memory, layers·directions, 1, H)
        states = np.zeros((len(starts) + 1, 2, layers * ways, 1, architecture.units), np.float32)

        def run(window: int) -> tuple[Floats, list[Floats]]:
            words = sentence[starts[window] : starts[window] + WINDOW]
            forms = self.look_up([words])
            inputs = self._feed(forms, forms.tokens[:, None], np.array([len(words)]))
            inputs |= {
                name: own for name, own in zip(("hidden", "memory"), states[window], strict=True) if name in inputs
            }
            emissions, *last = self._sentences.run(None, inputs)
            return emissions, last

        for layer in range(layers):
            if ways == 2:
                place = layer * ways + 1
                for window in range(len(starts) - 1, 0, -1):
                    for kind, last in enumerate(run(window)[1]):
                        states[window - 1, kind, place] = last[place]
            for window in range(len(starts)):
                emissions, ends = run(window)
                for kind, last in enumerate(ends):
                    states[window + 1, kind, ::ways] = last[::ways]
                if layer == layers - 1:
                    yield emissions

    def _feed(self, forms: Found, tokens: npt.NDArray[np.int32], lengths: Integers) -> dict[str, npt.NDArray[Any]]:
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
        return {name: array for name, array in inputs.items() if name in self._inputs}

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
        found = dict(zip([one.name for one in self._words.get_outputs()], self._words.run(None, inputs), strict=True))
        if "scales" in self._columns:
            gates = found["projections"].reshape(-1, architecture.units)  # (n·directions·4, H)
            values, scales = quantise_rows(gates)
            found |= {"projections": values.reshape(len(forms), -1), "scales": scales.reshape(len(forms), -1)}
        return [found[name] for name in self._columns]


def open_graph(graph: bytes, weights: Mapping[str, npt.NDArray[Any]], name: str) -> onnxruntime.InferenceSession:
    """Open the graph of file ``name``, with the weights that it leaves to ``weights.safetensors``.

    Each call of the session runs in one thread: several calls run side by side instead.

    Raises
    ------
    ModelError
        ONNX Runtime cannot open the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Weights that the graph leaves outside stand in it by their names alone.
    stored = {own: np.ascontiguousarray(array) for own, array in weights.items() if own.encode() in graph}
    try:
        values = list(map(onnxruntime.OrtValue.ortvalue_from_numpy, stored.values()))
        options.add_external_initializers(list(stored), values)
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise ModelError(f"ONNX Runtime cannot open {name}: {error}", remedy=REMEDY) from error
