"""Statistics of a labeled corpus: sizes, tags, labels, repeated sentences, illegal tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagsmith.corpus.repair import TagRepair, repaired
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, detect_scheme, tags_to_spans


@dataclass(frozen=True, slots=True)
class CorpusStatistics:
    """Counts of one layer of a file."""

    scheme: Scheme
    sentences: int
    tokens: int
    vocabulary: int  # different words
    longest: Mapping[str, int]  # the ``tokens`` of the longest sentence, and the ``line`` where it begins
    unlabeled_sentences: int  # sentences without a span; 0 in a plain scheme
    duplicates: int  # sentences that occur earlier in the file, word for word
    labels: Mapping[str, int]  # how often each type of span occurs, most frequent first; in a plain scheme as ``tags``
    tags: Mapping[str, int]
    repairs: tuple[TagRepair, ...] = ()  # the tags that are illegal in the scheme, and what they would become


def statistics(sentences: Sequence[Sentence], layer: str, *, path: str = "") -> CorpusStatistics:
    """Count one layer of sentences that all have it; the repairs name the ``path``.

    >>> from tagsmith.text.document import sentence_from_words
    >>> counted = statistics([sentence_from_words(["John", "lives"], {"tags": ["B-PER", "O"]})], "tags")
    >>> counted.tokens, dict(counted.labels)
    (2, {'PER': 1})
    """
    scheme = detect_scheme(sentence.layers[layer] for sentence in sentences)
    tags: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    words: set[str] = set()
    without = 0
    repairs: list[TagRepair] = []
    for sentence in sentences:
        tags.update(sentence.layers[layer])
        words.update(sentence.words)
        repaired(sentence, layer, scheme, path, repairs)
        if scheme is not Scheme.PLAIN:
            spans = tags_to_spans(sentence.layers[layer], scheme)
            labels.update(span.label for span in spans)
            without += not spans
    longest = max(sentences, key=len, default=Sentence((), ()))
    return CorpusStatistics(
        scheme=scheme,
        sentences=len(sentences),
        tokens=tags.total(),
        vocabulary=len(words),
        longest={"tokens": len(longest), "line": longest.line},
        unlabeled_sentences=without,
        duplicates=len(sentences) - len({sentence.words for sentence in sentences}),
        labels=dict((tags if scheme is Scheme.PLAIN else labels).most_common()),
        tags=dict(tags.most_common()),
        repairs=tuple(repairs),
    )


def shared_sentences(first: Sequence[Sentence], second: Sequence[Sentence]) -> int:
    """Count the sentences of ``second``, such as a test set, that occur word for word in ``first``."""
    known = {sentence.words for sentence in first}
    return sum(sentence.words in known for sentence in second)
