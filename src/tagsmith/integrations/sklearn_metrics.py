"""Scores of tagged sentences for scikit-learn: over all tokens, by sentence, by span; and scorers for its searches.

The functions whose names begin with ``flat_`` are scikit-learn's own, over the tokens of all sentences, as in
``sklearn_crfsuite.metrics``. ``flat_accuracy``, ``sequence_accuracy`` and ``span_f1`` are scorers:
``GridSearchCV(…, scoring=span_f1)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import chain
from typing import Any

from sklearn import metrics

from tagsmith.scores.scores import score_tags

TagLists = Iterable[Sequence[str]]


def _flat(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of scikit-learn that compares labels compare the tags of sentences."""

    @wraps(function, assigned=("__doc__",))
    def flat(y_true: TagLists, y_pred: TagLists, **options: Any) -> Any:
        return function([*chain.from_iterable(y_true)], [*chain.from_iterable(y_pred)], **options)

    return flat


flat_accuracy_score = _flat(metrics.accuracy_score)
flat_precision_score = _flat(metrics.precision_score)
flat_recall_score = _flat(metrics.recall_score)
flat_f1_score = _flat(metrics.f1_score)
flat_fbeta_score = _flat(metrics.fbeta_score)
flat_classification_report = _flat(metrics.classification_report)


def sequence_accuracy_score(y_true: TagLists, y_pred: TagLists) -> float:
    """Return the share of sentences whose tags are all right; 0 if there are no sentences."""
    right = [list(gold) == list(predicted) for gold, predicted in zip(y_true, y_pred, strict=True)]
    return sum(right) / max(len(right), 1)


def span_f1_score(y_true: TagLists, y_pred: TagLists) -> float:
    """Return F1 over spans, as conlleval and seqeval count it; of plain tags, the accuracy.

    :func:`tagsmith.score_tags` gives precision, recall and the scores of each label too.

    Raises DataError: the sentences differ in number or length, or these are no tags.

    >>> span_f1_score([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])
    0.0
    """
    return score_tags([list(tags) for tags in y_true], [list(tags) for tags in y_pred]).f1


flat_accuracy = metrics.make_scorer(flat_accuracy_score)
sequence_accuracy = metrics.make_scorer(sequence_accuracy_score)
span_f1 = metrics.make_scorer(span_f1_score)
