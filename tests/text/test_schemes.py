from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.errors import DataError
from tagsmith.text.schemes import (
    Scheme,
    TokenSpan,
    allowed_transitions,
    belongs,
    convert_tags,
    detect_scheme,
    is_legal,
    repair_tags,
    spans_to_tags,
    tag_inventory,
    tags_to_spans,
)

SPAN_SCHEMES = [scheme for scheme in Scheme if scheme is not Scheme.PLAIN]
LOSSLESS = [scheme for scheme in SPAN_SCHEMES if scheme not in (Scheme.IO, Scheme.BARE)]
PREFIXED = [scheme for scheme in SPAN_SCHEMES if scheme is not Scheme.BARE]
any_tags = st.lists(
    st.sampled_from(["O", *(f"{letter}-{label}" for letter in "BIESLUM" for label in "XY"), "B", "PERSON", "T-POS"]),
    max_size=8,
)


@st.composite
def span_lists(draw) -> tuple[list[TokenSpan], int]:
    """Non-overlapping spans, often touching, in a sentence of known length."""
    spans, position = [], 0
    for _ in range(draw(st.integers(0, 5))):
        start = position + draw(st.integers(0, 2))
        position = start + draw(st.integers(1, 3))
        spans.append(TokenSpan(start, position, draw(st.sampled_from(["X", "Y", "A-B"]))))
    return spans, position + draw(st.integers(0, 2))


# The two spans X X (touching, 2 tokens and 1), then O, then Y, in each scheme.
TOUCHING = [TokenSpan(0, 2, "X"), TokenSpan(2, 3, "X"), TokenSpan(4, 5, "Y")]
WRITTEN = {
    Scheme.BARE: "X X X O Y",
    Scheme.IO: "I-X I-X I-X O I-Y",
    Scheme.IOB1: "I-X I-X B-X O I-Y",
    Scheme.IOB2: "B-X I-X B-X O B-Y",
    Scheme.IOE1: "I-X E-X I-X O I-Y",
    Scheme.IOE2: "I-X E-X E-X O E-Y",
    Scheme.BIOES: "B-X E-X S-X O S-Y",
    Scheme.BILOU: "B-X L-X U-X O U-Y",
    Scheme.BMES: "B-X E-X S-X O S-Y",
}


@pytest.mark.parametrize("scheme", SPAN_SCHEMES)
def test_each_scheme_writes_touching_spans_as_its_definition_says(scheme):
    assert spans_to_tags(TOUCHING, 5, scheme) == WRITTEN[scheme].split()


@pytest.mark.parametrize("scheme", LOSSLESS)
@given(span_lists())
def test_spans_survive_writing_and_reading(scheme, spans_and_length):
    spans, length = spans_and_length
    tags = spans_to_tags(spans, length, scheme)
    assert tags_to_spans(tags, scheme) == spans
    assert is_legal(tags, scheme)


@pytest.mark.parametrize("scheme", [Scheme.IO, Scheme.BARE])
@given(span_lists())
def test_io_and_bare_join_touching_spans_of_one_label_and_lose_nothing_else(scheme, spans_and_length):
    spans, length = spans_and_length
    joined: list[TokenSpan] = []
    for span in spans:
        if joined and joined[-1].end == span.start and joined[-1].label == span.label:
            joined[-1] = TokenSpan(joined[-1].start, span.end, span.label)
        else:
            joined.append(span)
    tags = spans_to_tags(spans, length, scheme)
    assert tags_to_spans(tags, scheme) == joined
    assert is_legal(tags, scheme)


@pytest.mark.parametrize("scheme", PREFIXED)
def test_legal_sequences_are_exactly_those_that_spans_write(scheme):
    # The slow reference: write every set of spans over up to four tokens, and compare with every sequence.
    tags = tag_inventory(["X", "Y"], scheme)
    for length in range(5):
        written = {tuple(spans_to_tags(spans, length, scheme)) for spans in _all_spans(0, length)}
        legal = {sequence for sequence in product(tags, repeat=length) if is_legal(sequence, scheme)}
        assert legal == written


def _all_spans(position: int, length: int):
    if position == length:
        yield []
        return
    yield from _all_spans(position + 1, length)
    for end in range(position + 1, length + 1):
        for label in "XY":
            for rest in _all_spans(end, length):
                yield [TokenSpan(position, end, label), *rest]


@pytest.mark.parametrize("scheme", list(Scheme))
def test_allowed_transitions_allow_exactly_the_legal_sequences(scheme):
    tags = tag_inventory(["X", "Y"], scheme)
    start, between, end = allowed_transitions(tags, scheme)
    assert start.shape == end.shape == (len(tags),)
    assert between.shape == (len(tags), len(tags))
    for length in range(1, 4):
        for rows in product(range(len(tags)), repeat=length):
            allowed = start[rows[0]] and end[rows[-1]]
            allowed = allowed and all(between[a, b] for a, b in pairwise(rows))
            assert bool(allowed) == is_legal([tags[row] for row in rows], scheme)


def test_allowed_transitions_refuse_a_foreign_tag():
    with pytest.raises(DataError, match="'E-X' is not a tag of the scheme IOB2"):
        allowed_transitions(["O", "E-X"], Scheme.IOB2)


def _conlleval_spans(tags: list[str]) -> list[TokenSpan]:
    """The chunk rules of the CoNLL-2000 scorer, written out pair by pair as it has them."""
    spans, start = [], None
    previous, previous_type = "O", ""
    for index, tag in enumerate([*tags, "O"]):
        letter, _, kind = tag.partition("-")
        ends = (previous, letter) in {
            ("B", "B"), ("B", "O"), ("I", "B"), ("I", "O"), ("E", "E"), ("E", "I"), ("E", "O")
        } or (previous != "O" and previous_type != kind)  # fmt: skip
        starts = (previous, letter) in {
            ("B", "B"), ("I", "B"), ("O", "B"), ("O", "I"), ("E", "E"), ("E", "I"), ("O", "E")
        } or (letter != "O" and previous_type != kind)  # fmt: skip
        if ends and start is not None:
            spans.append(TokenSpan(start, index, previous_type))
            start = None
        if starts:
            start = index
        previous, previous_type = letter, kind
    return spans


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=10))
def test_any_b_and_i_tags_are_read_as_the_conll_scorer_reads_them(tags):
    assert tags_to_spans(tags, Scheme.IOB2) == _conlleval_spans(tags)


@given(st.lists(st.sampled_from(["O", "E-X", "I-X", "E-Y", "I-Y"]), max_size=10))
def test_any_e_and_i_tags_are_read_as_the_conll_scorer_reads_them(tags):
    assert tags_to_spans(tags, Scheme.IOE1) == _conlleval_spans(tags)


@pytest.mark.parametrize("scheme", PREFIXED)
@given(any_tags)
def test_repair_makes_any_tags_legal_keeps_the_spans_and_reports_each_change(scheme, tags):
    repaired, repairs = repair_tags(tags, scheme)
    assert is_legal(repaired, scheme)
    if is_legal(tags, scheme):
        assert (repaired, repairs) == (tags, [])
    changed = {i: (tags[i], repaired[i]) for i in range(len(tags)) if tags[i] != repaired[i]}
    assert {repair.index: (repair.was, repair.becomes) for repair in repairs} == changed
    assert [tag == "O" for tag in repaired] == [tag == "O" for tag in tags]
    if scheme is not Scheme.IO:
        assert tags_to_spans(repaired, scheme) == tags_to_spans(tags, scheme)


def test_repairs_say_why():
    tags = ["I-X", "O", "I-X", "I-Y", "PERSON", "E-X"]
    repaired, repairs = repair_tags(tags, Scheme.IOB2)
    assert repaired == ["B-X", "O", "B-X", "B-Y", "B-PERSON", "B-X"]
    assert [repair.reason for repair in repairs] == [
        "cannot begin a sentence",
        "cannot follow O",
        "cannot follow I-X",
        "is not a tag of IOB2",
        "is not a tag of IOB2",
    ]
    assert [repair.reason for repair in repair_tags(["B-X", "O"], Scheme.BIOES)[1]] == ["cannot stand before O"]
    assert [repair.reason for repair in repair_tags(["I-X"], Scheme.IOE2)[1]] == ["cannot end a sentence"]


@pytest.mark.parametrize("scheme", PREFIXED)
@given(span_lists())
def test_repair_leaves_what_the_scheme_writes_alone(scheme, spans_and_length):
    tags = spans_to_tags(*spans_and_length, scheme)
    assert repair_tags(tags, scheme) == (tags, [])


@pytest.mark.parametrize("source", LOSSLESS)
@pytest.mark.parametrize("target", LOSSLESS)
def test_conversion_there_and_back_is_the_identity(source, target):
    tags = spans_to_tags(TOUCHING, 6, source)
    assert convert_tags(tags, source, target) == spans_to_tags(TOUCHING, 6, target)
    assert convert_tags(convert_tags(tags, source, target), target, source) == tags


def test_plain_tags_convert_only_to_plain_tags():
    assert convert_tags(["NOUN", "O"], Scheme.PLAIN, Scheme.PLAIN) == ["NOUN", "O"]
    with pytest.raises(DataError, match="label tokens, not spans"):
        convert_tags(["NOUN"], Scheme.PLAIN, Scheme.IOB2)
    with pytest.raises(DataError, match="label tokens, not spans"):
        convert_tags(["B-X"], Scheme.IOB2, Scheme.PLAIN)
    assert tags_to_spans(["NOUN", "VERB"], Scheme.PLAIN) == []
    with pytest.raises(DataError, match="Plain tags cannot write spans"):
        spans_to_tags([], 1, Scheme.PLAIN)


@pytest.mark.parametrize("span", [(2, 2, "X"), (-1, 1, "X"), (3, 5, "X")])
def test_spans_outside_the_sentence_are_refused(span):
    with pytest.raises(DataError, match="does not lie in a sentence of 4 tokens"):
        spans_to_tags([TokenSpan(*span)], 4, Scheme.IOB2)


def test_overlapping_spans_are_refused():
    with pytest.raises(DataError, match=r"\(0, 2, 'X'\) and \(1, 3, 'Y'\) overlap"):
        spans_to_tags([TokenSpan(1, 3, "Y"), TokenSpan(0, 2, "X")], 4, Scheme.IOB2)


@pytest.mark.parametrize(
    ("sequences", "scheme"),
    [
        ("NOUN VERB|DET NOUN", Scheme.PLAIN),
        ("PERSON O O LOCATION LOCATION", Scheme.BARE),
        ("O T-POS T-POS O T-NEG", Scheme.BARE),
        ("I-PER I-PER O|I-LOC O", Scheme.IO),
        ("I-PER I-PER B-PER O|I-LOC O", Scheme.IOB1),
        ("B-PER I-PER O|B-LOC O", Scheme.IOB2),
        ("B-PER O B-LOC", Scheme.IOB2),
        ("I-PER E-PER I-PER O|I-LOC O", Scheme.IOE1),
        ("I-PER E-PER E-PER O|E-LOC O", Scheme.IOE2),
        ("B-PER E-PER O S-LOC", Scheme.BIOES),
        ("O S-LOC", Scheme.BIOES),
        ("B-PER I-PER L-PER O U-LOC", Scheme.BILOU),
        ("O U-LOC", Scheme.BILOU),
        ("B-PER M-PER E-PER O S-LOC", Scheme.BMES),
        ("B M E S B E", Scheme.BMES),
        ("B I O B", Scheme.IOB2),
        ("O O|O", Scheme.IOB2),
        ("", Scheme.IOB2),
    ],
)
def test_detection(sequences, scheme):
    assert detect_scheme(part.split() for part in sequences.split("|")) is scheme


def test_a_few_faults_do_not_change_what_is_detected():
    iob2 = [["O", "B-X", "I-X", "O", "B-Y", "B-Y"]] * 20
    assert detect_scheme([*iob2, ["O", "I-X"]]) is Scheme.IOB2
    assert detect_scheme([*iob2, ["0", "O"]]) is Scheme.IOB2  # a zero typed for an O
    assert detect_scheme([*iob2, ["E-X"]]) is Scheme.IOB2
    bioes = [["B-X", "I-X", "E-X", "S-X"]] * 20
    assert detect_scheme([*bioes, ["I-X", "O"]]) is Scheme.BIOES


@pytest.mark.parametrize("scheme", PREFIXED)
def test_what_a_scheme_writes_is_detected_as_that_scheme(scheme):
    spans = [TokenSpan(0, 3, "X"), TokenSpan(3, 4, "X"), TokenSpan(5, 6, "Y"), TokenSpan(7, 9, "Y")]
    assert detect_scheme([spans_to_tags(spans, 10, scheme)]) is scheme


@pytest.mark.parametrize("scheme", list(Scheme))
def test_the_inventory_belongs_to_the_scheme_and_has_outside_first(scheme):
    tags = tag_inventory(["b", "a"], scheme)
    assert all(belongs(tag, scheme) for tag in tags)
    assert len(set(tags)) == len(tags)
    assert tags == ["a", "b"] if scheme is Scheme.PLAIN else tags[0] == "O"
    assert tags.index(next(tag for tag in tags if tag.endswith("a"))) < tags.index(
        next(tag for tag in tags if tag.endswith("b"))
    )
