"""Small taggers with random weights: nothing is trained and Keras is not needed."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from tagsmith.model.architecture import WORD_SHAPES, Architecture
from tagsmith.model.folder import Model
from tagsmith.model.ngrams import Ngrams
from tagsmith.model.vectors import quantize_rows
from tagsmith.model.vocabulary import Vocabulary
from tagsmith.model.weights import packed
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme

SMALL = Architecture(word_dim=6, character_dim=4, character_units=5, character_width=3, shape_dim=3, units=7, layers=1)
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "gru-reset-before": 3}
VOCABULARY = Vocabulary(
    words=("the", "in", "john", "lives", "new", "york", ".", "paris"),
    pretrained=("the", "in", "london", "John", "paris", "café"),
    characters=tuple("abcdefghijklmnopqrstuvwxyzJNYP.é"),
)
WITH_NGRAMS = replace(VOCABULARY, ngrams=Ngrams(2, 4, 50, False, tuple(range(0, 50, 3))))
# Seen in training, with a vector only, in another case, unknown, unknown characters, long, one character, digits.
WORDS = (
    "the", "The", "in", "John", "JOHN", "lives", "New", "York", ".", "Paris", "London", "café", "Reykjavík", "北京",
    "x", "1984", "3.14", "antidisestablishmentarianism", "a" * 24, "b" * 25, "\ud800", "🙂", "don't",
)  # fmt: skip

# A plain layer, and two of spans in different schemes.
LAYERS = (
    ("pos", Scheme.PLAIN, ("DET", "NOUN", "VERB")),
    ("ner", Scheme.IOB2, ("X",)),
    ("chunk", Scheme.IOB1, ("Y", "X")),
)


def every_architecture(**sizes: int) -> list[Architecture]:
    """Every combination of the choices that change the graphs."""
    stacks = [{"layers": 1}, {"layers": 2}, {"layers": 2, "residual": True}]
    return [
        Architecture(
            cell=cell,
            bidirectional=both,
            characters=characters,
            shape_dim=shape,
            head=head,
            **stack,
            **sizes,
        )
        for cell, both, characters, shape, head, stack in product(
            ("lstm", "gru", "rnn"), (True, False), ("cnn", "lstm", "gru", "none"), (0, 8), ("crf", "softmax"), stacks
        )
    ]


def weight_shapes(a: Architecture, vocabulary: Vocabulary, tags: int, pretrained: bool) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight, written down a second time."""
    shapes: dict[str, tuple[int, ...]] = {"word/trained": (len(vocabulary.words) + 2, a.word_dim)}
    if pretrained:
        shapes["word/pretrained"] = (len(vocabulary.pretrained) + 1, a.word_dim)
        shapes["word/scales"] = (len(vocabulary.pretrained) + 1, 1)
    if vocabulary.ngrams:
        shapes["word/ngrams"] = (len(vocabulary.ngrams.known), a.word_dim)
        shapes["word/ngram_scales"] = (len(vocabulary.ngrams.known), 1)
    if a.characters != "none":
        shapes["word/characters"] = (len(vocabulary.characters) + 2, a.character_dim)
    if a.characters == "cnn":
        shapes["word/filters"] = (a.character_width, a.character_dim, a.character_units)
        shapes["word/filter_bias"] = (a.character_units,)
    elif a.characters != "none":
        shapes |= _cell("word/spelling", a.characters, ("forward", "backward"), a.character_dim, a.character_units)
    if a.shape_dim:
        shapes["word/shapes"] = (WORD_SHAPES, a.shape_dim)
    entering = a.encoding_size
    for layer in range(a.layers):
        shapes |= _cell(f"sentence/{layer}", a.cell, a.directions, entering, a.units)
        entering = a.state_size
    shapes |= {"output/kernel": (a.state_size, tags), "output/bias": (tags,)}
    if a.head == "crf":
        shapes |= {"crf/0/start": (tags,), "crf/0/between": (tags, tags), "crf/0/end": (tags,)}
    return shapes


def _cell(prefix: str, cell: str, directions: tuple[str, ...], entering: int, units: int) -> dict[str, tuple[int, ...]]:
    gates = GATES[cell] * units
    own = {
        "kernel": (entering, gates),
        "recurrent_kernel": (units, gates),
        "bias": (2, gates) if cell == "gru" else (gates,),
    }
    return {f"{prefix}/{direction}/{name}": shape for direction in directions for name, shape in own.items()}


def random_weights(
    a: Architecture, tags: int, *, vocabulary: Vocabulary = VOCABULARY, pretrained: bool = True, seed: int = 0
) -> dict[str, np.ndarray]:
    """Weights large enough that every part of the network shows in the emissions."""
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.normal(0.0, 0.6, shape).astype(np.float32)
        for name, shape in weight_shapes(a, vocabulary, tags, pretrained).items()
    }
    weights["output/kernel"] *= 3.0
    if pretrained:
        matrix = rng.normal(0.0, 1.0, weights["word/pretrained"].shape).astype(np.float32)
        matrix[0] = 0.0
        weights["word/pretrained"], weights["word/scales"] = quantize_rows(matrix)
    if vocabulary.ngrams:
        weights["word/ngrams"], weights["word/ngram_scales"] = quantize_rows(weights["word/ngrams"])
    return weights


def random_model(
    architecture: Architecture = SMALL,
    *,
    scheme: Scheme = Scheme.IOB2,
    labels: tuple[str, ...] = ("LOC", "PER"),
    vocabulary: Vocabulary = VOCABULARY,
    pretrained: bool = True,
    seed: int = 0,
) -> Model:
    """A tagger that gives nonsense, but the same nonsense each time."""
    layer = Layer("ner", scheme, tuple(sorted(labels)))
    weights = random_weights(architecture, len(layer.tags), vocabulary=vocabulary, pretrained=pretrained, seed=seed)
    return Model(architecture, vocabulary, (layer,), weights, {"seed": seed})


def packed_model(architecture: Architecture = SMALL) -> Model:
    """A tagger whose weights are stored in four bits and as halves."""
    model = random_model(architecture)
    weights = {
        name: weight if name.startswith("crf/") else weight.astype(np.float16) for name, weight in model.weights.items()
    }
    rng = np.random.default_rng(0)
    for name in ("word/trained", "word/pretrained"):
        weights[name] = packed(rng.integers(-7, 8, model.weights[name].shape, np.int8))
    weights["word/trained_scales"] = rng.uniform(0.05, 0.2, (len(weights["word/trained"]), 1)).astype(np.float16)
    weights["word/scales"] = rng.uniform(0.05, 0.2, weights["word/scales"].shape).astype(np.float16)
    return replace(model, weights=weights)


def random_layers_model(
    architecture: Architecture = SMALL,
    layers: tuple[tuple[str, Scheme, tuple[str, ...]], ...] = LAYERS,
    seed: int = 0,
) -> Model:
    """A tagger of several layers, each given as name, scheme and labels."""
    made = tuple(Layer(name, scheme, tuple(sorted(labels))) for name, scheme, labels in layers)
    weights = random_weights(architecture, sum(len(layer.tags) for layer in made), seed=seed)
    if architecture.head == "crf":
        rng = np.random.default_rng(seed)
        for number, layer in enumerate(made):
            size = len(layer.tags)
            for part, shape in (("start", (size,)), ("between", (size, size)), ("end", (size,))):
                weights[f"crf/{number}/{part}"] = rng.normal(0.0, 0.6, shape).astype(np.float32)
    return Model(architecture, VOCABULARY, made, weights, {"seed": seed})


def single_layer(model: Model, number: int) -> Model:
    """One layer of a model as a model of its own."""
    layer = model.layers[number]
    first = sum(len(before.tags) for before in model.layers[:number])
    columns = slice(first, first + len(layer.tags))
    weights = {name: array for name, array in model.weights.items() if not name.startswith("crf/")}
    weights |= {f"output/{part}": weights[f"output/{part}"][..., columns] for part in ("kernel", "bias")}
    if model.architecture.head == "crf":
        weights |= {f"crf/0/{part}": model.weights[f"crf/{number}/{part}"] for part in ("start", "between", "end")}
    return replace(model, layers=(layer,), weights=weights)


def random_sentences(count: int, longest: int = 12, seed: int = 0, words: tuple[str, ...] = WORDS) -> list[list[str]]:
    """Sentences of 1 to ``longest`` words."""
    rng = np.random.default_rng(seed)
    return [[words[row] for row in rng.integers(0, len(words), rng.integers(1, longest + 1))] for _ in range(count)]
