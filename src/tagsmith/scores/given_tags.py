"""Tags that come to be scored: checked, and their scheme found where it is not named.

conlleval's rules look for a prefix (``B-``, ``I-``, ``E-``). In tags without prefixes they find no label, so that even
a prediction equal to the gold tags would score 0.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain

from tagsmith.errors import DataError
from tagsmith.scores.counts import Tags
from tagsmith.text.arguments import check_sentences, check_tokens
from tagsmith.text.schemes import OUTSIDE, Scheme

_LOOSE = (Scheme.PLAIN, Scheme.BARE)
_PREFIXES = frozenset("OBIESLUM.[]")
_FEW = 20  # one tag in so many may be of the other kind


def checked_scheme(gold: Tags, predicted: Tags, scheme: Scheme | str | None) -> Scheme | None:
    """Return the scheme to score tags by; None: by conlleval's rules to the letter.

    Tags without prefixes are ``BARE``, or ``PLAIN`` where no tag is ``O``.

    Raises DataError: tags are not lists of lists of strings; there is no such scheme; some tags have prefixes and
    others have none.
    """
    counts = {"gold": counted(gold, "gold"), "predicted": counted(predicted, "predicted")}
    scheme = None if scheme is None else Scheme(scheme)
    if scheme in _LOOSE:
        return scheme
    with_prefix, without = dict[str, str](), dict[str, str]()
    for whose, tags in counts.items():
        bare = Counter({tag: count for tag, count in tags.items() if not _has_prefix(tag)})
        labels = tags.total() - tags[OUTSIDE]
        if bare.total() * _FEW > labels:
            without[whose] = max(bare, key=bare.__getitem__)
        if (labels - bare.total()) * _FEW > labels:
            with_prefix[whose] = next(tag for tag in tags if tag != OUTSIDE and _has_prefix(tag))
    if not without:
        return scheme
    (side, example), named = next(iter(without.items())), "" if scheme is None else f" of the scheme {scheme}"
    if scheme is not None or with_prefix:
        problem = f"The {side} tag {example!r} has no prefix{named}"
        if with_prefix:
            other, prefixed = next(iter(with_prefix.items()))
            problem += f", but the {other} tag {prefixed!r} has one"
        raise DataError(
            f"{problem}.",
            remedy="Write gold and predicted tags in one scheme; scheme='bare' reads all tags as labels of spans, "
            "'plain' as labels of tokens.",
        )
    return Scheme.BARE if any(tags[OUTSIDE] for tags in counts.values()) else Scheme.PLAIN


def counted(sentences: Tags, whose: str) -> Counter[str]:
    """Count the tags of sentences, which must be lists of lists of strings."""
    check_sentences(sentences, "tags", whose)
    try:
        tags = Counter(chain.from_iterable(sentences))
    except TypeError:  # a list in place of a tag
        check_tokens(sentences, "tag", whose)
        raise
    if not all(isinstance(tag, str) for tag in tags):
        check_tokens(sentences, "tag", whose)
    if spaced := next((tag for tag in tags if tag != tag.strip()), None):
        raise DataError(
            f"The {whose} tag {spaced!r} begins or ends with white space, so it would differ from the right one.",
            remedy="Strip the tags.",
        )
    return tags


def _has_prefix(tag: str) -> bool:
    prefix, hyphen, _ = tag.partition("-")
    return not tag or prefix in _PREFIXES or bool(hyphen and len(prefix) < 2)
