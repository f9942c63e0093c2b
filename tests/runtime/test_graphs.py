"""The exported graphs agree with the network written plainly in NumPy, in every configuration."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from random_model import SMALL, VOCABULARY, WORDS, every_architecture, random_weights
from reference_tagger import encode_form, sentence_emissions, vector_of
from tagsmith.errors import MissingExtraError
from tagsmith.runtime.architecture import Architecture
from tagsmith.runtime.graphs import sentence_graph, word_graph

SIZES = {"word_dim": 5, "character_dim": 3, "character_units": 4, "units": 4}
EVERY = every_architecture(**SIZES)
TAGS = 5
LENGTHS = np.int32([7, 4, 4, 1])


def run(graph: bytes, **inputs):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    wanted = {argument.name for argument in session.get_inputs()}
    return session.run(None, {name: array for name, array in inputs.items() if name in wanted})[0]


def distinct(keep) -> list[Architecture]:
    """One architecture for each value of the fields named."""
    return list({tuple(getattr(a, name) for name in keep): a for a in EVERY}.values())


def describe(a: Architecture) -> str:
    ways = "both" if a.bidirectional else "forward"
    residual = "-residual" if a.residual else ""
    return f"{a.characters}{a.character_width}-{a.shape_dim}-{a.cell}-{ways}-{a.layers}{residual}-{a.head}"


WIDTHS = [replace(SMALL, **SIZES, character_width=width) for width in (1, 2, 4, 5)]


@pytest.mark.parametrize("pretrained", [True, False])
@pytest.mark.parametrize("a", distinct(["characters", "shape_dim"]) + WIDTHS, ids=describe)
def test_the_word_graph_encodes_every_form(a, pretrained):
    weights = random_weights(a, TAGS, pretrained=pretrained)
    forms = VOCABULARY.encode(WORDS)
    vectors = np.float32([vector_of(forms, number, weights) for number in range(len(WORDS))])
    found = run(word_graph(weights, a), vectors=vectors, characters=forms.characters, shapes=forms.shapes)
    expected = [encode_form(forms, number, weights, a) for number in range(len(WORDS))]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("a", distinct(["characters"]), ids=lambda a: a.characters)
def test_padding_beside_a_word_changes_nothing(a):
    weights = random_weights(a, TAGS)
    graph, forms = word_graph(weights, a), VOCABULARY.encode(["york", "in"])
    vectors = np.zeros((2, a.word_dim), np.float32)
    narrow, wide = (
        run(graph, vectors=vectors, characters=forms.characters[:, :columns], shapes=forms.shapes)
        for columns in (4, 24)
    )
    np.testing.assert_allclose(narrow, wide, atol=1e-6)


@pytest.mark.parametrize("a", distinct(["cell", "bidirectional", "layers", "residual", "head"]), ids=describe)
def test_the_sentence_graph_runs_over_every_sentence_to_its_own_end(a):
    weights = random_weights(a, TAGS)
    rng = np.random.default_rng(1)
    encodings = rng.standard_normal((LENGTHS[0], len(LENGTHS), a.encoding_size)).astype(np.float32)
    found = run(sentence_graph(weights, a), encodings=encodings, lengths=LENGTHS)
    assert found.shape == (LENGTHS[0], len(LENGTHS), TAGS)
    for b, length in enumerate(LENGTHS):
        expected = sentence_emissions(encodings[:length, b].astype(np.float64), weights, a)
        np.testing.assert_allclose(found[:length, b], expected, atol=2e-5)


@pytest.mark.parametrize("a", EVERY, ids=describe)
def test_both_graphs_of_every_configuration_agree_with_the_plain_network(a):
    weights = random_weights(a, TAGS, seed=7)
    forms = VOCABULARY.encode(WORDS[:8])
    vectors = np.float32([vector_of(forms, number, weights) for number in range(8)])
    encodings = run(word_graph(weights, a), vectors=vectors, characters=forms.characters, shapes=forms.shapes)
    words = np.random.default_rng(2).integers(0, 8, (5, 2))
    found = run(sentence_graph(weights, a), encodings=encodings[words], lengths=np.int32([5, 2]))
    plain = np.float64([encode_form(forms, number, weights, a) for number in range(8)])
    for b, length in enumerate((5, 2)):
        np.testing.assert_allclose(
            found[:length, b], sentence_emissions(plain[words[:length, b]], weights, a), atol=1e-4
        )


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_int8_graph_is_close_to_the_float_graph(cell, bidirectional, layers):
    a = Architecture(
        word_dim=40, characters="none", shape_dim=0, cell=cell, units=32, bidirectional=bidirectional, layers=layers
    )
    rng = np.random.default_rng(3)
    weights = random_weights(a, TAGS, seed=3)
    for name, array in weights.items():  # as large as trained ones: saturated gates would hide errors
        if name.startswith("sentence"):
            weights[name] = (array / 3).astype(np.float32)
    encodings = rng.standard_normal((9, 6, a.encoding_size)).astype(np.float32)
    lengths = np.int32([9, 9, 6, 3, 2, 1])
    exact, fast = (
        run(sentence_graph(weights, a, int8=int8), encodings=encodings, lengths=lengths) for int8 in (False, True)
    )
    inside = np.arange(9)[:, None] < lengths
    error = np.sqrt(np.mean((exact - fast)[inside] ** 2)) / exact[inside].std()
    assert error < 0.12  # a wrong gate order would give about 1
    assert (error > 0) == (cell == "lstm")  # ONNX Runtime has 8-bit kernels for the LSTM alone


def test_int8_kernels_take_a_quarter_of_the_room():
    a = Architecture(word_dim=100, characters="none", shape_dim=0, units=100)
    weights = random_weights(a, TAGS, pretrained=False)
    assert len(sentence_graph(weights, a, int8=True)) < 0.3 * len(sentence_graph(weights, a))


def test_without_onnx_writing_a_model_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "tagsmith.runtime.graphs")
    with pytest.raises(MissingExtraError, match=r"tagsmith\[train\]"):
        importlib.import_module("tagsmith.runtime.graphs")
