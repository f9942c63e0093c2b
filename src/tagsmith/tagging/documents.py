"""Texts, and documents that are cut already, with the tags and spans of a tagger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tagsmith.tagging.heads import Threshold
from tagsmith.tagging.sentence_tagger import ScoredSpan, SentenceTagger, TaggedLayer
from tagsmith.text.arguments import check_documents, texts_of
from tagsmith.text.document import Document, Sentence, Span
from tagsmith.text.tokenizer import words_and_starts

Cut = Sequence[tuple[Sequence[str], Sequence[int]]]  # the words of each sentence of a text, and where they start


def tag_texts(tagger: SentenceTagger, texts: Iterable[str], threshold: Threshold | None) -> list[Document]:
    """Tag texts, see ``Tagger.tag_texts``."""
    texts_cut = [(text, words_and_starts(text)) for text in texts_of(texts)]
    tagged = tagger._tagged([words for _, cut in texts_cut for words, _ in cut], tagger._heads, True, threshold)
    layers = _layers(tagger, tagged)
    documents, first = [], 0
    for text, cut in texts_cut:
        spans = _spans(tagger, text, cut, first, tagged)
        first += len(cut)
        sentences = [Sentence(words, starts, tags) for (words, starts), tags in zip(cut, layers, strict=False)]
        documents.append(Document(text, tuple(sentences), **spans))
    return documents


def tag_documents(
    tagger: SentenceTagger, documents: Sequence[Document], *, spans: bool, threshold: Threshold | None
) -> list[Document]:
    """Tag documents, see ``Tagger.tag_documents``."""
    check_documents(documents)
    words = [sentence.words for document in documents for sentence in document.sentences]
    tagged = tagger._tagged(words, tagger._heads, spans, threshold)
    layers = _layers(tagger, tagged)
    done, first = [], 0
    for document in documents:
        sentences = tuple(
            Sentence(one.words, one.starts, {**one.layers, **tags} if one.layers else tags, one.line, one.meta)
            for one, tags in zip(document.sentences, layers, strict=False)
        )
        predicted = {}
        if spans:
            cut = [(sentence.words, sentence.starts) for sentence in sentences]
            predicted = _spans(tagger, document.text, cut, first, tagged)
        first += len(sentences)
        done.append(replace(document, sentences=sentences, **predicted))
    return done


def _layers(tagger: SentenceTagger, tagged: Iterable[TaggedLayer]) -> Iterator[dict[str, tuple[str, ...]]]:
    """Yield the layers of one sentence after the other."""
    for tags in zip(*(map(tuple, layer.tags) for layer in tagged), strict=True):
        yield dict(zip(tagger.layers, tags, strict=True))


def _spans(tagger: SentenceTagger, text: str, cut: Cut, first: int, tagged: Sequence[TaggedLayer]) -> dict[str, Any]:
    """Return the fields of a document that hold its spans; its first sentence is number ``first`` of those tagged."""
    spans = {
        layer.name: tuple(_located(text, cut, first, found.spans))
        for layer, found in zip(tagger.model.layers, tagged, strict=True)
        if layer.gives_spans
    }
    main = next(iter(spans.values()), ())
    return {"spans": main} if len(tagged) == 1 else {"spans": main, "layer_spans": spans}


def _located(text: str, cut: Cut, first: int, spans: Mapping[int, Sequence[ScoredSpan]]) -> Iterator[Span]:
    """Turn the spans of a document's sentences, in tokens, into spans of its text."""
    for number, (words, starts) in enumerate(cut, first):
        for begin, after, label, score in spans.get(number, ()):
            start, end = starts[begin], starts[after - 1] + len(words[after - 1])
            yield Span(start, end, label, text[start:end], score)
