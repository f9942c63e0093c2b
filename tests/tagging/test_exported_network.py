"""The exported network: batches and windows give the emissions of each whole sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from random_model import SMALL, random_model, random_sentences
from reference_tagger import encode_form, sentence_emissions
from tagsmith.tagging import exported_network
from tagsmith.tagging.exported_network import ExportedNetwork

KINDS = [
    SMALL,
    replace(SMALL, bidirectional=False),
    replace(SMALL, layers=2),
    replace(SMALL, layers=3, residual=True),
    replace(SMALL, layers=2, bidirectional=False),
    replace(SMALL, cell="gru", layers=2),
    replace(SMALL, cell="gru-reset-before", layers=2),
    replace(SMALL, cell="rnn"),
]


def describe(a) -> str:
    return f"{a.cell}-{len(a.directions)}-{a.layers}-{a.residual}"


def plainly(model, sentence) -> np.ndarray:
    """Emissions of one sentence by the network written plainly in NumPy."""
    forms = model.vocabulary.encode(sentence)
    encodings = [encode_form(forms, n, model.weights, model.architecture) for n in range(len(sentence))]
    return sentence_emissions(np.stack(encodings), model.weights, model.architecture)


@pytest.mark.parametrize("count", [3, 30])
@pytest.mark.parametrize("a", KINDS, ids=describe)
def test_a_batch_gives_the_emissions_of_each_sentence(a, count):
    model = random_model(a)
    sentences = sorted(random_sentences(count), key=len, reverse=True)
    lengths = np.array([len(sentence) for sentence in sentences])
    network = ExportedNetwork(model, "float32")
    forms = network.look_up(sentences)
    starts = np.cumsum(lengths) - lengths
    tokens = forms.tokens[starts + np.minimum(np.arange(lengths[0])[:, None], lengths - 1)]
    emissions = network.emissions(forms, tokens, lengths)
    for place, sentence in enumerate(sentences):
        np.testing.assert_allclose(emissions[: len(sentence), place], plainly(model, sentence), atol=1e-4)


@pytest.mark.parametrize("length", [1, 6, 7, 8, 40])
@pytest.mark.parametrize("a", KINDS, ids=describe)
def test_windows_give_the_emissions_of_the_whole_sentence(a, length, monkeypatch):
    """In both directions and in every layer, although no window holds more than a few tokens."""
    monkeypatch.setattr(exported_network, "WINDOW", 7)
    model = random_model(a)
    sentence = (random_sentences(1, longest=5, seed=length)[0] * 40)[:length]
    windows = list(ExportedNetwork(model, "float32").windows(sentence))
    assert [len(window) for window in windows] == [min(7, length - first) for first in range(0, length, 7)]
    np.testing.assert_allclose(np.concatenate(windows)[:, 0], plainly(model, sentence), atol=1e-4)


def test_int8_windows_are_close_to_the_whole(monkeypatch):
    model = random_model(replace(SMALL, units=20))
    sentence = random_sentences(1, longest=40, seed=3)[0] * 10
    network = ExportedNetwork(model, "int8")
    whole = np.concatenate(list(network.windows(sentence)))
    monkeypatch.setattr(exported_network, "WINDOW", 16)
    parts = np.concatenate(list(network.windows(sentence)))
    assert np.sqrt(np.mean((whole - parts) ** 2)) < 0.05 * whole.std()
