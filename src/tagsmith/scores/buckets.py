"""Scores of some of the spans: seen in training or not, short or long, rare or frequent, of one source or another.

A gold span and a predicted span each fall in the bucket that their own words, length, label or sentence says. The two
of a correct pair have all of these in common. So precision, recall and F1 of a bucket are those of its spans alone, and
the counts of all buckets add up to those of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tagsmith.scores.aligned import Aligned, Ints, Spans, span_counts
from tagsmith.scores.counts import Numbering, SpanCounts, Tags
from tagsmith.scores.scores import TypeScores
from tagsmith.text.schemes import OUTSIDE, Scheme, tags_to_spans

Buckets = Mapping[str, TypeScores]

SENTENCE_LENGTHS = (1, 6, 11, 21, 31, 51)  # where the buckets begin, in tokens
MENTION_LENGTHS = (1, 2, 3, 4, 6)
LABEL_COUNTS = (0, 1, 10, 100, 1_000, 10_000)


@dataclass(frozen=True, slots=True)
class Training:
    """What the training data hold: the words of each mention, and how many mentions each label has."""

    mentions: frozenset[tuple[str, ...]]
    labels: Mapping[str, int]


def training_of(words: Tags, tags: Tags, scheme: Scheme | str) -> Training:
    """Collect the mentions of training sentences; of plain tags, each token is one."""
    mentions: set[tuple[str, ...]] = set()
    labels: Counter[str] = Counter()
    for sentence, its_tags in zip(words, tags, strict=True):
        if scheme == Scheme.PLAIN:
            mentions.update((word,) for word in sentence)
            labels.update(its_tags)
        elif any(tag != OUTSIDE for tag in its_tags):
            for start, end, label in tags_to_spans(its_tags, scheme):
                mentions.add(tuple(sentence[start:end]))
                labels[label] += 1
    return Training(frozenset(mentions), labels)


@dataclass(frozen=True, slots=True)
class Split:
    """What spans are split by: the names of the buckets that have any, and each span's bucket, (spans,) numbers."""

    names: tuple[str, ...]
    gold: Ints
    predicted: Ints

    def scores(self, aligned: Aligned) -> Buckets:
        """Score each bucket."""
        sides = (self.gold, self.predicted, self.gold[aligned.gold.correct])
        columns = [np.bincount(numbers, minlength=len(self.names)).tolist() for numbers in sides]
        counts = [SpanCounts(*row) for row in zip(*columns, strict=True)]
        return {name: TypeScores(*spans.rates(), *spans) for name, spans in zip(self.names, counts, strict=True)}

    def counts(self, aligned: Aligned) -> Ints:
        """Count gold, predicted and correct spans of each bucket in each sentence, shape (sentences, buckets, 3)."""
        return span_counts(aligned, self.gold, self.predicted, len(self.names))


def length_splits(aligned: Aligned) -> dict[str, Split]:
    """Split by the length of the sentence and of the mention, in tokens."""
    splits = {"sentence_length": _by_sentence(aligned, *_ranges(SENTENCE_LENGTHS, aligned.lengths))}
    if not aligned.plain:
        names = _names(MENTION_LENGTHS)
        splits["mention_length"] = _split(
            aligned, names, lambda spans: _places(MENTION_LENGTHS, spans.end - spans.start)
        )
    return splits


def training_splits(aligned: Aligned, words: Sequence[Sequence[str]], training: Training) -> dict[str, Split]:
    """Split by whether the words of a mention carried a label in training, and by how often its label did."""

    def unseen(spans: Spans) -> Ints:
        rows = zip(spans.sentence.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True)
        known = [tuple(words[number][start:end]) not in training.mentions for number, start, end in rows]
        return np.array(known, np.int64)

    frequency = np.array([training.labels.get(label, 0) for label in aligned.labels], np.int64)
    names, number = _ranges(LABEL_COUNTS, frequency)
    return {
        "seen": _split(aligned, ["seen", "unseen"], unseen),
        "label_frequency": _split(aligned, names, lambda spans: number[spans.label]),
    }


def value_split(aligned: Aligned, values: Sequence[str]) -> Split:
    """Split by a value that each sentence has, in the order of the values' names."""
    ids = Numbering({value: number for number, value in enumerate(sorted(set(values)))})
    return _by_sentence(aligned, list(ids), np.array([ids[value] for value in values], np.int64))


def _by_sentence(aligned: Aligned, names: Sequence[str], number: Ints) -> Split:
    return _split(aligned, names, lambda spans: number[spans.sentence])


def _split(aligned: Aligned, names: Sequence[str], bucket_of: Callable[[Spans], Ints]) -> Split:
    """Split by what ``bucket_of`` says: the number of each span's bucket, shape (spans,)."""
    gold, predicted = bucket_of(aligned.gold), bucket_of(aligned.predicted)
    used = np.union1d(gold, predicted)
    kept = tuple(names[number] for number in used.tolist())
    return Split(kept, np.searchsorted(used, gold), np.searchsorted(used, predicted))


def _ranges(begins: Sequence[int], numbers: Ints) -> tuple[list[str], Ints]:
    return _names(begins), _places(begins, numbers)


def _places(begins: Sequence[int], numbers: Ints) -> Ints:
    """Return the range that each number falls in."""
    return np.maximum(np.searchsorted(begins, numbers, side="right") - 1, 0)


def _names(begins: Sequence[int]) -> list[str]:
    """Name the ranges that begin at these numbers: ``1``, ``2–3``, ``4+``."""
    ends = [after - 1 for after in begins[1:]]
    names = [f"{begin:,}" if begin == end else f"{begin:,}–{end:,}" for begin, end in zip(begins, ends, strict=False)]
    return [*names, f"{begins[-1]:,}+"]
