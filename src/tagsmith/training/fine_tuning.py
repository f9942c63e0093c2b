"""Going on from a trained model with new data, and with new labels if there are any.

The model decides the network's shape, the pretrained vectors and the scheme. Words, characters and labels are its own
and those of the new data. Each weight is carried over by name: a row for each word and character, a column for each
tag. A new word or character begins as the row that the model used for it so far, that of unseen ones, so that before
the first step the network says exactly what the model says; only new tags begin as in any other run.

Labels of the model that the new data lack would be forgotten if their absence were taken at its word, and drift away
if they were merely unknown (nothing would then hold them). So the model labels the new sentences with them itself,
before it learns on (as Monaikul et al. 2021, *Continual learning for named entity recognition*, with tags in place of
distributions).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.corpus import Corpus, Knowledge
from tagsmith.corpus.partly_labeled import Before
from tagsmith.corpus.sentences import CompactSentences
from tagsmith.errors import ModelError, RecipeError, VectorsError
from tagsmith.model.folder import Model, read_model
from tagsmith.model.vocabulary import UNKNOWN_CHARACTER, UNKNOWN_WORD, UNSEEN_WORD, Vocabulary
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import OUTSIDE, Scheme, spans_to_tags, split_tag, tags_to_spans
from tagsmith.training.recipe import Recipe, make_recipe, read_changes

Arrays = dict[str, npt.NDArray[Any]]
LEARNING_RATE = 1e-3  # chosen by benchmarks/fine_tuning.py; half of what training from scratch begins with
BY_TAG = ("output/kernel", "output/bias", "crf/start", "crf/between", "crf/end")  # the last axis is by tag


def read_start(folder: str | Path, out: Path, vectors: str | Path | None) -> Model:
    """Read the model to go on from.

    Raises
    ------
    ModelError
        It cannot be read, has several layers, or the new model would take its place.
    VectorsError
        Vectors are given: the model has its own, or was trained to do without.
    """
    folder = Path(folder)
    if vectors is not None:
        raise VectorsError(
            "A model that training goes on from keeps the vectors that it has.", remedy="Leave --vectors out."
        )
    model = read_model(folder)
    if model.further:
        raise ModelError(
            "this model has several layers, from which training cannot go on.",
            path=folder,
            remedy="Train on all data anew.",
        )
    if folder.resolve() == out.resolve():
        raise ModelError(
            "the new model would replace the one that training goes on from.",
            path=folder,
            remedy="Name another folder with --out.",
        )
    return model


def as_before(model: Model) -> Before:
    """What new data have to fit."""
    if model.scheme is Scheme.PLAIN:
        return Before(model.scheme, model.layer, frozenset(model.tags))
    return Before(model.scheme, model.layer, frozenset(split_tag(tag)[1] for tag in model.tags if tag != OUTSIDE))


def fine_tuning_recipe(
    model: Model,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Recipe:
    """Return the recipe: the network as the model has it, the rest from the preset with a lower learning rate.

    ``recipe`` and then ``changes`` replace what is not the network's.

    Raises
    ------
    RecipeError
        A field is unknown, has an impossible value, or would be another network than the model's.
    """
    path = Path(recipe) if isinstance(recipe, str | Path) else None
    if path is not None:
        given = read_changes(path)
        preset = given.pop("preset", preset)
    else:
        given = recipe.as_dict() if isinstance(recipe, Recipe) else dict(recipe or {})  # type: ignore[arg-type]
    given |= changes or {}
    fixed = model.architecture.as_dict()
    if isinstance(recipe, Recipe) and model.vocabulary.pretrained:
        given.pop("word_dim")  # the vectors decide it
    for name in fixed.keys() & given.keys():
        if given[name] != fixed[name]:
            raise RecipeError(
                f"{name} is {given[name]!r}, but the model that training goes on from has {fixed[name]!r}.",
                path=path,
                remedy="Leave it out: the network stays as it is.",
            )
    return make_recipe(preset, {"learning_rate": LEARNING_RATE, **given, **fixed})


def joined_vocabulary(before: Vocabulary, new: Vocabulary) -> Vocabulary:
    """Return the model's vocabulary with the new words and characters behind its own."""
    words = dict.fromkeys((*before.words, *new.words))
    return Vocabulary(tuple(words), before.pretrained, tuple(dict.fromkeys((*before.characters, *new.characters))))


def pretrained_of(model: Model) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None:
    """Return the model's pretrained vectors: int8 rows and their scales."""
    if "word/pretrained" not in model.weights:
        return None
    return np.asarray(model.weights["word/pretrained"]), np.asarray(model.weights["word/scales"])


def carried_over(
    fresh: Mapping[str, npt.NDArray[Any]], model: Model, vocabulary: Vocabulary, tags: Sequence[str]
) -> Arrays:
    """Put the model's weights into a fresh network's.

    Parameters
    ----------
    fresh
        The weights of a network with the same architecture, by name.
    model
        The model to go on from.
    vocabulary, tags
        Those of the network: the model's (:func:`joined_vocabulary`) and more.
    """
    places = [tags.index(tag) for tag in model.tags]
    carried: Arrays = {}
    for name, own in fresh.items():
        old = np.asarray(model.weights[name], np.float32)
        if name == "word/trained":
            carried[name] = _more_words(old, model.vocabulary, vocabulary)
        elif name == "word/characters":
            more = len(vocabulary.characters) - len(model.vocabulary.characters)
            carried[name] = np.concatenate([old, np.repeat(old[[UNKNOWN_CHARACTER]], more, axis=0)])
        elif name in BY_TAG:
            carried[name] = np.array(own, np.float32)
            carried[name][np.ix_(places, places) if name == "crf/between" else (..., places)] = old
        else:
            carried[name] = old
    return carried


def _more_words(old: npt.NDArray[np.float32], before: Vocabulary, vocabulary: Vocabulary) -> npt.NDArray[np.float32]:
    """The trained table (words, word_dim) with a row for each new word."""
    new = vocabulary.words[len(before.words) :]
    rows = [UNSEEN_WORD if vocabulary.has_vector(word) else UNKNOWN_WORD for word in new]
    return np.concatenate([old, old[rows]]) if rows else old


def with_own_spans(corpus: Corpus, model: Model) -> Corpus:
    """Label the training sentences as the model does, where they do not know its labels.

    Spans that touch a token of a labeled span are left out. Dev and test sentences stay as they are.
    """
    knowledge = corpus.knowledge
    if knowledge is None:
        return corpus
    tagger, labels = Tagger(model, precision="float32"), as_before(model).labels
    predicted = tagger.tag([sentence.words for sentence in corpus.train])

    def labeled() -> Iterator[Sentence]:
        for sentence, own, tags in zip(corpus.train, knowledge.train, predicted, strict=True):
            spans = tags_to_spans(sentence.layers[corpus.layer], corpus.scheme)
            taken = {place for span in spans for place in range(span.start, span.end)}
            more = [
                span
                for span in tags_to_spans(tags, corpus.scheme)
                if span.label in labels - knowledge.sets[own] and taken.isdisjoint(range(span.start, span.end))
            ]
            yield sentence.with_layer(corpus.layer, spans_to_tags([*spans, *more], len(tags), corpus.scheme))

    sets = [*knowledge.sets, *(known | labels for known in knowledge.sets)]
    train = tuple(len(knowledge.sets) + own for own in knowledge.train)
    return replace(
        corpus,
        train=CompactSentences(labeled()),
        knowledge=Knowledge(tuple(sets), train, knowledge.dev, knowledge.test),
    )


def digest(model: Model) -> str:
    """A digest of what a run takes from the model it goes on from."""
    found = hashlib.sha256(json.dumps([model.tags, model.vocabulary.as_dict()]).encode())
    for name in sorted(model.weights):
        found.update(name.encode())
        found.update(np.ascontiguousarray(model.weights[name]).tobytes())
    return found.hexdigest()
