"""A mapping in place of data: train, dev and test under their names, as in a DatasetDict."""

from __future__ import annotations

import pytest

from random_model import random_model
from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import DataError
from tagsmith.tagging.tagger import Tagger

PAIRS = [(["Ann", "left"], ["B-PER", "O"]), (["Oslo"], ["B-LOC"])]


def test_parts_are_found_by_their_names():
    corpus = read_corpus({"training": PAIRS, "validation": PAIRS[:1], "TEST": PAIRS[1:]})
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [2, 1, 1]
    assert len(read_corpus({"train": PAIRS, "dev": PAIRS}, dev=PAIRS[:1]).dev) == 1  # what is given wins


def test_datasets_have_the_names_of_their_class_labels():
    datasets = pytest.importorskip("datasets")
    labels = datasets.ClassLabel(names=["O", "B-PER", "B-LOC"])
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": datasets.Sequence(labels)}
    )
    rows = {"tokens": [words for words, _ in PAIRS], "ner_tags": [labels.str2int(tags) for _, tags in PAIRS]}
    dataset = datasets.Dataset.from_dict(rows, features)
    corpus = read_corpus(datasets.DatasetDict({"train": dataset, "validation": dataset.select([1])}))
    assert corpus.layers == read_corpus(PAIRS, dev=PAIRS[1:]).layers
    assert [(list(one.words), list(one.layers["tags"])) for one in corpus.train] == PAIRS
    for given in (dataset.shuffle(seed=1), dataset.to_iterable_dataset(), dataset.with_format("numpy")):
        assert (
            sorted((list(one.words), list(one.layers["tags"])) for one in read_corpus(given, dev=PAIRS).train) == PAIRS
        )


def test_evaluation_takes_the_test_part():
    tagger = Tagger(random_model())
    assert tagger.evaluate({"train": PAIRS, "test": PAIRS[1:]}) == tagger.evaluate(PAIRS[1:])
    with pytest.raises(DataError, match="There is no test part: only train"):
        tagger.evaluate({"train": PAIRS})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": PAIRS}, "whose key 'a' names no part"),
        ({"dev": PAIRS, "valid": PAIRS}, "whose key 'valid' names the part dev once more"),
        ({"dev": PAIRS}, "There is no data to train on"),
    ],
)
def test_other_keys_are_errors(data, message: str):
    with pytest.raises(DataError, match=message):
        read_corpus(data)
