"""Run a tagger's graphs by themselves, without the tagger around them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tagsmith.graphs.builder import BuiltGraph
from tagsmith.graphs.session import OpenGraph
from tagsmith.graphs.tagger_graphs import sentence_graph, word_graph
from tagsmith.model.architecture import Architecture
from tagsmith.model.vectors import quantize_rows
from tagsmith.model.vocabulary import Forms

Array = np.ndarray


def run_graph(graph: BuiltGraph, **inputs: Array) -> dict[str, Array]:
    """Every output of a graph by name; inputs that it does not have are left out."""
    opened = OpenGraph(graph, "a graph")
    return opened.run({name: inputs[name] for name in opened.inputs})


def run_words(weights: Mapping[str, Array], a: Architecture, forms: Forms, vectors: Array) -> dict[str, Array]:
    """What the word graph makes of word forms with these vectors (n, word_dim)."""
    inputs = {"vectors": vectors, "characters": forms.characters, "shapes": forms.shapes}
    return run_graph(word_graph(weights, a), **inputs)


def projected(weights: Mapping[str, Array], a: Architecture, encodings: Array) -> Array:
    """Encodings (n, D) times the first layer's input kernels plus bias, a row a direction: (n·directions, 4H)."""
    first = [(weights[f"sentence/0/{way}/kernel"], weights[f"sentence/0/{way}/bias"]) for way in a.directions]
    return np.stack([encodings @ kernel + bias for kernel, bias in first], axis=1).reshape(-1, 4 * a.units)


def run_sentences(
    weights: Mapping[str, Array],
    a: Architecture,
    encodings: Array,
    lengths: Array,
    *,
    int8: bool = False,
    hidden: Array | None = None,
    memory: Array | None = None,
) -> dict[str, Array]:
    """What the sentence graph makes of encodings (T, B, D): emissions and last states."""
    steps, batch, size = encodings.shape
    forms = np.ascontiguousarray(encodings.reshape(-1, size))
    state = np.zeros((a.layers * len(a.directions), batch, a.units), np.float32)
    inputs = {
        "encodings": forms,
        "tokens": np.arange(steps * batch, dtype=np.int32).reshape(steps, batch),
        "lengths": lengths.astype(np.int32),
        "hidden": state if hidden is None else hidden,
        "memory": state if memory is None else memory,
    }
    if a.cell == "lstm":
        inputs["projections"] = projected(weights, a, forms)
        if int8:
            values, scales = quantize_rows(inputs["projections"].reshape(-1, a.units))
            inputs |= {"projections": values.reshape(-1, 4 * a.units), "scales": scales.reshape(-1, 4)}
            inputs["encodings"] = forms.astype(np.float16)
    return run_graph(sentence_graph(weights, a, int8=int8), **inputs)
