"""Calibration errors, risk–coverage curves and thresholds against plain definitions, one prediction at a time."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.errors import DataError
from tagsmith.scores.calibration import reliability
from tagsmith.scores.thresholds import thresholds_for, wilson_interval

# Many equal ones, the bounds of bins, and any others.
confidences = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.9, 1.0]), st.floats(0, 1))
predictions = st.lists(st.tuples(confidences, st.booleans()), min_size=1, max_size=40)


def bins_of_equal_mass(pairs, bins):
    """Cut where the rank passes i/bins of all, before all predictions of the same confidence."""
    ranked = sorted(pairs, key=lambda pair: pair[0])
    bounds = {ranked[i * len(ranked) // bins][0] for i in range(bins)}
    groups = {}
    for p, right in ranked:
        groups.setdefault(max(bound for bound in bounds if bound <= p), []).append((p, right))
    return list(groups.values())


def bins_of_equal_width(pairs, bins):
    groups = {}
    for p, right in sorted(pairs, key=lambda pair: pair[0]):
        groups.setdefault(max(1, math.ceil(p * bins)), []).append((p, right))
    return list(groups.values())


def slow_ece(groups):
    total = sum(map(len, groups))
    return sum(
        len(group) / total * abs(np.mean([p for p, _ in group]) - np.mean([right for _, right in group]))
        for group in groups
    )


@settings(max_examples=examples(100))
@given(predictions, st.integers(1, 12), st.randoms())
def test_errors_and_bins_are_those_of_the_definition_in_any_order(pairs, bins, random):
    found = reliability([p for p, _ in pairs], [right for _, right in pairs], bins)
    for groups, made, error in (
        (bins_of_equal_mass(pairs, bins), found.bins, found.ece),
        (bins_of_equal_width(pairs, bins), found.bins_equal_width, found.ece_equal_width),
    ):
        assert [one.size for one in made] == list(map(len, groups))
        assert [one.right for one in made] == pytest.approx([np.mean([r for _, r in group]) for group in groups])
        assert [one.confidence for one in made] == pytest.approx([np.mean([p for p, _ in group]) for group in groups])
        assert error == pytest.approx(slow_ece(groups), abs=1e-12)
    assert len(found.bins) <= bins
    assert found.brier == pytest.approx(np.mean([(p - right) ** 2 for p, right in pairs]))
    shuffled = random.sample(pairs, len(pairs))
    again = reliability([p for p, _ in shuffled], [right for _, right in shuffled], bins)
    for name in ("ece", "ece_equal_width", "chance", "beyond_chance", "risk_area"):
        assert getattr(again, name) == pytest.approx(getattr(found, name), abs=1e-7)
    json.dumps(found.as_dict(), allow_nan=False)


@settings(max_examples=examples(100))
@given(predictions)
def test_the_risk_coverage_curve_is_that_of_all_thresholds(pairs):
    found = reliability([p for p, _ in pairs], [right for _, right in pairs])
    risks = []
    for p, _ in pairs:
        accepted = [right for other, right in pairs if other >= p]
        risks.append(1 - sum(accepted) / len(accepted))
    assert found.risk_area == pytest.approx(np.mean(risks), abs=1e-12)
    for point in found.curve:
        accepted = [right for p, right in pairs if p >= point.confidence]
        assert point.coverage == pytest.approx(len(accepted) / len(pairs))
        assert point.risk == pytest.approx(1 - sum(accepted) / len(accepted), abs=1e-12)
    assert found.curve[-1].coverage == 1.0
    assert [point.coverage for point in found.curve] == sorted({point.coverage for point in found.curve})


def test_chance_is_the_error_of_calibrated_predictions():
    rng = np.random.default_rng(0)
    confidence = rng.beta(4, 1, 500)
    found = [reliability(confidence, rng.random(500) < confidence) for _ in range(300)]
    assert np.mean([one.ece for one in found]) == pytest.approx(found[0].chance, rel=0.05)
    assert np.mean([one.beyond_chance**2 for one in found]) < np.mean([one.ece for one in found]) ** 2 / 2
    wrong = [reliability(confidence, rng.random(500) < confidence - 0.2) for _ in range(100)]
    assert np.mean([one.beyond_chance for one in wrong]) == pytest.approx(0.2, abs=0.02)


def test_what_cannot_be_measured_is_refused():
    for confidence, right in (([], []), ([0.5], []), ([0.5, 0.5], [True]), ([[0.5]], [[True]])):
        with pytest.raises(DataError, match="Give one of each"):
            reliability(confidence, right)
    for number in (-0.1, 1.1, float("nan"), float("inf")):
        with pytest.raises(DataError, match="no probability"):
            reliability([0.5, number], [True, True])
    with pytest.raises(DataError, match="bins is 0"):
        reliability([0.5], [True], 0)


@settings(max_examples=examples(100))
@given(predictions, st.integers(0, 30), st.sampled_from([0.01, 0.5, 0.8, 0.95, 1.0]))
def test_the_threshold_is_the_least_that_reaches_the_precision(pairs, missed, precision):
    scores, right = np.array([p for p, _ in pairs]), np.array([hit for _, hit in pairs])
    support = int(right.sum()) + missed
    chosen = thresholds_for(precision, ["X", "Y"], np.array(["X"] * len(pairs)), scores, right, {"X": support})
    one, none = chosen.labels["X"], chosen.labels["Y"]
    assert (none.threshold, none.best, none.found, none.recall) == (None, None, 0, None)
    reaching = [p for p in scores if right[scores >= p].mean() >= precision]
    least = one.threshold if one.threshold is not None else one.best
    above = scores >= least
    assert (one.found, one.correct) == (above.sum(), right[above].sum())
    assert one.precision == pytest.approx(right[above].mean())
    assert one.recall == (pytest.approx(one.correct / support) if support else None)
    if reaching:
        assert set(scores[above]) == {p for p in scores if p >= min(reaching)}
        assert chosen.reached() == {"X": one.threshold}
        assert one.precision >= precision
    else:
        assert one.threshold is None
        assert chosen.reached() == {}
        assert one.precision == max(right[scores >= p].mean() for p in scores) < precision
    json.dumps(chosen.as_dict(), allow_nan=False)


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (1, 1), (19, 20), (0, 50), (25, 50), (500, 500)])
def test_wilsons_interval_holds_the_shares_that_do_not_differ_from_what_was_seen(hits, count):
    low, high = wilson_interval(hits, count)
    assert 0 <= low <= hits / count <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:  # there a test of the score says p = .05: |seen - bound| is 1.96 standard errors
            assert abs(hits / count - bound) == pytest.approx(1.959964 * math.sqrt(bound * (1 - bound) / count))
