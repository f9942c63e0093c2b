"""Dev and test scores: each sentence on the labels that it knows, and the one number that a run goes by."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tagsmith.corpus.corpus import Corpus
from tagsmith.model.folder import Model
from tagsmith.scores.aligned import align_tags
from tagsmith.scores.calibration import Calibration, Reliability
from tagsmith.scores.intervals import score_intervals
from tagsmith.scores.scores import Scores, score_tags
from tagsmith.tagging.labeled import Labeled
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, Scheme, spans_to_tags, tags_to_spans

Predicted = Mapping[str, Sequence[Sequence[str]]]
"""Layer → the tags of each sentence."""


def score_part(tagger: Tagger, corpus: Corpus, part: str, *, intervals: bool = False) -> Scores:
    """Score a tagger on ``"dev"`` or ``"test"``, see :func:`score_predicted`."""
    return score_predicted(corpus, part, tagger.tag_layers(getattr(corpus, part).words()), intervals=intervals)


def score_predicted(corpus: Corpus, part: str, predicted: Predicted, *, intervals: bool = False) -> Scores:
    """Score the tags that are predicted for ``"dev"`` or ``"test"``, if wanted with their intervals.

    Predicted spans of labels that a sentence does not know, or with a token whose tag nobody knows, are left out; so
    are sentences that lack a layer.
    """
    sentences = getattr(corpus, part)
    scores = {}
    for layer in corpus.layers:
        gold, tags = sentences, predicted[layer.name]
        if corpus.knowledge is not None:
            known = [corpus.knowledge.sets[number].get(layer.name) for number in getattr(corpus.knowledge, part)]
            having = [index for index, labels in enumerate(known) if labels is not None]
            if not having:
                continue
            gold = sentences.take(np.array(having))
            unknown = sentences.unknown_tokens(layer.name)
            tags = [only_known(tags[i], known[i] or (), layer.scheme, unknown.get(i, ())) for i in having]
        own = score_tags(gold.tags(layer.name), tags, scheme=layer.scheme)
        if intervals and len(gold) > 1:
            aligned = align_tags(gold.tags(layer.name), tags, scheme=layer.scheme)
            own = replace(own, intervals=score_intervals(aligned))
        scores[layer.name] = own
    first = next(iter(scores.values()))
    return replace(first, layers=scores) if len(corpus.layers) > 1 else first


def calibrated(model: Model, corpus: Corpus) -> tuple[Model, list[str]]:
    """Calibrate on dev, on the sentences that know all of a layer; say what that changes.

    A network is right about the sentences that it learned from, so that these tell nothing of others.
    """
    if corpus.dev.words() == corpus.train.words():
        return model, ["not calibrated: dev has the training sentences"]
    tagger, said = Tagger(model), list[str]()
    for layer in corpus.layers:
        of = f"{layer.name} " if len(corpus.layers) > 1 else ""
        too_few = f"{of}not calibrated: dev has too few labels for that"
        sentences = corpus.dev
        if corpus.knowledge is not None:
            known = [corpus.knowledge.sets[number].get(layer.name) for number in corpus.knowledge.dev]
            unknown = sentences.unknown_tokens(layer.name)
            rows = [
                index
                for index, labels in enumerate(known)
                if labels is not None and labels >= set(layer.labels) and index not in unknown
            ]
            sentences = sentences.take(np.array(rows, np.int64))
            if not rows:  # the data may lack the layer altogether
                said.append(too_few)
                continue
        gold = sentences.tags(layer.name)
        labeled = Labeled(sentences.words(), {layer.name: gold}, (), ())
        learned, tagger = tagger, tagger.calibrate(labeled)
        if scaling := tagger.model.scalings.get(layer.name):
            bias = ""
            if layer.gives_spans:
                tags = (one.tag(labeled.words, layer=layer.name) for one in (learned, tagger))
                before, after = (100 * score_tags(gold, one, scheme=layer.scheme).f1 for one in tags)
                bias = f", {OUTSIDE} {scaling.outside:+.2f}; F1 {before:.2f} → {after:.2f}"
            said.append(
                f"{of}calibrated on dev: temperature {scaling.temperature:.2f}{bias}; "
                f"expected calibration error of {_errors(tagger.calibration(labeled)[layer.name])}"
            )
        else:
            said.append(too_few)
    return tagger.model, said


def _errors(found: Calibration) -> str:
    """Say the errors before and after: ``spans 0.070 → 0.010 (by chance 0.007), of tokens …``."""
    before = found.before or found
    errors: list[tuple[str, Reliability, Reliability]] = [("tokens", before.tokens, found.tokens)]
    if found.spans and before.spans:
        errors.insert(0, ("spans", before.spans, found.spans))
    return ", of ".join(
        f"{name} {first.ece:.3f} → {then.ece:.3f} (by chance {then.chance:.3f})" for name, first, then in errors
    )


def only_known(tags: Sequence[str], known: Collection[str], scheme: Scheme, unknown: Collection[int] = ()) -> list[str]:
    """Return the tags without the spans of labels that are not ``known``, or with one of the ``unknown`` tokens.

    >>> only_known(["B-PER", "O", "B-DATE"], {"PER"}, Scheme.IOB2)
    ['B-PER', 'O', 'O']
    """
    spans, unknown = tags_to_spans(tags, scheme), set(unknown)
    kept = [span for span in spans if span.label in known and unknown.isdisjoint(range(span.start, span.end))]
    return list(tags) if len(kept) == len(spans) else spans_to_tags(kept, len(tags), scheme)


def measure_of(layer: Layer) -> str:
    """Name what a layer is scored by."""
    return "F1" if layer.gives_spans else "accuracy"


def deciding_measure(corpus: Corpus) -> str:
    """Name the score that a run goes by: of several layers the mean of theirs."""
    return "mean" if len(corpus.layers) > 1 else measure_of(corpus.layers[0])


def layer_scores(corpus: Corpus, scores: Scores) -> dict[str, float]:
    """Return each layer's score: the F1 of spans, or the accuracy of plain tags."""
    by_layer = scores.layers or {corpus.layers[0].name: scores}
    return {name: layer.f1 if corpus.layer(name).gives_spans else layer.accuracy for name, layer in by_layer.items()}


def deciding_score(corpus: Corpus, scores: Scores) -> float:
    """Return the score that a run goes by, a fraction of 1."""
    return statistics.fmean(layer_scores(corpus, scores).values())


def score_text(corpus: Corpus, scores: Scores) -> str:
    """Say the scores in words: ``F1 81.20``, or ``mean 90.10 (upos accuracy 95.00, ner F1 85.20)``."""
    text = f"{deciding_measure(corpus)} {100 * deciding_score(corpus, scores):.2f}"
    if not scores.layers:
        return text
    each = (
        f"{name} {measure_of(corpus.layer(name))} {100 * score:.2f}"
        for name, score in layer_scores(corpus, scores).items()
    )
    return f"{text} ({', '.join(each)})"
