"""Buckets, and the JSON of an evaluation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.scores.aligned import align_tags
from tagsmith.scores.buckets import length_splits, training_of, training_splits, value_split
from tagsmith.scores.evaluation import MOST_BUCKETS, evaluate_tags
from tagsmith.scores.scores import score_tags

GOLD = [["B-PER", "I-PER", "O"], ["B-LOC", "O"], ["B-PER"]]
PREDICTED = [["B-PER", "I-PER", "O"], ["B-PER", "B-LOC"], ["O"]]
WORDS = [["Ann", "Lee", "left"], ["Oslo", "won"], ["oslo"]]
TRAIN = training_of([["Ann", "Lee", "and", "Oslo"], ["won"]], [["B-PER", "I-PER", "O", "B-LOC"], ["O"]], "IOB2")


def scored(aligned, splits):
    return {by: split.scores(aligned) for by, split in splits.items()}


def counts(buckets):
    return {name: (one.support, one.found, one.correct) for name, one in buckets.items()}


def test_a_mention_is_seen_if_its_words_carried_a_label_in_training():
    aligned = align_tags(GOLD, PREDICTED)
    found = scored(aligned, training_splits(aligned, WORDS, TRAIN))
    # "Oslo" as PER is seen too: only the words count. "oslo" is not, and neither is "won".
    assert counts(found["seen"]) == {"seen": (2, 2, 1), "unseen": (1, 1, 0)}
    assert found["seen"]["seen"].f1 == 0.5
    assert counts(found["label_frequency"]) == {"1–9": (3, 3, 1)}


def test_lengths():
    aligned = align_tags(GOLD, PREDICTED)
    found = scored(aligned, length_splits(aligned))
    assert counts(found["mention_length"]) == {"1": (2, 2, 0), "2": (1, 1, 1)}
    assert counts(found["sentence_length"]) == {"1–5": (3, 3, 1)}
    long = align_tags([["O"] * 10_000 + ["B-X"]] * 2, [["O"] * 10_000 + ["B-X"]] * 2)
    assert counts(scored(long, length_splits(long))["sentence_length"]) == {"51+": (2, 2, 2)}


tags = st.sampled_from(["O", "B-X", "I-X", "B-Y"])


@given(st.lists(st.tuples(st.lists(st.tuples(tags, tags), max_size=9), st.sampled_from("abc")), min_size=1, max_size=6))
def test_a_value_is_scored_as_its_sentences_alone_and_buckets_add_up(sentences):
    gold, predicted = ([[pair[side] for pair in pairs] for pairs, _ in sentences] for side in (0, 1))
    values = [value for _, value in sentences]
    aligned = align_tags(gold, predicted, scheme="IOB2")
    by_value = value_split(aligned, values).scores(aligned)
    for value in set(values):
        chosen = [number for number, one in enumerate(values) if one == value]
        alone = score_tags([gold[n] for n in chosen], [predicted[n] for n in chosen], scheme="IOB2")
        if value in by_value:
            one = by_value[value]
            assert (one.f1, one.support, one.found) == (pytest.approx(alone.f1), alone.support, alone.found)
        else:
            assert (alone.support, alone.found) == (0, 0)
    whole = aligned.counts().sum((0, 1)).tolist()
    words = [["w"] * len(one) for one in gold]
    splits = {**length_splits(aligned), **training_splits(aligned, words, TRAIN), "value": value_split(aligned, values)}
    for split in splits.values():
        buckets = split.scores(aligned)
        assert tuple(buckets) == split.names
        own = [list(one) for one in counts(buckets).values()]
        assert split.counts(aligned).sum(0).tolist() == own
        sums = [sum(column) for column in zip(*counts(buckets).values(), strict=True)]
        assert (sums or [0, 0, 0]) == whole


def test_the_json_keeps_the_keys_of_scores_and_adds_to_them():
    evaluation = evaluate_tags(GOLD, PREDICTED, words=WORDS, training=TRAIN, by={"domain": ["news", "web", "web"]})
    values = json.loads(json.dumps(evaluation.as_dict()))
    old = json.loads(json.dumps(score_tags(GOLD, PREDICTED).as_dict()))
    assert {key: values[key] for key in old} == old
    assert set(values) - set(old) == {"intervals", "matching", "errors", "confusion", "buckets"}
    assert set(values["matching"]) == {"strict", "exact", "partial", "type"}
    assert values["matching"]["strict"]["f1"] == pytest.approx(values["f1"])
    assert set(values["buckets"]) == {"sentence_length", "mention_length", "seen", "label_frequency", "domain"}
    assert values["errors"]["type"] == values["errors"]["missed"] == values["errors"]["spurious"] == 1
    assert len(values["intervals"]["f1"]) == len(values["intervals"]["macro_f1"]) == 2
    for by, buckets in values["buckets"].items():
        assert set(values["intervals"]["buckets"][by]) == set(buckets)
        assert all(set(one) == {"precision", "recall", "f1"} for one in values["intervals"]["buckets"][by].values())
    assert "intervals" not in evaluate_tags(GOLD, PREDICTED, resamples=0).as_dict()


def test_one_sentence_or_document_gets_no_intervals():
    assert evaluate_tags(GOLD[:1], GOLD[:1]).intervals is None
    assert evaluate_tags(GOLD, GOLD, documents=np.zeros(3, np.int64)).intervals is None
    assert evaluate_tags(GOLD, GOLD, documents=np.array([0, 0, 4])).intervals is not None


def test_plain_tags_have_no_schemas_and_no_lengths_of_mentions():
    words = [["the", "cat"]]
    training = training_of([["the", "dog"]], [["DET", "NOUN"]], "plain")
    evaluation = evaluate_tags([["DET", "NOUN"]], [["DET", "VERB"]], words=words, training=training)
    assert evaluation.matching == {}
    assert set(evaluation.buckets) == {"sentence_length", "seen", "label_frequency"}
    assert counts(evaluation.buckets["seen"]) == {"seen": (1, 1, 1), "unseen": (1, 1, 0)}


def test_evaluations_are_values():
    assert evaluate_tags(GOLD, PREDICTED) == evaluate_tags(GOLD, PREDICTED)


@pytest.mark.parametrize("empty", [[], [[]], [["O"]]])
def test_nothing_to_evaluate(empty):
    evaluation = evaluate_tags(empty, empty, words=empty, training=TRAIN, by={"key": ["x"] * len(empty)})
    assert not any(evaluation.buckets.values())
    assert json.dumps(evaluation.as_dict())


def test_a_bucket_has_the_interval_of_its_spans_on_the_resamples_of_all_sentences():
    gold = [["B-X"], ["B-X", "B-Y"], ["B-Y"], ["O", "B-X"]] * 5
    predicted = [["B-X"], ["B-X", "O"], ["B-X"], ["O", "B-X"]] * 5
    documents = np.arange(20) // 2
    domains = ["a", "b", "a", "b"] * 5
    evaluation = evaluate_tags(gold, predicted, resamples=50, seed=3, by={"domain": domains}, documents=documents)
    draws = np.random.default_rng(3).integers(0, 10, (50, 10))
    found = {"a": [], "b": [], "macro_f1": []}
    for drawn in draws:
        numbers = [number for document in drawn for number in np.flatnonzero(documents == document)]
        for domain in "ab":
            own = [number for number in numbers if domains[number] == domain]
            found[domain].append(score_tags([gold[n] for n in own], [predicted[n] for n in own]).f1 if own else 0.0)
        found["macro_f1"].append(score_tags([gold[n] for n in numbers], [predicted[n] for n in numbers]).macro_f1)
    slow = {name: tuple(np.percentile(values, [2.5, 97.5])) for name, values in found.items()}
    of_domains = evaluation.intervals.buckets["domain"]
    assert of_domains["a"]["f1"] == pytest.approx(slow["a"])
    assert of_domains["b"]["f1"] == pytest.approx(slow["b"])
    assert evaluation.intervals.scores["macro_f1"] == pytest.approx(slow["macro_f1"])
    assert slow["a"][0] < slow["a"][1]


def test_a_key_of_very_many_values_has_no_intervals():
    values = [str(number) for number in range(MOST_BUCKETS + 1)]
    tags = [["B-X"] for _ in values]
    evaluation = evaluate_tags(tags, tags, resamples=10, by={"id": values, "parity": [one[-1] for one in values]})
    assert set(evaluation.intervals.buckets) == {"sentence_length", "mention_length", "parity"}
    assert len(evaluation.buckets["id"]) == len(values)
