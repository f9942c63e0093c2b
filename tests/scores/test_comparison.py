"""Two systems compared: against slow loops, and what must hold whatever they predict."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.errors import DataError
from tagsmith.scores.aligned import align_tags
from tagsmith.scores.comparison import MEASURES, compare_tags, p_values, swaps_of
from tagsmith.scores.intervals import score_intervals, unit_counts
from tagsmith.scores.scores import score_tags

TAGS = st.sampled_from(["O", "B-X", "I-X", "B-Y"])
TRIPLES = st.lists(st.lists(st.tuples(TAGS, TAGS, TAGS), max_size=4), min_size=1, max_size=6)


def sides(sentences):
    return tuple([[triple[side] for triple in one] for one in sentences] for side in (0, 1, 2))


def slow_scores(rows) -> dict[str, Fraction]:
    """Precision, recall, F1 and accuracy of rows of counts: gold, predicted, correct, right tokens, tokens."""
    gold, predicted, correct, right, tokens = (sum(column) for column in zip(*rows, strict=True))
    return {
        "precision": Fraction(correct, predicted) if predicted else Fraction(0),
        "recall": Fraction(correct, gold) if gold else Fraction(0),
        "f1": Fraction(2 * correct, gold + predicted) if gold + predicted else Fraction(0),
        "accuracy": Fraction(right, tokens) if tokens else Fraction(0),
    }


@given(TRIPLES, st.integers(0, 99))
@settings(max_examples=examples(60))
def test_the_p_value_is_that_of_an_obvious_loop(sentences, seed: int):
    gold, a, b = sides(sentences)
    shuffles = 30
    aligned = [align_tags(gold, tags, scheme="IOB2") for tags in (a, b)]
    labels = sorted({label for side in aligned for label in side.labels})
    counts = [unit_counts(side, None, labels) for side in aligned]
    rows = [[(*one[:-2].reshape(-1, 3).sum(0).tolist(), *one[-2:].tolist()) for one in side] for side in counts]
    differ = [number for number in range(len(gold)) if (counts[0][number] != counts[1][number]).any()]
    swaps = swaps_of(np.random.default_rng(seed), shuffles, len(differ))
    real = {name: slow_scores(rows[1])[name] - slow_scores(rows[0])[name] for name in MEASURES}
    extreme = dict.fromkeys(MEASURES, 0)
    for shuffle in swaps:
        one, other = list(rows[0]), list(rows[1])
        for number, swap in zip(differ, shuffle, strict=True):
            if swap:
                one[number], other[number] = other[number], one[number]
        for name in MEASURES:
            extreme[name] += abs(slow_scores(other)[name] - slow_scores(one)[name]) >= abs(real[name])
    p = p_values(counts[0], counts[1], shuffles, seed)
    for column, name in enumerate(MEASURES):
        assert p[-1, column] == pytest.approx((extreme[name] + 1) / (shuffles + 1))


def test_with_few_sentences_the_p_value_nears_that_of_all_swaps():
    """Six sentences, all won by B: of the 64 ways to swap, 2 are as extreme."""
    gold = [["B-X"]] * 6
    result = compare_tags(gold, [["O"]] * 6, gold)
    assert result.differences["recall"].p == pytest.approx(2 / 64, abs=0.005)
    assert result.shuffles == 10_000


@given(TRIPLES)
@settings(max_examples=examples(40))
def test_alike_systems_differ_by_nothing_and_the_reverse_is_the_negative(sentences):
    gold, a, b = sides(sentences)
    few = {"scheme": "IOB2", "resamples": 50, "shuffles": 50}
    same = compare_tags(gold, a, a, **few)
    every = [*same.differences.values(), *(one for scores in same.types.values() for one in scores.values())]
    assert all((one.value, one.interval, one.p) == (0.0, (0.0, 0.0), 1.0) for one in every)
    assert (same.better, same.worse, same.changed) == ((), (), ())
    forth, back = compare_tags(gold, a, b, **few), compare_tags(gold, b, a, **few)
    for name, one in forth.differences.items():
        other = back.differences[name]
        assert one.value == pytest.approx(-other.value)
        assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
        assert one.p == other.p
    assert (forth.better, forth.worse, forth.changed) == (back.worse, back.better, back.changed)


@given(TRIPLES)
@settings(max_examples=examples(40))
def test_the_scores_and_intervals_are_those_of_each_system_alone(sentences):
    gold, a, b = sides(sentences)
    result = compare_tags(gold, a, b, scheme="IOB2", resamples=50, shuffles=1)
    for tags, one in ((a, result.a), (b, result.b)):
        assert one.scores == score_tags(gold, tags, scheme="IOB2")
        alone = score_intervals(align_tags(gold, tags, scheme="IOB2"), resamples=50)
        assert one.intervals.scores == alone.scores
        assert {label: one.intervals.types[label] for label in alone.types} == alone.types
    assert result.differences["f1"].value == pytest.approx(result.b.scores.f1 - result.a.scores.f1)
    for label, differences in result.types.items():
        f1 = [system.scores.types[label].f1 if label in system.scores.types else 0.0 for system in (result.a, result.b)]
        assert differences["f1"].value == pytest.approx(f1[1] - f1[0])


def test_sentences_are_better_worse_or_changed():
    gold = [["B-X", "O"], ["B-X", "O"], ["B-X", "O"], ["O", "O"], ["B-X", "O"]]
    a = [["O", "O"], ["B-X", "O"], ["B-Y", "O"], ["O", "O"], ["B-X", "B-X"]]
    b = [["B-X", "O"], ["O", "O"], ["B-X", "I-X"], ["O", "O"], ["B-X", "B-Y"]]
    result = compare_tags(gold, a, b, resamples=10, shuffles=10)
    assert (result.better, result.worse, result.changed) == ((0,), (1,), (2, 4))
    assert result.errors == ((1, 0), (0, 1), (2, 2), (0, 0), (1, 1))
    written = json.loads(json.dumps(result.as_dict()))
    assert written["sentences"] == {"better": [1], "worse": [2], "changed": [3, 5]}
    assert {"a", "b", "difference"} <= set(written)
    assert set(written["difference"]["f1"]) == {"value", "interval", "p"}
    assert set(written["difference"]["types"]) == {"X", "Y"}


def test_whole_documents_are_swapped_and_drawn():
    gold, a = [["B-X"]] * 40, [["O"]] * 40
    alone = compare_tags(gold, a, gold, resamples=10)
    together = compare_tags(gold, a, gold, documents=np.arange(40) // 20, resamples=10)
    assert alone.differences["recall"].p == 1 / 10_001
    assert together.differences["recall"].p == pytest.approx(0.5, abs=0.02)
    assert (together.unit, together.units) == ("documents", 2)


def test_blocks_do_not_change_the_scores_of_plain_tags(monkeypatch):
    gold, a, b = [["N", "V"]] * 20, [["N", "N"]] * 20, [["N", "V"], ["V", "N"]] * 10
    whole = compare_tags(gold, a, b, shuffles=500, resamples=10)
    assert whole.differences["accuracy"].value == whole.differences["f1"].value == 0.0
    monkeypatch.setattr("tagsmith.scores.comparison._CELLS", 100)
    assert compare_tags(gold, a, b, shuffles=500, resamples=10).a == whole.a


def test_nothing_to_compare_on():
    with pytest.raises(DataError, match="no sentences to compare on"):
        compare_tags([], [], [])
    with pytest.raises(DataError, match="1 gold sentences but 2 predicted"):
        compare_tags([["O"]], [["O"]], [["O"], ["O"]])
    result = compare_tags([["O"]], [["O"]], [["O"]], resamples=5, shuffles=5)
    assert (result.differences["f1"].value, result.differences["f1"].p, result.types) == (0.0, 1.0, {})


def test_four_sentences_all_better_are_not_enough_to_tell():
    gold = [["B-PER", "O"]] * 4
    found = compare_tags(gold, [["O", "O"]] * 4, gold).differences["f1"]
    assert found.interval == (1.0, 1.0)
    assert found.p > 0.05
    assert not found.is_clear
    assert compare_tags(gold * 2, [["O", "O"]] * 8, gold * 2).differences["f1"].is_clear
