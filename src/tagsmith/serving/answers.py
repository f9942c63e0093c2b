"""Tagged documents as the JSON of ``/v1/tag``, see :mod:`tagsmith.serving.schema`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pydantic_core

from tagsmith.serving.schema import TagRequest
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Document, Sentence, Span


def tag_answer(model: dict[str, str], tagger: Tagger, request: TagRequest, documents: Sequence[Document]) -> bytes:
    """The answer to a request whose documents are tagged; ``model`` tells which model did it."""
    answers = [_document_answer(document, tagger.layers) for document in documents]
    if request.k_best or request.marginals:
        sentences = [sentence for answer in answers for sentence in answer["sentences"]]
        words = [sentence.words for document in documents for sentence in document.sentences]
        if request.k_best:
            _add_k_best(sentences, tagger, words, request.k_best)
        if request.marginals:
            _add_marginals(sentences, tagger, words)
    return pydantic_core.to_json({"model": model, "documents": answers})


def _document_answer(document: Document, layers: Sequence[str]) -> dict[str, Any]:
    """A document and the spans of all layers."""
    layer_spans = document.layer_spans or {layers[0]: document.spans}
    return {
        "text": document.text,
        "sentences": [_sentence_answer(sentence) for sentence in document.sentences],
        "spans": [_span_answer(span, layer) for layer, spans in layer_spans.items() for span in spans],
    }


def _sentence_answer(sentence: Sentence) -> dict[str, Any]:
    tokens = [
        {"text": word, "start": start, "end": start + len(word)}
        for word, start in zip(sentence.words, sentence.starts, strict=True)
    ]
    return {"start": sentence.start, "end": sentence.end, "tokens": tokens, "tags": dict(sentence.layers)}


def _span_answer(span: Span, layer: str) -> dict[str, Any]:
    return {
        "start": span.start,
        "end": span.end,
        "text": span.text,
        "label": span.label,
        "score": round(min(1.0, span.score or 0.0), 6),  # a sum of probabilities may pass 1 by a rounding error
        "layer": layer,
    }


def _add_k_best(answers: list[dict[str, Any]], tagger: Tagger, words: Sequence[Sequence[str]], k: int) -> None:
    """Give each sentence its ``k`` most probable tag sequences in every layer."""
    for layer in tagger.layers:
        for answer, sequences in zip(answers, tagger.tag_k_best(words, k, layer=layer), strict=True):
            answer.setdefault("k_best", {})[layer] = [
                {"tags": tags, "probability": min(1.0, probability)} for tags, probability in sequences
            ]


def _add_marginals(answers: list[dict[str, Any]], tagger: Tagger, words: Sequence[Sequence[str]]) -> None:
    """Give each sentence the probabilities of all tags in every layer."""
    for layer in tagger.layers:
        tags = list(tagger.layer(layer).tags)
        for answer, marginals in zip(answers, tagger.tag_marginals(words, layer=layer), strict=True):
            probabilities = marginals.clip(0.0, 1.0).round(6).tolist()
            answer.setdefault("marginals", {})[layer] = {"tags": tags, "probabilities": probabilities}
