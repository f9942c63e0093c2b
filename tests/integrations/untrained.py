"""A few labeled sentences, and a tagger with random weights in place of one that learned from them."""

from __future__ import annotations

from random_model import SMALL, VOCABULARY, random_weights
from tagsmith.model.folder import Model
from tagsmith.tagging.tagger import Tagger

X = [["John", "lives"], ["Hi"], ["in", "New", "York"], ["Paris", "."]]
Y = [["B-PER", "O"], ["O"], ["O", "B-LOC", "I-LOC"], ["B-LOC", "O"]]


def untrained(corpus, recipe, vectors=None, seed=0, *, verbose=False) -> Tagger:
    """In place of training: a tagger with the corpus's labels and random weights."""
    (layer,) = corpus.layers
    weights = random_weights(SMALL, len(layer.tags), seed=seed)
    facts = {**recipe.as_dict(), "seed": seed, "train": len(corpus.train), "dev": len(corpus.dev), "from": str(vectors)}
    return Tagger(Model(SMALL, VOCABULARY, (layer,), weights, facts, precision="float32"))
