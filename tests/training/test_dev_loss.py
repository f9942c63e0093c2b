"""The loss on dev: against every tag sequence, and against the loss that training lowers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_unknown_labels import LOC, NER, PER, POS, corpus_of

from keras_calls import array, compiled
from search_budget import examples
from tagsmith.corpus.sentences import hold_sentences
from tagsmith.network.batches import Batch, training_batches
from tagsmith.tagging.chain import constrained_chain
from tagsmith.text.document import sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme
from tagsmith.training.dev_loss import DevLoss, sentence_losses
from tagsmith.training.loop import TrainingRun
from tagsmith.training.recipe import make_recipe
from tagsmith.training.task import prepare
from tagsmith.training.unknown_labels import known_tags

ONE = Layer("ner", Scheme.IOB2, ("X",))
SETTINGS = {"units": 4, "characters": "none", "word_dim": 4, "layers": 1, "batch_tokens": 64, "least_steps": 1}


def slow_loss(emissions, allowed, chain, rows, possible) -> float:
    """-log p of one sentence, (T, L) emissions, by going through every tag sequence."""
    total = agreeing = 0.0
    for tags in product(range(len(ONE.tags)), repeat=len(emissions)):
        legal = chain is None or (
            allowed.start[tags[0]] and allowed.end[tags[-1]] and all(allowed.between[one] for one in pairwise(tags))
        )
        if not legal:
            continue
        score = sum(float(emissions[t, tag]) for t, tag in enumerate(tags))
        if chain is not None:
            score += float(chain.start[tags[0]] + chain.end[tags[-1]])
            score += sum(float(chain.between[one]) for one in pairwise(tags))
        total += np.exp(score)
        agreeing += np.exp(score) * all(possible[row, tag] for row, tag in zip(rows, tags, strict=True))
    return float(np.log(total) - np.log(agreeing))


LEGAL = [[0, 4, 0, 1, 3], [1, 2, 3, 0], [0, 0, 4], [4]]


@given(st.integers(0, 2**16), st.booleans(), st.booleans())
@settings(max_examples=examples(12), deadline=None)
def test_the_loss_is_that_of_every_tag_sequence(seed: int, crf: bool, partial: bool):
    random = np.random.default_rng(seed)
    allowed, size = ONE.transitions, len(ONE.tags)
    assert ONE.tags == ("O", "B-X", "I-X", "E-X", "S-X")
    weights = {"start": (size,), "between": (size, size), "end": (size,)}
    drawn = {f"crf/{name}": random.normal(size=shape).astype(np.float32) for name, shape in weights.items()}
    chain = constrained_chain(allowed, drawn) if crf else None
    lengths = np.array([len(one) for one in LEGAL])
    emissions = random.normal(scale=3, size=(lengths[0], len(LEGAL), size)).astype(np.float32)
    possible = np.concatenate([np.eye(size, dtype=bool), np.ones((1, size), bool)])
    tags = np.zeros((lengths[0], len(LEGAL)), np.int64)
    for place, own in enumerate(LEGAL):
        tags[: len(own), place] = [size if tag == 0 and partial and random.random() < 0.7 else tag for tag in own]
    found = sentence_losses(emissions, lengths, tags, possible if partial else None, chain)
    for place, length in enumerate(lengths):
        slow = slow_loss(emissions[:length, place], allowed, chain, tags[:length, place], possible)
        assert found[place] == pytest.approx(slow, rel=1e-5, abs=1e-5)


WHOLE = [("abcd", {"ner": ["B-PER", "O", "B-LOC", "I-LOC"]}), ("ba", {"ner": ["O", "O"]}), ("c", {"ner": ["B-LOC"]})]
TWO = [("abc", {"pos": ["NOUN", "VERB", "NOUN"]}), ("ab", {"ner": ["O", "B-LOC"]}), ("ca", {"ner": ["O", "B-PER"]})]


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize(
    ("sentences", "layers", "sets", "members"),
    [
        (WHOLE, (NER,), ({"ner": PER | LOC},), [0, 0, 0]),
        (WHOLE, (NER,), ({"ner": PER | LOC}, {"ner": PER}, {"ner": LOC}), [0, 1, 2]),
        (TWO, (POS, NER), ({"pos": frozenset(POS.labels)}, {"ner": PER | LOC}, {"ner": PER}), [0, 1, 2]),
    ],
    ids=["all known", "labels unknown", "layers unknown"],
)
def test_without_dropout_it_is_the_loss_of_training(tmp_path, head, sentences, layers, sets, members):
    corpus = corpus_of(sentences, layers, sets, members)  # dev has the training sentences
    task = prepare(corpus, make_recipe("fast", {**SETTINGS, "head": head}), None, 0)
    run = TrainingRun(task, make_recipe("fast", {**SETTINGS, "head": head}), 0, tmp_path)
    arrays = {name: one + 0.5 if name.startswith("crf") else one for name, one in run.network.arrays().items()}
    arrays["word/trained"] = np.round(arrays["word/trained"], 2).astype(np.float16)
    run.network.assign(arrays)
    (batch,) = training_batches(task.encoded, task.rows, 64, np.random.default_rng(0))
    scores, loss = run.score_dev(arrays)
    assert loss == pytest.approx(
        float(array(compiled(lambda *parts: run.network.loss(Batch(*parts)))(*batch))), rel=1e-4
    )
    assert set(scores.layers) == ({"pos", "ner"} if len(layers) > 1 else set())


def test_a_tag_of_dev_that_the_layer_lacks_says_nothing():
    corpus = corpus_of(WHOLE, (NER,), ({},), [0, 0, 0])
    odd = hold_sentences([sentence_from_words("abc", {"ner": ["B-PER", "B-ORG", "I-ORG"]})])
    corpus = replace(corpus, dev=odd, knowledge=None)
    rows, possible = known_tags(corpus, NER, odd.lengths, "dev")
    assert possible[rows].sum(1).tolist() == [1, len(NER.tags), len(NER.tags)]
    for crf in (True, False):
        loss = DevLoss(corpus, crf=crf)
        emissions = np.random.default_rng(0).normal(size=(3, 1, len(NER.tags))).astype(np.float32)
        loss.add(np.array([0]), odd.lengths, [(constrained_chain(NER.transitions), emissions)])
        assert 0 < loss.per_token() < 10
    plain = replace(corpus, layers=(POS,), dev=hold_sentences([sentence_from_words("ab", {"pos": ["NOUN", "X"]})]))
    rows, possible = known_tags(plain, POS, plain.dev.lengths, "dev")
    assert possible[rows].tolist() == [[True, False], [True, True]]


def test_one_sentence_that_is_read_in_windows_counts_as_a_whole(monkeypatch, tmp_path):
    corpus = corpus_of([("ab" * 30, {"ner": ["B-PER", "O"] * 30})], (NER,), ({"ner": PER | LOC},), [0])
    task = prepare(corpus, make_recipe("fast", SETTINGS), None, 0)
    run = TrainingRun(task, make_recipe("fast", SETTINGS), 0, tmp_path)
    arrays = run.network.arrays()
    whole = run.score_dev(arrays)[1]
    monkeypatch.setattr("tagsmith.tagging.batching.LONGEST_WHOLE", 10)
    monkeypatch.setattr("tagsmith.tagging.exported_network.WINDOW", 16)
    assert run.score_dev(arrays)[1] == pytest.approx(whole, rel=1e-5)
