"""Fine-tuning: going on from a trained model with new data, labels and layers.

The model decides the network's shape, the pretrained vectors and the schemes. Words, characters, labels and layers are
the model's and those of the new data. Each weight is carried over by name: a row for each word and character, a column
for each tag. A new word or character begins as the row that the model used for it so far, that of unseen ones, so that
before the first step the network says exactly what the model says; only new tags begin as in any other run.

Labels and layers of the model that the new data lack would be forgotten if they counted as absent, and would drift away
if they were merely unknown (nothing would then hold them). So the old model labels the new sentences with them first
(as in Monaikul et al. 2021, *Continual learning for named entity recognition*, with tags in place of distributions).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.corpus import Corpus
from tagsmith.corpus.sentences import Sentences
from tagsmith.errors import ModelError, RecipeError, VectorsError
from tagsmith.model.folder import Model, read_model
from tagsmith.model.frozen_vectors import FrozenVectors, frozen_ngrams
from tagsmith.model.packaged import packaged_folder
from tagsmith.model.vocabulary import UNKNOWN_CHARACTER, UNKNOWN_WORD, UNSEEN_WORD, Vocabulary
from tagsmith.model.weights import BARRED
from tagsmith.remote import whole
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import spans_to_tags, tags_to_spans
from tagsmith.training.recipe import Recipe, make_recipe, read_changes

Arrays = dict[str, npt.NDArray[Any]]
UNLIKELY = -10.0  # what a transition scores at first that the model bars: the new data may show it
LEARNING_RATE = 1e-3  # chosen by benchmarks/fine_tuning.py; half of what training from scratch begins with
LEAST_STEPS = 60  # of an epoch: new labels need some hundred steps to be learned, however few the sentences are


def read_start(folder: str | Path, out: Path, vectors: str | Path | None) -> Model:
    """Read the model to go on from.

    Raises ModelError: it cannot be read, or the new model would take its place; VectorsError: vectors are given: the
    model has its own, or was trained to do without.
    """
    if vectors is not None:
        raise VectorsError(
            "A model that training goes on from keeps the vectors that it has.", remedy="Leave --vectors out."
        )
    model = read_model(folder)
    if whole(packaged_folder(folder) or folder) == whole(out):
        raise ModelError(
            "the new model would replace the one that training goes on from.",
            path=folder,
            remedy="Name another folder with --out.",
        )
    return model


def kept_layers(model: Model, keep: Collection[str] | None) -> tuple[Layer, ...]:
    """Return the layers of a model that the new one keeps, by default all.

    Raises ModelError: the model does not have one of them.
    """
    names = [layer.name for layer in model.layers]
    if keep is not None and (strange := sorted(set(keep) - set(names))):
        raise ModelError(
            f"the model that training goes on from has no layer {strange[0]!r}.",
            remedy=f"Choose which to keep from its layers: {', '.join(names)}.",
        )
    return tuple(layer for layer in model.layers if keep is None or layer.name in keep)


def fine_tuning_recipe(
    model: Model,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Recipe:
    """Return the recipe: the network as the model has it, the rest from the preset with a lower learning rate.

    Little data are read less often in an epoch than in training from scratch: the model knows much already.

    ``recipe`` and then ``changes`` replace what is not the network's.

    Raises RecipeError: a field is unknown, has an impossible value, or would be another network than the model's.
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
    return make_recipe(preset, {"learning_rate": LEARNING_RATE, "least_steps": LEAST_STEPS, **given, **fixed})


def joined_vocabulary(before: Vocabulary, new: Vocabulary) -> Vocabulary:
    """Return the model's vocabulary with the new words and characters behind its own, and the new one's vectors."""
    words, characters = dict.fromkeys((*before.words, *new.words)), dict.fromkeys((*before.characters, *new.characters))
    return replace(new, words=tuple(words), characters=tuple(characters), exact=before.exact)


def frozen_vectors_of(model: Model) -> FrozenVectors | None:
    """Return the model's pretrained vectors; None if it has none."""
    if "word/pretrained" not in model.weights:
        return None
    rows, scales = np.asarray(model.weights["word/pretrained"]), np.asarray(model.weights["word/scales"])
    return FrozenVectors(model.vocabulary.pretrained, rows, scales, frozen_ngrams(model.vocabulary, model.weights))


def carried_over(
    fresh: Mapping[str, npt.NDArray[Any]], model: Model, vocabulary: Vocabulary, layers: Sequence[Layer]
) -> Arrays:
    """Put the model's weights into a fresh network's.

    Parameters
    ----------
    fresh
        The weights of a network with the same architecture, by name.
    model
        The model to go on from.
    vocabulary, layers
        Those of the network: the model's vocabulary (:func:`joined_vocabulary`) and more; layers of which the model
        may have some, with some of their labels.
    """
    shared = _shared_tags(model.layers, layers)
    of_old, of_new = ([0, *accumulate(len(layer.tags) for layer in own)] for own in (model.layers, layers))
    columns = [(of_old[one.old] + one.old_rows, of_new[one.new] + one.new_rows) for one in shared]
    carried: Arrays = {}
    for name, array in fresh.items():
        if name == "word/trained":
            old_rows = np.asarray(model.weights[name], np.float32)
            carried[name] = _more_words(old_rows, model.vocabulary, vocabulary)
        elif name == "word/characters":
            table = np.asarray(model.weights[name], np.float32)
            more = len(vocabulary.characters) - len(model.vocabulary.characters)
            carried[name] = np.concatenate([table, np.repeat(table[[UNKNOWN_CHARACTER]], more, axis=0)])
        elif name.startswith("output/"):
            carried[name] = np.array(array, np.float32)
            for source, target in columns:
                carried[name][..., target] = model.weights[name][..., source]
        elif name.startswith("crf/"):
            carried[name] = np.array(array, np.float32)
        else:
            carried[name] = np.asarray(model.weights[name], np.float32)
    for one in shared if model.architecture.head == "crf" else ():
        for part in ("start", "between", "end"):
            scores = model.weights[f"crf/{one.old}/{part}"]
            source, target = one.old_rows, one.new_rows
            if part == "between":
                source, target = np.ix_(source, source), np.ix_(target, target)
            carried[f"crf/{one.new}/{part}"][target] = np.where(scores == BARRED, UNLIKELY, scores)[source]
    return carried


class _Shared(NamedTuple):
    """A layer of a model and one of the network, by their numbers, and the rows of the tags that both have."""

    old: int
    new: int
    old_rows: Any  # (shared,)
    new_rows: Any


def _shared_tags(olds: Sequence[Layer], news: Sequence[Layer]) -> list[_Shared]:
    """Find each layer's counterpart: that of its name, or else one of the same kind that is left, spans or plain."""
    numbers = {old.name: number for number, old in enumerate(olds)}
    left = [number for number, old in enumerate(olds) if old.name not in {new.name for new in news}]
    shared = []
    for place, new in enumerate(news):
        number = numbers.get(new.name)
        if number is None:
            number = next((one for one in left if olds[one].gives_spans == new.gives_spans), None)
            if number is None:
                continue
            left.remove(number)
        rows = {tag: row for row, tag in enumerate(new.tags)}
        pairs = [(row, rows[tag]) for row, tag in enumerate(olds[number].tags) if tag in rows]
        shared.append(_Shared(number, place, *np.array(pairs, np.int64).reshape(-1, 2).T))
    return shared


def _more_words(old: npt.NDArray[np.float32], before: Vocabulary, vocabulary: Vocabulary) -> npt.NDArray[np.float32]:
    """The trained table (words, word_dim) with a row for each new word."""
    new = vocabulary.words[len(before.words) :]
    rows = np.where(vocabulary.have_vectors(new), UNSEEN_WORD, UNKNOWN_WORD)
    return np.concatenate([old, old[rows]]) if new else old


def label_unknown(corpus: Corpus, model: Model) -> Corpus:
    """Let the model label the training sentences where they do not know its labels.

    Spans that touch a token of a labeled span are left out. Dev and test sentences stay as they are.
    """
    knowledge = corpus.knowledge
    if knowledge is None:
        return corpus
    predicted = Tagger(model, precision="float32").tag_layers(corpus.train.words())
    train = corpus.train
    layers = [layer for layer in model.layers if layer.name in {one.name for one in corpus.layers}]
    for layer in layers:
        known = [knowledge.sets[number].get(layer.name) for number in knowledge.train]
        tags = _completed(train, layer, known, predicted[layer.name])
        train = train.with_tags(layer.name, tags)
    labels = {layer.name: frozenset(layer.labels) for layer in layers}
    completed = [
        {**known, **{name: known.get(name, frozenset()) | labels[name] for name in labels}} for known in knowledge.sets
    ]
    knowledge = replace(
        knowledge, sets=(*knowledge.sets, *completed), train=np.asarray(knowledge.train) + len(knowledge.sets)
    )
    return replace(corpus, train=train, knowledge=knowledge)


def _completed(
    train: Sentences, layer: Layer, known: Sequence[frozenset[str] | None], predicted: Sequence[Sequence[str]]
) -> dict[int, Sequence[str]]:
    """Return the tags of those sentences (by index) to which the model adds something."""
    changed: dict[int, Sequence[str]] = {}
    for index, (labels, guess) in enumerate(zip(known, predicted, strict=True)):
        if labels is None:
            changed[index] = guess
            continue
        spans = [span for span in tags_to_spans(guess, layer.scheme) if span.label in set(layer.labels) - labels]
        if spans:
            given = tags_to_spans(train[index].layers[layer.name], layer.scheme)
            taken = {token for span in given for token in range(span.start, span.end)}
            more = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
            changed[index] = spans_to_tags([*given, *more], len(guess), layer.scheme)
    return changed


def model_digest(model: Model) -> str:
    """Return a digest of what a run takes from the model it goes on from."""
    layers = [(layer.name, layer.tags) for layer in model.layers]
    digest = hashlib.sha256(json.dumps([layers, model.vocabulary.as_dict()]).encode())
    for name in sorted(model.weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(model.weights[name]).tobytes())
    return digest.hexdigest()
