"""The whole network written plainly in NumPy, word by word and sentence by sentence; slow and obvious.

Both the exported graphs and the Keras network are tested against it. Weights go by their names in the model folder.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reference_cells import run_cell
from tagsmith.model.architecture import Architecture
from tagsmith.model.vocabulary import Forms

Array = np.ndarray


def vector_of(forms: Forms, number: int, weights: Mapping[str, Array]) -> Array:
    """Pretrained vector (decoded from int8) plus trained vector of one form."""
    vector = weights["word/trained"][forms.trained[number]].astype(np.float64)
    if "word/pretrained" in weights:
        row = forms.pretrained[number]
        vector = vector + weights["word/pretrained"][row].astype(np.float64) * weights["word/scales"][row]
    return vector


def encode_form(forms: Forms, number: int, weights: Mapping[str, Array], a: Architecture) -> Array:
    """The encoding of one word form: vector, spelling and shape side by side."""
    parts = [vector_of(forms, number, weights)]
    if a.characters != "none":
        rows = [row for row in forms.characters[number] if row]
        letters = np.float64([weights["word/characters"][row] for row in rows]).reshape(len(rows), a.character_dim)
        parts.append((filtered if a.characters == "cnn" else spelled)(letters, weights, a))
    if a.shape_dim:
        parts.append(weights["word/shapes"][forms.shapes[number]])
    return np.concatenate(parts)


def filtered(letters: Array, weights: Mapping[str, Array], a: Architecture) -> Array:
    """Each character filter's best response over the word's positions; zeros stand beyond both ends."""
    if not len(letters):
        return np.zeros(a.character_units)
    left, right = (a.character_width - 1) // 2, a.character_width // 2
    around = np.pad(letters, ((left, right), (0, 0)))
    responses = [
        np.einsum("wd,wdu->u", around[place : place + a.character_width], weights["word/filters"])
        for place in range(len(letters))
    ]
    return np.tanh(np.max(responses, axis=0) + weights["word/filter_bias"])


def spelled(letters: Array, weights: Mapping[str, Array], a: Architecture) -> Array:
    """The last state of the character RNN in each direction."""
    if not len(letters):
        return np.zeros(2 * a.character_units)
    ends = []
    for direction, place in (("forward", -1), ("backward", 0)):
        states = run_direction("word/spelling", direction, a.characters, letters, weights)
        ends.append(states[place])
    return np.concatenate(ends)


def run_direction(prefix: str, direction: str, cell: str, steps: Array, weights: Mapping[str, Array]) -> Array:
    """One direction of a recurrent layer over one sequence, (T, D) → (T, H)."""
    kernel, *own = (weights[f"{prefix}/{direction}/{name}"] for name in ("kernel", "recurrent_kernel", "bias"))
    return run_cell(cell, steps[None], kernel, *own, reverse=direction == "backward")[0]


def sentence_emissions(encodings: Array, weights: Mapping[str, Array], a: Architecture) -> Array:
    """Emissions of one sentence, (T, encoding_size) → (T, tags)."""
    states = encodings
    for layer in range(a.layers):
        runs = [run_direction(f"sentence/{layer}", way, a.cell, states, weights) for way in a.directions]
        outputs = np.concatenate(runs, axis=1)
        states = outputs + states if a.residual and layer else outputs
    return states @ weights["output/kernel"] + weights["output/bias"]
