"""The best epoch: which one makes the model, and when training stops."""

from __future__ import annotations

from collections.abc import Sequence


def best_epoch(scores: Sequence[float]) -> int:
    """Return the number (from 1) of the epoch with the best dev score; of equals the last; 0 if there are none.

    On a handful of dev sentences many epochs may have the same score, and the first of them has learned least.
    """
    return max(range(len(scores)), key=lambda index: (scores[index], index), default=-1) + 1


def epochs_left(scores: Sequence[float], epochs: int, patience: int) -> int:
    """Return how many epochs may follow before training stops; 0: it stops now.

    It stops after ``epochs`` epochs or, with a ``patience`` above 0, after so many in which the dev score did not rise.
    """
    if not patience:
        return max(0, epochs - len(scores))
    last_rise = scores.index(max(scores)) + 1 if scores else 0
    return max(0, min(epochs, last_rise + patience) - len(scores))
