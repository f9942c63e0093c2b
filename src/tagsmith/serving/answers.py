"""Tagged documents as JSON values, see :mod:`tagsmith.serving.schema`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Document, Sentence, Span


def document_answer(document: Document, layers: Sequence[str]) -> dict[str, Any]:
    """A document and the spans of all layers."""
    spans = document.layer_spans or {layers[0]: document.spans}
    return {
        "text": document.text,
        "sentences": [_sentence_answer(sentence) for sentence in document.sentences],
        "spans": [_span_answer(span, layer) for layer, own in spans.items() for span in own],
    }


def _sentence_answer(sentence: Sentence) -> dict[str, Any]:
    tokens = [
        {"text": word, "start": start, "end": start + len(word)}
        for word, start in zip(sentence.words, sentence.starts, strict=True)
    ]
    return {"start": sentence.start, "end": sentence.end, "tokens": tokens, "tags": dict(sentence.layers)}


def _span_answer(span: Span, layer: str) -> dict[str, Any]:
    score = round(min(1.0, span.score or 0.0), 6)  # sums of probabilities may pass 1 by a rounding error
    return {
        "start": span.start,
        "end": span.end,
        "text": span.text,
        "label": span.label,
        "score": score,
        "layer": layer,
    }


def add_k_best(answers: Iterable[dict[str, Any]], tagger: Tagger, words: Sequence[Sequence[str]], k: int) -> None:
    """Add to the sentences' answers their ``k`` most probable tag sequences in every layer."""
    found = {layer: tagger.tag_k_best(words, k, layer=layer) for layer in tagger.layers}
    for place, answer in enumerate(answers):
        answer["k_best"] = {
            layer: [{"tags": tags, "probability": min(1.0, share)} for tags, share in own[place]]
            for layer, own in found.items()
        }


def add_marginals(answers: Iterable[dict[str, Any]], tagger: Tagger, words: Sequence[Sequence[str]]) -> None:
    """Add to the sentences' answers the probabilities of all tags in every layer."""
    found = {layer: tagger.tag_marginals(words, layer=layer) for layer in tagger.layers}
    for place, answer in enumerate(answers):
        answer["marginals"] = {
            layer: {
                "tags": list(tagger.layer(layer).tags),
                "probabilities": own[place].clip(0.0, 1.0).round(6).tolist(),
            }
            for layer, own in found.items()
        }
