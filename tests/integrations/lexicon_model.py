"""A tagger that looks each word up: made by hand, so that pages of the documentation need no training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from random_model import weight_shapes
from tagsmith.model.architecture import Architecture
from tagsmith.model.folder import Model
from tagsmith.model.vocabulary import Vocabulary
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme


def lexicon_model(tag_of: Mapping[str, str]) -> Model:
    """Give each word, whatever its case, its tag in BIOES, and all others ``O``."""
    labels = sorted({tag[2:] for tag in tag_of.values()})
    layer = Layer("ner", Scheme.IOB2, tuple(labels))
    size = len(layer.tags)
    architecture = Architecture(
        cell="rnn", bidirectional=False, units=size, layers=1, characters="none", shape_dim=0, word_dim=size,
        head="softmax",
    )  # fmt: skip
    vocabulary = Vocabulary(tuple(tag_of), (), ())
    shapes = weight_shapes(architecture, vocabulary, size, pretrained=False)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    tags = ["O", "O", *tag_of.values()]  # the rows of unknown words come first
    weights["word/trained"] = 2 * np.eye(size, dtype=np.float32)[[layer.tags.index(tag) for tag in tags]]
    weights["sentence/0/forward/kernel"] = np.eye(size, dtype=np.float32)
    weights["output/kernel"] = 9 * np.eye(size, dtype=np.float32)
    return Model(architecture, vocabulary, (layer,), weights, precision="float32")
