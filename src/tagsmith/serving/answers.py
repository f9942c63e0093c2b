"""Requests to ``/v1/tag`` → their answers as JSON, see :mod:`tagsmith.serving.schema`.

The requests of a batch are tagged portion by portion. Between two portions the work stops if nobody waits for it any
more. Of what is tagged, only the JSON is kept, which takes a tenth of the memory of its objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

from pydantic_core import to_json

from tagsmith.serving.refusals import Refusal
from tagsmith.serving.schema import TagRequest
from tagsmith.tagging.heads import Threshold
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Document, Sentence, Span, document_from_sentences, sentence_from_words
from tagsmith.text.tokenizer import words_and_starts

Item = TypeVar("Item")
PORTION_CHARACTERS = 200_000  # tagged in one call; usually all texts of a batch
PORTION_TOKENS = 8192  # whose best sequences or tag probabilities are computed in one call


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text of a request, or some of the sentences that it gives as tokens."""

    place: int  # of the request in its batch
    number: int  # of the document in the request
    text: str
    cut: Document | None = None  # the sentences; None: they must be found in the text


@dataclass(slots=True)
class _Written:
    """The JSON of a document, as far as it is written."""

    text: str
    sentences: list[bytes] = field(default_factory=list)
    spans: list[bytes] = field(default_factory=list)

    def whole(self) -> bytes:
        sentences, spans = b",".join(self.sentences), b",".join(self.spans)
        return b'{"text":%b,"sentences":[%b],"spans":[%b]}' % (to_json(self.text), sentences, spans)


def answer_requests(
    tagger: Tagger,
    requests: Sequence[TagRequest],
    model: dict[str, str],
    is_wanted: Callable[[int], bool],
    count: Callable[[int], object] = lambda tokens: None,
) -> list[bytes]:
    """Answer requests with the same threshold.

    ``model`` tells which model answers. ``is_wanted`` says of each place in ``requests`` whether somebody still waits
    for the answer; else it is empty. ``count`` is told the tokens of each portion that is tagged.

    Raises
    ------
    DataError
        The model has no spans, or no label of those that the threshold names.
    """
    pieces = [piece for place, request in enumerate(requests) for piece in _pieces(place, request)]
    written: list[dict[int, _Written]] = [{} for _ in requests]
    for portion in _portions(
        pieces, lambda piece: len(piece.text if piece.cut is None else piece.cut.text), PORTION_CHARACTERS
    ):
        wanted = [piece for piece in portion if is_wanted(piece.place)]
        found = _tag(tagger, wanted, requests[0].threshold)
        count(sum(len(sentence) for document in found for sentence in document.sentences))
        tagged = zip(wanted, found, strict=True)
        for place, group in groupby(tagged, lambda pair: pair[0].place):
            documents = list[tuple[_Written, Document]]()
            for piece, document in group:
                documents.append((written[place].setdefault(piece.number, _Written(document.text)), document))
            _write(documents, tagger, requests[place], partial(is_wanted, place))
    head = b'{"model":%b,"documents":[' % to_json(model)
    return [
        b"%b%b]}" % (head, b",".join(document.whole() for document in documents.values())) if is_wanted(place) else b""
        for place, documents in enumerate(written)
    ]


def _pieces(place: int, request: TagRequest) -> Iterator[_Piece]:
    """Cut a request into what is tagged at a time."""
    if request.tokens is None:
        texts = request.texts if request.texts is not None else [request.text or ""]
        yield from (_Piece(place, number, text) for number, text in enumerate(texts))
        return
    document = document_from_sentences(map(sentence_from_words, request.tokens))
    for sentences in _portions(document.sentences, _characters, PORTION_CHARACTERS) or [[]]:
        yield _Piece(place, 0, "", replace(document, sentences=tuple(sentences)))


def _portions(items: Iterable[Item], size: Callable[[Item], int], most: int) -> list[list[Item]]:
    """Cut items into lists, each of no more than ``most`` in size unless one item alone is larger."""
    portions: list[list[Item]] = []
    room = 0
    for item in items:
        room -= size(item)
        if room < 0 or not portions:
            portions.append([])
            room = most - size(item)
        portions[-1].append(item)
    return portions


def _characters(sentence: Sentence) -> int:
    return sum(map(len, sentence.words)) + len(sentence)


def _tag(tagger: Tagger, pieces: Sequence[_Piece], threshold: Threshold | None) -> list[Document]:
    texts = [piece.text for piece in pieces if piece.cut is None]
    cut = [piece.cut for piece in pieces if piece.cut is not None]
    from_texts = iter(tagger.tag_texts(texts, threshold=threshold) if texts else ())
    from_cut = iter(tagger.tag_documents(cut, threshold=threshold) if cut else ())
    return [next(from_texts if piece.cut is None else from_cut) for piece in pieces]


def _write(
    documents: Sequence[tuple[_Written, Document]], tagger: Tagger, request: TagRequest, is_wanted: Callable[[], bool]
) -> None:
    """Write the sentences and spans of a request's documents, with what else it asks for."""
    sentences = [(json, sentence) for json, document in documents for sentence in document.sentences]
    if not (request.k_best or request.marginals):
        for json, sentence in sentences:
            json.sentences.append(to_json(_sentence_answer(sentence)))
    else:
        for portion in _portions(sentences, lambda pair: len(pair[1]), PORTION_TOKENS):
            answers, words = [_sentence_answer(own) for _, own in portion], [own.words for _, own in portion]
            if request.k_best and is_wanted():
                _add_k_best(answers, tagger, words, request.k_best)
            if request.marginals and is_wanted():
                _add_marginals(answers, tagger, words)
            for (json, _), answer in zip(portion, answers, strict=True):
                json.sentences.append(to_json(answer))
    for json, document in documents:
        layer_spans = document.layer_spans or {tagger.layers[0]: document.spans}
        spans = [_span_answer(span, layer) for layer, spans in layer_spans.items() for span in spans]
        if spans:
            json.spans.append(to_json(spans)[1:-1])


def check_numbers(tagger: Tagger, request: TagRequest, limit: int) -> None:
    """Refuse a request for more best sequences or tag probabilities than can be computed in time and memory (422).

    Tokens are counted only as far as needed.
    """
    each = sum(len(tagger.layer(name).tags) for name in tagger.layers) * (request.k_best + request.marginals)
    if not each:
        return
    most = limit // each
    if request.tokens is not None:
        tokens = sum(map(len, request.tokens))
    else:
        texts = request.texts if request.texts is not None else [request.text or ""]
        if sum(map(len, texts)) <= most:  # a token has at least one character
            return
        tokens = 0
        for text in texts:
            tokens += sum(len(words) for words, _ in words_and_starts(text))
            if tokens > most:
                break
    if tokens > most:
        keys = " and ".join(
            key for key, asked in (("k_best", request.k_best), ("marginals", request.marginals)) if asked
        )
        message = (
            f"{keys}: tokens × tags × sequences is too large; the limit is {limit:,}, with this model {most:,} tokens."
        )
        raise Refusal(422, "too_many_numbers", message, limit=limit)


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
