"""The graphs agree with the network written plainly in NumPy, in every configuration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph_calls import projected, run_graph, run_sentences, run_words
from random_model import SMALL, VOCABULARY, WORDS, every_architecture, random_weights
from reference_tagger import encode_form, sentence_emissions, vector_of
from tagsmith.graphs import tagger_graphs
from tagsmith.graphs.tagger_graphs import LOOP_FROM, sentence_graph, word_graph
from tagsmith.model.architecture import Architecture

SIZES = {"word_dim": 5, "character_dim": 3, "character_units": 4, "units": 4}
EVERY = every_architecture(**SIZES)
TAGS = 5


def distinct(keep) -> list[Architecture]:
    """One architecture for each value of the fields named."""
    return list({tuple(getattr(a, name) for name in keep): a for a in EVERY}.values())


def describe(a: Architecture) -> str:
    ways = "both" if a.bidirectional else "forward"
    residual = "-residual" if a.residual else ""
    return f"{a.characters}{a.character_width}-{a.shape_dim}-{a.cell}-{ways}-{a.layers}{residual}-{a.head}"


RESET_BEFORE = [replace(SMALL, cell="gru-reset-before", bidirectional=both, layers=2) for both in (True, False)]
WIDTHS = [replace(SMALL, **SIZES, character_width=width) for width in (1, 2, 4, 5)]


@pytest.mark.parametrize("pretrained", [True, False])
@pytest.mark.parametrize("a", distinct(["characters", "shape_dim", "cell"]) + WIDTHS, ids=describe)
def test_the_word_graph_encodes_every_form(a, pretrained):
    weights = random_weights(a, TAGS, pretrained=pretrained)
    forms = VOCABULARY.encode(WORDS)
    vectors = np.float32([vector_of(forms, number, weights) for number in range(len(WORDS))])
    outputs = run_words(weights, a, forms, vectors)
    expected = np.float32([encode_form(forms, number, weights, a) for number in range(len(WORDS))])
    np.testing.assert_allclose(outputs["encodings"], expected, atol=1e-5)
    assert ("projections" in outputs) == (a.cell == "lstm")
    if a.cell == "lstm":
        rows = outputs["projections"].reshape(-1, 4 * a.units)
        np.testing.assert_allclose(rows, projected(weights, a, expected), atol=1e-4)


@pytest.mark.parametrize("a", distinct(["characters"]), ids=lambda a: a.characters)
def test_padding_beside_a_word_changes_nothing(a):
    weights = random_weights(a, TAGS)
    graph, forms = word_graph(weights, a), VOCABULARY.encode(["york", "in"])
    vectors = np.zeros((2, a.word_dim), np.float32)
    narrow, wide = (
        run_graph(graph, vectors=vectors, characters=forms.characters[:, :columns], shapes=forms.shapes)
        for columns in (4, 24)
    )
    np.testing.assert_allclose(narrow["encodings"], wide["encodings"], atol=1e-6)


@pytest.mark.parametrize("batch", [4, 20])
@pytest.mark.parametrize(
    "a", [*distinct(["cell", "bidirectional", "layers", "residual", "head"]), *RESET_BEFORE], ids=describe
)
def test_the_sentence_graph_runs_over_every_sentence_to_its_own_end(a, batch):
    weights = random_weights(a, TAGS)
    rng = np.random.default_rng(1)
    lengths = np.int32([*sorted(rng.integers(1, 8, batch - 1), reverse=True), 0])
    encodings = rng.standard_normal((max(lengths), batch, a.encoding_size)).astype(np.float32)
    emissions = run_sentences(weights, a, encodings, lengths)["emissions"]
    assert emissions.shape == (max(lengths), batch, TAGS)
    for b, length in enumerate(lengths[:-1]):
        expected = sentence_emissions(encodings[:length, b].astype(np.float64), weights, a)
        np.testing.assert_allclose(emissions[:length, b], expected, atol=2e-5)


@pytest.mark.parametrize("a", EVERY, ids=describe)
def test_both_graphs_of_every_configuration_agree_with_the_plain_network(a):
    weights = random_weights(a, TAGS, seed=7)
    forms = VOCABULARY.encode(WORDS[:8])
    vectors = np.float32([vector_of(forms, number, weights) for number in range(8)])
    encodings = run_words(weights, a, forms, vectors)["encodings"]
    words = np.random.default_rng(2).integers(0, 8, (5, 2))
    emissions = run_sentences(weights, a, encodings[words], np.int32([5, 2]))["emissions"]
    plain = np.float64([encode_form(forms, number, weights, a) for number in range(8)])
    for b, length in enumerate((5, 2)):
        np.testing.assert_allclose(
            emissions[:length, b], sentence_emissions(plain[words[:length, b]], weights, a), atol=1e-4
        )


@pytest.mark.parametrize("batch", [1, LOOP_FROM])
@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("a", [a for a in distinct(["cell", "bidirectional", "layers"]) if a.layers == 1], ids=describe)
def test_the_last_states_let_a_sentence_go_on_where_it_was_cut(a, int8, batch):
    """Forward from the first part into the second, backward from the second into the first."""
    weights = random_weights(a, TAGS)
    encodings = np.random.default_rng(4).standard_normal((9, batch, a.encoding_size)).astype(np.float32)
    whole = run_sentences(weights, a, encodings, np.full(batch, 9), int8=int8)["emissions"]
    states = {"hidden": np.zeros((len(a.directions), batch, a.units), np.float32)}
    states["memory"] = states["hidden"].copy()
    ends = {}
    # The forward state after the first part, the backward one before the second.
    for part, way in (((0, 5), 0), ((5, 9), 1)):
        outputs = run_sentences(weights, a, encodings[slice(*part)], np.full(batch, part[1] - part[0]), int8=int8)
        ends[way] = {name: outputs[f"last_{name}"] for name in states if f"last_{name}" in outputs}
    for (first, last), way in (((5, 9), 0), ((0, 5), 1)):
        entering = {name: array.copy() for name, array in states.items()}
        if way < len(a.directions):
            for name, end in ends[way].items():
                entering[name][way] = end[way]
        part = run_sentences(weights, a, encodings[first:last], np.full(batch, last - first), int8=int8, **entering)
        error = np.sqrt(np.mean((part["emissions"] - whole[first:last]) ** 2))
        # In 8 bits ONNX Runtime's operator scales the inputs of a call together: a part is scaled by itself.
        exact = not int8 or batch >= LOOP_FROM or a.cell != "lstm"
        assert error < (1e-5 if exact else 0.03 * whole.std())  # without the state: 0.38 or more


@pytest.mark.parametrize("batch", [6, 24])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_the_int8_graph_is_close_to_the_float_graph(cell, bidirectional, layers, batch):
    a = Architecture(
        word_dim=40, characters="none", shape_dim=0, cell=cell, units=32, bidirectional=bidirectional, layers=layers
    )
    rng = np.random.default_rng(3)
    weights = random_weights(a, TAGS, seed=3)
    for name, array in weights.items():  # as large as trained ones: saturated gates would hide errors
        if name.startswith("sentence"):
            weights[name] = (array / 3).astype(np.float32)
    encodings = rng.standard_normal((9, batch, a.encoding_size)).astype(np.float32)
    lengths = np.int32(sorted([9, *rng.integers(1, 10, batch - 1)], reverse=True))
    exact, fast = (run_sentences(weights, a, encodings, lengths, int8=int8)["emissions"] for int8 in (False, True))
    inside = np.arange(9)[:, None] < lengths
    error = np.sqrt(np.mean((exact - fast)[inside] ** 2)) / exact[inside].std()
    assert error < (0.12 if batch < LOOP_FROM else 0.05)  # a wrong gate order would give about 1
    assert (error > 0) == (cell == "lstm")  # ONNX Runtime has 8-bit kernels for the LSTM alone


@pytest.mark.parametrize("batch", [1, 6, LOOP_FROM, 40])
@pytest.mark.parametrize("layers", [1, 2])
def test_kernels_are_the_same_numbers_where_products_of_signed_ones_may_overflow(monkeypatch, layers, batch):
    a = replace(SMALL, layers=layers, units=40)
    weights = random_weights(a, TAGS, seed=7)
    inputs = np.random.default_rng(7).standard_normal((5, batch, a.encoding_size)).astype(np.float32)
    here = run_sentences(weights, a, inputs, np.full(batch, 5), int8=True)["emissions"]
    monkeypatch.setattr(tagger_graphs, "products_may_overflow", lambda: True)
    anywhere = run_sentences(weights, a, inputs, np.full(batch, 5), int8=True)["emissions"]
    np.testing.assert_allclose(here, anywhere, atol=1e-4)  # products that overflow would differ by more than 1


@pytest.mark.parametrize("batch", [LOOP_FROM - 2, LOOP_FROM + 16])
def test_in_the_loop_an_int8_answer_does_not_depend_on_how_large_the_inputs_of_others_are(batch):
    """Up to rounding: for another number of rows, a processor may add in another order (1.4e-6 was seen)."""
    weights = random_weights(SMALL, TAGS)
    inputs = np.random.default_rng(5).standard_normal((6, batch, SMALL.encoding_size)).astype(np.float32)
    some = batch // 2
    lengths = np.full(batch, 6)
    mixed = np.concatenate([inputs[:, :some], 5 * inputs[:, some:]], axis=1)
    alone = run_sentences(weights, SMALL, inputs, lengths, int8=True)["emissions"][:, :some]
    beside = run_sentences(weights, SMALL, mixed, lengths, int8=True)["emissions"][:, :some]
    error = np.sqrt(np.mean((beside - alone) ** 2)) / alone.std()
    # Below LOOP_FROM the operator scales the inputs of a batch together. A state that rounding moves to the next
    # 8-bit integer would change one of some thousand states by 1/127.
    assert error < 0.005 if batch >= LOOP_FROM else error > 0.02


def test_large_weights_are_not_copied_into_the_graphs():
    a = Architecture(word_dim=100, characters="none", shape_dim=0, units=100)
    weights = random_weights(a, TAGS, pretrained=False)
    kernels = {name: array for name, array in weights.items() if "kernel" in name and name.startswith("sentence")}
    size = sum(array.nbytes for array in kernels.values())
    words, sentences, int8 = word_graph(weights, a), sentence_graph(weights, a), sentence_graph(weights, a, int8=True)
    assert len(words.content) + len(sentences.content) < 0.05 * size
    assert len(int8.content) < 0.45 * size
    for name, array in kernels.items():
        assert any(graph.weights.get(name) is array for graph in (words, sentences))
