"""Texts, and documents that are cut already, with the tags and spans of a tagger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tagsmith.tagging.heads import Threshold
from tagsmith.tagging.sentence_tagger import ScoredSpan, SentenceTagger, TaggedSentence
from tagsmith.text.arguments import check_documents, texts_of
from tagsmith.text.document import Document, Sentence, Span
from tagsmith.text.tokenizer import words_and_starts


def tag_texts(tagger: SentenceTagger, texts: Iterable[str], threshold: Threshold | None) -> list[Document]:
    """Tag texts, see ``Tagger.tag_texts``."""
    texts_cut = [(text, words_and_starts(text)) for text in texts_of(texts)]
    tagged = tagger._all_layers([words for _, cut in texts_cut for words, _ in cut], True, threshold)
    documents = []
    for text, cut in texts_cut:
        layers, spans = _layers_and_spans(tagger, text, cut, tagged)
        sentences = [
            Sentence(tuple(words), tuple(starts), tags) for (words, starts), tags in zip(cut, layers, strict=True)
        ]
        documents.append(Document(text, tuple(sentences), **spans))
    return documents


def tag_documents(
    tagger: SentenceTagger, documents: Sequence[Document], *, spans: bool, threshold: Threshold | None
) -> list[Document]:
    """Tag documents, see ``Tagger.tag_documents``."""
    check_documents(documents)
    words = [sentence.words for document in documents for sentence in document.sentences]
    tagged = tagger._all_layers(words, spans, threshold)
    done = []
    for document in documents:
        cut = [(sentence.words, sentence.starts) for sentence in document.sentences]
        layers, predicted = _layers_and_spans(tagger, document.text, cut, tagged)
        sentences = tuple(
            replace(sentence, layers={**sentence.layers, **tags})
            for sentence, tags in zip(document.sentences, layers, strict=True)
        )
        done.append(replace(document, sentences=sentences, **(predicted if spans else {})))
    return done


def _layers_and_spans(
    tagger: SentenceTagger,
    text: str,
    cut: Iterable[tuple[Sequence[str], Sequence[int]]],
    tagged: Iterator[tuple[TaggedSentence, ...]],
) -> tuple[list[dict[str, tuple[str, ...]]], dict[str, Any]]:
    """Take a document's sentences from ``tagged``; return the layers of each, and the document's fields of spans.

    ``cut`` has the words of each sentence and where they start.
    """
    names, layers = tagger.layers, list[dict[str, tuple[str, ...]]]()
    spans: list[list[Span]] = [[] for _ in tagger._heads]
    for (words, starts), sentence in zip(cut, tagged, strict=False):
        layers.append({name: tuple(tags) for name, (tags, _) in zip(names, sentence, strict=True)})
        for collected, (_, located) in zip(spans, sentence, strict=True):
            collected.extend(_located(text, words, starts, located))
    return layers, _spans(tagger, spans)


def _spans(tagger: SentenceTagger, predicted: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """Return the fields of a document that hold its spans, given those of each layer."""
    if len(predicted) == 1:
        return {"spans": tuple(predicted[0])}
    pairs = zip(tagger.model.layers, predicted, strict=True)
    layers = {layer.name: tuple(spans) for layer, spans in pairs if layer.gives_spans}
    return {"spans": next(iter(layers.values()), ()), "layer_spans": layers}


def _located(text: str, words: Sequence[str], starts: Sequence[int], spans: Iterable[ScoredSpan]) -> Iterator[Span]:
    """Turn the spans of a sentence, in tokens, into spans of the document's text."""
    for first, after, label, score in spans:
        start, end = starts[first], starts[after - 1] + len(words[after - 1])
        yield Span(start, end, label, text[start:end], score)
