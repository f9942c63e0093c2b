"""Reports on tags that are given, or drawn at random: no model is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tagsmith.scores.aligned import align_tags
from tagsmith.scores.calibration import Calibration, reliability
from tagsmith.scores.comparison import compare_tags
from tagsmith.scores.evaluation import evaluate_tags
from tagsmith.scores.report.document import Report, report_page
from tagsmith.scores.report.findings import LayerFindings, Other
from tagsmith.text.schemes import Scheme, spans_to_tags

Tags = Sequence[Sequence[str]]
LABELS = ("LOC", "ORG", "PER")
WORDS = ("Ada", "went", "to", "New", "York", "and", "met", "the", "board", "of", "Acme", "in", "Paris", ".")


def findings_of(
    words: Tags,
    gold: Tags,
    predicted: Tags,
    *,
    other: Tags | None = None,
    name: str = "ner",
    scheme: Scheme = Scheme.IOB2,
    resamples: int = 50,
    scores: Sequence[float] | None = None,
    seed: int = 0,
) -> LayerFindings:
    """What is known of one layer; probabilities are random, unless those of the predicted spans are given."""
    rng = np.random.default_rng(seed)
    aligned = align_tags(gold, predicted, scheme=scheme)
    found = len(aligned.predicted.label)
    predicted_scores = rng.random(found) if scores is None else np.array(scores, float)
    calibration = None
    if found:
        spans = reliability(predicted_scores, aligned.predicted.correct)
        labels = {
            label: reliability(predicted_scores[own], aligned.predicted.correct[own])
            for number, label in enumerate(aligned.labels)
            if (own := aligned.predicted.label == number).any()
        }
        calibration = Calibration(spans, spans, labels, labels)
    compared = None
    if other is not None:
        comparison = compare_tags(gold, other, predicted, scheme=scheme, resamples=50, shuffles=50)
        compared = Other("the old one", align_tags(gold, other, scheme=scheme), comparison)
    return LayerFindings(
        name,
        evaluate_tags(gold, predicted, scheme=scheme, resamples=resamples, words=words),
        aligned,
        predicted_scores,
        rng.random(len(aligned.gold.label)),
        calibration,
        compared,
    )


def page_of(words: Tags, *layers: LayerFindings, title: str = "A report", **more: object) -> str:
    """The page on these layers of the sentences."""
    places = [(0, number + 1) for number in range(len(words))]
    return report_page(Report(title, layers, words, places, ["test.conll"], {"model": "small"}, **more))


def drawn_tags(
    count: int, seed: int = 0, *, length: int = 12, labels: Sequence[str] = LABELS, share: float = 0.5
) -> tuple[list[list[str]], list[list[str]], list[list[str]], list[list[str]]]:
    """Words of ``count`` sentences; gold tags, and those of two systems that get most of them right."""
    rng = np.random.default_rng(seed)
    sides: tuple[list[list[str]], ...] = ([], [], [], [])
    for _ in range(count):
        own = int(rng.integers(1, length + 1))
        sides[0].append([WORDS[row] for row in rng.integers(0, len(WORDS), own)])
        gold, free, at = [], [], 0
        while at < own:
            end = min(own, at + int(rng.integers(1, 4)))
            (gold if rng.random() < share else free).append((at, end, str(rng.choice(labels))))
            at = end
        sides[1].append(spans_to_tags(gold, own, Scheme.IOB2))
        for side in sides[2:]:
            spurious = [span for span in free if rng.random() < 0.1]
            spans = [one for span in gold if (one := _changed(span, labels, rng))] + spurious
            side.append(spans_to_tags(sorted(spans), own, Scheme.IOB2))
    return sides


def _changed(
    span: tuple[int, int, str], labels: Sequence[str], rng: np.random.Generator
) -> tuple[int, int, str] | None:
    start, end, _ = span
    kind = rng.random()
    if kind < 0.1:
        return None
    if kind < 0.2:
        return start, end, str(rng.choice(labels))
    if kind < 0.3 and end - start > 1:
        return start + 1, end, str(rng.choice(labels))
    return span
