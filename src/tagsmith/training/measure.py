"""The one number that a run goes by, and how it is told."""

from __future__ import annotations

import statistics

from tagsmith.scores.scores import Scores
from tagsmith.training.task import Task


def layer_measures(task: Task, scores: Scores) -> dict[str, float]:
    """Return each layer's score: F1 of spans, or the accuracy of plain tags."""
    layers = scores.layers or {task.corpus.layer: scores}
    return {
        name: layers[name].accuracy if measure == "accuracy" else layers[name].f1
        for name, measure in task.measures.items()
    }


def deciding_score(task: Task, scores: Scores) -> float:
    """Return the mean of the layers' scores."""
    return statistics.fmean(layer_measures(task, scores).values())


def score_text(task: Task, scores: Scores) -> str:
    """Say the scores in words: ``F1 81.20``, or ``mean 90.10 (upos accuracy 95.00, ner F1 85.20)``."""
    text = f"{task.measure} {100 * deciding_score(task, scores):.2f}"
    if not scores.layers:
        return text
    each = (f"{name} {task.measures[name]} {100 * own:.2f}" for name, own in layer_measures(task, scores).items())
    return f"{text} ({', '.join(each)})"
