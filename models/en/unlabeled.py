"""What annotators passed over: words that are left ``O`` though they may be named, made unknown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from layouts import UNKNOWN, Labeled

LEAST = 3  # times that a name is labeled, in all corpora, before an unlabeled one is doubted
SHARE = 0.75  # of the times that it stands anywhere
LONGEST = 4  # words of a name
_CALENDAR = re.compile(
    r"(?:1[5-9]|20)\d\d(?:s|[-–](?:\d\d|\d{4}))?|January|February|March|April|June|July|August|September|October|November"
    r"|December|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|Christmas|Easter|Thanksgiving|Ramadan"
)


def with_doubts(sentence: Labeled, knows_dates: bool) -> Labeled:
    """Make unknown what the guidelines of the corpora treat differently.

    That is ``The`` before a name within a sentence and, where dates are labeled, a word of the calendar that is not.
    """
    if sentence.ner is None:
        return sentence
    tags = list(sentence.ner)
    for place, (tag, after) in enumerate(pairwise([*tags, "O"])):
        word = sentence.words[place]
        article = place > 0 and word == "The" and after.startswith("B-")
        if tag == "O" and (article or (knows_dates and _CALENDAR.fullmatch(word))):
            tags[place] = UNKNOWN
    return Labeled(sentence.words, tuple(tags), sentence.upos)


def surely_named(sentences: Iterable[Labeled]) -> frozenset[tuple[str, ...]]:
    """Collect the names that are labeled nearly wherever they stand."""
    labeled, unlabeled = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    kept = list(sentences)
    for sentence in kept:
        labeled.update(_names(sentence))
    often = {name for name, count in labeled.items() if count >= LEAST and name[0][:1].isupper() and len(name[0]) > 1}
    for sentence in kept:
        unlabeled.update(sentence.words[start:end] for start, end in _unlabeled(sentence, often))
    return frozenset(name for name in often if labeled[name] >= SHARE * (labeled[name] + unlabeled[name]))


def without_slips(sentence: Labeled, names: frozenset[tuple[str, ...]]) -> Labeled:
    """Make names unknown that are labeled elsewhere and ``O`` here."""
    if sentence.ner is None:
        return sentence
    tags = list(sentence.ner)
    for start, end in _unlabeled(sentence, names):
        tags[start:end] = [UNKNOWN] * (end - start)
    return Labeled(sentence.words, tuple(tags), sentence.upos)


def _names(sentence: Labeled) -> list[tuple[str, ...]]:
    names, start = [], -1
    for place, tag in enumerate([*(sentence.ner or ()), "O"]):
        if start >= 0 and not tag.startswith("I-"):
            names.append(sentence.words[start:place])
            start = -1
        if tag.startswith("B-") and tag != "B-DATE":
            start = place
    return names


def _unlabeled(sentence: Labeled, names: Iterable[tuple[str, ...]]) -> list[tuple[int, int]]:
    """Where names stand that have no label there, the longest first."""
    tags: Sequence[str] = sentence.ner or ()
    found, start = [], 0
    while start < len(tags):
        length = 0
        if tags[start] == "O" and sentence.words[start][:1].isupper():
            for longer in range(min(LONGEST, len(tags) - start), 0, -1):
                if sentence.words[start : start + longer] in names and set(tags[start : start + longer]) == {"O"}:
                    length = longer
                    found.append((start, start + longer))
                    break
        start += length or 1
    return found
