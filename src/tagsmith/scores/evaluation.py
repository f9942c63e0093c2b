"""Scores in depth: beside the scores their intervals, how spans match, the kinds of errors, and buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tagsmith.scores.aligned import Ints, align_tags
from tagsmith.scores.buckets import Buckets, Training, length_splits, training_splits, value_split
from tagsmith.scores.counts import Tags
from tagsmith.scores.intervals import score_intervals
from tagsmith.scores.matching import Errors, Matching, count_errors, match_spans
from tagsmith.scores.scores import Mode, Scores, score_tags
from tagsmith.text.schemes import Scheme

MOST_BUCKETS = 100  # of one key that have intervals: more would need much memory, and nobody reads them


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Scores):
    """:class:`Scores`, and what they are made of.

    ``matching`` holds the counts of the schemas ``strict``, ``exact``, ``partial`` and ``type``; it is empty for plain
    tags. ``buckets`` says what the spans were split by (``sentence_length``, ``mention_length``, ``seen``,
    ``label_frequency``, or what was asked for), and the scores of each bucket; of up to 100 there are
    ``intervals.buckets`` too.
    """

    matching: Mapping[str, Matching]
    errors: Errors
    buckets: Mapping[str, Buckets]
    layers: Mapping[str, Evaluation] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values, as ``tagsmith evaluate --json`` writes them."""
        scores = Scores.as_dict(self)
        layers = scores.pop("layers", {})
        return {
            **scores,
            "matching": {schema: matching.as_dict() for schema, matching in self.matching.items()},
            "errors": self.errors.as_dict(),
            "confusion": self.errors.confusion_dict(),
            "buckets": {by: {name: asdict(one) for name, one in bucket.items()} for by, bucket in self.buckets.items()},
            **({"layers": layers} if layers else {}),
        }


def evaluate_tags(
    gold: Tags,
    predicted: Tags,
    *,
    mode: Mode = "conlleval",
    scheme: Scheme | str | None = None,
    resamples: int | None = None,
    documents: Ints | None = None,
    seed: int = 0,
    words: Sequence[Sequence[str]] = (),
    training: Training | None = None,
    by: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """Score predicted tags against gold tags in depth.

    Parameters
    ----------
    mode, scheme
        As for :func:`~tagsmith.scores.scores.score_tags`.
    resamples, documents, seed
        As for :func:`~tagsmith.scores.intervals.score_intervals`; 0 resamples: no intervals.
    words, training
        The words of each sentence, and what training held: score seen and unseen mentions, rare and frequent labels.
    by
        Name → a value for each sentence: score the sentences of each value.

    Raises
    ------
    DataError
        As ``score_tags``.

    Examples
    --------
    >>> evaluation = evaluate_tags([["B-PER", "O", "B-LOC", "I-LOC"]], [["B-PER", "O", "B-LOC", "O"]])
    >>> evaluation.f1, evaluation.errors.overall["boundary"], evaluation.matching["partial"].overall.f1
    (0.5, 1, 0.75)
    """
    scores = score_tags(gold, predicted, mode=mode, scheme=scheme)
    aligned = align_tags(gold, predicted, mode=mode, scheme=scheme)
    units = len(gold) if documents is None else len(set(documents.tolist()))
    splits = length_splits(aligned)
    if training is not None:
        splits |= training_splits(aligned, words, training)
    splits |= {name: value_split(aligned, values) for name, values in (by or {}).items()}
    intervals = None
    if resamples != 0 and units > 1:  # one unit alone tells nothing of others
        few = {by: split for by, split in splits.items() if len(split.names) <= MOST_BUCKETS}
        counts = {by: (split.names, split.counts(aligned)) for by, split in few.items()}
        intervals = score_intervals(aligned, documents=documents, resamples=resamples, seed=seed, buckets=counts)
    return Evaluation(
        **{one.name: getattr(scores, one.name) for one in fields(Scores) if one.name not in ("intervals", "layers")},
        intervals=intervals,
        matching={} if aligned.plain else match_spans(aligned),
        errors=count_errors(aligned),
        buckets={name: split.scores(aligned) for name, split in splits.items()},
    )
