"""Alignment of character spans with tokens, and of words with a text; every span that does not fit is reported."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from tagsmith.formats.options import AlignmentProblem, ReadOptions
from tagsmith.formats.source import Place, shortened
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, Span, Token
from tagsmith.text.schemes import Scheme, TokenSpan, spans_to_tags


def align_spans(spans: Sequence[Span], text: str, tokens: Sequence[Token], place: Place) -> list[TokenSpan]:
    """Turn character spans into token spans; of spans that overlap the longest is used, or else the first.

    The tokens are in the order of the text. The time is that of sorting the spans, plus the number of tokens.
    """
    starts, ends = [token.start for token in tokens], [token.end for token in tokens]
    aligned: list[TokenSpan] = []
    owners = [-1] * len(tokens)  # the index in ``aligned`` of the span that a token belongs to
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        first, last = bisect_right(ends, span.start), bisect_left(starts, span.end)
        if not 0 <= span.start < span.end <= len(text):
            _report(span, f"lies outside its text of {len(text)} characters", None, starts, ends, place)
            continue
        if first >= last:
            _report(span, "contains no token", None, starts, ends, place)
            continue
        touched = starts[first], ends[last - 1]
        if touched != (span.start, span.end):
            snap = place.options.alignment == "snap"
            _report(span, "does not align with tokens", touched if snap else None, starts, ends, place)
            if not snap:
                continue
        # A rival that held neither the first nor the last token would be shorter, and so would come later.
        rivals = [owner for owner in (owners[first], owners[last - 1]) if owner >= 0]
        if rivals:
            rival = aligned[min(rivals)]
            kept = shortened(text[starts[rival.start] : ends[rival.end - 1]])
            _report(span, f"overlaps {kept!r} [{rival.label}], which is longer or first", None, starts, ends, place)
            continue
        owners[first:last] = [len(aligned)] * (last - first)
        aligned.append(TokenSpan(first, last, span.label))
    return sorted(aligned)


def _report(
    span: Span, what: str, used: tuple[int, int] | None, starts: Sequence[int], ends: Sequence[int], place: Place
) -> None:
    """Report a span that cannot be used as it is, or raise an error."""
    problem = f"The span {span.start}–{span.end} {shortened(span.text)!r} [{span.label}] {what}"
    nearest = None
    if starts:
        nearest = _nearest(starts, span.start), _nearest(ends, span.end)
        problem += f"; the nearest token boundaries are {nearest[0]} and {nearest[1]}"
    if place.options.alignment == "error":
        raise place.error(f"{problem}.", "Correct the span, or read with the alignment 'snap' or 'skip'.")
    message = f"{problem}; {f'labeled {used[0]}–{used[1]} instead' if used else 'left out'}"
    characters = span.start, span.end
    place.options.problems.append(
        AlignmentProblem(place.path, place.line or 0, message, span.text, span.label, characters, nearest, used)
    )


def _nearest(sorted_places: Sequence[int], place: int) -> int:
    """Return the nearest of some places in rising order, of two the smaller."""
    after = bisect_left(sorted_places, place)
    return min(sorted_places[max(after - 1, 0) : after + 1], key=lambda one: abs(one - place))


def _merge_cut(sentences: Sequence[Sequence[Token]], spans: Sequence[TokenSpan]) -> list[list[Token]]:
    """Join sentences whose boundary lies inside a span."""
    inside = {boundary for span in spans for boundary in range(span.start + 1, span.end)}
    merged: list[list[Token]] = []
    boundary = 0
    for sentence in sentences:
        if boundary in inside:
            merged[-1].extend(sentence)
        else:
            merged.append(list(sentence))
        boundary += len(sentence)
    return merged


def build_document(
    text: str,
    sentences: Sequence[Sequence[Token]],
    place: Place,
    *,
    spans: Sequence[Span] | None = None,
    tags: Sequence[str] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Document:
    """Make a document of the tokens of its sentences, labeled by spans, by a tag for each token, or not at all."""
    if spans is not None:
        tokens = list(chain.from_iterable(sentences))
        aligned = align_spans(spans, text, tokens, place)
        tags = spans_to_tags(aligned, len(tokens), Scheme.IOB2)
        sentences = _merge_cut(sentences, aligned)
    built: list[Sentence] = []
    first = 0
    for sentence in sentences:
        words, starts = tuple(token.text for token in sentence), tuple(token.start for token in sentence)
        last = first + len(sentence)
        layers = {} if tags is None else {place.options.layer or DEFAULT_LAYER: tuple(tags[first:last])}
        built.append(Sentence(words, starts, layers, place.line or 0, {"record": True} if place.line else {}))
        first = last
    return Document(text, tuple(built), tuple(spans or ()), meta or {})


def tag_document(document: Document, options: ReadOptions) -> Document:
    """Return a document whose sentences have layers: if they have none, its spans become IOB2 tags of one."""
    if not document.spans or any(sentence.layers for sentence in document.sentences):
        return document
    tokens = [sentence.tokens for sentence in document.sentences]
    tagged = build_document(document.text, tokens, Place("<memory>", options), spans=document.spans)
    return replace(document, sentences=tagged.sentences)


def find_words(words: Sequence[str], text: str) -> list[int] | None:
    """Find the words in the text one after the other with only white space between; None if that fails."""
    starts, position = [], 0
    for word in words:
        if not text.startswith(word, position):
            start = text.find(word, position)
            if start < 0 or not text[position:start].isspace():
                return None
            position = start
        starts.append(position)
        position += len(word)
    return starts
