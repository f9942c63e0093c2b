"""Character spans → token spans; whatever is not exact is reported, never dropped in silence."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tagsmith.errors import DataError
from tagsmith.formats.options import AlignmentProblem, Problem, ReadOptions
from tagsmith.text.document import Span, Token
from tagsmith.text.schemes import TokenSpan


class Place(NamedTuple):
    """Where a record stands and how it is to be read."""

    path: str
    line: int
    options: ReadOptions

    def error(self, problem: str, remedy: str) -> DataError:
        """Make an error that names the record."""
        return DataError(problem, remedy=remedy, path=self.path, line=self.line)

    def report(self, message: str) -> None:
        """Add to the problems of the reading."""
        self.options.problems.append(Problem(self.path, self.line, message))


def align_spans(spans: Sequence[Span], text: str, tokens: Sequence[Token], place: Place) -> list[TokenSpan]:
    """Turn character spans into token spans that do not overlap, longest first."""
    starts, ends = [token.start for token in tokens], [token.end for token in tokens]
    used: list[TokenSpan] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        first, last = bisect_right(ends, span.start), bisect_left(starts, span.end)
        if not 0 <= span.start < span.end <= len(text):
            _misfit(span, f"lies outside its text of {len(text)} characters", None, tokens, place)
            continue
        if first >= last:
            _misfit(span, "holds no token", None, tokens, place)
            continue
        if (starts[first], ends[last - 1]) != (span.start, span.end):
            snap = place.options.alignment == "snap"
            characters = (starts[first], ends[last - 1]) if snap else None
            _misfit(span, "does not align with tokens", characters, tokens, place)
            if not snap:
                continue
        rival = next((other for other in used if first < other.end and other.start < last), None)
        if rival is not None:
            kept = text[starts[rival.start] : ends[rival.end - 1]]
            _misfit(span, f"overlaps {kept!r} [{rival.label}], which is longer or first", None, tokens, place)
            continue
        used.append(TokenSpan(first, last, span.label))
    return sorted(used)


def _misfit(span: Span, what: str, used: tuple[int, int] | None, tokens: Sequence[Token], place: Place) -> None:
    """Report, or raise for, a span that cannot be used as it is."""
    nearest = None
    if tokens:
        nearest = (
            min((token.start for token in tokens), key=lambda start: abs(start - span.start)),
            min((token.end for token in tokens), key=lambda end: abs(end - span.end)),
        )
    near = f"; the nearest token boundaries are {nearest[0]} and {nearest[1]}" if nearest else ""
    problem = f"The span {span.start}–{span.end} {span.text!r} [{span.label}] {what}{near}"
    if place.options.alignment == "error":
        raise place.error(f"{problem}.", "Correct the span, or read with the alignment 'snap' or 'skip'.")
    done = f"labeled {used[0]}–{used[1]} instead" if used else "left out"
    place.options.problems.append(
        AlignmentProblem(
            place.path,
            place.line,
            f"{problem}; {done}",
            span.text,
            span.label,
            (span.start, span.end),
            nearest,
            used,
        )
    )


def merge_cut_sentences(sentences: Sequence[Sequence[Token]], spans: Sequence[TokenSpan]) -> Iterator[list[Token]]:
    """Join sentences whose border lies inside a span."""
    inside = {border for span in spans for border in range(span.start + 1, span.end)}
    pending: list[Token] = []
    border = 0
    for sentence in sentences:
        if pending and border not in inside:
            yield pending
            pending = []
        pending.extend(sentence)
        border += len(sentence)
    if pending:
        yield pending
