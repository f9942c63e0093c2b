"""Doubts about a corpus that can be read: labels that may be slips, and test sentences that are in training too.

A doubt is worth a reader's time only if most are right, so each rule leaves alone what real corpora do: labels of
parts that occur in other labels (``GPE.NOM`` beside ``PER.NOM``), tag sets whose tags differ in a letter (``CCONJ`` and
``SCONJ``), and short sentences that every text repeats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from tagsmith.corpus.sentences import NO_TAG, Sentences
from tagsmith.formats.conllu import CONLLU
from tagsmith.formats.options import AlignmentProblem, Problem
from tagsmith.text.schemes import OUTSIDE, Scheme, split_label, split_tag

_RARE = 20  # a label is rare beside one that is this many times as frequent
_MANY_LABELS = 200
_MOST_COMPARED = 500  # labels: comparing each with each of ten thousand words would take a minute
_MOST_LETTERS = 40  # of labels that are compared: the time grows with the square of their length
_ENOUGH_TOKENS = 50  # fewer say nothing about how often a label occurs
_ENOUGH_SPANS = 10
_LONG_FOR_ONE = 200  # tokens
_SHOWN = 5
_PARTS = re.compile(r"[\W_]+")
_JOINED = re.compile(r"[,;|](?:[BIESLUM]-)?|(?:^|\W)[BIESLUM]-(?=[A-Z])")
_OTHER_LETTERS = re.compile(r"([bieslumBIESLUM])[-_:.](.+)|(.+)[-_:.]([BIESLUM])")
_LONG_SENTENCE = 8  # tokens; shorter ones recur in any two texts
_LONG_SHARE, _SHARE = 0.02, 0.1  # of the long sentences, and of all


def doubts_of_labels(sentences: Sentences, layer: str, scheme: Scheme) -> list[Problem]:
    """Find labels of a layer that may be slips, each with the line where it first stands.

    >>> from tagsmith.corpus.sentences import hold_sentences
    >>> from tagsmith.text.document import sentence_from_words
    >>> words = [sentence_from_words(["Acme"] * 40, {"tags": ["B-COMPANY"] * 39 + ["B-COMPNAY"]}, line=1)]
    >>> doubts_of_labels(hold_sentences(words, "a.conll"), "tags", Scheme.IOB2)[0].line
    40
    """
    column = sentences.store.columns.get(layer)
    if column is None:
        return []
    rows = column.rows[sentences.token_places()]
    counts = np.bincount(rows[rows != NO_TAG], minlength=len(column.names))
    tags = {name: int(count) for name, count in zip(column.names, counts, strict=True) if count}
    spans = scheme is not Scheme.PLAIN
    labels: Counter[str] = Counter()
    for tag, count in tags.items():
        if not spans or tag != OUTSIDE:
            labels[split_label(tag, scheme)] += count
    found = _doubts_of_tags(tags, scheme)
    if not found:
        found = [*_joined(labels, spans), *_near(labels, spans, layer)]
        told = {label for _, label in found}
        found += _single(tags, labels.keys() - told, labels, scheme) if spans else []
        found += _too_many_or_few(labels, layer, spans)
    return [_problem(message, label, sentences, rows, column.names, scheme) for message, label in found]


def _problem(
    message: str, label: str, sentences: Sentences, rows: np.ndarray, names: Sequence[str], scheme: Scheme
) -> Problem:
    """Make the problem, at the first token with the label."""
    tags = [row for row, name in enumerate(names) if split_label(name, scheme) == label]
    token = int(np.argmax(np.isin(rows, tags)))
    ends = np.cumsum(sentences.lengths)
    index = int(np.searchsorted(ends, token, side="right"))
    within = token - int(ends[index] - sentences.lengths[index])
    return Problem(sentences.path_of(index), sentences.line_of(index, within), message)


def _doubts_of_tags(tags: Mapping[str, int], scheme: Scheme) -> list[tuple[str, str]]:
    """Find tags that are meant to be of a scheme of spans, but are written in a way that makes them plain."""
    if scheme not in (Scheme.PLAIN, Scheme.BARE):
        return []
    of_spans = [tag for tag in tags if all(split_tag(tag))]
    others = [tag for tag in tags if not all(split_tag(tag)) and tag != OUTSIDE]
    both = len({split_tag(tag)[1] for tag in of_spans}) < len(of_spans)  # B-PER and I-PER
    if others and (both or (of_spans and len(others) == 1)):
        other = max(others, key=tags.__getitem__)
        message = (
            f"tags of spans such as {of_spans[0]!r} stand beside {other!r}, so all are read as labels of their own"
        )
        return [(f"{message}; outside of spans the tag is 'O'", other)]
    letters: dict[str, set[str]] = {}
    for tag in tags:
        if (match := _OTHER_LETTERS.fullmatch(tag)) and not all(split_tag(tag)):
            letters.setdefault(match[2] or match[3], set()).add(match[1] or match[4])
    begun = [label for label, found in letters.items() if found & {"b", "B"}]
    spelled = sum(map(len, letters.values()))  # tags; all of them but the one outside of spans
    if not begun or not (any(len(found) > 1 for found in letters.values()) or spelled >= len(tags) - 1):
        return []
    tag = next(tag for tag in tags if begun[0] in tag)
    message = f"{tag!r} looks like the tag of a span, but is read as a label of its own"
    return [(f"{message}; write the letter first, in upper case, and a hyphen: B-{begun[0]}", tag)]


def _joined(labels: Counter[str], spans: bool) -> list[tuple[str, str]]:
    """Find labels that seem to be several, such as ``creative-work,B-person``."""
    joined = [label for label in labels if spans and _JOINED.search(label)]
    if not joined:
        return []
    more = f" and {len(joined) - 1} others" if len(joined) > 2 else f" and {joined[1]!r}" if len(joined) == 2 else ""
    verb = "seems" if len(joined) == 1 else "seem"
    return [(f"{joined[0]!r}{more} {verb} to hold several labels or tags; a token has one label a layer", joined[0])]


def _near(labels: Counter[str], spans: bool, layer: str) -> list[tuple[str, str]]:
    """Find rare labels that are spelled almost like a frequent one, unless there are too many to compare."""
    if len(labels) > _MOST_COMPARED:
        return []
    labels = Counter({label: count for label, count in labels.items() if len(label) <= _MOST_LETTERS})
    parts = {label: _PARTS.split(label) for label in labels}
    known = Counter(chain.from_iterable(set(one) for one in parts.values()))
    found = []
    for label in sorted(labels, key=labels.__getitem__):
        for other in labels:
            rare = labels[label] * _RARE <= labels[other]
            if other == label or labels[label] > labels[other] or not (rare or spans):
                continue
            same = "".join(parts[label]).casefold() == "".join(parts[other]).casefold() != ""
            slip = rare and spans and layer not in CONLLU.layers and _is_slip(parts[label], parts[other], known)
            if (same and (labels[label] < labels[other] or label > other)) or slip:
                how = "differs only in case or separators from" if same else "is spelled almost like"
                times = f"{labels[label]:,} and {labels[other]:,} tokens"
                found.append((f"the label {label!r} {how} {other!r} ({times}); if it is a slip, correct it", label))
                break
    return found


def _is_slip(parts: Sequence[str], others: Sequence[str], known: Counter[str]) -> bool:
    """Whether two labels differ in one part, by a letter or two, and the part is in no other label."""
    if len(parts) != len(others):
        parts, others = ["".join(parts)], ["".join(others)]
    different = [(one, other) for one, other in zip(parts, others, strict=True) if one != other]
    if len(different) != 1 or known[different[0][0]] > 1:
        return False
    one, other = (part.casefold() for part in different[0])
    least = min(len(one), len(other))
    if one.isdigit() or other.isdigit() or one.rstrip("0123456789") == other.rstrip("0123456789"):
        return False
    allowed = 2 if least >= 10 else 1 if least >= 6 else 0
    if abs(len(one) - len(other)) > allowed:
        return False
    return _distance(one, other) <= allowed or (
        least >= 3 and sorted(one) == sorted(other) and _distance(one, other) == 1
    )


def _distance(one: str, other: str) -> int:
    """Count the letters to insert, delete, replace or swap with their neighbor."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one):
        before, last, row = row, before, [i + 1]
        for j, b in enumerate(other):
            cost = min(before[j] + (a != b), before[j + 1] + 1, row[j] + 1)
            if i and j and a == other[j - 1] and b == one[i - 1]:
                cost = min(cost, last[j - 1] + 1)
            row.append(cost)
    return row[-1]


def _single(
    tags: Mapping[str, int], candidates: set[str], labels: Counter[str], scheme: Scheme
) -> list[tuple[str, str]]:
    """Find labels of a single span, unless their parts occur in other labels."""
    known = Counter(chain.from_iterable(set(_PARTS.split(label)) for label in labels))
    begins: Counter[str] = Counter()
    for tag, count in tags.items():
        if tag != OUTSIDE and (scheme is Scheme.BARE or split_tag(tag)[0] in "BSU" or not labels):
            begins[split_label(tag, scheme)] += count
    if labels.total() < _ENOUGH_TOKENS or not begins:
        return []
    single = [
        label
        for label in begins
        if label in candidates and begins[label] == 1 and any(known[part] == 1 for part in _PARTS.split(label))
    ]
    if not single:
        return []
    shown = ", ".join(map(repr, single[:_SHOWN])) + (
        f" and {len(single) - _SHOWN} more" if len(single) > _SHOWN else ""
    )
    what = f"the label {shown} occurs" if len(single) == 1 else f"the labels {shown} occur"
    return [(f"{what} only once each" if len(single) > 1 else f"{what} only once", single[0])]


def _too_many_or_few(labels: Counter[str], layer: str, spans: bool) -> list[tuple[str, str]]:
    """Say that there are hundreds of labels or, in a plain layer, only one."""
    label = next(iter(labels), "")
    if len(labels) == 1 and not spans and labels.total() >= _ENOUGH_TOKENS:
        return [(f"every tag is {label!r}; choose the tags with --column or --layer", label)]
    if len(labels) >= _MANY_LABELS and layer not in CONLLU.layers:
        return [
            (f"there are {len(labels):,} different labels; if these are no tags, choose others with --column", label)
        ]
    return []


def doubt_of_sentences(sentences: Sentences) -> Problem | None:
    """Say that a long text is a single sentence."""
    if len(sentences) != 1 or sentences.lengths[0] < _LONG_FOR_ONE:
        return None
    message = f"all {int(sentences.lengths[0]):,} tokens are one sentence; put a blank line after each sentence"
    return Problem(sentences.path_of(0), sentences.line_of(0, 0), message)


def doubt_of_offsets(problems: Sequence[Problem], spans: int) -> Problem | None:
    """Say that most spans do not align with tokens, so that their numbers may not be offsets of characters."""
    unaligned = [problem for problem in problems if isinstance(problem, AlignmentProblem)]
    if len(unaligned) < _ENOUGH_SPANS or 2 * len(unaligned) < spans:
        return None
    message = (
        "most spans do not align with tokens: do their numbers count characters from 0, and is the end the one after?"
    )
    return Problem(unaligned[0].path, unaligned[0].line, message)


# ------------------------------------------------------------------------------------------------- leaks


def doubt_of_leak(train: Sequence[Sentences], part: Sentences, name: str) -> Problem | None:
    """Say how many sentences of a dev or test set stand in the training data too, if that is more than chance."""
    if not len(part):
        return None
    known = set(chain.from_iterable(sentences.words() for sentences in train))
    shared = [words for words in part.words() if words in known]
    long = sum(len(words) >= _LONG_SENTENCE for words in shared)
    long_of_part = int((part.lengths >= _LONG_SENTENCE).sum())
    if len(shared) < _SHARE * len(part) and long <= _LONG_SHARE * long_of_part:
        return None
    all_of_them = "all" if len(shared) == len(part) else f"{len(shared):,} of"
    message = f"{all_of_them} {len(part):,} {name} sentences are training sentences too, so its score is too high"
    return Problem(part.path_of(0), 0, message)
