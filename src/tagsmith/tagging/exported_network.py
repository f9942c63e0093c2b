"""The network of a model at work on its ONNX graphs, from sentences to emissions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.graphs.session import OpenGraph
from tagsmith.graphs.tagger_graphs import sentence_graph, word_graph
from tagsmith.model.configuration import Precision
from tagsmith.model.folder import Model
from tagsmith.model.frozen_vectors import frozen_ngrams
from tagsmith.model.vectors import quantize_rows
from tagsmith.model.vocabulary import NO_VECTOR
from tagsmith.tagging.chain import Floats, Integers
from tagsmith.tagging.heads import output_bias
from tagsmith.tagging.word_table import Column, FormColumns, WordTable

LARGEST_HALF = 65504.0  # of the numbers of float16; no usual model's encodings come near it
WINDOW = 4096  # tokens of a window of a long sentence


class ExportedNetwork:
    """The graphs of a model, with a word table in front. Safe to use from several threads.

    ``precision`` is that of an LSTM's kernels.
    """

    def __init__(self, model: Model, precision: Precision) -> None:
        self._model = model
        weights, a = {**model.weights, "output/bias": output_bias(model)}, model.architecture
        self._words = OpenGraph(word_graph(weights, a), "the word graph")
        self._sentences = OpenGraph(sentence_graph(weights, a, int8=precision == "int8"), "the sentence graph")
        self._ngrams = frozen_ngrams(model.vocabulary, weights)
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
        if self._ngrams is not None and len(without := np.flatnonzero(rows.pretrained == NO_VECTOR)):
            composed, scales = self._ngrams.vectors([forms[number] for number in without.tolist()])
            vectors[without] += composed * scales
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
            outputs["encodings"] = np.clip(outputs["encodings"], -LARGEST_HALF, LARGEST_HALF)
        return [outputs[name] for name in self._columns]
