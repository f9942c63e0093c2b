"""Suggestions of the model for sentences to label: its spans, and how certain it is of the whole sentence.

Certainty is the margin of the sentence's tag sequences: the probability of the best minus that of the second best
(Scheffer, Decomain and Wrobel 2001, *Active hidden Markov models for information extraction*; Settles and Craven 2008
compare it for sequence labeling). A person's time is best spent where it is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from tagsmith import Document, InputError, Sentence, Tagger, load

SuggestedSpan = tuple[int, int, str, float]  # start and end (exclusive) in tokens, label, probability


@dataclass(frozen=True, slots=True)
class Suggester:
    """What suggests labels: the model in service or, before there is one, the one that training begins with."""

    tagger: Tagger
    layer: str
    name: str
    version: str  # another one scores the queue anew
    labels: tuple[str, ...] | None = None  # of the project that it knows; None: all of its labels are the project's

    def suggest(self, sentences: Sequence[Sequence[str]]) -> list[tuple[list[SuggestedSpan], float]]:
        """Its spans in each sentence, and how certain it is."""
        found = suggest(self.tagger, sentences, self.layer)
        if self.labels is None:
            return found
        return [([span for span in spans if span[2] in self.labels], certainty) for spans, certainty in found]


def borrowed(start: Path | None, labels: Sequence[str]) -> Suggester | None:
    """The model that training begins with as the first to suggest; None: it knows none of the labels."""
    try:
        tagger = None if start is None else load(start)
    except InputError:  # training will say so
        return None
    layer = next((one for one in map(tagger.layer, tagger.layers) if one.gives_spans), None) if tagger else None
    known = tuple(label for label in labels if layer and label in layer.labels)
    if tagger is None or layer is None or not known:
        return None
    return Suggester(tagger, layer.name, str(start), f"{start} {' '.join(known)}", known)


def suggest(
    tagger: Tagger, sentences: Sequence[Sequence[str]], layer: str | None = None
) -> list[tuple[list[SuggestedSpan], float]]:
    """For each sentence, given as words, the model's spans and its certainty from 0 to 1, in ``layer`` (or the first).

    In a layer of plain tags, each token is a span.
    """
    best = tagger.tag_k_best(sentences, 2, layer=layer)
    margins = [paths[0][1] - (paths[1][1] if len(paths) > 1 else 0.0) for paths in best]
    find = _spans if tagger.layer(layer).gives_spans else _plain
    spans = find(tagger, sentences, layer)
    return [(suggested, min(1.0, max(0.0, margin))) for suggested, margin in zip(spans, margins, strict=True)]


def _spans(tagger: Tagger, sentences: Sequence[Sequence[str]], layer: str | None) -> list[list[SuggestedSpan]]:
    all_spans = []
    for document in tagger.tag_documents([_as_document(words) for words in sentences]):
        (sentence,) = document.sentences
        starts = {token.start: place for place, token in enumerate(sentence.tokens)}
        ends = {token.end: place + 1 for place, token in enumerate(sentence.tokens)}
        all_spans.append(
            [
                (starts[span.start], ends[span.end], span.label, round(min(1.0, span.score or 0.0), 6))
                for span in document.layer_spans.get(layer or tagger.layers[0], document.spans)
            ]
        )
    return all_spans


def _as_document(words: Sequence[str]) -> Document:
    starts = accumulate((len(word) + 1 for word in words[:-1]), initial=0)
    return Document(" ".join(words), (Sentence(tuple(words), tuple(starts)),))


def _plain(tagger: Tagger, sentences: Sequence[Sequence[str]], layer: str | None) -> list[list[SuggestedSpan]]:
    columns = {tag: column for column, tag in enumerate(tagger.layer(layer).tags)}
    all_spans = []
    for marginals, tags in zip(
        tagger.tag_marginals(sentences, layer=layer), tagger.tag(sentences, layer=layer), strict=True
    ):
        scores = np.minimum(marginals[np.arange(len(tags)), [columns[tag] for tag in tags]], 1.0).round(6).tolist()
        all_spans.append(
            [(place, place + 1, tag, score) for place, (tag, score) in enumerate(zip(tags, scores, strict=True))]
        )
    return all_spans
