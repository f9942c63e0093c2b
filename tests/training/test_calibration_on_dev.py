"""The end of training: probabilities calibrated on the dev sentences that say something of them."""

from __future__ import annotations

import re
from dataclasses import replace

from random_model import random_layers_model, random_model, random_sentences
from tagsmith.corpus.corpus import read_corpus
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import sentence_from_words
from tagsmith.training.measure import calibrated

WORDS = random_sentences(120, words=("the", "John", "lives", "New", "York", "Paris"))
LABELS = (["B-LOC"], ["B-PER"])  # each corpus has both


def tags_model():
    model = random_model()
    return replace(model, layers=(replace(model.layers[0], name="tags"),))


def labeled(model, threshold=0.4):
    tagger = Tagger(model)
    return [*zip(WORDS, tagger.tag(WORDS, threshold=threshold), strict=True), *((["x"], tags) for tags in LABELS)]


def test_dev_is_what_probabilities_are_calibrated_on():
    model = tags_model()
    pairs = labeled(model)
    corpus = read_corpus(pairs[100:], pairs)
    after, (said,) = calibrated(model, corpus)
    assert after.scalings == Tagger(model).calibrate(pairs).model.scalings != {}
    assert re.fullmatch(
        r"calibrated on dev: temperature [\d.]+, O [+-][\d.]+; F1 [\d.]+ → [\d.]+; "
        r"expected calibration error of spans 0\.\d+ → 0\.\d+ \(by chance 0\.\d+\), "
        r"of tokens 0\.\d+ → 0\.\d+ \(by chance 0\.\d+\)",
        said,
    )


def test_training_sentences_say_nothing_of_others():
    model = tags_model()
    pairs = labeled(model)
    after, said = calibrated(model, read_corpus(pairs, pairs))
    assert after.scalings == {}
    assert said == ["not calibrated: dev has the training sentences"]


def test_few_labels_are_too_few():
    model = tags_model()
    pairs = labeled(model)
    after, said = calibrated(model, read_corpus(pairs, pairs[-3:]))
    assert after.scalings == {}
    assert said == ["not calibrated: dev has too few labels for that"]


def test_only_sentences_that_know_all_labels_count():
    model = tags_model()
    pairs = labeled(model)
    places = [(words, [tag if tag.endswith("LOC") else "O" for tag in tags]) for words, tags in pairs]
    partial = read_corpus([pairs[100:], places[:100]], [pairs, places], partial=True)
    assert partial.knowledge is not None
    whole = read_corpus(pairs[100:], pairs)
    assert calibrated(model, partial)[0].scalings == calibrated(model, whole)[0].scalings
    none = replace(partial, dev=partial.dev.take(partial.knowledge.dev.nonzero()[0]))
    none = replace(none, knowledge=replace(partial.knowledge, dev=partial.knowledge.dev[partial.knowledge.dev > 0]))
    known = [set(partial.knowledge.sets[number]["tags"]) for number in none.knowledge.dev]
    assert all(labels == {"LOC"} for labels in known)
    assert calibrated(model, none)[0].scalings == {}


def test_each_layer_is_calibrated():
    model = random_layers_model()
    layers = Tagger(model).tag_layers(WORDS)
    sentences = [
        replace(sentence_from_words(words, {}), layers={name: tuple(tags[number]) for name, tags in layers.items()})
        for number, words in enumerate(WORDS)
    ]
    names = ("pos", "ner", "chunk")
    corpus = read_corpus(sentences[60:], sentences, layer=names)
    after, said = calibrated(model, corpus)
    assert set(after.scalings) == set(names)
    assert [line.split(" calibrated")[0] for line in said] == list(names)
    assert "O " not in said[0]
    assert "spans" not in said[0]
