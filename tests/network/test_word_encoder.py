"""The word encoder against the plain one in NumPy, and what its tables start with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_calls import array, compiled, gradients
from random_model import SMALL, VOCABULARY, WORDS, random_weights
from reference_tagger import encode_form
from tagsmith.model.vectors import quantize_rows
from tagsmith.model.vocabulary import UNKNOWN_WORD, UNSEEN_WORD, Forms
from tagsmith.network.backend import keras
from tagsmith.network.word_encoder import WordEncoder

ops = keras.ops
FORMS = VOCABULARY.encode([*WORDS, ""])  # the empty form stands for the padding of a batch's forms
NEW = np.array([False, True, *~VOCABULARY.have_vectors(VOCABULARY.words)])
KINDS = ["cnn", "lstm", "gru", "none"]


def make(architecture, pretrained=True, seed=0) -> WordEncoder:
    matrix = np.random.default_rng(1).standard_normal((len(VOCABULARY.pretrained) + 1, architecture.word_dim))
    matrix[0] = 0.0
    tables = quantize_rows(matrix.astype(np.float32)) if pretrained else None
    return WordEncoder(architecture, len(VOCABULARY.characters) + 2, NEW, tables, np.random.default_rng(seed))


def encode(encoder: WordEncoder, forms: Forms) -> np.ndarray:
    return array(compiled(lambda *parts: encoder(Forms(*parts)))(*forms))


@pytest.mark.parametrize("pretrained", [True, False])
@pytest.mark.parametrize("shape_dim", [0, 3])
@pytest.mark.parametrize(("kind", "width"), [("cnn", 1), ("cnn", 3), ("cnn", 4), ("lstm", 3), ("gru", 3), ("none", 3)])
def test_every_form_is_encoded_as_written_plainly(kind, width, shape_dim, pretrained):
    a = replace(SMALL, characters=kind, character_width=width, shape_dim=shape_dim)
    encoder = make(a, pretrained)
    weights = {n: w for n, w in random_weights(a, 5, pretrained=pretrained).items() if n.startswith("word")}
    named = encoder.named_weights()
    assert named.keys() == weights.keys()
    for name, variable in named.items():
        variable.assign(weights[name])
    encodings = encode(encoder, FORMS)
    assert encodings.shape == (len(FORMS.shapes), a.encoding_size)
    expected = [encode_form(FORMS, number, weights, a) for number in range(len(encodings))]
    np.testing.assert_allclose(encodings, expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_padding_change_nothing(kind):
    encoder = make(replace(SMALL, characters=kind))
    forms = VOCABULARY.encode(["york", "in", ""])
    narrow = forms._replace(characters=forms.characters[:, :4])
    np.testing.assert_allclose(encode(encoder, forms), encode(encoder, narrow), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_spellings_of_long_words_may_be_given_apart(kind):
    encoder = make(replace(SMALL, characters=kind))
    forms = VOCABULARY.encode(["Constantinople", "Yorkshirewoman", "york", "in", ""])

    def encoded(long, *parts):
        return encoder(Forms(*parts), long=(long,))

    short = forms._replace(characters=forms.characters[:, :12])
    encodings = array(compiled(encoded)(forms.characters[:3], *short))
    np.testing.assert_allclose(encodings, encode(encoder, forms), atol=1e-6)
    if kind != "none":
        assert not np.allclose(encodings, encode(encoder, short), atol=1e-6)


def test_a_form_is_encoded_alike_in_any_company():
    encoder = make(SMALL)
    order = np.random.default_rng(0).permutation(len(FORMS.shapes))
    shuffled = Forms(*(part[order] for part in FORMS))
    np.testing.assert_allclose(encode(encoder, shuffled), encode(encoder, FORMS)[order], atol=1e-6)


def test_a_batchs_own_rows_stand_for_the_whole_trained_table():
    encoder = make(SMALL)
    rows, place = np.unique(FORMS.trained, return_inverse=True)
    rows = np.append(rows, [-1, -1]).astype(np.int32)
    forms = FORMS._replace(trained=place.astype(np.int32))

    def encoded(rows, *parts):
        trained = encoder.trained_rows(rows)
        return trained, encoder(Forms(*parts), trained)

    trained, encodings = map(array, compiled(encoded)(rows, *forms))
    np.testing.assert_array_equal(trained[:-2], array(encoder.tables["trained"].value)[rows[:-2]])
    assert np.isfinite(trained).all()
    np.testing.assert_allclose(encodings, encode(encoder, FORMS), atol=1e-6)


def test_words_with_a_vector_start_with_that_vector_and_others_with_a_random_one():
    encoder = make(SMALL)
    trained = array(encoder.tables["trained"].value)
    assert not trained[~NEW].any()
    assert (np.abs(trained[NEW]).max(axis=1) > 0.1).all()
    assert not trained[UNSEEN_WORD].any()
    assert trained[UNKNOWN_WORD].any()
    assert NEW[2 + VOCABULARY.words.index("york")]  # both kinds are among the words
    assert not NEW[2 + VOCABULARY.words.index("paris")]


def test_words_unseen_in_training_get_their_own_vectors():
    """ "London" has a vector and was not in the training set; "Qatar" has neither."""
    encoder = make(replace(SMALL, characters="none", shape_dim=0))
    london, paris, qatar, oman = encode(encoder, VOCABULARY.encode(["London", "Paris", "Qatar", "Oman"]))
    tables = {name: array(table.value) for name, table in encoder.tables.items()}
    row = VOCABULARY.pretrained.index("london") + 1
    np.testing.assert_allclose(london, tables["pretrained"][row] * tables["scales"][row], atol=1e-6)
    assert not np.allclose(london, paris)
    np.testing.assert_allclose(qatar, oman, atol=1e-6)
    np.testing.assert_allclose(qatar, tables["trained"][UNKNOWN_WORD], atol=1e-6)


def test_pretrained_vectors_are_frozen():
    encoder = make(SMALL)
    frozen = {name for name, variable in encoder.named_weights().items() if not variable.trainable}
    assert frozen == {"word/pretrained", "word/scales"}
    assert make(SMALL, pretrained=False).tables.keys() == encoder.tables.keys() - {"pretrained", "scales"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_rows_that_a_batch_holds_are_pulled_at(kind):
    encoder = make(replace(SMALL, characters=kind))
    forms = VOCABULARY.encode(["the", "york", ""])
    named = {n: v for n, v in encoder.named_weights().items() if v.trainable}
    inputs = Forms(*map(ops.convert_to_tensor, forms))
    values = gradients(lambda: ops.sum(encoder(inputs) ** 2), list(named.values()))
    gradient_of = dict(zip(named, values, strict=True))
    assert all(np.isfinite(gradient).all() for gradient in gradient_of.values())
    pulled = np.flatnonzero(gradient_of["word/trained"].any(axis=1))
    assert set(pulled) <= set(forms.trained.tolist())
    assert len(pulled) >= 2
    if kind != "none":
        used = set(forms.characters[forms.characters > 0].tolist())
        assert set(np.flatnonzero(gradient_of["word/characters"].any(axis=1))) <= used
