"""Distillation: one model learns the probabilities that others give to the tags of labeled and unlabeled text.

Averaged over several models, the marginal probabilities of the tags are better than those of each model. One model that
learns these numbers keeps most of that, and tags as fast as ever (Hinton et al. 2015, *Distilling the knowledge in a
neural network*; for tag sequences: Wang et al. 2020, *Structure-level knowledge distillation*). Nobody need have
labeled the text that it learns from. What a CRF learns of such probabilities: :mod:`tagsmith.network.crf`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from tagsmith.corpus.corpus import Corpus, read_corpus
from tagsmith.corpus.sentences import Sentences
from tagsmith.corpus.sources import Data
from tagsmith.errors import DataError, ModelError, RecipeError
from tagsmith.model.folder import read_model
from tagsmith.network.batches import piece_lengths
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.arguments import shown
from tagsmith.text.document import Document, Sentence, sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.tokenizer import words_and_starts
from tagsmith.training.display import Display
from tagsmith.training.recipe import Recipe, choose_recipe
from tagsmith.training.task import Targets, prepare
from tagsmith.training.train import Lesson, run_lesson
from tagsmith.training.unknown_labels import training_tags

Unlabeled = str | Document | Sentence | Sequence[str]
"""A text, a document, a sentence, or the words of a sentence."""

LABELS = 0.5  # the share of a sentence's labels, where it has some, in what is learned; the rest is the teachers'
BLOCK = 1024  # sentences that a teacher reads at a time


def distill(
    teachers: str | Path | Tagger | Sequence[str | Path | Tagger],
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
        Model folders or taggers. All must have the same labels, one layer each; their schemes may differ. Their
        probabilities are averaged.
    out
        The model folder to write, as for :func:`tagsmith.train`.
    train, dev, test
        Labeled data, as for :func:`tagsmith.train`. Without ``train`` the teachers alone decide. Without ``dev`` a
        tenth of ``train``, or of what is unlabeled, is held out.
    unlabeled
        Texts, documents, sentences or lists of words; labels in them are not looked at.
    preset, recipe, vectors, seed, resume, force, console, display, options
        As for :func:`tagsmith.train`. An interrupted run can be resumed if everything is given again.

    Returns
    -------
    Tagger
        The student of the best epoch.

    Raises
    ------
    ModelError
        A teacher cannot be read, has several layers, or other labels than the first.
    DataError
        There is nothing to learn from, or the labeled data have labels that the teachers do not know.
    InputError, TrainingError, OSError, KeyboardInterrupt
        As for :func:`tagsmith.train`.

    Examples
    --------
    >>> tagger = distill(["m1/", "m2/", "m3/"], train="train.conll", out="one/")  # doctest: +SKIP
    """
    out = Path(out)

    def lesson() -> Lesson:
        taggers = _read_teachers(teachers, out)
        chosen = choose_recipe(preset, recipe)
        corpus, labeled = _corpus(taggers[0], train, dev, test, unlabeled, seed, options)
        targets = _targets(taggers, corpus, labeled, chosen.longest)
        what = f"{len(corpus.train) - labeled:,} unlabeled and {labeled:,} labeled sentences"
        note = f"learning from {len(taggers)} model{'s' * (len(taggers) > 1)}, {what}"
        return Lesson(prepare(corpus, chosen, vectors, seed, targets=[targets]), chosen, (note,))

    return run_lesson(lesson, out, seed=seed, resume=resume, force=force, console=console, display=display)


# ------------------------------------------------------------------------------------------------------- teachers


def _read_teachers(teachers: str | Path | Tagger | Sequence[str | Path | Tagger], out: Path) -> list[Tagger]:
    """Load the teachers, and check that one student can learn of all of them."""
    if isinstance(teachers, str | Path | Tagger):
        teachers = [teachers]
    taggers = []
    for teacher in teachers:
        if not isinstance(teacher, Tagger):
            if Path(teacher).resolve() == out.resolve():
                raise ModelError(
                    "the student would replace its teacher.", path=teacher, remedy="Name another folder with --out."
                )
            teacher = Tagger(read_model(Path(teacher)))
        taggers.append(teacher)
    if not taggers:
        raise RecipeError("There is no teacher.", remedy="Give at least one model folder.")
    first = taggers[0].layer()
    for number, tagger in enumerate(taggers, 1):
        if len(tagger.layers) > 1:
            names = ", ".join(tagger.layers)
            raise ModelError(
                f"teacher {number} has several layers: {names}.", remedy="Distill models of one layer each."
            )
        if differing := sorted({*tagger.layer().labels} ^ {*first.labels}):
            raise ModelError(
                f"teachers 1 and {number} differ in their labels: {', '.join(differing)}.",
                remedy="Take teachers that were trained on the same labels.",
            )
        if tagger.layer().gives_spans != first.gives_spans:
            raise ModelError(f"teachers 1 and {number} do not both find spans.", remedy="Take teachers of one kind.")
    return taggers


def _corpus(
    teacher: Tagger,
    train: Data | Corpus | None,
    dev: Data | None,
    test: Data | None,
    unlabeled: Iterable[Unlabeled],
    seed: int,
    options: Mapping[str, Any],
) -> tuple[Corpus, int]:
    """Put labeled and unlabeled sentences together; return how many, at the front, are labeled.

    The others get the first teacher's tags, which are learned from only where the probabilities are those tags.
    """
    layer = teacher.layer()
    sentences = list(_sentences(unlabeled))
    tags = teacher.tag([sentence.words for sentence in sentences])
    tagged: list[Sentence] = [
        replace(sentence, layers={layer.name: tuple(own)}, meta={})
        for sentence, own in zip(sentences, tags, strict=True)
    ]
    if train is None:
        if not tagged:
            raise DataError("There is nothing to learn from.", remedy="Give labeled or unlabeled text.")
        corpus = read_corpus(tagged, dev, test, start=(layer,), partial=False, seed=seed, layer=layer.name)
        return corpus, 0
    given = read_corpus(train, dev, test, seed=seed, **options)
    known = given.layers[0]
    if len(given.layers) > 1:
        raise DataError("The labeled data have several layers.", remedy="Choose one with --layer.")
    if strange := sorted(set(known.labels) - set(layer.labels)):
        raise DataError(
            f"The teachers do not know the labels {', '.join(strange)}.", remedy="Train the teachers on them too."
        )
    tagged = [replace(sentence, layers={known.name: sentence.layers[layer.name]}) for sentence in tagged]
    start = replace(layer, name=known.name)
    merged = read_corpus(
        [*given.train, *tagged],
        list(given.dev),
        list(given.test) or None,
        start=(start,),
        partial=False,
        layer=known.name,
    )
    merged = replace(merged, repairs=given.repairs, problems=given.problems, notes=given.notes)
    return merged, len(given.train)


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


def _targets(taggers: Sequence[Tagger], corpus: Corpus, labeled: int, longest: int) -> Targets:
    """Return the probability of each tag at each training token, (tokens, L)."""
    layer, train = corpus.layers[0], corpus.train
    targets = np.zeros((int(train.lengths.sum()), len(layer.tags)), np.float32)
    for tagger in taggers:
        columns = _columns(tagger.layer(), layer)
        begin = 0
        for block in _blocks(train):
            for marginals in tagger.tag_marginals(block):
                targets[begin : begin + len(marginals), columns] += marginals / len(taggers)
                begin += len(marginals)
    rows, _ = training_tags(corpus, layer, piece_lengths(train.lengths, longest))
    tokens = int(train.lengths[:labeled].sum())
    targets[:tokens] *= 1 - LABELS
    targets[np.arange(tokens), rows[:tokens]] += LABELS
    return targets.astype(np.float16)


def _columns(of_teacher: Layer, of_student: Layer) -> npt.NDArray[np.int64]:
    """Where each of a teacher's tags stands among the student's."""
    place = {tag: number for number, tag in enumerate(of_student.tags)}
    return np.array([place[tag] for tag in of_teacher.tags])


def _blocks(sentences: Sentences) -> Iterator[list[tuple[str, ...]]]:
    for first in range(0, len(sentences), BLOCK):
        yield sentences[first : first + BLOCK].words()
