"""What the methods of a tagger that take labeled data do, see :class:`~tagsmith.tagging.tagger.Tagger`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tagsmith.corpus.origins import values_of
from tagsmith.errors import DataError
from tagsmith.model.configuration import Scaling
from tagsmith.scores.buckets import training_of
from tagsmith.scores.calibration import Calibration
from tagsmith.scores.comparison import Comparison, compare_tags
from tagsmith.scores.evaluation import Evaluation, evaluate_tags
from tagsmith.scores.scores import Mode
from tagsmith.scores.thresholds import Thresholds, thresholds_for
from tagsmith.tagging.calibration import fit_scaling, predictions
from tagsmith.tagging.labeled import Labeled
from tagsmith.tagging.sentence_tagger import SentenceTagger
from tagsmith.text.schemes import convert_tags, tags_to_spans


def evaluate_tagger(
    tagger: SentenceTagger,
    labeled: Labeled,
    known: Labeled | None,
    *,
    mode: Mode,
    by: str | Sequence[str],
    documents: bool,
    resamples: int | None,
) -> Evaluation:
    """Score the tags of labeled sentences, see ``Tagger.evaluate``; ``known`` is the training data."""
    keys = [by] if isinstance(by, str) else by
    values = {key: values_of(labeled.sentences, labeled.origins, key) for key in keys}
    heads = [tagger._head(name) for name in labeled.tags]
    tagged = tagger._tagged(labeled.words, heads, False, None)
    scores = {
        head.layer.name: evaluate_tags(
            gold,
            list(predicted.tags),
            mode=mode,
            scheme=head.layer.scheme,
            resamples=resamples,
            documents=np.array([origin.document for origin in labeled.origins]) if documents else None,
            words=labeled.words,
            training=training_of(known.words, known.tags[head.layer.name], head.layer.scheme) if known else None,
            by=values,
        )
        for head, gold, predicted in zip(heads, labeled.tags.values(), tagged, strict=True)
    }
    first = next(iter(scores.values()))
    return first if len(scores) == 1 else replace(first, layers=scores)


def compare_taggers(
    tagger: SentenceTagger,
    other: SentenceTagger,
    labeled: Labeled,
    *,
    mode: Mode,
    documents: bool,
    resamples: int | None,
    shuffles: int,
) -> Comparison:
    """Compare two taggers on the first layer that is labeled, see ``Tagger.compare``."""
    name, gold = next(iter(labeled.tags.items()))
    own, theirs = tagger.layer(name), other.layer(name if len(other.layers) > 1 else None)
    if own.gives_spans != theirs.gives_spans:
        raise DataError(
            "one of these models gives spans, the other a tag for each token.",
            remedy="Compare models of the same task.",
        )
    tags = other.tag(labeled.words, layer=theirs.name)
    return compare_tags(
        gold,
        tagger.tag(labeled.words, layer=name),
        tags if own.scheme == theirs.scheme else [convert_tags(one, theirs.scheme, own.scheme) for one in tags],
        mode=mode,
        scheme=own.scheme,
        documents=np.array([origin.document for origin in labeled.origins]) if documents else None,
        resamples=resamples,
        shuffles=shuffles,
    )


def calibrations(tagger: SentenceTagger, learned: SentenceTagger, labeled: Labeled) -> dict[str, Calibration]:
    """Return layer → the calibration of a tagger and, in ``before``, of the same as it was learned."""
    layers = {}
    for name, gold in labeled.tags.items():
        now = before = predictions(tagger._run, tagger._head(name), labeled.words, gold)
        if name in tagger.model.scalings:
            before = predictions(learned._run, learned._head(name), labeled.words, gold)
        layers[name] = now.calibration(before.calibration())
    return layers


def fit_scalings(learned: SentenceTagger, labeled: Labeled) -> dict[str, Scaling]:
    """Return layer → the scaling that calibrates a tagger, which is to be as it was learned."""
    return {
        name: fit_scaling(learned._run, learned._head(name), labeled.words, tags) for name, tags in labeled.tags.items()
    }


def choose_thresholds(tagger: SentenceTagger, labeled: Labeled, precision: float) -> Thresholds:
    """Choose the thresholds of the first labeled layer that gives spans, see ``Tagger.thresholds``."""
    head = next((one for name in labeled.tags if (one := tagger._head(name)).span_tags), None)
    if head is None:
        raise DataError("Plain tags have no thresholds.", remedy="Choose a layer that gives spans.")
    gold = labeled.tags[head.layer.name]
    found = predictions(tagger._run, head, labeled.words, gold)
    support = Counter(span.label for tags in gold for span in tags_to_spans(tags, head.layer.scheme))
    return thresholds_for(precision, head.layer.labels, found.spans, found.span_scores, found.span_right, support)
