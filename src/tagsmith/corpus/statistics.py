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
    """Counts of one layer of a file: in tokens, sentences, or different words (``vocabulary``).

    Parameters
    ----------
    longest, longest_line
        The tokens of the longest sentence, and the line of the file where it begins.
    tags, labels
        How often each tag and each type of span occurs, most frequent first; in a plain scheme the labels are the tags.
    unlabeled_sentences
        How many sentences have no span (0 in a plain scheme).
    duplicates
        How many sentences occur earlier in the file, word for word.
    repairs
        The tags that are illegal in the scheme, and what they would become.
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
    repairs: tuple[TagRepair, ...] = ()


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
    """Count the sentences of ``second``, such as a test set, that occur word for word in ``first``."""
    known = {sentence.words for sentence in first}
    return sum(sentence.words in known for sentence in second)
