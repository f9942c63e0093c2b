"""Distillation: one model learns the probabilities that others give to the tags of labeled and unlabeled text.

Averaged over several models, the marginal probabilities of the tags are better than those of each model. One model that
learns these numbers keeps most of that, and tags as fast as ever (Hinton et al. 2015, *Distilling the knowledge in a
neural network*; for tag sequences: Wang et al. 2020, *Structure-level knowledge distillation*). Nobody need have
labeled the text that it learns from. What a CRF learns of such probabilities: :mod:`tagsmith.network.crf`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console

from tagsmith.corpus.corpus import Corpus, read_corpus
from tagsmith.corpus.provenance import source_of
from tagsmith.corpus.sentences import Sentences
from tagsmith.corpus.sources import Data, read_file
from tagsmith.errors import DataError, ModelError, RecipeError
from tagsmith.formats.alignment import tag_document
from tagsmith.formats.options import ReadOptions, read_options
from tagsmith.model.folder import read_model
from tagsmith.network.batches import piece_lengths
from tagsmith.remote import is_file, local_path, whole
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.arguments import shown
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import detect_scheme, tags_to_spans
from tagsmith.text.tokenizer import words_and_starts
from tagsmith.training.display import Display
from tagsmith.training.fine_tuning import fine_tuning_recipe, kept_layers, read_start
from tagsmith.training.recipe import Recipe, choose_recipe
from tagsmith.training.task import Targets, prepare
from tagsmith.training.train import Lesson, run_lesson
from tagsmith.training.unknown_labels import known_tags

Unlabeled = str | Document | Sentence | Sequence[str]
"""A text, a document, a sentence, or the words of a sentence."""

Teacher = str | Path | Tagger | Document
"""A model folder, a tagger; or predictions, a JSONL file or a document whose spans have scores."""

LABELS = 0.5  # the share of a sentence's labels, where it has some, in what is learned; the rest is the teachers'
BLOCK = 1024  # sentences that a teacher reads at a time


def distill(
    teachers: Teacher | Sequence[Teacher],
    *,
    out: str | Path,
    train: Data | Corpus | None = None,
    unlabeled: Iterable[Unlabeled] = (),
    dev: Data | None = None,
    test: Data | None = None,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    vectors: str | Path | None = None,
    seed: int = 0,
    start: str | Path | None = None,
    keep: Collection[str] | None = None,
    resume: bool = False,
    force: bool = False,
    console: Console | None = None,
    display: Display | None = None,
    **options: Any,
) -> Tagger:
    """Train a tagger on what other taggers say, and write its model folder.

    The student is an ordinary model with a recipe, word encoder and CRF of its own. On labeled sentences it learns the
    mean of the labels and of the teachers' probabilities, on the others the teachers' alone.

    Parameters
    ----------
    teachers
        Model folders or taggers, whose probabilities are averaged: all must have the same layers and labels; their
        schemes may differ. And predictions of one layer, files or documents, which may come from any program: their
        texts are learned as well. A span's score is the probability of its tags there, and what is left that of ``O``;
        a span without a score is certain. If several predict the same texts, all are learned.
    out
        The model folder to write, as for :func:`tagsmith.train`.
    train, dev, test
        Labeled data, as for :func:`tagsmith.train`. Without ``train`` the teachers alone decide. Without ``dev`` a
        tenth of ``train``, or of what is unlabeled, is held out.
    unlabeled
        Texts, documents, sentences or lists of words; labels in them are not looked at. Needs a model among the
        teachers.
    start, keep
        A model folder to go on from, as for :func:`tagsmith.train`; labels of it that nothing teaches are forgotten.
    preset, recipe, vectors, seed, resume, force, console, display, options
        As for :func:`tagsmith.train`. An interrupted run can be resumed if everything is given again.

    Returns
    -------
    Tagger
        The student of the best epoch.

    Raises
    ------
    ModelError
        A teacher cannot be read, or has other layers or labels than the first.
    DataError
        There is nothing to learn from, or the labeled data or a file of predictions have layers or labels that the
        models do not know.
    InputError, TrainingError, OSError, KeyboardInterrupt
        As for :func:`tagsmith.train`.

    Examples
    --------
    >>> tagger = distill(["m1/", "m2/", "m3/"], train="train.conll", out="one/")  # doctest: +SKIP
    """
    out = local_path(out)

    def lesson() -> Lesson:
        taggers, sources = _read_teachers(teachers, out)
        model = read_start(start, out, vectors) if start is not None else None
        if model:
            chosen = fine_tuning_recipe(model, preset, recipe)
        else:
            chosen = choose_recipe(preset, recipe, with_vectors=vectors is not None)
        reading = read_options(**options)
        predicted = [found for source in sources for found in _predictions(source, reading)]
        layers = kept_layers(model, keep) if model else ()
        corpus, known = _corpus(taggers, predicted, train, dev, test, unlabeled, seed, options, layers)
        corpus = replace(corpus, problems=(*reading.problems, *corpus.problems))
        targets = _targets(taggers, predicted, corpus, known, chosen.longest)
        return Lesson(
            prepare(corpus, chosen, vectors, seed, model, targets), chosen, (_described(taggers, sources, known),)
        )

    return run_lesson(lesson, out, seed=seed, resume=resume, force=force, console=console, display=display)


class Known(NamedTuple):
    """What is known of the sentences of a corpus, by their places in its store, from the first on."""

    labeled: int  # so many have labels
    predicted: int  # then so many are in predictions
    unlabeled: int


class Prediction(NamedTuple):
    """A sentence of predictions."""

    sentence: Sentence
    scores: npt.NDArray[np.float32]  # (tokens,) the probability of the tag that each token has


def _described(taggers: Sequence[Tagger], sources: Sequence[Path | Document], known: Known) -> str:
    whose = [f"{len(taggers)} model{'s' * (len(taggers) > 1)}"] if taggers else []
    files = sum(isinstance(source, Path) for source in sources)
    whose += [f"{files} file{'s' * (files > 1)} of predictions"] if files else []
    whose += ["predictions"] if len(sources) > files else []
    counts = zip(("labeled", "predicted", "unlabeled"), known, strict=True)
    what = ", ".join(f"{count:,} {name}" for name, count in counts if count)
    return f"learning from {' and '.join(whose)}: {what} sentences"


# ------------------------------------------------------------------------------------------------------- teachers


def _read_teachers(teachers: Teacher | Sequence[Teacher], out: Path) -> tuple[list[Tagger], list[Path | Document]]:
    """Load the models, check that one student can learn of all of them, and return them and the predictions."""
    if isinstance(teachers, str | Path | Tagger | Document):
        teachers = [teachers]
    taggers: list[Tagger] = []
    sources: list[Path | Document] = []
    for teacher in teachers:
        if isinstance(teacher, Tagger):
            taggers.append(teacher)
        elif isinstance(teacher, Document):
            sources.append(teacher)
        elif is_file(teacher):
            sources.append(local_path(teacher))
        elif whole(teacher) == whole(out):
            raise ModelError("the student would replace it.", path=teacher, remedy="Name another folder with --out.")
        else:
            taggers.append(Tagger(read_model(teacher)))
    if not taggers and not sources:
        raise RecipeError("There is no teacher.", remedy="Give at least one model folder, or a file of predictions.")
    _check_alike(taggers)
    return taggers, sources


def _check_alike(taggers: Sequence[Tagger]) -> None:
    for number, tagger in enumerate(taggers, 1):
        if len(tagger.layers) != len(taggers[0].layers) or (
            len(tagger.layers) > 1 and tagger.layers != taggers[0].layers
        ):
            whose = " and ".join(", ".join(one.layers) for one in (taggers[0], tagger))
            raise ModelError(
                f"models 1 and {number} differ in their layers: {whose}.",
                remedy="Take models that were trained on the same layers, in the same order.",
            )
        for name, own_name in zip(taggers[0].layers, tagger.layers, strict=True):
            first, layer = taggers[0].layer(name), tagger.layer(own_name)
            if differing := sorted({*layer.labels} ^ {*first.labels}):
                raise ModelError(
                    f"models 1 and {number} differ in their labels: {', '.join(differing)}.",
                    remedy="Take models that were trained on the same labels.",
                )
            if layer.gives_spans != first.gives_spans:
                raise ModelError(f"models 1 and {number} do not both find spans.", remedy="Take models of one kind.")


def _predictions(source: Path | Document, options: ReadOptions) -> Iterator[Prediction]:
    """Yield the sentences of a file of predictions, or of a document."""
    documents = [tag_document(source, options)] if isinstance(source, Document) else read_file(source, options)
    for document in documents:
        score_of = {(span.start, span.end): span.score for span in document.spans}
        for sentence in document.sentences:
            scores = np.ones(len(sentence.words), np.float32)
            if not sentence.layers:  # a document without a span
                sentence = sentence.with_layer(DEFAULT_LAYER, ["O"] * len(sentence.words))
            tags = next(iter(sentence.layers.values()))
            for first, after, _ in tags_to_spans(tags, detect_scheme([tags])) if score_of else ():
                place = sentence.starts[first], sentence.starts[after - 1] + len(sentence.words[after - 1])
                score = score_of.get(place)
                scores[first:after] = 1.0 if score is None else score
            yield Prediction(sentence, scores)


def _corpus(
    taggers: Sequence[Tagger],
    predicted: Sequence[Prediction],
    train: Data | Corpus | None,
    dev: Data | None,
    test: Data | None,
    unlabeled: Iterable[Unlabeled],
    seed: int,
    options: Mapping[str, Any],
    begun: Sequence[Layer] = (),
) -> tuple[Corpus, Known]:
    """Put all sentences together: labeled, predicted, unlabeled ones.

    The last get the first model's tags. Tags matter only where there is no probability, and for the labels that there
    are. ``begun`` are the layers of the model that training goes on from.
    """
    sentences = list(_sentences(unlabeled))
    if sentences and not taggers:
        raise DataError(
            "There is no model to label the unlabeled text with.", remedy="Give a model folder among the teachers."
        )
    partial = False if begun else None
    given = None if train is None else read_corpus(train, dev, test, partial=partial, start=begun, seed=seed, **options)
    layers = list(map(taggers[0].layer, taggers[0].layers)) if taggers else []
    names = [layer.name for layer in (given.layers if given else begun or layers)] or [DEFAULT_LAYER]
    if layers and (len(names) != len(layers) or (len(names) > 1 and names != [layer.name for layer in layers])):
        raise DataError(
            f"The labeled data have the layers {', '.join(names)}, the models give {', '.join(taggers[0].layers)}.",
            remedy="Choose the models' layers, in their order, with --layer.",
        )
    if predicted and len(names) > 1:
        raise DataError(
            "Files of predictions have one layer.", remedy=f"Choose one of {', '.join(names)} with --layer."
        )
    tagged = [(sentence, dict(zip(names, sentence.layers.values(), strict=False))) for sentence, _ in predicted]
    if sentences:
        by_layer = taggers[0].tag_layers([sentence.words for sentence in sentences]).values()
        for sentence, *tags in zip(sentences, *by_layer, strict=True):
            tagged.append((sentence, dict(zip(names, map(tuple, tags), strict=True))))
    others = [replace(sentence, layers=its_tags, meta={}) for sentence, its_tags in tagged]
    labeled = list(given.train) if given else []
    if not labeled and not others:
        raise DataError("There is nothing to learn from.", remedy="Give labeled or unlabeled text.")
    start = list(begun) or [replace(layer, name=name) for layer, name in zip(layers, names, strict=False)]
    start = start or list(given.layers if given else ())
    corpus = read_corpus(
        [*labeled, *others],
        list(given.dev) if given else dev,
        (list(given.test) or None) if given else test,
        start=start,
        partial=False if start else None,
        seed=seed,
        **{**options, "layer": tuple(names) if len(names) > 1 else names[0]},
    )
    for layer, of_models in zip(corpus.layers, layers, strict=False):
        if strange := sorted(set(layer.labels) - set(of_models.labels)):
            raise DataError(
                f"The models do not know the labels {', '.join(strange)}.", remedy="Train them on these too."
            )
    if given:
        labeled_by_teachers = [source_of(others)] if others else []  # that is data too
        sources = {**given.sources, "train": (*given.sources.get("train", ()), *labeled_by_teachers)}
        corpus = replace(corpus, repairs=given.repairs, problems=given.problems, notes=given.notes, sources=sources)
    return corpus, Known(len(labeled), len(predicted), len(sentences))


def _sentences(unlabeled: Iterable[Unlabeled]) -> Iterator[Sentence]:
    if isinstance(unlabeled, str | Document | Sentence):
        unlabeled = [unlabeled]
    for number, item in enumerate(unlabeled, 1):
        if isinstance(item, Document):
            yield from item.sentences
        elif isinstance(item, Sentence):
            yield item
        elif isinstance(item, str):
            for words, starts in words_and_starts(item):
                yield Sentence(tuple(words), tuple(starts))
        elif isinstance(item, list | tuple) and all(isinstance(word, str) for word in item):
            if item:
                yield sentence_from_words(tuple(item))
        else:
            raise DataError(
                f"Unlabeled item {number} is {shown(item)}.",
                remedy="Give texts, documents, sentences or lists of words.",
            )


# -------------------------------------------------------------------------------------------------------- targets


def _targets(
    taggers: Sequence[Tagger], predicted: Sequence[Prediction], corpus: Corpus, known: Known, longest: int
) -> list[Targets]:
    """Return the probability of each tag at each training token, for each layer (tokens, L)."""
    return [
        _targets_of_layer(taggers, predicted, corpus, known, longest, number) for number in range(len(corpus.layers))
    ]


def _targets_of_layer(
    taggers: Sequence[Tagger],
    predicted: Sequence[Prediction],
    corpus: Corpus,
    known: Known,
    longest: int,
    number: int,
) -> Targets:
    layer, train = corpus.layers[number], corpus.train
    targets = np.zeros((int(train.lengths.sum()), len(layer.tags)), np.float32)
    for tagger in taggers:
        name = tagger.layers[number]
        columns, begin = _columns(tagger.layer(name), layer), 0
        for block in _blocks(train):
            for marginals in tagger.tag_marginals(block, layer=name):
                targets[begin : begin + len(marginals), columns] += marginals
                begin += len(marginals)
    teachers = np.full(len(targets), len(taggers), np.float32)  # of each token
    rows, _ = known_tags(corpus, layer, piece_lengths(train.lengths, longest))
    places = train.places  # in the store, where the sentences stand as in ``known``
    of_tokens = np.repeat(places, train.lengths)

    is_predicted = (of_tokens >= known.labeled) & (of_tokens < known.labeled + known.predicted)
    chosen = places[(places >= known.labeled) & (places < known.labeled + known.predicted)] - known.labeled
    scores = np.concatenate([np.empty(0, np.float32), *(predicted[row].scores for row in chosen.tolist())])
    targets[is_predicted, rows[is_predicted]] += scores
    targets[is_predicted, 0] += 1 - scores
    teachers += is_predicted

    targets /= np.maximum(teachers, 1)[:, None]
    share = np.where(of_tokens < known.labeled, np.where(teachers > 0, LABELS, 1.0), 0.0)
    targets *= (1 - share)[:, None]
    targets[np.arange(len(targets)), rows] += share
    return targets.astype(np.float16)


def _columns(of_teacher: Layer, of_student: Layer) -> npt.NDArray[np.int64]:
    """Where each of a teacher's tags stands among the student's."""
    place = {tag: number for number, tag in enumerate(of_student.tags)}
    return np.array([place[tag] for tag in of_teacher.tags])


def _blocks(sentences: Sentences) -> Iterator[list[tuple[str, ...]]]:
    for first in range(0, len(sentences), BLOCK):
        yield sentences[first : first + BLOCK].words()
