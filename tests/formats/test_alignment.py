from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.formats.alignment import align_spans
from tagsmith.formats.options import AlignmentProblem, ReadOptions
from tagsmith.formats.source import Place
from tagsmith.text.document import Span, Token
from tagsmith.text.schemes import TokenSpan


@st.composite
def tokens_and_spans(draw: st.DrawFn) -> tuple[str, list[Token], list[Span]]:
    """Draw tokens with and without space between them, and spans that may overlap or lie outside."""
    sizes = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=8))
    places = list(accumulate((size for pair in sizes for size in pair), initial=0))
    text = "".join(" " * space + "x" * letters for space, letters in sizes) + " "
    tokens = [Token(text[a:b], a, b) for a, b in zip(places[1::2], places[2::2], strict=True)]
    ends = st.integers(-1, len(text) + 1)
    spans = draw(st.lists(st.tuples(ends, ends, st.sampled_from("AB")), max_size=8))
    return text, tokens, [Span(a, b, label, text[max(a, 0) : max(b, 0)]) for a, b, label in spans]


def rule(spans: Sequence[Span], text: str, tokens: Sequence[Token], snap: bool) -> tuple[list[TokenSpan], list[object]]:
    """Align spans as the rule says it, looking at every token and every span."""
    used: list[TokenSpan] = []
    reports: list[object] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        touched = [i for i, token in enumerate(tokens) if token.start < span.end and span.start < token.end]
        nearest = None
        if tokens:
            nearest = (
                min((token.start for token in tokens), key=lambda start: abs(start - span.start)),
                min((token.end for token in tokens), key=lambda end: abs(end - span.end)),
            )
        if not 0 <= span.start < span.end <= len(text):
            reports.append(("outside", nearest, None))
        elif not touched:
            reports.append(("no token", nearest, None))
        else:
            ends = tokens[touched[0]].start, tokens[touched[-1]].end
            if ends != (span.start, span.end):
                reports.append(("not align", nearest, ends if snap else None))
                if not snap:
                    continue
            rivals = [other for other in used if any(other.start <= i < other.end for i in touched)]
            if rivals:
                kept = text[tokens[rivals[0].start].start : tokens[rivals[0].end - 1].end]
                reports.append((f"overlaps {kept!r} [{rivals[0].label}]", nearest, None))
            else:
                used.append(TokenSpan(touched[0], touched[-1] + 1, span.label))
    return sorted(used), reports


@given(tokens_and_spans(), st.booleans())
def test_spans_align_as_the_rule_says(drawn: tuple[str, list[Token], list[Span]], snap: bool):
    text, tokens, spans = drawn
    options = ReadOptions(alignment="snap" if snap else "skip")
    aligned = align_spans(spans, text, tokens, Place("file", options))
    expected, reports = rule(spans, text, tokens, snap)
    assert aligned == expected
    assert len(options.problems) == len(reports)
    for problem, (what, nearest, used) in zip(options.problems, reports, strict=True):
        assert isinstance(problem, AlignmentProblem)
        assert what in problem.message
        assert (problem.nearest, problem.used) == (nearest, used)


@pytest.mark.parametrize("kind", ["apart", "nested", "identical", "misaligned", "outside", "to one end"])
def test_ten_times_the_spans_are_ten_times_the_work(kind: str):
    def calls(n: int) -> int:
        text = "ab " * n
        tokens = [Token("ab", 3 * i, 3 * i + 2) for i in range(n)]
        middle = 3 * (n // 2)
        spans = {
            "apart": [Span(3 * i, 3 * i + 2, "A") for i in range(n)],
            "nested": [Span(3 * i, 3 * (n - i) - 1, "A") for i in range(n // 2)],
            "identical": [Span(0, 3 * n - 1, "A")] * n,
            "misaligned": [Span(3 * i + 1, 3 * i + 2, "A") for i in range(n)],
            "outside": [Span(3 * n, 3 * n + i, "A") for i in range(n)],
            "to one end": [Span(middle, 3 * n, "A"), *(Span(3 * i, middle + 2, "A") for i in range(n // 2))],
        }[kind]
        count = 0

        def one_more(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(one_more)  # is told of every call and of every step of a generator
        align_spans(spans, text, tokens, Place("file", ReadOptions()))
        sys.setprofile(None)
        return count

    assert calls(2_000) <= 11 * calls(200)


def test_a_message_shows_long_spans_without_their_middle():
    options = ReadOptions()
    text = "word " * 10_000
    tokens = [Token("word", 5 * i, 5 * i + 4) for i in range(10_000)]
    align_spans([Span(0, len(text), "A", text), Span(0, 4, "A", "word")], text, tokens, Place("file", options))
    assert [len(problem.message) < 600 for problem in options.problems] == [True, True]
