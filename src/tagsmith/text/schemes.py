"""Tagging schemes: how ``B-``, ``I-``, ``E-`` … write spans as tags, and how to read, convert and repair them.

A *tag* stands on one token, a *span* on a run of tokens; a scheme says how spans are written as tags:

======  ==============================================================================================
PLAIN   every tag is a label of its own (parts of speech); there are no spans
BARE    the label without prefix, ``O`` outside: ``PERSON O LOCATION LOCATION``; equal neighbors are one span
IO      ``I-X`` on every token of a span; like BARE, it cannot separate two spans of one type that touch
IOB1    as IO, but a span that touches an earlier one of its type begins with ``B-X``
IOB2    every span begins with ``B-X`` (also called BIO)
IOE1    as IO, but a span that touches a later one of its type ends with ``E-X``
IOE2    every span ends with ``E-X``
BIOES   ``B- I- E-`` for the first, inner and last token, ``S-`` for a span of one token (also IOBES)
BILOU   BIOES with other letters: ``L-`` for last, ``U-`` for unit
BMES    BIOES with ``M-`` for middle; a tag may be the bare letter, as in word segmentation
======  ==============================================================================================

Reading is *total*: every sequence of tags means something, by the rule of the CoNLL-2000 scorer (see
:func:`tags_to_spans`). Writing is always legal. :func:`repair_tags` is one after the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagsmith.errors import DataError
from tagsmith.text.arguments import check_sentence

OUTSIDE = "O"


class Scheme(StrEnum):
    """How a file writes spans as tags; the module's docstring describes each.

    A name in any case, and the other names BIO and IOBES, give the scheme too. Raises :class:`DataError` for others.

    >>> Scheme("bio")
    <Scheme.IOB2: 'IOB2'>
    """

    PLAIN = "plain"
    BARE = "bare"
    IO = "IO"
    IOB1 = "IOB1"
    IOB2 = "IOB2"
    IOE1 = "IOE1"
    IOE2 = "IOE2"
    BIOES = "BIOES"
    BILOU = "BILOU"
    BMES = "BMES"

    @classmethod
    def _missing_(cls, value: object) -> Scheme:
        if isinstance(value, str):
            name = value.strip().upper()
            for scheme in cls:
                if scheme.name == _OTHER_NAMES.get(name, name):
                    return scheme
        raise DataError(f"There is no scheme {value!r}.", remedy=f"Choose one of {', '.join(cls)}.")


_OTHER_NAMES = {"BIO": "IOB2", "IOBES": "BIOES"}


class TokenSpan(NamedTuple):
    """A span in tokens: ``start`` to ``end`` (exclusive) of a sentence."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Repair:
    """One tag that had to change: at token ``index`` the tag ``was`` … and ``becomes`` …, for ``reason``."""

    index: int
    was: str
    becomes: str
    reason: str


class Transitions(NamedTuple):
    """Which tags may begin, follow one another and end, as boolean arrays over a list of L tags.

    ``start`` and ``end`` are (L,), ``between`` is (L, L), indexed [from, to].
    """

    start: NDArray[np.bool_]
    between: NDArray[np.bool_]
    end: NDArray[np.bool_]


class _Letters(NamedTuple):
    """The prefixes of the first, an inner and the last token of a span, and of a span's only token."""

    first: str
    inner: str
    last: str
    single: str


_LETTERS = {
    Scheme.IO: _Letters("I", "I", "I", "I"),
    Scheme.IOB1: _Letters("I", "I", "I", "I"),
    Scheme.IOB2: _Letters("B", "I", "I", "B"),
    Scheme.IOE1: _Letters("I", "I", "I", "I"),
    Scheme.IOE2: _Letters("I", "I", "E", "E"),
    Scheme.BIOES: _Letters("B", "I", "E", "S"),
    Scheme.BILOU: _Letters("B", "I", "L", "U"),
    Scheme.BMES: _Letters("B", "M", "E", "S"),
}
_ALPHABET = {scheme: tuple(dict.fromkeys(letters)) for scheme, letters in _LETTERS.items()} | {
    Scheme.IOB1: ("B", "I"),
    Scheme.IOE1: ("I", "E"),
}
# In the order in which detection prefers them where the data do not decide.
_PREFIXED = (
    Scheme.IO, Scheme.IOB2, Scheme.IOB1, Scheme.IOE2, Scheme.IOE1, Scheme.BIOES, Scheme.BILOU, Scheme.BMES,
)  # fmt: skip

_TAG = re.compile(r"([BIESLUM])(?:-(.+))?", re.DOTALL)
_OPENS = frozenset("BSU")
_CLOSES = frozenset("ESLU")


@lru_cache(maxsize=65536)
def split_tag(tag: str) -> tuple[str, str]:
    """Split a prefixed tag into its letter and its label; ``("", "")`` for ``O``.

    A tag without one of the letters ``B I E S L U M`` is ``("", tag)``.

    >>> split_tag("B-PER"), split_tag("O"), split_tag("M"), split_tag("NOUN")
    (('B', 'PER'), ('', ''), ('M', ''), ('', 'NOUN'))
    """
    if tag == OUTSIDE:
        return "", ""
    match = _TAG.fullmatch(tag)
    return (match[1], match[2] or "") if match else ("", tag)


def join_tag(letter: str, label: str) -> str:
    """Undo :func:`split_tag`: letter, hyphen and label; the bare letter where the label is empty."""
    return f"{letter}-{label}" if label else letter


# --------------------------------------------------------------------------------------------- tags ↔ spans


def tags_to_spans(tags: Sequence[str], scheme: Scheme | str) -> list[TokenSpan]:
    """Read the spans that a sequence of tags stands for; the scheme may be its name.

    Total: illegal sequences are read by the rule of the CoNLL-2000 scorer. A span begins at a tag other than
    ``O`` that follows ``O`` or another label, or has the letter B (S, U), or follows the letter E (S, L, U);
    it ends before the next ``O`` or the next beginning. A tag whose prefix is no letter of any scheme counts
    as a label of its own. PLAIN has no spans, so its list is empty.

    >>> tags_to_spans(["B-PER", "I-PER", "O", "I-LOC"], Scheme.IOB2)
    [TokenSpan(start=0, end=2, label='PER'), TokenSpan(start=3, end=4, label='LOC')]
    """
    if type(scheme) is not Scheme:
        scheme = Scheme(scheme)
    if scheme is Scheme.PLAIN:
        return []
    spans = []
    start, before = -1, OUTSIDE  # start < 0: outside
    for index, tag in enumerate(tags):
        if start >= 0 and (tag == OUTSIDE or starts_span(before, tag, scheme)):
            spans.append(TokenSpan(start, index, split_label(before, scheme)))
            start = -1
        if start < 0 and tag != OUTSIDE:
            start = index
        before = tag
    if start >= 0:
        spans.append(TokenSpan(start, len(tags), split_label(before, scheme)))
    return spans


@lru_cache(maxsize=65536)
def starts_span(before: str, tag: str, scheme: Scheme) -> bool:
    """Whether a span begins at ``tag`` right after the tag ``before`` (``O`` at the start of a sentence)."""
    if tag == OUTSIDE:
        return False
    if before == OUTSIDE or split_label(before, scheme) != split_label(tag, scheme):
        return True
    return scheme is not Scheme.BARE and (split_tag(tag)[0] in _OPENS or split_tag(before)[0] in _CLOSES)


def split_label(tag: str, scheme: Scheme) -> str:
    """Return the label of a tag that is not ``O``: the tag itself where the scheme has no letters."""
    return tag if scheme in (Scheme.BARE, Scheme.PLAIN) else split_tag(tag)[1]


def spans_to_tags(spans: Iterable[TokenSpan | tuple[int, int, str]], length: int, scheme: Scheme | str) -> list[str]:
    """Write spans as the tags of a sentence of ``length`` tokens; the result is always legal.

    A span may also be a tuple ``(start, end, label)``, and the scheme its name.

    IO and BARE cannot separate two spans of one label that touch: reading the result back gives one span.

    Raises
    ------
    DataError
        Where two spans overlap, a span is empty, leaves the sentence or is no (start, end, label); where the scheme
        is unknown or PLAIN.

    >>> spans_to_tags([TokenSpan(0, 2, "PER")], 3, Scheme.BIOES)
    ['B-PER', 'E-PER', 'O']
    """
    if type(scheme) is not Scheme:
        scheme = Scheme(scheme)
    if scheme is Scheme.PLAIN:
        raise DataError("Plain tags cannot write spans.", remedy="Choose another scheme, such as IOB2.")
    try:
        return _tags_of(sorted(spans), length, scheme)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"These are no spans in a sentence of {length!r} tokens: {spans!r}.",
            remedy='Spans are (start, end, label) in tokens, such as (0, 2, "PER").',
        ) from error


def _tags_of(spans: Iterable[TokenSpan | tuple[int, int, str]], length: int, scheme: Scheme) -> list[str]:
    """Write sorted spans as tags."""
    tags = [OUTSIDE] * length
    before = TokenSpan(-1, -1, "")
    for span in spans:
        start, end, label = span
        if not isinstance(label, str):
            raise TypeError(f"the label {label!r} is no string")
        if not 0 <= start < end <= length:
            raise DataError(
                f"The span {tuple(span)} does not lie in a sentence of {length} tokens.",
                remedy="Spans are start (from 0) and end (exclusive), in tokens.",
            )
        if start < before.end:
            raise DataError(
                f"The spans {tuple(before)} and {tuple(span)} overlap.",
                remedy="One layer holds spans that do not overlap; put nested spans in layers of their own.",
            )
        tags[start:end] = _span_tags(end - start, label, scheme)
        if start == before.end and label == before.label:  # the two touch
            if scheme is Scheme.IOB1:
                tags[start] = join_tag("B", label)
            elif scheme is Scheme.IOE1:
                tags[start - 1] = join_tag("E", label)
        before = TokenSpan(start, end, label)
    return tags


def _span_tags(length: int, label: str, scheme: Scheme) -> list[str]:
    if scheme is Scheme.BARE:
        return [label] * length
    letters = _LETTERS[scheme]
    if length == 1:
        return [join_tag(letters.single, label)]
    inner = [join_tag(letters.inner, label)] * (length - 2)
    return [join_tag(letters.first, label), *inner, join_tag(letters.last, label)]


def convert_tags(tags: Sequence[str], source: Scheme, target: Scheme) -> list[str]:
    """Rewrite tags of one scheme in another, by way of the spans they stand for.

    Lossless, except that IO and BARE cannot separate touching spans of one label. Illegal tags are read as
    :func:`tags_to_spans` reads them.

    Raises DataError: where exactly one of the two is PLAIN.

    >>> convert_tags(["I-PER", "B-PER", "O"], Scheme.IOB1, Scheme.BILOU)
    ['U-PER', 'U-PER', 'O']
    """
    if source is target is Scheme.PLAIN:
        return list(tags)
    if Scheme.PLAIN in (source, target):
        raise DataError(
            f"Tags cannot be converted from {source} to {target}: plain tags label tokens, not spans.",
            remedy="Leave the scheme as it is, or name the layer that holds spans.",
        )
    return spans_to_tags(tags_to_spans(tags, source), len(tags), target)


# ------------------------------------------------------------------------------------------------- legality


def belongs(tag: str, scheme: Scheme) -> bool:
    """Whether ``tag`` is a tag that ``scheme`` can have, wherever it stands."""
    if scheme in (Scheme.PLAIN, Scheme.BARE):
        return bool(tag)
    return tag == OUTSIDE or split_tag(tag)[0] in _ALPHABET[scheme]


def may_follow(previous: str | None, tag: str | None, scheme: Scheme) -> bool:
    """Whether ``tag`` may stand right after ``previous``; None is the border of the sentence.

    Both tags must belong to the scheme (:func:`belongs`).
    """
    if scheme in (Scheme.PLAIN, Scheme.BARE, Scheme.IO):
        return True
    before, label_before = split_tag(previous or OUTSIDE)
    after, label_after = split_tag(tag or OUTSIDE)
    touching = bool(before and after) and label_before == label_after
    match scheme:
        case Scheme.IOB1:  # B only where a span of its type has just ended
            return after != "B" or touching
        case Scheme.IOB2:  # I only inside
            return after != "I" or touching
        case Scheme.IOE1:  # E only where a span of its type begins next
            return before != "E" or touching
        case Scheme.IOE2:  # after I the span goes on
            return before != "I" or touching
    letters = _LETTERS[scheme]
    must_continue = before in (letters.first, letters.inner)
    continues = after in (letters.inner, letters.last)
    return must_continue == continues and (touching or not continues)


def is_legal(tags: Sequence[str], scheme: Scheme) -> bool:
    """Whether ``tags`` is what the scheme writes for some spans.

    >>> is_legal(["O", "I-PER"], Scheme.IOB2), is_legal(["O", "I-PER"], Scheme.IOB1)
    (False, True)
    """
    return all(belongs(tag, scheme) for tag in set(tags)) and all(
        may_follow(previous, tag, scheme) for previous, tag in pairwise((None, *tags, None))
    )


def tag_inventory(labels: Iterable[str], scheme: Scheme) -> list[str]:
    """All tags that ``scheme`` has for ``labels``: ``O`` first, then label by label in sorted order.

    PLAIN has no ``O``: its inventory is the sorted labels.

    >>> tag_inventory(["PER", "LOC"], Scheme.IOB2)
    ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER']
    """
    if scheme is Scheme.PLAIN:
        return sorted(set(labels))
    ordered = sorted(set(labels) - {OUTSIDE})
    if scheme is Scheme.BARE:
        return [OUTSIDE, *ordered]
    return [OUTSIDE, *(join_tag(letter, label) for label in ordered for letter in _ALPHABET[scheme])]


def allowed_transitions(tags: Sequence[str], scheme: Scheme) -> Transitions:
    """Which of ``tags`` may begin a sentence, follow one another, and end it.

    A sequence of these tags is allowed by the three arrays exactly where :func:`is_legal` holds.

    Raises DataError: where a tag does not belong to the scheme.

    >>> allowed_transitions(["O", "B-X", "I-X"], Scheme.IOB2).between.astype(int).tolist()
    [[1, 1, 0], [1, 1, 1], [1, 1, 1]]
    """
    for tag in tags:
        if not belongs(tag, scheme):
            raise DataError(f"{tag!r} is not a tag of the scheme {scheme}.", remedy="Repair the tags first.")
    return Transitions(
        np.array([may_follow(None, tag, scheme) for tag in tags], dtype=bool),
        np.array([[may_follow(a, b, scheme) for b in tags] for a in tags], dtype=bool).reshape(len(tags), len(tags)),
        np.array([may_follow(tag, None, scheme) for tag in tags], dtype=bool),
    )


# ------------------------------------------------------------------------------------- detection and repair


def detect_scheme(tag_sequences: Iterable[Sequence[str]]) -> Scheme:
    """Find the scheme that explains the tags with the fewest violations, in one pass.

    Tags that are not ``O`` either have one of the letters ``B I E S L U M`` before a hyphen (or are such a
    letter) or have not. Where more than 5 % have not, the scheme is BARE if ``O`` occurs, else PLAIN.
    Otherwise each prefixed scheme is charged one violation for each tag whose letter it lacks and one for
    each neighborhood it forbids, and the one with the fewest is taken; if several are equal, the first of
    IO, IOB2, IOB1, IOE2, IOE1, BIOES, BILOU, BMES. So tags that are all ``I-`` are IO, ``B-`` that occurs
    only where spans of one type touch makes them IOB1, and IOB2 with a few stray ``I-`` stays IOB2. Nothing
    but ``O`` is IOB2.

    >>> detect_scheme([["B-PER", "E-PER", "O"], ["S-LOC"]])
    <Scheme.BIOES: 'BIOES'>

    Raises DataError: the tags are not lists of tags.
    """
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    for number, tags in enumerate(tag_sequences, 1):
        check_sentence(tags, number, "tags")
        pairs.update(pairwise((None, *tags, None)))
    return scheme_of_pairs(pairs)


def scheme_of_pairs(pairs: Counter[tuple[str | None, str | None]]) -> Scheme:
    """Find the scheme from how often each tag follows each other; None is the border of a sentence."""
    counts: Counter[str] = Counter()
    for (previous, _), count in pairs.items():
        if previous is not None:
            counts[previous] += count
    has_outside = counts.pop(OUTSIDE, 0) > 0
    if not counts:
        return Scheme.IOB2
    without_letter = sum(count for tag, count in counts.items() if not split_tag(tag)[0])
    if without_letter * 20 > counts.total():
        return Scheme.BARE if has_outside else Scheme.PLAIN
    return min(_PREFIXED, key=lambda scheme: _violations(pairs, counts, scheme))


def _violations(pairs: Counter[tuple[str | None, str | None]], counts: Counter[str], scheme: Scheme) -> int:
    foreign = {tag for tag in counts if not belongs(tag, scheme)}
    forbidden = sum(
        count
        for (previous, tag), count in pairs.items()
        if previous not in foreign and tag not in foreign and not may_follow(previous, tag, scheme)
    )
    return forbidden + sum(counts[tag] for tag in foreign)


def repair_tags(tags: Sequence[str], scheme: Scheme) -> tuple[list[str], list[Repair]]:
    """Make tags legal, keeping the spans that :func:`tags_to_spans` reads from them.

    Legal tags come back unchanged with no repairs; the result is always legal.

    >>> repair_tags(["O", "I-PER"], Scheme.IOB2)
    (['O', 'B-PER'], [Repair(index=1, was='I-PER', becomes='B-PER', reason='cannot follow O')])
    """
    if is_legal(tags, scheme):
        return list(tags), []
    if scheme in (Scheme.PLAIN, Scheme.BARE):
        raise DataError("An empty tag cannot be repaired.", remedy="Give every token a tag.")
    repaired = spans_to_tags(tags_to_spans(tags, scheme), len(tags), scheme)
    repairs = [
        Repair(index, was, becomes, _reason(tags, index, scheme))
        for index, (was, becomes) in enumerate(zip(tags, repaired, strict=True))
        if was != becomes
    ]
    return repaired, repairs


def _reason(tags: Sequence[str], index: int, scheme: Scheme) -> str:
    tag = tags[index]
    if not belongs(tag, scheme):
        return f"is not a tag of {scheme}"
    previous = tags[index - 1] if index else None
    following = tags[index + 1] if index + 1 < len(tags) else None
    if (previous is None or belongs(previous, scheme)) and not may_follow(previous, tag, scheme):
        return f"cannot follow {previous}" if previous else "cannot begin a sentence"
    if (following is None or belongs(following, scheme)) and not may_follow(tag, following, scheme):
        return f"cannot stand before {following}" if following else "cannot end a sentence"
    return "does not fit its neighbors as repaired"
