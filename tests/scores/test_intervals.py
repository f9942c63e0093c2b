"""Bootstrap intervals against a slow loop, and what they must be by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.scores.aligned import align_spans, align_tags
from tagsmith.scores.intervals import (
    RESAMPLES,
    interval,
    rates,
    resampled_sums,
    resamples_for,
    score_intervals,
    unit_counts,
)
from tagsmith.scores.scores import score_tags

TAGS = st.sampled_from(["O", "B-X", "I-X", "B-Y"])
SENTENCES = st.lists(st.lists(st.tuples(TAGS, TAGS), max_size=5), min_size=1, max_size=6)


def sides(sentences):
    return tuple([[pair[side] for pair in one] for one in sentences] for side in (0, 1))


@given(SENTENCES, st.integers(0, 99))
@settings(max_examples=examples(40))
def test_each_resample_is_scored_as_the_sentences_that_it_draws(sentences, seed: int):
    gold, predicted = sides(sentences)
    aligned = align_tags(gold, predicted, scheme="IOB2")
    sums = np.concatenate(list(resampled_sums(unit_counts(aligned), 7, seed)))
    drawn = np.random.default_rng(seed).integers(0, len(gold), (7, len(gold)))
    for row, numbers in zip(sums, drawn, strict=True):
        slow = score_tags([gold[n] for n in numbers], [predicted[n] for n in numbers], scheme="IOB2")
        total = row[:-2].reshape(-1, 3).sum(0)
        assert total.tolist() == [slow.support, slow.found, slow.correct]
        assert {name: float(value) for name, value in rates(total).items()} == pytest.approx(
            {"precision": slow.precision, "recall": slow.recall, "f1": slow.f1}
        )
        assert (row[-2], row[-1]) == (round(slow.accuracy * slow.tokens), slow.tokens)


def noisy(sentences: int, seed: int = 0):
    random = np.random.default_rng(seed)
    gold = [[f"B-{label}" for label in random.choice(["X", "Y"], 4)] for _ in range(sentences)]
    return gold, [[tag if random.random() < 0.8 else "O" for tag in tags] for tags in gold]


def test_the_interval_of_a_proportion_is_the_textbooks():
    aligned = align_tags(*noisy(2_000))
    found = score_intervals(aligned, resamples=2_000)
    low, high = found.scores["recall"]
    recall = float(rates(aligned.counts().sum((0, 1)))["recall"])
    width = 2 * 1.96 * (recall * (1 - recall) / 8_000) ** 0.5
    assert low < recall < high
    assert high - low == pytest.approx(width, rel=0.1)
    assert found.scores["precision"] == (1.0, 1.0)
    assert set(found.types) == {"X", "Y"}
    assert found.types["X"]["recall"][1] - found.types["X"]["recall"][0] > high - low


def test_documents_of_like_sentences_make_intervals_wider():
    gold = [["B-X"]] * 60
    predicted = [["B-X"] if number // 10 % 2 else ["O"] for number in range(60)]
    aligned = align_tags(gold, predicted)
    documents = np.arange(60) // 10
    one, other = score_intervals(aligned), score_intervals(aligned, documents=documents)
    assert (one.unit, one.units, other.unit, other.units) == ("sentences", 60, "documents", 6)
    widths = [found.scores["recall"][1] - found.scores["recall"][0] for found in (one, other)]
    assert widths[1] > 2 * widths[0]


def test_the_seed_decides_and_nothing_else():
    aligned = align_tags(*noisy(50))
    assert score_intervals(aligned) == score_intervals(aligned)
    assert score_intervals(aligned, seed=1) != score_intervals(aligned)


def test_blocks_do_not_change_what_is_drawn(monkeypatch):
    aligned = align_tags(*noisy(50))
    whole = score_intervals(aligned, resamples=100)
    monkeypatch.setattr("tagsmith.scores.intervals._DRAWS", 120)
    assert score_intervals(aligned, resamples=100) == whole


def test_no_sentences_and_no_spans():
    assert score_intervals(align_tags([], [])).scores["f1"] == (0.0, 0.0)
    found = score_intervals(align_tags([["O"]], [["O"]]))
    assert (found.scores["f1"], found.scores["accuracy"], found.types) == ((0.0, 0.0), (1.0, 1.0), {})


def test_the_work_is_bounded_whatever_the_size():
    assert resamples_for(1, None) == resamples_for(10_000, None) == RESAMPLES
    assert resamples_for(10**9, None) == 1_000
    assert resamples_for(10**9, 5) == 5


def test_spans_may_be_given_in_place_of_tags():
    aligned = align_spans([[(0, 2, "A")], []], [[(0, 2, "A"), (1, 3, "A")], []], [4, 1])
    assert aligned.counts().sum((0, 1)).tolist() == [1, 2, 1]
    assert aligned.right.tolist() == [2, 1]


def test_the_middle_of_values():
    assert interval(np.arange(1001.0)) == pytest.approx((25, 975))
