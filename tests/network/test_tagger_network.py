"""The whole network: the same numbers as the exported graphs in every configuration, and what its loss counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph_calls import run_sentences, run_words
from keras_calls import array, compiled, eagerly, gradients, numeric_slope, random_direction
from packed_rows import apart, forms_of, make_batch, numbered, places
from random_model import SMALL, VOCABULARY, every_architecture, random_model, random_weights, weight_shapes
from reference_tagger import vector_of
from tagsmith.model.architecture import Architecture
from tagsmith.model.vocabulary import Forms
from tagsmith.network.backend import keras
from tagsmith.network.batches import Batch
from tagsmith.network.tagger_network import Dropout, Noise, Output, TaggerNetwork, kept
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, allowed_transitions, tag_inventory

ops = keras.ops
TAGS = tag_inventory(["X"], Scheme.BIOES)
ALLOWED = allowed_transitions(TAGS, Scheme.BIOES)
WORDS = ["the", "John", "14", "Oslo", "é"]
# Spellings cut to four characters: few time steps for the character networks.
FORMS = VOCABULARY.encode(WORDS)._replace(characters=np.ascontiguousarray(VOCABULARY.encode(WORDS).characters[:, :4]))
# Rows: two sentences and full; two and padding; none.
BATCH = make_batch(
    FORMS,
    np.int32([[0, 1, 2, 3, 4], [4, 1, 0, 0, 0], [0, 0, 0, 0, 0]]),
    numbered([[3, 2], [1, 2], []], 5),
    np.int32([[1, 2, 3, 0, 4], [4, 0, 4, 0, 0], [0, 0, 0, 0, 0]]),
)
TOKENS = 8
EVERY = every_architecture(word_dim=5, character_dim=3, character_units=4, units=4)
SIZES = {"word_dim": 5, "character_dim": 3, "character_units": 4, "units": 4}


def make(a: Architecture, pretrained: bool = True, seed: int = 0, **options) -> tuple[TaggerNetwork, dict]:
    """A network with random weights, and these."""
    weights = random_weights(a, len(TAGS), pretrained=pretrained, seed=seed)
    tables = (weights["word/pretrained"], weights["word/scales"]) if pretrained else None
    network = TaggerNetwork(a, VOCABULARY, [Output(ALLOWED)], tables, **options)
    network.assign({name: weight for name, weight in weights.items() if name not in ("word/pretrained", "word/scales")})
    return network, weights


def tensors(batch: Batch) -> Batch:
    """The batch on the device; JAX takes NumPy arrays as they are."""
    found: Batch = keras.tree.map_structure(ops.convert_to_tensor, batch)
    return found


def exported(weights: dict, a: Architecture, batch: Batch) -> np.ndarray:
    """What the two graphs make of the batch's sentences, each in a row of its own, (B, T, L); 0 in the padding."""
    forms = forms_of(batch)
    vectors = np.float32([vector_of(forms, number, weights) for number in range(len(forms.shapes))])
    encodings = run_words(weights, a, forms, vectors)["encodings"]
    words, lengths = apart(batch.words, batch.sentences)
    found = run_sentences(weights, a, encodings[words.T], lengths)["emissions"]
    emissions = np.zeros((*batch.words.shape, len(TAGS)), np.float32)
    for number, place in enumerate(places(batch.sentences)):
        emissions[place] = found[: lengths[number], number]
    return emissions


def inside(batch: Batch) -> np.ndarray:
    return batch.sentences > 0


def alone(batch: Batch, row: int, steps: slice) -> Batch:
    """One sentence of the batch, in a batch of its own."""
    words, tags = batch.words[row : row + 1, steps], (batch.tags[0][row : row + 1, steps],)
    return batch._replace(words=words, sentences=np.ones_like(words), tags=tags)


def reshaped(batch: Batch, change) -> Batch:
    """The batch with its words, sentences and tags in another shape."""
    words, sentences, tags = change(batch.words), change(batch.sentences), tuple(map(change, batch.tags))
    return batch._replace(words=words, sentences=sentences, tags=tags)


def describe(a: Architecture) -> str:
    ways = "both" if a.bidirectional else "forward"
    return f"{a.characters}-{a.shape_dim}-{a.cell}-{ways}-{a.layers}{'-residual' if a.residual else ''}-{a.head}"


@pytest.mark.parametrize("a", EVERY, ids=describe)
def test_the_exported_graphs_agree_with_the_network_in_every_configuration(a):
    number = EVERY.index(a)
    # Half of them with pretrained vectors, so that each pair of choices occurs with and without.
    network, weights = make(a, pretrained=number % 2 == (number // 2) % 2, seed=number)
    with eagerly():
        found = array(network.emissions(tensors(BATCH)))
    np.testing.assert_allclose(found[inside(BATCH)], exported(weights, a, BATCH)[inside(BATCH)], atol=1e-4)


@pytest.mark.parametrize(
    "a", [SMALL, replace(SMALL, cell="gru", characters="lstm", layers=2, residual=True, head="softmax")]
)
def test_the_tagger_sees_the_emissions_of_the_network(a):
    """End to end at usual sizes: words in, through the word table and the graphs, against the compiled network."""
    model = random_model(replace(a, units=20), labels=("X",))
    sentences = [["John", "lives", "in", "Paris"], ["antidisestablishmentarianism", "1984"], ["北京"]]
    tables = (model.weights["word/pretrained"], model.weights["word/scales"])
    network = TaggerNetwork(model.architecture, VOCABULARY, [Output(ALLOWED)], tables)
    network.assign(dict(model.weights))
    words = [word for sentence in sentences for word in sentence]
    rows = np.int32([[0, 1, 2, 3], [4, 5, 0, 0], [6, 0, 0, 0]])
    batch = make_batch(VOCABULARY.encode(words), rows, numbered([[4], [2], [1]], 4), rows * 0)
    expected = array(compiled(lambda: network.emissions(tensors(batch)))())
    tagger = Tagger(model, precision="float32")
    seen = []
    run = tagger._network.emissions
    tagger._network.emissions = lambda *batch: seen.append(run(*batch)) or seen[0]
    tagger.tag(sentences)
    np.testing.assert_allclose(seen[0].transpose(1, 0, 2)[inside(batch)], expected[inside(batch)], atol=1e-4)


@pytest.mark.parametrize("pretrained", [True, False])
def test_every_weight_has_the_name_and_shape_of_the_model_folder(pretrained):
    for a in EVERY[::5]:
        network, _ = make(a, pretrained)
        found = {name: tuple(variable.shape) for name, variable in network.named_weights().items()}
        assert found == weight_shapes(a, VOCABULARY, len(TAGS), pretrained)
        assert (
            network.learned_weights().keys()
            == network.arrays().keys()
            == found.keys() - {"word/pretrained", "word/scales"}
        )


def test_weights_can_be_taken_out_and_put_back():
    network, weights = make(SMALL)
    other, _ = make(SMALL, seed=1)
    other.assign(network.arrays())
    for name, value in other.arrays().items():
        np.testing.assert_array_equal(value, weights[name])


def test_the_seed_decides_the_initial_weights():
    first, again, other = (
        TaggerNetwork(SMALL, VOCABULARY, [Output(ALLOWED)], seed=seed).arrays() for seed in (3, 3, 4)
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["sentence/0/forward/kernel"], other["sentence/0/forward/kernel"])


# ------------------------------------------------------------------------------------------------- the loss


def loss_of(network: TaggerNetwork, batch: Batch, noise: Noise | None = None) -> float:
    return float(compiled(lambda: network.loss(tensors(batch), noise))())


def test_the_softmax_loss_is_the_mean_over_the_tokens():
    a = replace(SMALL, **SIZES, head="softmax", characters="none")
    network, weights = make(a)
    emissions = exported(weights, a, BATCH).astype(np.float64)
    total = 0.0
    for b, t in np.argwhere(inside(BATCH)):
        total += np.logaddexp.reduce(emissions[b, t]) - emissions[b, t, BATCH.tags[0][b, t]]
    assert loss_of(network, BATCH) == pytest.approx(total / TOKENS, rel=1e-4)


def test_the_crf_loss_is_divided_by_the_tokens():
    a = replace(SMALL, **SIZES, characters="none")
    network, weights = make(a)
    losses = array(compiled(network.crfs[0])(exported(weights, a, BATCH), BATCH.tags[0], BATCH.sentences))
    assert loss_of(network, BATCH) == pytest.approx(losses.sum() / TOKENS, rel=1e-4)


@pytest.mark.parametrize(
    ("cell", "characters", "head"),
    [("lstm", "cnn", "crf"), ("gru", "lstm", "softmax"), ("rnn", "none", "crf"), ("lstm", "gru", "softmax")],
)
def test_packed_sentences_give_what_each_gives_alone(cell, characters, head):
    a = replace(SMALL, **SIZES, cell=cell, characters=characters, head=head, layers=2, residual=True)
    network, _ = make(a)
    run = compiled(
        lambda *parts: [
            f(Batch(BATCH.trained, Forms(*parts[3:]), *parts[:3])) for f in (network.emissions, network.loss)
        ]
    )

    def of(batch):
        return map(array, run(*batch[2:5], *batch.forms))

    emissions, loss = of(BATCH)
    total = 0.0
    for row, steps in places(BATCH.sentences):
        own_emissions, own_loss = of(alone(BATCH, row, steps))
        np.testing.assert_allclose(emissions[row, steps], own_emissions[0], atol=1e-5)
        total += own_loss * (steps.stop - steps.start)
    assert loss * TOKENS == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_the_gradient_of_packed_sentences_is_the_sum_of_what_each_gives_alone(head):
    network, _ = make(replace(SMALL, **SIZES, head=head))
    learned = network.learned_weights()

    def pulls(batch):
        inputs = tensors(batch)
        found = gradients(lambda: network.loss(inputs), list(learned.values()))
        return [gradient * inside(batch).sum() for gradient in found]

    parts = [pulls(alone(BATCH, row, steps)) for row, steps in places(BATCH.sentences)]
    for name, found, *own in zip(learned, pulls(BATCH), *parts, strict=True):
        assert found.any(), name
        np.testing.assert_allclose(found, sum(own), atol=1e-4, err_msg=name)


def test_rows_of_the_word_table_that_are_at_hand_are_used():
    network, weights = make(replace(SMALL, **SIZES, characters="none"))
    trained = ops.convert_to_tensor(weights["word/trained"][BATCH.trained])

    def loss(rows):
        return float(compiled(lambda: network.loss(tensors(BATCH), None, rows))())

    assert loss(trained) == pytest.approx(loss_of(network, BATCH), rel=1e-6)
    assert loss(trained + 1.0) != pytest.approx(loss_of(network, BATCH), rel=1e-2)


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_padding_never_matters(cell, head):
    """Padded words, tags, sentences and forms may hold anything."""
    a = replace(SMALL, **SIZES, cell=cell, head=head, layers=2, residual=True, characters="none")
    network, _ = make(a)
    padding = ~inside(BATCH)
    noisy = BATCH._replace(words=np.where(padding, 3, BATCH.words), tags=(np.where(padding, 4, BATCH.tags[0]),))
    tight = reshaped(BATCH, lambda part: part[:2])
    wide = reshaped(BATCH, lambda part: np.pad(part, ((0, 2), (0, 3))))
    expected = loss_of(network, BATCH)
    for other in (noisy, tight, wide):
        assert loss_of(network, other) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_sentences_of_one_token(head):
    network, _ = make(replace(SMALL, **SIZES, head=head, characters="none"))
    first = BATCH._replace(
        words=BATCH.words[:, :1], sentences=np.int32([[1], [1], [0]]), tags=(np.int32([[0], [4], [0]]),)
    )
    wide = reshaped(first, lambda part: np.pad(part, ((0, 0), (0, 2))))
    row = first._replace(words=np.int32([[0, 4]]), sentences=np.int32([[1, 2]]), tags=(np.int32([[0, 4]]),))
    for other in (wide, row):
        assert loss_of(network, other) == pytest.approx(loss_of(network, first), rel=1e-5)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_a_batch_of_nothing_costs_nothing(head):
    network, _ = make(replace(SMALL, **SIZES, head=head, characters="none"))
    assert loss_of(network, BATCH._replace(sentences=BATCH.sentences * 0)) == 0.0


@pytest.mark.parametrize("characters", ["cnn", "gru"])
def test_every_learned_weight_has_a_finite_gradient(characters):
    a = replace(SMALL, **SIZES, characters=characters, layers=2)
    network, _ = make(a)
    learned = network.learned_weights()
    found = gradients(lambda: network.loss(tensors(BATCH)), list(learned.values()))
    for name, gradient in zip(learned, found, strict=True):
        assert np.isfinite(gradient).all(), name
        assert gradient.any(), name


@pytest.mark.parametrize(("cell", "characters", "head"), [("lstm", "cnn", "crf"), ("gru", "lstm", "softmax")])
def test_the_gradient_of_the_whole_loss_agrees_with_finite_differences(cell, characters, head):
    a = replace(SMALL, **SIZES, cell=cell, characters=characters, head=head, layers=2, residual=True)
    network, _ = make(a)
    learned = network.learned_weights()
    variables = list(learned.values())
    # Far from the flat ends of tanh and sigmoid, so that each weight has a slope to be seen in float32.
    network.assign({name: weight / 2 for name, weight in network.arrays().items()})
    inputs = tensors(BATCH)
    found = dict(zip(learned, gradients(lambda: network.loss(inputs), variables), strict=True))
    loss = compiled(lambda: network.loss(inputs), variables)
    seen = 0
    for number, (name, variable) in enumerate(learned.items()):
        gradient = found[name].astype(np.float64)
        # Half along the gradient, half at random: a steep slope, and yet a wrong gradient shows.
        steepest = gradient / max(np.linalg.norm(gradient), 1e-9)
        direction = (steepest + random_direction(gradient.shape, seed=number)) / 2
        slope = numeric_slope(loss, variable, direction)
        assert np.sum(gradient * direction) == pytest.approx(slope, abs=2e-3, rel=2e-2), name
        seen += abs(slope) > 0.02
    assert seen > len(learned) / 2


# -------------------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_dropout_keeps_the_mean(rate):
    every = np.arange(256, dtype=np.uint8)
    mask = array(kept(ops.convert_to_tensor(every), rate))
    assert mask.mean() == pytest.approx(1.0, rel=1e-5)
    assert np.mean(mask == 0) == pytest.approx(rate, abs=1 / 256)
    assert len(set(mask[mask > 0].tolist())) == 1


def test_noise_has_the_shapes_of_what_it_drops():
    a = replace(SMALL, layers=2)
    rng = np.random.default_rng(0)
    assert Dropout().draw(rng, BATCH, a) == Noise()
    noise = Dropout(0.5, 0.5, 0.5).draw(rng, BATCH, a)
    assert [m.shape for m in noise.word] == [(3, 5, a.encoding_size)]
    assert [m.shape for m in noise.hidden] == [(3, 5, a.state_size)] * 2
    assert [m.shape for m in noise.recurrent] == [(2, 3, a.units)] * 2
    assert np.array_equal(noise.word[0], Dropout(0.5).draw(np.random.default_rng(0), BATCH, a).word[0])


@pytest.mark.parametrize("variational", [True, False])
def test_variational_noise_is_the_same_within_a_sentence_and_differs_between_sentences(variational):
    a = replace(SMALL, layers=2)
    noise = Dropout(0.5, 0.5, 0.5, variational=variational).draw(np.random.default_rng(0), BATCH, a)
    for mask in (*noise.word, *noise.hidden):
        assert mask.shape[:2] == BATCH.words.shape
        own = [np.unique(mask[place], axis=0) for place in places(BATCH.sentences)]
        assert [len(different) for different in own] == ([1, 1, 1, 1] if variational else [3, 2, 2, 1])
        assert len(np.unique(np.concatenate(own), axis=0)) == sum(map(len, own))
    assert [mask.shape for mask in noise.recurrent] == [(2, 3, a.units)] * 2


def test_dropout_of_words_and_states_multiplies_them():
    """One layer, forward: what is dropped from the encodings is as if the input kernel had no such rows."""
    a = replace(SMALL, **SIZES, characters="none", shape_dim=0, bidirectional=False)
    network, weights = make(a, dropout=Dropout(word=0.5, hidden=0.5, variational=True))
    noise = network.dropout.draw(np.random.default_rng(1), BATCH, a)
    found = array(compiled(lambda: network.emissions(tensors(BATCH), noise))())
    words, hidden = (np.where(mask >= 128, 2.0, 0.0) for mask in (noise.word[0], noise.hidden[0]))
    for row, steps in places(BATCH.sentences):
        thinned, first = dict(weights), (row, steps.start)
        thinned["sentence/0/forward/kernel"] = np.float32(words[first][:, None] * weights["sentence/0/forward/kernel"])
        thinned["output/kernel"] = np.float32(hidden[first][:, None] * weights["output/kernel"])
        np.testing.assert_allclose(found[row, steps], exported(thinned, a, BATCH)[row, steps], atol=1e-4)


@pytest.mark.parametrize(
    "rates", [{"word": 0.3}, {"hidden": 0.3}, {"recurrent": 0.3}], ids=lambda rates: next(iter(rates))
)
def test_each_kind_of_dropout_changes_the_loss_and_is_off_without_noise(rates):
    network, _ = make(replace(SMALL, **SIZES, characters="none"), dropout=Dropout(**rates))
    noise = network.dropout.draw(np.random.default_rng(2), BATCH, network.architecture)
    plain = make(replace(SMALL, **SIZES, characters="none"))[0]
    assert loss_of(network, BATCH) == pytest.approx(loss_of(plain, BATCH), rel=1e-6)
    dropped = loss_of(network, BATCH, noise)
    assert np.isfinite(dropped)
    assert dropped != pytest.approx(loss_of(plain, BATCH), rel=1e-3)
