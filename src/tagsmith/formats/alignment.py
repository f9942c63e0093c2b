"""Alignment of character spans with tokens; every span that does not fit exactly is reported."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from tagsmith.errors import DataError
from tagsmith.formats.options import AlignmentProblem, Problem, ReadOptions
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, Span, Token
from tagsmith.text.schemes import Scheme, TokenSpan, spans_to_tags


class Place(NamedTuple):
    """Where a record is, and how it is read."""

    path: str
    line: int
    options: ReadOptions

    def error(self, problem: str, remedy: str) -> DataError:
        """Make an error that names the record."""
        return DataError(problem, remedy=remedy, path=self.path, line=self.line)

    def report(self, message: str) -> None:
        """Add a problem to those of the reading."""
        self.options.problems.append(Problem(self.path, self.line, message))


def align_spans(spans: Sequence[Span], text: str, tokens: Sequence[Token], place: Place) -> list[TokenSpan]:
    """Turn character spans into token spans; of spans that overlap the longest is used, or else the first."""
    starts, ends = [token.start for token in tokens], [token.end for token in tokens]
    aligned: list[TokenSpan] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        first, last = bisect_right(ends, span.start), bisect_left(starts, span.end)
        if not 0 <= span.start < span.end <= len(text):
            _report(span, f"lies outside its text of {len(text)} characters", None, tokens, place)
            continue
        if first >= last:
            _report(span, "contains no token", None, tokens, place)
            continue
        touched = starts[first], ends[last - 1]
        if touched != (span.start, span.end):
            snap = place.options.alignment == "snap"
            _report(span, "does not align with tokens", touched if snap else None, tokens, place)
            if not snap:
                continue
        rival = next((other for other in aligned if first < other.end and other.start < last), None)
        if rival is not None:
            kept = text[starts[rival.start] : ends[rival.end - 1]]
            _report(span, f"overlaps {kept!r} [{rival.label}], which is longer or first", None, tokens, place)
            continue
        aligned.append(TokenSpan(first, last, span.label))
    return sorted(aligned)


def _report(span: Span, what: str, used: tuple[int, int] | None, tokens: Sequence[Token], place: Place) -> None:
    """Report a span that cannot be used as it is, or raise an error."""
    problem = f"The span {span.start}–{span.end} {span.text!r} [{span.label}] {what}"
    nearest = None
    if tokens:
        start = min((token.start for token in tokens), key=lambda start: abs(start - span.start))
        end = min((token.end for token in tokens), key=lambda end: abs(end - span.end))
        nearest = start, end
        problem += f"; the nearest token boundaries are {start} and {end}"
    if place.options.alignment == "error":
        raise place.error(f"{problem}.", "Correct the span, or read with the alignment 'snap' or 'skip'.")
    message = f"{problem}; {f'labeled {used[0]}–{used[1]} instead' if used else 'left out'}"
    characters = span.start, span.end
    place.options.problems.append(
        AlignmentProblem(place.path, place.line, message, span.text, span.label, characters, nearest, used)
    )


def merge_cut_sentences(sentences: Iterable[Sequence[Token]], spans: Iterable[TokenSpan]) -> list[list[Token]]:
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


def tag_document(document: Document, options: ReadOptions) -> Document:
    """Return a document whose sentences have layers: if they have none, its spans become IOB2 tags of one."""
    if not document.spans or any(sentence.layers for sentence in document.sentences):
        return document
    place = Place("<memory>", 0, options)
    tokens = [list(sentence.tokens) for sentence in document.sentences]
    spans = align_spans(document.spans, document.text, [token for part in tokens for token in part], place)
    sentences, first = [], 0
    for part in merge_cut_sentences(tokens, spans):
        inside = [
            TokenSpan(span.start - first, span.end - first, span.label)
            for span in spans
            if first <= span.start < first + len(part)
        ]
        tags = tuple(spans_to_tags(inside, len(part), Scheme.IOB2))
        words, starts = tuple(token.text for token in part), tuple(token.start for token in part)
        sentences.append(Sentence(words, starts, {options.layer or DEFAULT_LAYER: tags}))
        first += len(part)
    return replace(document, sentences=tuple(sentences))
