"""The schemas of SemEval-2013 and the kinds of errors, against nervaluate, seqeval and slow loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.errors import DataError
from tagsmith.scores.aligned import align_spans, align_tags
from tagsmith.scores.matching import KINDS, SCHEMAS, Match, count_errors, match_spans
from tagsmith.scores.scores import score_tags
from tagsmith.text.schemes import Scheme, tags_to_spans

LABELS = ("A", "B", "C")
spans = st.tuples(st.integers(0, 9), st.integers(1, 4), st.sampled_from(LABELS)).map(
    lambda one: (one[0], one[0] + one[1], one[2])
)
any_spans = st.lists(spans, max_size=6, unique=True).map(sorted)


def without_overlaps(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    for span in found:
        if not kept or kept[-1][1] <= span[0]:
            kept.append(span)
    return kept


flat_spans = any_spans.map(without_overlaps)
LENGTH = 14


@pytest.mark.parametrize("sides", [flat_spans, any_spans], ids=["flat", "nested"])
@given(data=st.data())
@settings(max_examples=examples(80))
def test_the_schemas_are_those_of_nervaluate(sides, data: st.DataObject):
    nervaluate = pytest.importorskip("nervaluate")
    sentences = data.draw(st.lists(st.tuples(sides, sides), min_size=1, max_size=4))
    gold, predicted = ([pair[side] for pair in sentences] for side in (0, 1))
    found = match_spans(align_spans(gold, predicted, [LENGTH] * len(gold)))
    dicts = [
        [[{"label": label, "start": start, "end": end - 1} for start, end, label in one] for one in side]
        for side in (gold, predicted)
    ]
    expected = nervaluate.Evaluator(*dicts, tags=list(LABELS), loader="dict").evaluate()

    def check(match: Match, theirs) -> None:
        for name in ("correct", "incorrect", "partial", "missed", "spurious", "possible", "actual"):
            assert getattr(match, name) == getattr(theirs, name)
        for name in ("precision", "recall", "f1"):
            assert getattr(match, name) == pytest.approx(getattr(theirs, name))

    for schema, name in zip(SCHEMAS, ("strict", "exact", "partial", "ent_type"), strict=True):
        check(found[schema].overall, expected["overall"][name])
        assert set(found[schema].types) == set(expected["entities"])
        for label, match in found[schema].types.items():
            check(match, expected["entities"][label][name])


def test_one_shared_token_is_an_overlap_however_long_the_gold_span():
    """nervaluate calls it none from 101 tokens on: it asks for a hundredth of the gold span."""
    aligned = align_spans([[(0, 150, "A")]], [[(149, 151, "A")]], [200])
    assert match_spans(aligned)["partial"].overall == Match(0, 0, 1, 0, 0)


def tag_pairs(tags: st.SearchStrategy[str]):
    sentence = st.lists(st.tuples(tags, tags), max_size=8)
    return st.lists(sentence, min_size=1, max_size=4).map(
        lambda sentences: tuple([[pair[side] for pair in one] for one in sentences] for side in (0, 1))
    )


PREFIXES = {Scheme.IOB2: "BI", Scheme.IOE2: "IE", Scheme.BIOES: "BIES", Scheme.BILOU: "BILU", Scheme.IO: "I"}


def tags_of(scheme: Scheme) -> st.SearchStrategy[str]:
    return st.sampled_from(["O", *(f"{prefix}-{label}" for prefix in PREFIXES[scheme] for label in "XY")])


@pytest.mark.parametrize("scheme", list(PREFIXES))
@pytest.mark.parametrize("mode", ["conlleval", "strict"])
@given(data=st.data())
@settings(max_examples=examples(40))
def test_the_strict_schema_counts_what_score_tags_counts(scheme: Scheme, mode, data: st.DataObject):
    gold, predicted = data.draw(tag_pairs(tags_of(scheme)))
    scores = score_tags(gold, predicted, scheme=scheme, mode=mode)
    aligned = align_tags(gold, predicted, scheme=scheme, mode=mode)
    assert list(aligned.labels) == list(scores.types)
    assert int(aligned.right.sum()) == round(scores.accuracy * scores.tokens)
    strict = match_spans(aligned)["strict"]
    for label, one in scores.types.items():
        match = strict.types[label]
        assert (match.possible, match.actual, match.correct) == (one.support, one.found, one.correct)
    assert strict.overall.f1 == pytest.approx(scores.f1)
    assert aligned.counts().sum((0, 1)).tolist() == [scores.support, scores.found, scores.correct]


@pytest.mark.parametrize(("scheme", "name"), [(Scheme.IOB2, "IOB2"), (Scheme.BIOES, "IOBES"), (Scheme.BILOU, "BILOU")])
@given(data=st.data())
@settings(max_examples=examples(30))
def test_strict_mode_is_that_of_seqeval(scheme: Scheme, name: str, data: st.DataObject):
    metrics = pytest.importorskip("seqeval.metrics")
    schemes = pytest.importorskip("seqeval.scheme")
    gold, predicted = data.draw(tag_pairs(tags_of(scheme)))
    scores = score_tags(gold, predicted, scheme=scheme, mode="strict")
    entities = [schemes.Entities(side, getattr(schemes, name)) for side in (gold, predicted)]
    sets = [
        {(number, one.start, one.end, one.tag) for number, sentence in enumerate(side.entities) for one in sentence}
        for side in entities
    ]
    assert (scores.support, scores.found) == tuple(map(len, sets))
    assert scores.correct == len(sets[0] & sets[1])
    if scores.types:  # without spans seqeval cannot count
        theirs = metrics.f1_score(gold, predicted, mode="strict", scheme=getattr(schemes, name), zero_division=0)
        assert scores.f1 == pytest.approx(theirs)


@given(tag_pairs(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"])))
@example(([["B-X", "I-X", "B-Y"]], [["B-X", "B-Y", "I-Y"]]))
def test_each_span_has_one_kind_and_one_place_in_the_confusion_matrix(pair):
    gold, predicted = pair
    errors = count_errors(align_tags(gold, predicted, scheme=Scheme.IOB2))
    true, guess = ([set(tags_to_spans(tags, Scheme.IOB2)) for tags in side] for side in pair)
    support, found = (sum(map(len, side)) for side in (true, guess))
    kinds = errors.overall
    paired = kinds["correct"] + kinds["boundary"] + kinds["type"] + kinds["both"]
    assert (paired + kinds["missed"], paired + kinds["spurious"]) == (support, found)
    assert kinds["correct"] == sum(len(a & b) for a, b in zip(true, guess, strict=True))
    confusion = np.array(errors.confusion)
    for number, label in enumerate(errors.labels):
        assert confusion[number].sum() == sum(span.label == label for side in true for span in side)
        assert confusion[:, number].sum() == sum(span.label == label for side in guess for span in side)
    assert confusion[-1].sum() == kinds["spurious"]
    assert confusion[:, -1].sum() == kinds["missed"]
    assert confusion.trace() == kinds["correct"] + kinds["boundary"]
    for kind in ("correct", *KINDS):
        assert kinds[kind] == sum(counts[kind] for counts in errors.types.values())


def test_nothing_is_missed_beside_something_spurious_that_overlaps_it():
    for gold, predicted in product(product(range(3), range(3, 5), "AB"), repeat=2):
        errors = count_errors(align_spans([[gold]], [[predicted]], [5])).overall
        assert sum(errors.values()) == 1
        assert not errors["missed"] + errors["spurious"]


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        ((2, 5, "A"), (2, 5, "B"), "type"),
        ((2, 5, "A"), (3, 5, "A"), "boundary"),
        ((2, 5, "A"), (4, 6, "B"), "both"),
        ((2, 5, "A"), None, "missed"),
        (None, (2, 5, "A"), "spurious"),
        ((2, 5, "A"), (2, 5, "A"), "correct"),
    ],
)
def test_the_kinds_of_errors(gold, predicted, kind: str):
    sides = [[span] if span else [] for span in (gold, predicted)]
    errors = count_errors(align_spans([sides[0]], [sides[1]], [8])).overall
    assert {name: count for name, count in errors.items() if count} == {kind: 1}


def test_the_best_partner_is_taken():
    # The same boundaries win over the same type; the larger overlap over the smaller.
    errors = count_errors(align_spans([[(0, 4, "A")]], [[(0, 1, "A"), (1, 4, "A")]], [4])).overall
    assert (errors["boundary"], errors["spurious"], errors["missed"]) == (1, 1, 0)
    nested = align_spans([[(0, 2, "A")]], [[(0, 2, "B"), (0, 4, "A")]], [4])
    assert count_errors(nested).overall["type"] == 1


def test_plain_tags_are_spans_of_one_token():
    aligned = align_tags([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]], scheme=Scheme.PLAIN)
    errors = count_errors(aligned)
    assert errors.overall["type"] == 1
    assert errors.confusion_dict() == {
        "gold": ["DET", "NOUN", "VERB", "(spurious)"],
        "predicted": ["DET", "NOUN", "VERB", "(missed)"],
        "counts": [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]],
    }


@pytest.mark.parametrize("empty", [[], [[]], [["O"]]])
def test_nothing_to_match(empty):
    aligned = align_tags(empty, empty)
    assert match_spans(aligned)["strict"].overall == Match(0, 0, 0, 0, 0)
    assert match_spans(aligned)["strict"].overall.f1 == 0.0
    assert not any(count_errors(aligned).overall.values())


def test_given_spans_must_lie_in_their_sentence():
    with pytest.raises(DataError, match=r"Sentence 1: the span \(0, 3, 'A'\) is not in its 2 tokens"):
        align_spans([[(0, 3, "A")]], [[]], [2])
    with pytest.raises(DataError, match="1 gold sentences, 0 predicted"):
        align_spans([[]], [], [1])
