"""Likely label errors: where models that were not trained on a sentence confidently disagree with its labels.

Confident learning (Northcutt, Jiang and Chuang 2021, *Confident learning: estimating uncertainty in dataset labels*)
for spans. The sentences are dealt into folds, and each fold is tagged by a model that was trained on the others. Where
the model's best labeling differs from the given one, the given and the predicted spans that overlap make one *place*.
Its two labelings are compared by their probabilities under the model: that exactly these tokens have exactly these
tags, from the forward and backward sums.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.corpus import Corpus, hold_out, read_corpus
from tagsmith.corpus.quality import UNLABELED, mention_counts
from tagsmith.corpus.sentences import Sentences
from tagsmith.corpus.sources import Data
from tagsmith.errors import DataError
from tagsmith.model.frozen_vectors import FrozenVectors, frozen_vectors
from tagsmith.tagging.chain import Floats, Integers
from tagsmith.tagging.decode import viterbi
from tagsmith.tagging.marginals import posterior
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Document, Span, sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, TokenSpan, convert_tags, spans_to_tags, tags_to_spans
from tagsmith.training.recipe import Recipe, make_recipe
from tagsmith.training.train import train_in_memory

Kind = Literal["label", "boundaries", "missing", "spurious", "several"]
EPOCHS = 8  # of each model: a few more rank no better
AVERAGE_EPOCHS = 2.0
LEAST = 1e-12  # less probable labelings are all alike


class Place(NamedTuple):
    """Tokens ``start`` to ``end`` (exclusive) of a sentence with their given and their predicted spans."""

    sentence: int
    start: int
    end: int
    given: tuple[TokenSpan, ...]
    predicted: tuple[TokenSpan, ...]
    p_given: float  # that the tokens have exactly the given tags
    p_predicted: float


@dataclass(frozen=True, slots=True)
class LabelError:
    """Tokens ``start`` to ``end`` (exclusive) of a sentence that are likely labeled wrongly, and what is more likely.

    ``confidence``, from 0 to 1, follows the order of the errors (see :func:`ranked`) and is no probability. In a plain
    scheme each span is one token, and its label is its tag.
    """

    sentence: int  # its index
    path: str
    line: int  # of the first token; 0: there is none
    start: int
    end: int
    kind: Kind
    given: tuple[TokenSpan, ...]
    suggested: tuple[TokenSpan, ...]
    p_given: float
    p_suggested: float
    confidence: float


@dataclass(frozen=True)
class LabelErrors:
    """Likely label errors of a corpus, the most suspicious first."""

    sentences: Sentences
    layer: Layer
    found: tuple[LabelError, ...]
    places: tuple[Place, ...]  # all spans, given or predicted
    folds: int
    seed: int

    @property
    def spans(self) -> int:
        """How many spans are given."""
        return sum(len(place.given) for place in self.places)

    @property
    def agreed(self) -> int:
        """How many of them the models predict exactly so."""
        return sum(place.given == place.predicted for place in self.places)

    def documents(self, top: int | None = None) -> list[Document]:
        """Return the sentences of the most suspicious places, the first first, with all their spans and scores.

        Where an error is likely, the spans are the suggested ones, and elsewhere the given ones; each ``score`` is the
        held-out model's probability. What is written of them as JSON lines, the Label page takes as suggestions.

        Raises DataError: the tags are no spans, which have no scores in a file.
        """
        if not self.layer.gives_spans:
            problem = "These tags are no spans, and only suggestions of spans have scores in a file."
            raise DataError(problem, remedy="Use the list without exporting it.")
        wrong: dict[int, list[LabelError]] = defaultdict(list)
        for error in self.found[:top]:
            wrong[error.sentence].append(error)
        places: dict[int, list[Place]] = {index: [] for index in wrong}
        for place in self.places:
            if place.sentence in wrong:
                places[place.sentence].append(place)
        return [self._document(index, errors, places[index]) for index, errors in wrong.items()]

    def _document(self, index: int, errors: Sequence[LabelError], places: Sequence[Place]) -> Document:
        starts = {error.start for error in errors}
        sentence = self.sentences[index]
        alone = sentence_from_words(sentence.words)
        spans = []
        for place in places:
            is_wrong = place.start in starts
            score = place.p_predicted if is_wrong else place.p_given
            for start, end, label in place.predicted if is_wrong else place.given:
                first, after = alone.starts[start], alone.starts[end - 1] + len(alone.words[end - 1])
                spans.append(Span(first, after, label, score=min(1.0, score)))
        tags = spans_to_tags(
            [span for place in places for span in (place.predicted if place.start in starts else place.given)],
            len(alone),
            self.layer.scheme,
        )
        given = [list(span) for span in sorted(span for place in places for span in place.given)]
        worst = errors[0]
        certainty = round(1 - worst.confidence, 9)  # of the labels: the Label page begins with the least certain
        meta = {"given": given, "source": worst.path, "line": sentence.line, "certainty": certainty}
        text = " ".join(alone.words)
        return Document(text, (alone.with_layer(self.layer.name, tags),), tuple(spans), {"record": meta})


def find_label_errors(
    data: Data,
    *,
    folds: int = 4,
    vectors: str | Path | None = None,
    seed: int = 0,
    recipe: Recipe | None = None,
    tell: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> LabelErrors:
    """Find likely label errors in labeled data of one layer.

    Parameters
    ----------
    data
        Files, documents, sentences or ``(words, tags)`` pairs, see :data:`~tagsmith.corpus.sources.Data`. Illegal tags
        are repaired.
    folds
        Models that are trained, each on all sentences but those that it judges.
    vectors
        A file of pretrained word vectors, or the name of an installed package's: the better the models, the better they
        judge.
    seed
        Decides everything random: the same seed, machine and versions find the same errors.
    recipe
        How the models are trained; by default as the preset ``fast``, but for fewer epochs.
    tell
        Gets a line when each model is done.
    options
        How to read files, see :func:`~tagsmith.corpus.corpus.read_corpus`.

    Raises
    ------
    DataError
        The data cannot be read, have several layers, or are too few to be dealt into the folds.
    VectorsError
        The vectors cannot be read.
    MissingExtraError
        Keras is not installed, which is the extra ``train``.
    """
    corpus = read_corpus(data, seed=seed, **options)
    if len(corpus.layers) > 1:
        raise DataError("Label errors are looked for in one layer.", remedy="Name the layer.")
    (layer,), sentences = corpus.layers, Sentences(corpus.train.store)
    different = len(set(sentences.words()))
    if different < 2 * folds:
        problem = f"{different} different sentences are too few for {folds} folds."
        raise DataError(problem, remedy="Label more, or take fewer folds.", path=sentences.path_of(0))
    changes = {"epochs": EPOCHS, "average_epochs": AVERAGE_EPOCHS}
    recipe = recipe or make_recipe("fast", changes, with_vectors=vectors is not None)
    frozen = frozen_vectors(vectors) if vectors is not None else None
    found: list[Place] = []
    for number, places in enumerate(held_out_places(sentences, layer, recipe, frozen, folds, seed), 1):
        given = sum(len(place.given) for place in places)
        agreed = sum(place.given == place.predicted for place in places)
        tell(f"model {number} of {folds}: agrees with {agreed:,} of {given:,} spans that it did not see")
        found += places
    found.sort()
    return LabelErrors(sentences, layer, tuple(ranked(sentences, found)), tuple(found), folds, seed)


def ranked(sentences: Sentences, places: Sequence[Place]) -> list[LabelError]:
    """Return the places where the given labeling differs from the predicted one, the most suspicious first.

    Three things count. First, the ratio of the two probabilities, where that of the given labeling is relative to how
    probable spans with its label usually are, as the thresholds of the paper do: it says more against a label that the
    models know well than against a difficult one. It is a sum over tokens, so that it is divided by the square root of
    their number. And half as much, how the same words are labeled elsewhere in the data.

    (Differences of probabilities rank worse than ratios: nearly all are close to 1.)
    """
    usual = _usual_log_probabilities(places)
    words = [tuple(map(str.lower, one)) for one in sentences.words()]
    spans: list[list[TokenSpan]] = [[] for _ in words]
    for place in places:
        spans[place.sentence] += place.given
    counts = mention_counts(words, spans)
    errors = []
    for place in places:
        if place.given == place.predicted:
            continue
        expected = min((usual[span.label] for span in place.given), default=0.0)
        log_ratio = _log(place.p_predicted) - (_log(place.p_given) - expected)
        elsewhere = _log_odds_elsewhere(place, words[place.sentence], counts)
        suspicion = log_ratio / math.sqrt(place.end - place.start) + elsewhere / 2
        error = LabelError(
            place.sentence,
            sentences.path_of(place.sentence),
            sentences.line_of(place.sentence, place.start),
            place.start,
            place.end,
            _kind(place),
            place.given,
            place.predicted,
            place.p_given,
            place.p_predicted,
            1 / (1 + math.exp(-suspicion)),
        )
        errors.append((-suspicion, place.sentence, place.start, error))
    return [error for *_, error in sorted(errors, key=lambda one: one[:3])]


def _log_odds_elsewhere(
    place: Place, words: Sequence[str], counts: Mapping[tuple[str, ...], Mapping[str, int]]
) -> float:
    """How much more often the same words have the suggested label elsewhere than the given one, or none; a log."""

    def log_odds(span: TokenSpan, suggested: str, given: str, here: int) -> float:
        known = counts.get(tuple(words[span.start : span.end]), {})
        return math.log((known.get(suggested, 0) + 0.5) / (max(0, known.get(given, 0) - here) + 0.5))

    if not place.predicted:
        return sum(log_odds(span, UNLABELED, span.label, 1) for span in place.given)
    total = 0.0
    for span in place.predicted:
        same = next((given.label for given in place.given if given[:2] == span[:2]), UNLABELED)
        total += log_odds(span, span.label, same, int(same != UNLABELED or not place.given))
    return total


def _usual_log_probabilities(places: Sequence[Place]) -> dict[str, float]:
    """Return, for each label, the mean log probability of the given labeling where it is given."""
    by_label: dict[str, list[float]] = defaultdict(list)
    for place in places:
        for label in {span.label for span in place.given}:
            by_label[label].append(_log(place.p_given))
    return {label: statistics.fmean(values) for label, values in by_label.items()}


def _log(p: float) -> float:
    return math.log(max(p, LEAST))


def _kind(place: Place) -> Kind:
    if not place.given:
        return "missing"
    if not place.predicted:
        return "spurious"
    if len(place.given) > 1 or len(place.predicted) > 1:
        return "several"
    (given,), (predicted,) = place.given, place.predicted
    if given[:2] == predicted[:2]:
        return "label"
    return "boundaries" if given.label == predicted.label else "several"


def held_out_places(
    sentences: Sentences, layer: Layer, recipe: Recipe, vectors: FrozenVectors | None, folds: int, seed: int
) -> Iterator[list[Place]]:
    """Yield the places of one fold after another: all spans that are given or predicted, also where both agree."""
    fold_of = deal(sentences, folds, seed)
    empty = sentences.take(np.zeros(0, np.int64))
    for fold in range(folds):
        train, dev = hold_out(sentences.take(np.flatnonzero(fold_of != fold)), seed)
        tagger = train_in_memory(Corpus((layer,), train, dev, empty), recipe, vectors, seed)
        held = np.flatnonzero(fold_of == fold)
        yield [place._replace(sentence=int(held[place.sentence])) for place in places(tagger, sentences.take(held))]


def deal(sentences: Sentences, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the fold of each sentence, (sentences,), drawn by the seed; equal sentences are in one fold."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, words in enumerate(sentences.words()):
        groups[words].append(index)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    fold_of = np.zeros(len(sentences), np.int64)
    for number, indices in enumerate(order):
        fold_of[indices] = number % folds
    return fold_of


def places(tagger: Tagger, sentences: Sentences) -> list[Place]:
    """Compare the given spans of sentences with the tagger's, which has one layer."""
    (head,) = tagger._heads
    layer = head.layer
    columns = {tag: column for column, tag in enumerate(layer.tags)}
    given = sentences.tags(layer.name)
    if layer.gives_spans:
        given = [convert_tags(tags, layer.scheme, Scheme.BIOES) for tags in given]
    found: list[Place] = []

    def decode(emissions: Floats, lengths: Integers) -> tuple[Integers, Any]:
        return viterbi(emissions, lengths, head.chain), posterior(emissions, lengths, head.chain)

    for indices, (paths, sums) in tagger._run(sentences.words(), head, decode):
        given_paths = np.zeros_like(paths)
        batch: list[tuple[int, int, int, tuple[TokenSpan, ...], tuple[TokenSpan, ...]]] = []
        for place, index in enumerate(indices.tolist()):
            tags = given[index]
            predicted = [layer.tags[row] for row in paths[: len(tags), place].tolist()]
            given_paths[: len(tags), place] = [columns[tag] for tag in tags]
            batch += [(place, *one) for one in _joined(_spans(tags, layer), _spans(predicted, layer))]
        if not batch:
            continue
        rows, starts, ends = (np.array([one[field] for one in batch]) for field in range(3))
        p_given = sums.span_probabilities(rows, starts, ends, given_paths)
        p_predicted = sums.span_probabilities(rows, starts, ends, paths)
        for (place, start, end, ones, others), p, q in zip(batch, p_given.tolist(), p_predicted.tolist(), strict=True):
            found.append(Place(int(indices[place]), start, end, ones, others, p, q))
    return sorted(found)


def _spans(tags: Sequence[str], layer: Layer) -> list[TokenSpan]:
    if not layer.gives_spans:
        return [TokenSpan(token, token + 1, tag) for token, tag in enumerate(tags)]
    return tags_to_spans(tags, Scheme.BIOES)


def _joined(
    given: Sequence[TokenSpan], predicted: Sequence[TokenSpan]
) -> Iterator[tuple[int, int, tuple[TokenSpan, ...], tuple[TokenSpan, ...]]]:
    """Yield the spans in groups that overlap: their first token, the one after the last, and both kinds of spans.

    >>> list(_joined([TokenSpan(0, 2, "LOC")], [TokenSpan(0, 1, "LOC"), TokenSpan(3, 4, "PER")]))[0][:2]
    (0, 2)
    """
    both = sorted([(span, True) for span in given] + [(span, False) for span in predicted])
    first = 0
    while first < len(both):
        last, end = first, both[first][0].end
        while last + 1 < len(both) and both[last + 1][0].start < end:
            last += 1
            end = max(end, both[last][0].end)
        group = both[first : last + 1]
        ones, others = (tuple(span for span, of_data in group if of_data is wanted) for wanted in (True, False))
        yield group[0][0].start, end, ones, others
        first = last + 1
