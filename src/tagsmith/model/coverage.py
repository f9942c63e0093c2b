"""Vector coverage: how many words of a text pretrained vectors know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tagsmith.model.vectors import load_vectors


@dataclass(frozen=True, slots=True)
class Coverage:
    """Tokens and distinct word forms with a vector: of the form itself, or else of its lowercased form."""

    tokens: int
    exact_tokens: int
    lowercased_tokens: int
    forms: int
    exact_forms: int
    lowercased_forms: int
    missing: Mapping[str, int]  # the most frequent forms without a vector, and how often they occur

    @property
    def token_share(self) -> float:
        """The share of tokens with a vector, a fraction of 1."""
        return (self.exact_tokens + self.lowercased_tokens) / max(1, self.tokens)

    @property
    def form_share(self) -> float:
        """The share of forms with a vector, a fraction of 1."""
        return (self.exact_forms + self.lowercased_forms) / max(1, self.forms)


def words_with_vectors(source: str | Path, counts: Mapping[str, int]) -> frozenset[str]:
    """Return those of the words, and of their lowercased forms, that have a vector in a file or package.

    Raises VectorsError and MissingExtraError as :func:`tagsmith.model.vectors.load_vectors` does.
    """
    return frozenset(load_vectors(source, {*counts, *map(str.lower, counts)}).words)


def coverage(counts: Mapping[str, int], known: frozenset[str], most_missing: int = 10) -> Coverage:
    """Count the words, given with how often they occur, that are ``known`` as they are or lowercased.

    >>> coverage({"Rome": 3, "the": 2, "Xyz": 1}, frozenset({"rome", "the"})).token_share == 5 / 6
    True
    """
    exact = [count for word, count in counts.items() if word in known]
    lowered = [count for word, count in counts.items() if word not in known and word.lower() in known]
    missing = {word: count for word, count in counts.items() if word not in known and word.lower() not in known}
    most = sorted(missing, key=lambda word: (-missing[word], word))[:most_missing]
    return Coverage(
        tokens=sum(counts.values()),
        exact_tokens=sum(exact),
        lowercased_tokens=sum(lowered),
        forms=len(counts),
        exact_forms=len(exact),
        lowercased_forms=len(lowered),
        missing={word: missing[word] for word in most},
    )
