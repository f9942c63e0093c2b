"""A network with a head for each layer: one encoder, and in each head what a network of that layer alone computes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from keras_calls import array, compiled, gradients, numeric_slope, random_direction
from random_model import LAYERS, SMALL, VOCABULARY, random_layers_model
from tagsmith.model.vocabulary import Forms
from tagsmith.network.backend import keras
from tagsmith.network.batches import Batch
from tagsmith.network.tagger_network import Output, TaggerNetwork
from tagsmith.tagging.tagger import Tagger

ops = keras.ops
SENTENCES = [["John", "lives", "in", "Paris"], ["1984", "café"], ["北京", "x"]]
WORDS = [word for sentence in SENTENCES for word in sentence]
# The second and third sentence share a row.
ROWS = np.int32([[0, 1, 2, 3, 0], [4, 5, 6, 7, 0]])
NUMBERS = np.int32([[1, 1, 1, 1, 0], [1, 1, 2, 2, 0]])
PLACES = [(0, 0, 4), (1, 0, 2), (1, 2, 4)]  # of each sentence: row, first column, end
# Legal tags of the plain layer, of X in BIOES (O B I E S), and of X and Y.
TAGS = (
    np.int32([[0, 1, 2, 1, 0], [2, 2, 0, 1, 0]]),
    np.int32([[1, 2, 3, 0, 0], [4, 0, 0, 4, 0]]),
    np.int32([[0, 5, 7, 4, 0], [8, 0, 1, 3, 0]]),
)


def make(architecture=SMALL, layers=LAYERS):
    model = random_layers_model(architecture, layers)
    tables = (model.weights["word/pretrained"], model.weights["word/scales"])
    network = TaggerNetwork(architecture, VOCABULARY, [Output(one.transitions) for one in model.layers], tables)
    network.assign({name: own for name, own in model.weights.items() if name not in ("word/pretrained", "word/scales")})
    return network, model


def make_batch(tags=TAGS) -> Batch:
    forms = VOCABULARY.encode(WORDS)
    trained, place = np.unique(forms.trained, return_inverse=True)
    return Batch(
        ops.convert_to_tensor(trained.astype(np.int32)),
        Forms(*map(ops.convert_to_tensor, forms._replace(trained=place.astype(np.int32)))),
        ops.convert_to_tensor(ROWS),
        ops.convert_to_tensor(NUMBERS),
        tuple(map(ops.convert_to_tensor, tags)),
    )


@pytest.mark.parametrize("a", [SMALL, replace(SMALL, cell="gru", layers=2, residual=True, head="softmax")])
def test_the_tagger_sees_the_emissions_of_the_network(a):
    network, model = make(replace(a, units=20))
    batch = make_batch()
    expected = array(compiled(lambda: network.emissions(batch))())
    tagger = Tagger(model, precision="float32")
    seen = []
    run = tagger._network.emissions
    tagger._network.emissions = lambda *own: seen.append(run(*own)) or seen[-1]
    for sentence, (row, first, end) in zip(SENTENCES, PLACES, strict=True):
        tagger.tag([sentence])
        np.testing.assert_allclose(seen[-1][:, 0], expected[row, first:end], atol=1e-4)


def test_every_weight_has_the_name_and_shape_of_the_model_folder():
    network, model = make()
    assert {name: tuple(own.shape) for name, own in network.named_weights().items()} == {
        name: own.shape for name, own in model.weights.items()
    }


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_the_loss_is_the_mean_of_the_layers_losses_over_every_legal_sequence(head):
    network, model = make(replace(SMALL, head=head))
    batch = make_batch()
    emissions = array(compiled(lambda: network.emissions(batch))()).astype(np.float64)
    found = float(array(compiled(lambda: network.loss(batch))()))
    losses, first = [], 0
    for number, own in enumerate(model.layers):
        columns = slice(first, first + len(own.tags))
        first = columns.stop
        prefix = f"crf/{number}"
        chain = [model.weights[f"{prefix}/{part}"] for part in ("start", "between", "end")] if head == "crf" else None
        losses += [
            -log_probability(emissions[row, begin:end, columns], TAGS[number][row, begin:end], chain, own.transitions)
            for row, begin, end in PLACES
        ]
    assert found == pytest.approx(sum(losses) / len(LAYERS) / len(WORDS), rel=1e-4)


def log_probability(emissions, tags, chain, legal) -> float:
    """By enumeration; without a chain each token stands for itself."""
    if chain is None:
        return float(sum(own[tag] - np.log(np.exp(own).sum()) for own, tag in zip(emissions, tags, strict=True)))
    start, between, end = chain
    scores = {
        path: start[path[0]]
        + end[path[-1]]
        + emissions[range(len(path)), path].sum()
        + sum(between[p] for p in pairwise(path))
        for path in product(range(emissions.shape[1]), repeat=len(tags))
        if legal.start[path[0]] and legal.end[path[-1]] and all(legal.between[pair] for pair in pairwise(path))
    }
    return float(scores[tuple(tags.tolist())] - np.log(sum(map(np.exp, scores.values()))))


def test_every_head_and_the_encoder_learn():
    network, _ = make()
    batch = make_batch()
    names = ["output/kernel", "crf/0/start", "crf/1/between", "crf/2/end", "sentence/0/forward/kernel"]
    variables = [network.named_weights()[name] for name in names]
    loss = compiled(lambda: network.loss(batch), variables)
    for name, variable, gradient in zip(
        names, variables, gradients(lambda: network.loss(batch), variables), strict=True
    ):
        direction = random_direction(gradient.shape, 3)
        slope = numeric_slope(lambda: float(array(loss())), variable, direction)
        assert np.abs(gradient).max() > 0, name
        assert (gradient * direction).sum() == pytest.approx(slope, abs=2e-3), name


def test_a_network_of_one_layer_starts_from_the_same_weights_as_without_others():
    outputs = [Output(layer.transitions) for layer in random_layers_model().layers]
    one = TaggerNetwork(SMALL, VOCABULARY, outputs[1:2], seed=3).arrays()
    more = TaggerNetwork(SMALL, VOCABULARY, outputs, seed=3).arrays()
    assert one.keys() < more.keys()
    shared = [name for name in one if not name.startswith(("output", "crf"))]
    assert all(np.array_equal(one[name], more[name]) for name in shared)
