"""What a model makes of sentences that are to be labeled: its spans, and how certain it is of the whole.

Certainty is the margin of the sentence's tag sequences: the probability of the best less that of the second best
(Scheffer, Decomain and Wrobel 2001, *Active hidden Markov models for information extraction*; Settles and Craven 2008
compare it for sequence labeling). A person's time is best spent where it is small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import document_from_sentences, sentence_from_words

ScoredSpan = tuple[int, int, str, float]  # first token, last token (inclusive), label, probability


def suggest(tagger: Tagger, sentences: Sequence[Sequence[str]]) -> list[tuple[list[ScoredSpan], float]]:
    """For each sentence, given as words, the model's spans and its certainty from 0 to 1.

    Of a layer of plain tags, each token is a span.
    """
    best = tagger.tag_k_best(sentences, 2)
    certainties = [found[0][1] - (found[1][1] if len(found) > 1 else 0.0) for found in best]
    spans = _spans(tagger, sentences) if tagger.layer().gives_spans else _plain(tagger, sentences)
    return [(own, min(1.0, max(0.0, certainty))) for own, certainty in zip(spans, certainties, strict=True)]


def _spans(tagger: Tagger, sentences: Sequence[Sequence[str]]) -> list[list[ScoredSpan]]:
    documents = tagger.tag_documents([document_from_sentences([sentence_from_words(own)]) for own in sentences])
    found = []
    for document in documents:
        (sentence,) = document.sentences
        firsts = {token.start: place for place, token in enumerate(sentence.tokens)}
        lasts = {token.end: place for place, token in enumerate(sentence.tokens)}
        found.append(
            [
                (firsts[span.start], lasts[span.end], span.label, round(min(1.0, span.score or 0.0), 6))
                for span in document.spans
            ]
        )
    return found


def _plain(tagger: Tagger, sentences: Sequence[Sequence[str]]) -> list[list[ScoredSpan]]:
    tags = tagger.layer().tags
    found = []
    for marginals, own in zip(tagger.tag_marginals(sentences), tagger.tag(sentences), strict=True):
        places = [tags.index(tag) for tag in own]
        shares = np.minimum(marginals[np.arange(len(own)), places], 1.0).round(6).tolist()
        found.append([(place, place, tag, share) for place, (tag, share) in enumerate(zip(own, shares, strict=True))])
    return found
