"""What a labeled corpus holds, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tagsmith.corpus.repair import TagRepair, repaired
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, detect_scheme, tags_to_spans


@dataclass(frozen=True, slots=True)
class CorpusStatistics:
    """Counts of one file or split.

    Parameters
    ----------
    sentences, tokens
        How many there are.
    vocabulary
        How many different words.
    longest
        The number of tokens of the longest sentence.
    longest_line
        The line of the file where that sentence begins.
    scheme
        The scheme the tags are in.
    tags
        Tag → how often it occurs, most frequent first.
    labels
        Span type → number of spans; in a plain scheme the same as ``tags``. Most frequent first.
    unlabeled_sentences
        How many sentences have no span (0 in a plain scheme).
    duplicates
        How many sentences occur earlier in the same split, word for word.
    repairs
        The tags that break the scheme, and what they would become.
    """

    sentences: int
    tokens: int
    vocabulary: int
    longest: int
    longest_line: int
    scheme: Scheme
    tags: Mapping[str, int]
    labels: Mapping[str, int]
    unlabeled_sentences: int
    duplicates: int
    repairs: tuple[TagRepair, ...] = field(default=())


def statistics(
    sentences: Sequence[Sentence], layer: str, *, scheme: Scheme | None = None, path: str = ""
) -> CorpusStatistics:
    """Count what sentences hold in one layer.

    Parameters
    ----------
    sentences
        Sentences that all have the layer.
    layer
        Its name.
    scheme
        The scheme of its tags; found out by default.
    path
        The file they came from, for the repairs.

    >>> from tagsmith.text.document import sentence_from_words
    >>> counted = statistics([sentence_from_words(["John", "lives"], {"tags": ["B-PER", "O"]})], "tags")
    >>> counted.tokens, dict(counted.labels)
    (2, {'PER': 1})
    """
    if scheme is None:
        scheme = detect_scheme(sentence.layers[layer] for sentence in sentences)
    tags: Counter[str] = Counter()
    words: set[str] = set()
    labels: Counter[str] = Counter()
    without = 0
    repairs: list[TagRepair] = []
    for sentence in sentences:
        own = sentence.layers[layer]
        tags.update(own)
        words.update(sentence.words)
        repaired(sentence, layer, scheme, path, repairs)
        if scheme is not Scheme.PLAIN:
            spans = tags_to_spans(own, scheme)
            labels.update(span.label for span in spans)
            without += not spans
    longest = max(sentences, key=len, default=None)
    return CorpusStatistics(
        sentences=len(sentences),
        tokens=tags.total(),
        vocabulary=len(words),
        longest=len(longest) if longest else 0,
        longest_line=longest.line if longest else 0,
        scheme=scheme,
        tags=dict(tags.most_common()),
        labels=dict((tags if scheme is Scheme.PLAIN else labels).most_common()),
        unlabeled_sentences=without,
        duplicates=len(sentences) - len({sentence.words for sentence in sentences}),
        repairs=tuple(repairs),
    )


def shared_sentences(first: Sequence[Sentence], second: Sequence[Sentence]) -> int:
    """Count the sentences of ``second`` that occur word for word in ``first``: what a test set gives away."""
    known = {sentence.words for sentence in first}
    return sum(sentence.words in known for sentence in second)
