"""The feature dicts of CRFsuite's users: which word a dict is about, and which features a network cannot use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tagsmith.errors import DataError

WORD = ("word", "token", "text", "form")  # features that are the word itself
LOWER = ("word.lower()", "word.lower", "word_lower", "lower")  # features that are it in lower case
PART = re.compile(r"word\[(-\d+:|:\d+)\]")  # "word[-3:]", "word[:2]": the word's own letters, in their case
FROM_WORDS = re.compile(r"(?:[+-]\d+:)?(?:word\b.*|word_lower|token|text|form|lower|bias|BOS|EOS)")


def word_of(features: Mapping[str, Any], where: str = "The token") -> str:
    """Return the word that a dict of features is about.

    That is the feature ``word`` (``token``, ``text``, ``form``) or, as in sklearn-crfsuite's tutorial,
    ``word.lower()`` with the case that ``word.istitle()``, ``word.isupper()`` and parts such as ``word[-3:]`` tell.
    Other capitals, as in "McDonald", cannot be told from these.

    Raises DataError: none of these is there.

    >>> word_of({"bias": 1.0, "word.lower()": "york", "word.istitle()": True, "word[-3:]": "ork"})
    'York'
    >>> word_of({"word.lower()": "ebay", "word[-3:]": "Bay"})
    'eBay'
    """
    for name in WORD:
        if isinstance(word := features.get(name), str):
            return word
    for name in LOWER:
        if isinstance(lower := features.get(name), str):
            return _in_case(lower, features)
    names = ", ".join(map(str, features)) or "none"
    raise DataError(
        f"{where} has no feature that tells the word; its features: {names}.",
        remedy="Add the word itself: features['word'] = word.",
    )


def _in_case(lower: str, features: Mapping[str, Any]) -> str:
    title, upper = features.get("word.istitle()"), features.get("word.isupper()")
    word = lower.title() if title else lower.upper() if upper else lower
    for name, part in features.items():
        if (match := PART.fullmatch(name)) and isinstance(part, str):
            head, tail = (word[: -len(part)], part) if match[1].startswith("-") else (part, word[len(part) :])
            if part and (head + tail).lower() == lower:
                word = head + tail
    return word


def not_from_words(tokens: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of features that say more than the words do, such as parts of speech, sorted."""
    names = {name for features in tokens for name in features}
    return sorted(name for name in names if not FROM_WORDS.fullmatch(name))
