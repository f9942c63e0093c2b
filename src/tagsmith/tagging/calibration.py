"""How far a tagger's probabilities can be trusted, and the two numbers that make them right.

A network trained to its best dev score is too sure of itself. Guo et al. 2017 divide the scores of a classifier by one
number, the temperature, which they fit on held-out data by maximum likelihood; Alexandari et al. 2020 add a bias to
each class. Here the scores are those of whole tag sequences: emissions and transitions are divided by the temperature,
and the bias is that of ``O`` alone, as what taggers are too sure of is, above all, that a token is in no span. Both
numbers change probabilities only: the tags that come out are still those of the scores as they were learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.model.configuration import SCALES, Scaling
from tagsmith.scores.calibration import Calibration, Reliability, reliability
from tagsmith.tagging.chain import Doubles, Floats, Integers
from tagsmith.tagging.decode import path_scores, path_spans, viterbi
from tagsmith.tagging.heads import Head, scaled
from tagsmith.tagging.marginals import posterior
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, Scheme, convert_tags, split_tag

LEAST_LABELED = 30  # spans, or tokens of plain tags: with fewer, the numbers would be chance
MOST_TOKENS = 20_000  # to fit on: with more, the numbers hardly change
USUAL = (0.5, 2.0)  # standard deviations of log(temperature) and of the bias among models: a weak prior
STEP, SMALL = 0.02, 1e-4  # of the derivatives; of the last change
MOST_STEPS = 20

Words = Sequence[Sequence[str]]
Run = Callable[[Words, Head, Callable[[Floats, Integers], Any]], Iterator[tuple[Integers, Any]]]


@dataclass(frozen=True)
class Predictions:
    """What a tagger predicts in one layer of labeled sentences of N tokens altogether, with n spans.

    ``paths`` and ``gold`` (N,) are rows of the layer's tags, in ``gold`` -1 for tags that the layer does not have.
    ``spans`` (n,) are labels, and ``span_right`` (n,) says which spans are in gold exactly. The probabilities of tags
    (N,) and of spans (n,) are given for each way of scaling. ``span_starts`` and ``span_ends``
    (exclusive), (n,) each, are counted in all N tokens.
    """

    layer: Layer
    paths: Integers
    gold: Integers
    token_scores: tuple[Doubles, ...]
    spans: npt.NDArray[Any]
    span_right: npt.NDArray[np.bool_]
    span_scores: tuple[Doubles, ...]
    span_starts: Integers
    span_ends: Integers

    def calibration(self, number: int = 0, before: int | None = None) -> Calibration:
        """Compare the probabilities that one way of scaling gives, and another one before it, with what is right."""
        right = self.paths == self.gold
        labels = np.array([split_tag(tag)[1] if self.layer.gives_spans else tag for tag in self.layer.tags], object)
        span_scores, token_scores = self.span_scores[number], self.token_scores[number]
        return Calibration(
            reliability(span_scores, self.span_right) if len(self.spans) else None,
            reliability(token_scores, right),
            _by_label(self.spans, span_scores, self.span_right),
            _by_label(labels[self.paths], token_scores, right),
            self.calibration(before) if before is not None else None,
        )


def _by_label(labels: npt.NDArray[Any], scores: Doubles, right: npt.NDArray[np.bool_]) -> dict[str, Reliability]:
    return {
        label: reliability(scores[own], right[own])
        for label in sorted(set(labels.tolist()))
        if label and (own := labels == label).any()
    }


def predictions(run: Run, head: Head, sentences: Words, gold: Words, scalings: Sequence[Scaling]) -> Predictions:
    """Tag sentences whose ``gold`` tags are in the layer's scheme; ``run`` runs the network and decodes."""
    rows, tags = gold_rows(gold, head.layer), head.span_tags
    chains = [scaled(head.chain, head.layer, scaling) for scaling in scalings]

    def decode(emissions: Floats, lengths: Integers) -> tuple[Integers, list[Doubles], list[Integers], list[Doubles]]:
        paths = viterbi(emissions, lengths, head.chain)
        spans = list(path_spans(paths, lengths, tags)) if tags else [np.empty(0, np.int64)] * 4
        token_scores, span_scores = [], []
        for chain in chains:
            found = posterior(emissions, lengths, chain)
            token_scores.append(np.take_along_axis(found.tag_marginals(), paths[..., None], axis=2)[..., 0])
            span_scores.append(found.span_probabilities(spans[0], spans[1], spans[2], paths))
        return paths, token_scores, spans, span_scores

    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    starts = np.cumsum(lengths) - lengths
    flat_gold = np.concatenate([np.empty(0, np.int64), *rows])
    flat_paths = np.zeros_like(flat_gold)
    token_scores = tuple(np.ones(len(flat_gold)) for _ in chains)
    first, after, labels = ([np.empty(0, np.int64)] for _ in range(3))
    span_scores = [[np.empty(0)] for _ in chains]
    for indices, (paths, batch_tokens, spans, batch_spans) in run(sentences, head, decode):
        steps = np.arange(len(paths))[:, None]
        inside = steps < lengths[indices]
        places = (starts[indices] + steps)[inside]
        flat_paths[places] = paths[inside]
        for flat, scores in zip(token_scores, batch_tokens, strict=True):
            flat[places] = scores[inside]
        at = starts[indices][spans[0]]
        for column, values in ((first, at + spans[1]), (after, at + spans[2]), (labels, spans[3])):
            column.append(values)
        for known, scores in zip(span_scores, batch_spans, strict=True):
            known.append(scores)
    wrong = np.concatenate([[0], np.cumsum(flat_paths != flat_gold)])  # before each token; BIOES tells where spans end
    names = np.array(tags.labels if tags else (), object)
    span_starts, span_ends = np.concatenate(first), np.concatenate(after)
    return Predictions(
        head.layer,
        flat_paths,
        flat_gold,
        token_scores,
        names[np.concatenate(labels)],
        wrong[span_starts] == wrong[span_ends],
        tuple(np.concatenate(column) for column in span_scores),
        span_starts,
        span_ends,
    )


def gold_rows(gold: Words, layer: Layer) -> list[Integers]:
    """Return the rows of gold tags, which are in the layer's scheme; -1 for tags that the layer does not have."""
    rows = {tag: row for row, tag in enumerate(layer.tags)}
    if layer.gives_spans and layer.scheme is not Scheme.BIOES:
        gold = [convert_tags(tags, layer.scheme, Scheme.BIOES) for tags in gold]
    return [np.array([rows.get(tag, -1) for tag in tags], np.int64) for tags in gold]


# --- fitting


def fit_scaling(run: Run, head: Head, sentences: Words, gold: Words) -> Scaling:
    """Return what makes the ``gold`` tags, which are in the layer's scheme, most probable.

    Sentences with tags that the layer does not have are left out. With too few spans it is no scaling at all.
    """
    rows = gold_rows(gold, head.layer)
    known = [number for number, own in enumerate(rows) if len(own) and own.min() >= 0]
    outside = head.layer.tags.index(OUTSIDE) if head.layer.gives_spans else -1
    opens = head.span_tags.opens if head.span_tags else np.ones(len(head.layer.tags), bool)
    if sum(int(opens[rows[number]].sum()) for number in known) < LEAST_LABELED:
        return Scaling()
    known = known[:: 1 + sum(len(rows[number]) for number in known) // MOST_TOKENS]
    batches = []
    for indices, (emissions, lengths) in run([sentences[n] for n in known], head, lambda *batch: batch):
        own = [rows[known[index]] for index in indices.tolist()]
        paths = np.zeros(emissions.shape[:2], np.int64)
        for place, tags in enumerate(own):
            paths[: len(tags), place] = tags
        score = path_scores(paths[None], emissions, lengths, head.chain).sum()
        batches.append((emissions, lengths, score, sum(int((tags == outside).sum()) for tags in own)))

    def loss(log_temperature: float, bias: float) -> float:
        """The negative log-likelihood of the gold sequences, and of the numbers themselves."""
        scaling = Scaling(float(np.exp(log_temperature)), bias)
        chain = scaled(head.chain, head.layer, scaling)
        total = (log_temperature / USUAL[0]) ** 2 / 2 + (bias / USUAL[1]) ** 2 / 2
        for emissions, lengths, score, outsides in batches:
            partition = posterior(emissions, lengths, chain).log_partition.sum()
            total += float(partition - score / scaling.temperature - bias * outsides)
        return total

    log_temperature, bias = _minimum(loss, 2 if head.layer.gives_spans else 1)
    values = {"temperature": float(np.exp(log_temperature)), "outside": bias}
    return Scaling(**{name: float(np.clip(round(values[name], 4), *SCALES[name])) for name in SCALES})


def _minimum(loss: Callable[[float, float], float], free: int) -> tuple[float, float]:
    """Find the minimum of a convex function of which the first ``free`` arguments count: Newton's method from 0.

    Derivatives are differences. A step that does not lower the loss is halved.
    """
    point, value = np.zeros(2), loss(0.0, 0.0)
    axes = STEP * np.eye(2)[:free]
    for _ in range(MOST_STEPS):
        up = np.array([loss(*(point + axis)) for axis in axes])
        down = np.array([loss(*(point - axis)) for axis in axes])
        slope, curve = (up - down) / (2 * STEP), np.diag(up - 2 * value + down) / STEP**2
        if free == 2:
            both = loss(*(point + axes.sum(axis=0)))
            curve += (both - up.sum() + value) / STEP**2 * (1 - np.eye(2))
        roots, vectors = np.linalg.eigh(curve)
        change = np.zeros(2)
        change[:free] = -vectors @ (vectors.T @ slope / np.maximum(np.abs(roots), 1.0))
        change *= min(1.0, 1 / np.abs(change).max(initial=SMALL))  # of a factor e at most
        while (new := loss(*(point + change))) > value and np.abs(change).max() > SMALL:
            change /= 2
        if new > value:
            break
        point, value = point + change, new
        if np.abs(change).max() < SMALL:
            break
    return float(point[0]), float(point[1])
