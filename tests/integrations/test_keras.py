"""A user's Keras model as a tagger: the same probabilities, whatever its layers, words, labels and scheme."""

from __future__ import annotations

import pickle
import re
import sys
import warnings
from contextlib import nullcontext
from itertools import product

import httpx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import processes

pytest.importorskip("tensorflow", reason="Keras's StringLookup needs it, whatever the backend")

import tagsmith
from keras_calls import eagerly
from search_budget import examples
from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import DataError, InputError, ModelError
from tagsmith.integrations.keras_labels import read_labels
from tagsmith.network.backend import keras
from tagsmith.network.rnn import create_rnn_model
from tagsmith.tagging.chain import constrained_chain
from tagsmith.tagging.decode import k_best, span_tags, viterbi
from tagsmith.tagging.marginals import posterior
from tagsmith.tagging.spans import SpanDecoder
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, is_legal, tag_inventory, tags_to_spans
from tagsmith.training.fine_tuning import UNLIKELY, fine_tuning_recipe
from tagsmith.training.loop import TrainingRun
from tagsmith.training.task import prepare

layers = keras.layers
WORDS = ["", "[UNK]", "the", "The", "in", "John", "lives", "New", "York", "."]
LABELS = ["NOUN", "DET", "VERB", "ADP"]  # not in sorted order
SENTENCE = ["The", "John", "lives", "in", "Paris", "New", "York", "the", "."]
RECURRENT = {
    "lstm": (layers.LSTM, {}),
    "gru": (layers.GRU, {"reset_after": True}),
    "gru-reset-before": (layers.GRU, {"reset_after": False}),
    "rnn": (layers.SimpleRNN, {}),
}


def randomized(model, seed: int = 0):
    """Give every weight a value that matters; variances stay positive."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            np.abs(rng.normal(1, 0.3, w.shape)) if "variance" in v.path else rng.normal(0, 0.7, w.shape)
            for v, w in zip(model.weights, model.get_weights(), strict=True)
        ]
    )
    return model


def recurrent(units=6, cell="lstm", **options):
    kind, own = RECURRENT[cell]
    return kind(units, return_sequences=True, **own, **options)


def both(units=6, cell="lstm", merge_mode="concat", **options):
    return layers.Bidirectional(recurrent(units, cell, **options), merge_mode=merge_mode)


def softmax():
    return layers.TimeDistributed(layers.Dense(len(LABELS), activation="softmax"))


def sequential(*middle, **embedding):
    first = [keras.Input((None,), dtype="int32"), layers.Embedding(len(WORDS), 6, **embedding)]
    return randomized(keras.Sequential([*first, *middle, softmax()]))


@pytest.fixture(scope="module")
def small():
    """One model for tests of words and labels: four outputs."""
    return sequential(recurrent())


def rows_of(sentence, words=WORDS, unknown=1):
    return np.array([[words.index(word) if word in words else unknown for word in sentence]])


def predicted(model, rows) -> np.ndarray:
    """What ``model.predict`` gives for one sentence; compiled only where that pays."""
    with eagerly() if rows.shape[1] < 100 else nullcontext():
        return np.asarray(model.predict(rows, verbose=0))[0]


def assert_agrees(model, probabilities=None, words=WORDS, **options):
    """The tagger's probabilities are those of ``model.predict``, to 1e-4, after a way through the disk, too."""
    tagger = tagsmith.from_keras(model, words=words, labels=LABELS, scheme="plain", **options)
    order = [LABELS.index(tag) for tag in tagger.labels]
    expected = predicted(model, rows_of(SENTENCE)) if probabilities is None else probabilities
    np.testing.assert_allclose(tagger.tag_marginals([SENTENCE])[0], expected[:, order], atol=1e-4)
    assert tagger.tag([SENTENCE]) == [[LABELS[row] for row in expected.argmax(axis=1)]]
    return tagger


# ------------------------------------------------------------------------------------------------ layers


@pytest.mark.parametrize("stack", [(6,), (6, 4)], ids=["one", "stacked"])
@pytest.mark.parametrize("direction", [recurrent, both], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("cell", RECURRENT)
def test_every_cell_gives_the_probabilities_of_predict(cell, direction, stack):
    tagger = assert_agrees(sequential(*(direction(units, cell) for units in stack)))
    assert tagger.model.architecture.cell == cell


OTHERS = {
    "sum of the directions": lambda: sequential(both(merge_mode="sum")),
    "mean of the directions": lambda: sequential(both(merge_mode="ave"), both(merge_mode="sum")),
    "sum before a GRU": lambda: sequential(both(cell="gru", merge_mode="sum"), recurrent(cell="gru")),
    "both ways, then one way, larger": lambda: sequential(both(4), recurrent(6)),
    "dropout and noise": lambda: sequential(
        layers.SpatialDropout1D(0.5), layers.GaussianNoise(1.0), recurrent(dropout=0.5, recurrent_dropout=0.5),
        layers.Dropout(0.5), layers.ActivityRegularization(0.1),
    ),
    "masks": lambda: sequential(layers.Masking(0.0), both(), mask_zero=True),
    "linear layers between": lambda: sequential(
        recurrent(), layers.Dense(6), layers.BatchNormalization(), both(), layers.TimeDistributed(layers.Dense(6)),
    ),
    "linear layers between GRUs": lambda: sequential(
        recurrent(cell="gru"), layers.Dense(6), recurrent(cell="gru"), layers.BatchNormalization(scale=False),
    ),
    "layers on word vectors": lambda: sequential(
        layers.LayerNormalization(), layers.Dense(6, activation="relu"), layers.BatchNormalization(),
        layers.Activation("tanh"), layers.TimeDistributed(layers.Dense(6)), recurrent(),
    ),
    "without biases": lambda: sequential(
        recurrent(cell="gru", use_bias=False), both(cell="gru", use_bias=False), layers.Dense(6, use_bias=False)
    ),
    "a model in a model": lambda: sequential(
        keras.Sequential([recurrent(), keras.Sequential([layers.Dropout(0.1), both()])])
    ),
    "the tutorial's": lambda: randomized(create_rnn_model(len(WORDS), 4, 6, 6, None, dropout=0.3)),
    "the tutorial's, padding masked": lambda: randomized(
        create_rnn_model(len(WORDS), 4, 6, 6, bidirectional=True, layers=2, mask_padding=True)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_layers_give_the_probabilities_of_predict(name):
    assert_agrees(OTHERS[name]())


def functional(*steps, inputs=None):
    inputs = keras.Input((None,), dtype="int32") if inputs is None else inputs
    value = layers.Embedding(len(WORDS), 6)(inputs)
    for step in steps:
        value = step(value)
    return randomized(keras.Model(inputs, value))


def test_a_functional_model_gives_the_probabilities_of_predict():
    assert_agrees(functional(both(), layers.Dropout(0.1), layers.Dense(4), layers.Softmax()))


def test_a_layer_that_is_used_twice_is_read_twice():
    shared = recurrent(6)
    assert_agrees(functional(shared, shared, softmax()))


def test_a_model_from_a_file_and_one_with_adapters_give_the_probabilities_of_predict(tmp_path):
    model = sequential(recurrent())
    model.layers[0].enable_lora(2)
    model.layers[-1].layer.enable_lora(2)
    assert_agrees(randomized(model))
    model = sequential(recurrent())
    model.save(tmp_path / "model.keras")
    assert_agrees(keras.models.load_model(tmp_path / "model.keras"))


def test_a_model_that_gives_logits_gives_their_softmax():
    logits = functional(recurrent(), layers.Dense(4))
    scores = predicted(logits, rows_of(SENTENCE))
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    assert_agrees(logits, exponentials / exponentials.sum(axis=1, keepdims=True))


def test_labels_without_prefix_have_the_probabilities_of_predict(small):
    """The tutorial's labels: equal neighbors are one span, so every sequence of labels is one of spans."""
    labels = ["PERSON", "O", "DATE", "LOCATION"]
    tagger = tagsmith.from_keras(small, words=WORDS, labels=labels)
    expected = predicted(small, rows_of(SENTENCE))
    order = [labels.index(tag) for tag in tagger.layer().written_tags]
    np.testing.assert_allclose(tagger.tag_marginals([SENTENCE], as_written=True)[0], expected[:, order], atol=1e-4)
    (tags,) = tagger.tag([SENTENCE])
    assert tags == [labels[row] for row in expected.argmax(axis=1)]
    spans = [(span.start, span.end, span.label) for span in tagger(" ".join(SENTENCE[:-1])).spans]
    (without_point,) = tagger.tag([SENTENCE[:-1]])
    ends = np.cumsum([len(word) + 1 for word in SENTENCE])
    assert spans == [
        (int(ends[start]) - len(SENTENCE[start]) - 1, int(ends[end - 1]) - 1, label)
        for start, end, label in tags_to_spans(without_point, "bare")
    ]


def test_a_model_of_one_hot_vectors_gives_the_probabilities_of_predict():
    model = randomized(create_rnn_model(len(WORDS), 4, 6, 6, inputs="one-hot"))
    one_hot = np.eye(len(WORDS), dtype=np.float32)[rows_of(SENTENCE)]
    assert_agrees(model, predicted(model, one_hot))


def test_a_fixed_length_and_padding_at_the_end_change_nothing_in_a_model_that_reads_forward():
    model = randomized(create_rnn_model(len(WORDS), 4, 6, 6, max_sequence_length=20))
    rows = np.zeros((1, 20), np.int32)
    rows[0, : len(SENTENCE)] = rows_of(SENTENCE)
    assert_agrees(model, predicted(model, rows)[: len(SENTENCE)])


def test_a_model_of_half_precision_is_computed_in_full():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = sequential(recurrent())
    finally:
        keras.config.set_dtype_policy(policy)
    whole = sequential(recurrent())  # the same weights
    tagger = assert_agrees(half, predicted(whole, rows_of(SENTENCE)))
    close = predicted(half, rows_of(SENTENCE)).astype(np.float32)[:, [LABELS.index(tag) for tag in tagger.labels]]
    np.testing.assert_allclose(tagger.tag_marginals([SENTENCE])[0], close, atol=0.05)


def test_a_long_sentence_is_neither_cut_nor_padded():
    model = functional(both(3), recurrent(4), layers.Dense(4, activation="softmax"))
    tagger = tagsmith.from_keras(model, words=WORDS, labels=LABELS, scheme="plain")
    rows = np.random.default_rng(0).integers(1, len(WORDS), (1, 9000))
    sentence = [WORDS[row] for row in rows[0]]
    order = [LABELS.index(tag) for tag in tagger.labels]
    expected = predicted(model, rows)[:, order]
    np.testing.assert_allclose(tagger.tag_marginals([sentence, []])[0], expected, atol=1e-4)


def test_8_bit_kernels_are_there_for_those_who_ask():
    model = sequential(both(), both())
    exact = tagsmith.from_keras(model, words=WORDS, labels=LABELS)
    small = tagsmith.from_keras(model, words=WORDS, labels=LABELS, precision="int8")
    assert (exact.precision, small.precision) == ("float32", "int8")
    difference = np.abs(exact.tag_marginals([SENTENCE])[0] - small.tag_marginals([SENTENCE])[0]).max()
    assert 0 < difference < 0.05


# ---------------------------------------------------------------------------------- a tagger like any other

TAGS = ["I-LOC", "O", "B-PER", "B-LOC"]  # no I-PER
DATA = [(["John", "lives", "in", "New", "York"], ["B-PER", "O", "O", "B-LOC", "I-LOC"])]


@pytest.fixture(scope="module")
def named(small):
    return tagsmith.from_keras(small, words=WORDS, labels=TAGS, layer="ner")


def test_what_is_saved_or_pickled_is_what_was_made(named, tmp_path):
    named.save(tmp_path / "model")
    saved = tagsmith.load(tmp_path / "model")
    assert (saved.layers, saved.scheme, saved.labels) == (("ner",), "IOB2", ("LOC", "PER"))
    assert saved.precision == "float32"
    text = "The York. John lives in New York in Paris ."
    for other in (saved, pickle.loads(pickle.dumps(named))):
        assert other(text) == named(text)
        np.testing.assert_array_equal(*(one.tag_marginals([SENTENCE])[0] for one in (other, named)))


def test_it_evaluates_in_another_scheme_and_gives_the_best_sequences(named):
    scores = named.evaluate(DATA)
    assert scores == named.evaluate([(DATA[0][0], ["S-PER", "O", "O", "B-LOC", "E-LOC"])])
    (best,) = named.tag_k_best([SENTENCE], 20)
    assert all(is_legal(tags, "IOB2") and set(tags) <= set(TAGS) for tags, _ in best)
    assert len({tuple(tags) for tags, _ in best}) == 20


def test_the_command_line_and_the_server_take_it(named, tmp_path, serve):
    named.save(tmp_path / "model")
    words = ["John", "lives", "in", "New", "York", "."]
    command = [sys.executable, "-m", "tagsmith", "tag", str(tmp_path / "model")]
    done = processes.run(command, input=" ".join(words), capture_output=True, text=True, check=False)
    (expected,) = named.tag([words])
    assert [line.split("\t")[1] for line in done.stdout.splitlines() if line] == expected, done.stderr
    answer = httpx.post(f"{serve({'mine': tmp_path / 'model'})}/v1/tag", json={"tokens": [words]}).json()
    assert answer["documents"][0]["sentences"][0]["tags"]["ner"] == expected


def test_fine_tuning_begins_with_what_the_model_says(small, tmp_path):
    """Of a model without barred tags, exactly; a tag that it lacks can be learned, and words keep their capitals."""
    model = tagsmith.from_keras(small, words=WORDS, labels=["I-LOC", "O", "B-LOC", None]).model
    data = [(["THE", "lives", "New", "York"], ["O", "O", "B-LOC", "I-LOC"])]
    corpus = read_corpus(data, dev=data, start=model.layers)
    recipe = fine_tuning_recipe(model, "fast")
    run = TrainingRun(prepare(corpus, recipe, None, 0, model), recipe, 0, tmp_path / "out")
    begun = run.model(run.network.arrays())
    assert begun.vocabulary.words == (*WORDS, "THE")
    np.testing.assert_allclose(
        *(Tagger(one, precision="float32").tag_marginals([SENTENCE])[0] for one in (begun, model)), atol=1e-3
    )
    lacking = tagsmith.from_keras(small, words=WORDS, labels=TAGS).model
    corpus = read_corpus(data, dev=data, start=lacking.layers)
    run = TrainingRun(prepare(corpus, recipe, None, 0, lacking), recipe, 0, tmp_path / "out")
    assert run.network.arrays()["crf/0/start"].min() == UNLIKELY


# ------------------------------------------------------------------------------- refused, with layer and remedy


class OwnLayer(layers.Layer):
    def call(self, inputs):
        return inputs


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = recurrent()

    def call(self, inputs):
        return self.inner(inputs)


class OwnName(layers.LSTM):
    """A subclass that computes what its parent does."""


def two_outputs():
    inputs = keras.Input((None,), dtype="int32", name="words")
    value = layers.Embedding(10, 6)(inputs)
    return keras.Model(inputs, [softmax()(value), layers.Dense(2)(value)])


def two_inputs():
    first, second = keras.Input((None,), dtype="int32", name="words"), keras.Input((None, 3), name="shapes")
    value = layers.Concatenate()([layers.Embedding(10, 6)(first), second])
    return keras.Model([first, second], softmax()(recurrent()(value)))


def skip_connection():
    def add(value):
        return layers.Add(name="skip")([value, recurrent(6)(value)])

    return functional(add, softmax())


def broken(value):
    model = sequential(recurrent(name="broken"))
    weights = model.get_weights()
    weights[1][0, 0] = value
    model.set_weights(weights)
    return model


def quantized():
    model = sequential(recurrent())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the input layer has nothing to quantize
        model.quantize("int8")
    return model


REFUSED = {
    "convolution": (lambda: sequential(layers.Conv1D(5, 3, padding="same", name="conv"), recurrent()),
                    r"'conv' \(Conv1D\) is not supported.*Supported: Embedding; SimpleRNN, LSTM and GRU"),
    "activation": (lambda: sequential(recurrent(activation="relu", name="r")),
                   r"'r' \(LSTM\) has activation='relu'.*must be 'tanh'"),
    "recurrent activation": (lambda: sequential(recurrent(recurrent_activation="hard_sigmoid", name="r")),
                             r"'r' \(LSTM\) has recurrent_activation='hard_sigmoid'.*must be 'sigmoid'"),
    "own activation": (lambda: sequential(recurrent(activation=lambda x: x)), r"activation='<lambda> \(not of Keras"),
    "backwards": (lambda: sequential(recurrent(go_backwards=True)), r"go_backwards=True.*Write Bidirectional"),
    "stateful": (lambda: functional(recurrent(stateful=True), softmax(), inputs=keras.Input(
        batch_shape=(1, None), dtype="int32")), r"stateful=True.*each sentence by itself"),
    "one label": (lambda: randomized(create_rnn_model(10, 4, 5, 6, outputs="many-to-one")),
                  r"return_sequences=False.*one label for the whole sentence"),
    "merge": (lambda: sequential(both(merge_mode="mul")),
              r"\(Bidirectional\) merges.*'mul'.*'concat', 'sum' and 'ave'"),
    "two cells": (lambda: sequential(recurrent(), recurrent(5, "gru", name="g")), r"'g' \(GRU\) has the cell gru"),
    "two cells in one": (lambda: sequential(layers.Bidirectional(
        recurrent(3), backward_layer=recurrent(3, "rnn", go_backwards=True))), r"has the cell rnn.*before it lstm"),
    "generic cell": (lambda: sequential(layers.RNN(layers.LSTMCell(4), return_sequences=True)), r"\(RNN\) is not sup"),
    "own layer": (lambda: sequential(OwnLayer(name="mine"), recurrent()), r"'mine' \(OwnLayer\) has code of its own"),
    "own model": (OwnModel, r"\(OwnModel\) is a model with a call method of its own.*keras.Sequential"),
    "two outputs": (two_outputs, r"has 2 outputs.*Make a model of one"),
    "two inputs": (two_inputs, r"has 2 inputs: 'words', 'shapes'"),
    "skip connection": (skip_connection, r"'skip' \(Add\) has 2 inputs.*follow one another"),
    "operation": (lambda: functional(keras.ops.sin, recurrent(), softmax()), r"'sin' \(Sin\) is not supported"),
    "several inputs of a layer": (lambda: functional(
        lambda value: recurrent(6, name="r")(value, initial_state=[value[:, 0], value[:, 0]]), softmax()),
        r"'r' \(LSTM\) has 3 inputs"),
    "no recurrent layer": (lambda: sequential(layers.Dropout(0.1)), r"no recurrent layer"),
    "no Embedding": (lambda: randomized(keras.Sequential([keras.Input((None, 3)), recurrent(), softmax()])),
                     r"\(LSTM\) comes before any Embedding"),
    "no Dense": (lambda: functional(recurrent(4)), r"\(LSTM\) is the last one"),
    "hidden": (lambda: sequential(recurrent(), layers.Dense(5, activation="relu", name="h"), recurrent()),
               r"'h' \(Dense\) has the activation 'relu' after a recurrent layer"),
    "sigmoid": (lambda: functional(recurrent(), layers.Dense(4, activation="sigmoid")), r"'sigmoid' after a rec"),
    "after softmax": (lambda: functional(recurrent(), softmax(), layers.Dense(4, name="d")),
                      r"'d' \(Dense\) follows the probabilities"),
    "normalized": (lambda: sequential(recurrent(), layers.LayerNormalization(name="n")), r"'n' \(LayerNorm.*does not"),
    "recurrent in time": (lambda: keras.Sequential([keras.Input((2, 3, 4)), layers.TimeDistributed(recurrent())]),
                          r"\(TimeDistributed\) has a layer .*\(LSTM\) inside"),
    "quantized": (quantized, r"is quantized \(int8"),
    "not a number": (lambda: broken(np.nan), r"'broken' \(LSTM\) has a weight that is not finite"),
    "infinite": (lambda: broken(-np.inf), r"'broken' \(LSTM\) has a weight that is not finite"),
    "not built": (lambda: keras.Sequential([layers.Embedding(10, 6), recurrent(), softmax()]), r"not built"),
    "too large": (lambda: functional(layers.Dense(2049), recurrent(), softmax()), r"too large: word_dim is 2049"),
    "a path": (lambda: "model.keras", r"not a Keras model.*load_model"),
    "None": (lambda: None, r"not a Keras model"),
    "a layer": (lambda: layers.Dense(3), r"\(Dense\) is a model with a call"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_tagger_is_named_with_a_remedy(name):
    make, message = REFUSED[name]
    model = make()
    with pytest.raises(ModelError) as caught:
        tagsmith.from_keras(model, words=WORDS, labels=LABELS)
    assert re.search(message, str(caught.value), re.DOTALL)
    assert caught.value.remedy


def test_a_subclass_without_code_of_its_own_is_what_its_parent_is():
    assert_agrees(sequential(OwnName(4, return_sequences=True)))


# ------------------------------------------------------------------------------------------------- words


def test_words_may_be_a_list_a_dictionary_or_a_lookup_layer(small):
    lookup = layers.StringLookup(vocabulary=WORDS[2:], mask_token="")
    vectorization = layers.TextVectorization(vocabulary=WORDS[2:], standardize=None)
    expected = predicted(small, rows_of(SENTENCE))
    for words in (WORDS, dict(zip(WORDS[2:], range(2, 10), strict=True)), lookup, vectorization):
        assert_agrees(small, expected, words)


def test_a_lookup_layer_in_the_model_says_the_words():
    lookup = layers.StringLookup(vocabulary=WORDS[2:], mask_token="")
    inner = sequential(recurrent())
    if keras.backend.backend() == "tensorflow":
        model = keras.Sequential([keras.Input((None,), dtype="string"), lookup, *inner.layers])
    else:  # strings need TensorFlow to run, but not to be read
        model = keras.Sequential([lookup, *inner.layers])
    assert_agrees(model, predicted(inner, rows_of(SENTENCE)), words=None)


def test_words_are_looked_up_exactly_or_lowercased(small):
    exact = tagsmith.from_keras(small, words=WORDS, labels=LABELS)
    same = exact.tag_marginals([["the"], ["The"], ["THE"], ["never"]])
    assert np.abs(same[0] - same[1]).max() > 1e-3
    np.testing.assert_allclose(same[2], same[3], atol=1e-6)
    lowered = tagsmith.from_keras(small, words=WORDS, labels=LABELS, lower=True)
    same = lowered.tag_marginals([["the"], ["The"], ["THE"], ["John"], ["never"]])
    np.testing.assert_allclose(same[0], same[1], atol=1e-6)
    np.testing.assert_allclose(same[0], same[2], atol=1e-6)
    np.testing.assert_allclose(same[3], same[4], atol=1e-6)  # "John" is in no row, "john" would be


def test_the_row_of_unknown_words_is_found_or_said(small):
    words = ["[PAD]", *WORDS[2:], "<OOV>"]
    by_name = tagsmith.from_keras(small, words=words, labels=LABELS)
    np.testing.assert_allclose(*by_name.tag_marginals([["never"], ["<OOV>"]]), atol=1e-6)
    for unknown in ("in", 3):
        said = tagsmith.from_keras(small, words=words, labels=LABELS, unknown=unknown)
        np.testing.assert_allclose(*said.tag_marginals([["never"], ["in"]]), atol=1e-6)


def test_the_name_of_a_masked_row_is_no_word():
    tagger = tagsmith.from_keras(sequential(recurrent(), mask_zero=True), words=["<pad>", *WORDS[1:]], labels=LABELS)
    np.testing.assert_allclose(*tagger.tag_marginals([["<pad>"], ["never"]]), atol=1e-6)


WRONG_WORDS = {
    "missing": (None, r"words is missing.*dictionary \(word → row\)"),
    "shorter": (WORDS[:-1], r"9 words, and the Embedding has 10 rows.*every row in order"),
    "longer": ([*WORDS, "more"], r"11 words, and the Embedding has 10 rows"),
    "twice": ([*WORDS[:-1], "the"], r"'the' is there twice, in the rows 2 and 9"),
    "past the end": ({"the": 10}, r"'the' has the row 10, and the Embedding has 10"),
    "negative": ({"the": -1}, r"'the' has the row -1"),
    "no row": ({"the": "3"}, r"'the' has the row '3'"),
    "no string": ([*WORDS[:-1], 3], r"the word of the row 9 is the int 3, not a string"),
    "text": ("the in", r"words is the string 'the in'"),
    "number": (3, r"words is the int 3"),
    "no row for unknown words": ([*"abcdefghij"], r"row 1 is that of 'b'.*unknown="),
    "a point is no padding": ([" ", *".,;:!?", "a", "b", "c"], r"row 1 is that of '\.'"),
    "two rows for unknown words": ([*WORDS[:-1], "<unk>"], r"2 words are named like one"),
    "several rows for unknown words": (layers.StringLookup(vocabulary=WORDS[2:], num_oov_indices=2), r"over 2 rows"),
    "one-hot": (layers.StringLookup(vocabulary=WORDS[2:], output_mode="one_hot"), r"output_mode='int'"),
    "punctuation": (layers.TextVectorization(vocabulary=WORDS[2:]), r"lower_and_strip_punctuation.*a comma"),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
def test_words_that_do_not_fit_are_named(small, name):
    words, message = WRONG_WORDS[name]
    with pytest.raises(InputError, match=message):
        tagsmith.from_keras(small, words=words, labels=LABELS)


@pytest.mark.parametrize("unknown", [-1, 10, "never", 1.5, True])
def test_a_row_for_unknown_words_that_is_none_is_named(small, unknown):
    with pytest.raises(DataError, match=re.escape(f"unknown={unknown!r}")):
        tagsmith.from_keras(small, words=WORDS, labels=LABELS, unknown=unknown)


def test_a_word_that_the_mask_skips_is_named():
    model = sequential(recurrent(), mask_zero=True)
    with pytest.raises(DataError, match=r"'the' has the row 0, and the model's mask skips it.*shifted by one"):
        tagsmith.from_keras(model, words=["the", "[UNK]", *WORDS[3:], "x"], labels=LABELS)
    with pytest.raises(DataError, match=r"the row 0 is for unknown words, and the model's mask skips it"):
        tagsmith.from_keras(model, words=WORDS, labels=LABELS, unknown=0)


def test_a_word_whose_vector_is_masked_is_named():
    model = sequential(layers.Masking(0.0), recurrent())
    weights = model.get_weights()
    weights[0][4] = 0.0
    model.set_weights(weights)
    with pytest.raises(DataError, match=r"'in' has the row 4, and the model's mask skips it"):
        tagsmith.from_keras(model, words=WORDS, labels=LABELS)


# ------------------------------------------------------------------------------------------------ labels

WRONG_LABELS = {
    "fewer": (["O", "B-X", "I-X"], None, r"3 labels, and the model has 4 outputs.*None for one that is no label"),
    "more": (["O", "B-X", "I-X", "B-Y", "I-Y"], None, r"5 labels, and the model has 4 outputs"),
    "twice": (["O", "B-X", "I-X", "O"], None, r"'O' or its output 3 is there twice"),
    "output twice": ({"O": 0, "B-X": 0}, None, r"'B-X' or its output 0 is there twice"),
    "past the end": ({"O": 0, "B-X": 4}, None, r"'B-X' has the output 4, and the model has 4"),
    "no output": ({"O": "0"}, None, r"'O' has the output '0'"),
    "no string": (["O", "B-X", "I-X", 3], None, r"the label of output 3 is the int 3, not a string"),
    "text": ("OBI-", None, r"labels is the string 'OBI-'"),
    "none at all": ([None] * 4, None, r"no tag of the scheme plain can stand alone|has no labels"),
    "another scheme": (["O", "B-X", "I-X", "E-X"], "IOB2", r"'E-X' is not of the scheme IOB2"),
    "padding": (["[PAD]", "O", "B-X", "I-X"], "IOB2", r"'\[PAD\]' is not of the scheme IOB2.*None in place of a label"),
    "never": (["O", "B-X", "I-X", "I-Y"], None, r"'I-Y' can stand in no sentence of the scheme IOB2"),
    "never ends": (["O", "B-X", "I-X", "S-X"], "BIOES", r"'B-X' can stand in no sentence of the scheme BIOES"),
    "not alone": (["B-X", "I-X", "E-X", None], "BIOES", r"no tag of the scheme BIOES can stand alone"),
    "touching alone": (["O", "B-X", "I-X", None], "IOB1", r"'B-X' of the scheme IOB1 stands only where two .*IOB2"),
    "unclear": (["O", "B-X", "L-X", "E-X"], None, r"of which scheme are the labels O, B-X, L-X, E-X"),
    "unknown scheme": (LABELS, "XYZ", r"There is no scheme 'XYZ'"),
}


@pytest.mark.parametrize("name", WRONG_LABELS)
def test_labels_that_do_not_fit_are_named(small, name):
    labels, scheme, message = WRONG_LABELS[name]
    with pytest.raises(DataError, match=message):
        tagsmith.from_keras(small, words=WORDS, labels=labels, scheme=scheme)


def test_the_name_of_the_layer_is_checked(small):
    for name, message in ((3, r"the name of the layer is the int 3"), ("", r"a layer has no name")):
        with pytest.raises(DataError, match=message):
            tagsmith.from_keras(small, words=WORDS, labels=LABELS, layer=name)


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (["O", "B-X", "I-X", None], "IOB2"),
        (["O", "PERSON", "DATE", None], "bare"),
        (["O", "I-X", "I-Y", None], "IO"),
        (["O", "E-X", "I-X", None], "IOE2"),
        (["O", "S-X", "B-X", "E-X"], "BIOES"),
        (["O", "U-X", "B-X", "L-X"], "BILOU"),
        (["B", "M", "E", "S"], "BMES"),
        (["NOUN", "VERB", "DET", None], "plain"),
        ({"O": 3, "B-X": 1, "I-X": 0}, "IOB2"),
        ({0: "I-X", 1: "B-X", 3: "O"}, "IOB2"),
        (layers.StringLookup(vocabulary=["O", "B-X", "I-X"]), "IOB2"),
    ],
    ids=str,
)
def test_the_labels_tell_their_scheme(small, labels, scheme):
    tagger = tagsmith.from_keras(small, words=WORDS, labels=labels)
    assert tagger.scheme == scheme
    outputs = labels.get_vocabulary() if hasattr(labels, "get_vocabulary") else labels
    pairs = outputs.items() if isinstance(outputs, dict) else enumerate(outputs)
    known = {name for pair in pairs for name in pair if isinstance(name, str)}
    assert set(tagger.tag([SENTENCE])[0]) <= known


PARTS = ("start", "between", "end")
SCHEMES = [Scheme.PLAIN, Scheme.BARE, Scheme.IO, Scheme.IOB2, Scheme.IOE2, Scheme.BIOES, Scheme.BILOU, Scheme.BMES]


@st.composite
def labelings(draw):
    """A scheme, labels of it in any order (some tags may be missing), and the scores of each at 1 to 4 tokens."""
    scheme = draw(st.sampled_from(SCHEMES))
    inventory = tag_inventory(draw(st.sampled_from([["X"], ["X", "Y"]])), scheme)
    labels = draw(st.permutations(inventory).flatmap(lambda tags: st.integers(1, len(tags)).map(lambda n: tags[:n])))
    length = draw(st.integers(1, 4 if len(labels) < 7 else 3))
    seed = draw(st.integers(0, 2**32 - 1))
    spread = draw(st.sampled_from([2, 400]))
    scores = np.random.default_rng(seed).normal(0, spread, (length, len(labels) + 1)).astype(np.float32)
    return scheme, labels, scores


@given(labelings())
@settings(max_examples=examples(200))
@example((Scheme.BARE, ["X", "O"], np.float32([[1, 0, 0], [1, 0, 0], [1, 0, 0]])))
@example((Scheme.IOB2, ["I-X", "O", "B-X"], np.float32([[3, 0, 0, 0], [3, 0, 0, 0]])))
def test_decoding_is_that_of_the_users_own_tags_in_their_scheme(labeling):
    """Against every legal sequence of the user's tags, each as probable as the product of its tokens' softmax."""
    scheme, labels, scores = labeling
    try:
        layer, columns, bars = read_labels([*labels, None], len(labels) + 1, scheme, "tags")
    except DataError:  # these labels alone cannot write every sentence
        return
    legal = {
        tags: sum(float(scores[t, labels.index(tag)]) for t, tag in enumerate(tags))
        for tags in product(labels, repeat=len(scores))
        if is_legal(tags, scheme)
    }
    top = max(legal.values())
    legal = {tags: np.exp(score - top) for tags, score in legal.items()}
    total = sum(legal.values())
    emissions = np.where(columns < 0, np.float32(0), scores[:, columns])[:, None]
    lengths = np.array([len(scores)])
    chain = constrained_chain(layer.transitions, {f"crf/{part}": bars[f"crf/0/{part}"] for part in PARTS})

    (best,) = layer.write_tags(viterbi(emissions, lengths, chain)[:, 0], lengths.tolist())
    assert legal[tuple(best)] > 0.99

    paths, _ = k_best(emissions, lengths, chain, len(legal))
    written = layer.write_tags(paths[:, :, 0].ravel(), [len(scores)] * len(legal))
    assert set(map(tuple, written)) == set(legal)  # one to one

    marginals = posterior(emissions, lengths, chain).tag_marginals()[:, 0]
    names = [tag for [tag] in layer.write_tags(np.arange(len(layer.tags)), [1] * len(layer.tags))]
    for t, label in product(range(len(scores)), labels):
        expected = sum(score for tags, score in legal.items() if tags[t] == label) / total
        assert marginals[t, [name == label for name in names]].sum() == pytest.approx(expected, abs=1e-6)

    if layer.gives_spans:
        found = SpanDecoder(chain, span_tags(layer.tags)).batch(emissions, lengths).spans
        for _, start, end, label, probability in found.rows():
            span = (start, end, layer.labels[label])
            expected = sum(score for tags, score in legal.items() if span in tags_to_spans(tags, scheme)) / total
            assert probability == pytest.approx(expected, abs=1e-6)
