"""How far a tagger's probabilities can be trusted, and the two numbers that make them right.

A network trained to its best dev score is too sure of itself. Guo et al. 2017 divide the scores of a classifier by one
number, the temperature, which they fit on held-out data by maximum likelihood; Alexandari et al. 2020 add a bias to
each class. Here the scores are those of whole tag sequences: emissions and transitions are divided by the temperature,
and the bias is that of ``O`` alone, as what taggers are wrong about is, above all, how many tokens are in no span. The
bias changes the best sequence too, and so the tags (:func:`tagsmith.tagging.heads.output_bias`). So it has to earn its
place, see :func:`fit_scaling`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.model.configuration import SCALES, Scaling
from tagsmith.scores.calibration import Calibration, Reliability, reliability
from tagsmith.tagging.chain import Doubles, Floats, Integers
from tagsmith.tagging.decode import SpanTags, path_scores, path_spans, viterbi
from tagsmith.tagging.heads import Head
from tagsmith.tagging.marginals import posterior
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, convert_tags, split_tag

LEAST_LABELED = 30  # spans, or tokens of plain tags: with fewer, the numbers would be chance
MOST_TOKENS = 20_000  # to fit on: with more, the numbers hardly change
USUAL = (0.5, 2.0)  # standard deviations of log(temperature) and of the bias among models: a weak prior
STEP, SMALL = 0.02, 1e-4  # of the derivatives; of the last change
MOST_STEPS = 20

Words = Sequence[Sequence[str]]
Loss = Callable[[float, float], float]
Run = Callable[[Words, Head, Callable[[Floats, Integers], Any]], Iterator[tuple[Integers, Any]]]


@dataclass(frozen=True)
class Predictions:
    """What a tagger predicts in one layer of labeled sentences of N tokens altogether, with n spans.

    ``paths`` and ``gold`` (N,) are rows of the layer's tags, in ``gold`` -1 for tags that the layer does not have.
    ``spans`` (n,) are labels, and ``span_right`` (n,) says which spans are in gold exactly. ``token_scores`` (N,)
    and ``span_scores`` (n,) are probabilities. ``span_starts`` and ``span_ends`` (exclusive), (n,) each, are counted in
    all N tokens.
    """

    layer: Layer
    paths: Integers
    gold: Integers
    token_scores: Doubles
    spans: npt.NDArray[Any]
    span_right: npt.NDArray[np.bool_]
    span_scores: Doubles
    span_starts: Integers
    span_ends: Integers

    def calibration(self, before: Calibration | None = None) -> Calibration:
        """Compare the probabilities with what is right; ``before`` is how that was before calibration."""
        right = self.paths == self.gold
        labels = np.array([split_tag(tag)[1] if self.layer.gives_spans else tag for tag in self.layer.tags], object)
        return Calibration(
            reliability(self.span_scores, self.span_right) if len(self.spans) else None,
            reliability(self.token_scores, right),
            _by_label(self.spans, self.span_scores, self.span_right),
            _by_label(labels[self.paths], self.token_scores, right),
            before,
        )


def _by_label(labels: npt.NDArray[Any], scores: Doubles, right: npt.NDArray[np.bool_]) -> dict[str, Reliability]:
    return {
        label: reliability(scores[own], right[own])
        for label in sorted(set(labels.tolist()))
        if label and (own := labels == label).any()
    }


def predictions(run: Run, head: Head, sentences: Words, gold: Words) -> Predictions:
    """Tag sentences whose ``gold`` tags are in the layer's scheme; ``run`` runs the network and decodes."""
    rows, tags = gold_rows(gold, head.layer), head.span_tags

    def decode(emissions: Floats, lengths: Integers) -> tuple[Integers, Doubles, list[Integers], Doubles]:
        paths = viterbi(emissions, lengths, head.chain)
        spans = list(path_spans(paths, lengths, tags)) if tags else [np.empty(0, np.int64)] * 4
        found = posterior(emissions, lengths, head.chain)
        token_scores = np.take_along_axis(found.tag_marginals(), paths[..., None], axis=2)[..., 0]
        return paths, token_scores, spans, found.span_probabilities(spans[0], spans[1], spans[2], paths)

    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    starts = np.cumsum(lengths) - lengths
    flat_gold = np.concatenate([np.empty(0, np.int64), *rows])
    flat_paths = np.zeros_like(flat_gold)
    token_scores = np.ones(len(flat_gold))
    first, after, labels = ([np.empty(0, np.int64)] for _ in range(3))
    span_scores = [np.empty(0)]
    for indices, (paths, batch_tokens, spans, batch_spans) in run(sentences, head, decode):
        steps = np.arange(len(paths))[:, None]
        inside = steps < lengths[indices]
        places = (starts[indices] + steps)[inside]
        flat_paths[places] = paths[inside]
        token_scores[places] = batch_tokens[inside]
        span_scores.append(batch_spans)
        at = starts[indices][spans[0]]
        for column, values in ((first, at + spans[1]), (after, at + spans[2]), (labels, spans[3])):
            column.append(values)
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
        np.concatenate(span_scores),
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

    The bias changes tags. It is kept only if it raises F1 here by more than the standard error of that gain; otherwise
    the temperature is fitted alone. ``run`` and ``head`` are those of a tagger without calibration. Sentences with tags
    that the layer does not have are left out. With too few spans it is no scaling at all.
    """
    pairs = [
        (words, own)
        for words, own in zip(sentences, gold_rows(gold, head.layer), strict=True)
        if len(own) and own.min() >= 0
    ]
    opens = head.span_tags.opens if head.span_tags else np.ones(len(head.layer.tags), bool)
    if sum(int(opens[own].sum()) for _, own in pairs) < LEAST_LABELED:
        return Scaling()
    every = 1 + sum(len(own) for _, own in pairs) // MOST_TOKENS
    loss = unlikelihood(run, head, pairs[::every])
    if head.span_tags:
        scaling = minimum(loss, 2)
        gain, error = f1_gain(run, head, pairs, scaling.outside)
        if gain > error:
            return scaling
    return minimum(loss, 1)


def unlikelihood(run: Run, head: Head, pairs: Sequence[tuple[Sequence[str], Integers]]) -> Loss:
    """Return the negative log-likelihood of the tags of some sentences, given as words and rows of tags.

    It is a function of the logarithm of the temperature, and of the bias of ``O`` divided by the temperature, in which
    it is smooth; both have a weak prior.
    """
    outside = np.zeros(len(head.layer.tags), np.float32)
    if head.span_tags:
        outside[head.span_tags.outside] = 1
    batches = []
    for indices, (emissions, lengths) in run([words for words, _ in pairs], head, lambda *batch: batch):
        own = [pairs[index][1] for index in indices.tolist()]
        score = path_scores(_side_by_side(own)[None], emissions, lengths, head.chain).sum()
        batches.append((emissions, lengths, score, sum(float(outside[tags].sum(dtype=np.float64)) for tags in own)))

    def loss(log_temperature: float, bias: float) -> float:
        temperature = float(np.exp(log_temperature))
        chain, added = replace(head.chain, temperature=temperature), np.float32(bias * temperature) * outside
        total = (log_temperature / USUAL[0]) ** 2 / 2 + (bias / USUAL[1]) ** 2 / 2
        for emissions, lengths, score, outsides in batches:
            partition = posterior(emissions + added, lengths, chain).log_partition.sum()
            total += float(partition - score / temperature - bias * outsides)
        return total

    return loss


def f1_gain(
    run: Run, head: Head, pairs: Sequence[tuple[Sequence[str], Integers]], outside: float
) -> tuple[float, float]:
    """Return by how much a bias of ``O`` raises F1 on some sentences, given as words and rows of tags; and its error.

    The standard error is that of the linearized difference over sentences.
    """
    tags = head.span_tags
    assert tags is not None
    added = np.zeros(len(head.layer.tags), np.float32)
    added[tags.outside] = outside

    def decode(emissions: Floats, lengths: Integers) -> tuple[Integers, tuple[Integers, Integers]]:
        return lengths, (viterbi(emissions, lengths, head.chain), viterbi(emissions + added, lengths, head.chain))

    counts = np.zeros((2, len(pairs), 3))  # of each sentence: spans of gold, spans found, correct ones
    for indices, (lengths, both) in run([words for words, _ in pairs], head, decode):
        gold = _side_by_side([pairs[index][1] for index in indices.tolist()])
        for number, paths in enumerate(both):
            counts[number, indices] = _span_counts(paths, gold, lengths, tags)
    sums = counts.sum(axis=1)
    size = np.maximum(sums[:, 0] + sums[:, 1], 1)
    f1 = 2 * sums[:, 2] / size
    shares = (2 * counts[..., 2] - f1[:, None] * (counts[..., 0] + counts[..., 1])) / size[:, None]
    return float(f1[1] - f1[0]), float(np.sqrt(((shares[1] - shares[0]) ** 2).sum()))


def _side_by_side(rows: Sequence[Integers]) -> Integers:
    """Put the tags of a batch's sentences, the longest first, into paths (T, B)."""
    paths = np.zeros((len(rows[0]), len(rows)), np.int64)
    for place, own in enumerate(rows):
        paths[: len(own), place] = own
    return paths


def _span_counts(paths: Integers, gold: Integers, lengths: Integers, tags: SpanTags) -> Integers:
    """Count the spans of each sentence (B, 3): in gold, found, correct."""
    sentences, starts, ends, _ = path_spans(paths, lengths, tags)
    wrong = np.zeros((len(paths) + 1, len(lengths)), np.int64)  # before each token; BIOES tells where spans end
    (paths != gold).cumsum(axis=0, out=wrong[1:])
    right = wrong[starts, sentences] == wrong[ends, sentences]
    columns = (path_spans(gold, lengths, tags)[0], sentences, sentences[right])
    return np.stack([np.bincount(column, minlength=len(lengths)) for column in columns], axis=1)


def minimum(loss: Loss, free: int) -> Scaling:
    """Return the scaling of the least loss, of which the first ``free`` numbers count."""
    log_temperature, bias = _minimum(loss, free)
    temperature = float(np.exp(log_temperature))
    values = {"temperature": temperature, "outside": bias * temperature}
    return Scaling(**{name: float(np.clip(round(values[name], 4), *SCALES[name])) for name in SCALES})


def _minimum(loss: Loss, free: int) -> tuple[float, float]:
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
