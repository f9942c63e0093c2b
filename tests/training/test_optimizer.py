"""The schedule against its definition, the weights against Keras's optimizers, the word table against a slow loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_calls import array, compiled
from search_budget import examples
from tagsmith.network.backend import keras, set_rows
from tagsmith.training.optimizer import Optimizer, WarmupThenFall
from tagsmith.training.recipe import Recipe

ops = keras.ops
TOTAL, WARMUP, PEAK, FINAL = 40, 8, 0.5, 0.1


def rates(kind: str, warmup: int = WARMUP, total: int = TOTAL, steps: int = 60) -> np.ndarray:
    schedule = WarmupThenFall(PEAK, kind, warmup, total, FINAL)
    return array(compiled(schedule)(np.arange(steps, dtype=np.int32)))


def expected_rate(kind: str, step: int) -> float:
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    done = min((step - WARMUP) / (TOTAL - WARMUP), 1.0)
    if kind == "constant":
        return PEAK
    left = 1 - done if kind == "linear" else (1 + math.cos(math.pi * done)) / 2
    return PEAK * (FINAL + (1 - FINAL) * left)


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
def test_the_rate_rises_then_falls_as_defined(kind):
    np.testing.assert_allclose(rates(kind), [expected_rate(kind, step) for step in range(60)], rtol=1e-4)


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
@pytest.mark.parametrize(("warmup", "total"), [(0, 40), (0, 1), (5, 5), (9, 5), (0, 0)])
def test_odd_lengths_of_a_run_give_sound_rates(kind, warmup, total):
    found = rates(kind, warmup, total)
    assert np.isfinite(found).all()
    assert (found > 0).all()
    assert (found <= PEAK * 1.0001).all()


# ------------------------------------------------------------------------------------------------- one step

SHAPES = [(3, 4), (5,)]
TABLE = (7, 3)
ROWS = 4  # of the table in each step: one shape, so that nothing is compiled twice
KINDS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}


def recipe_of(name: str, **changes) -> Recipe:
    """A rate that changes at each of the ten steps."""
    given = {"learning_rate": 0.1, "schedule": "cosine", "warmup_epochs": 1.0, "epochs": 5, "momentum": 0.6}
    return Recipe(**{"optimizer": name, "clip_norm": 1e9, **given, **changes})


def random_variables(seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [keras.Variable(rng.normal(0, 1, shape).astype(np.float32)) for shape in (*SHAPES, TABLE)]


def make(recipe: Recipe, seed: int = 0) -> Optimizer:
    *weights, table = random_variables(seed)
    return Optimizer(recipe, 2, weights, table)


def random_steps(seed: int, count: int = 6, size: float = 1.0) -> list[tuple[list, np.ndarray, np.ndarray]]:
    """Gradients of the weights, rows of the table, -1 among them, and their gradients."""
    rng = np.random.default_rng(seed)
    steps = []
    for _ in range(count):
        gradients = [rng.normal(0, size, shape).astype(np.float32) for shape in SHAPES]
        present = rng.permutation(TABLE[0])[: rng.integers(1, ROWS + 1)]
        rows = np.int32([*present, *[-1] * (ROWS - len(present))])
        row_gradients = rng.normal(0, size, (ROWS, TABLE[1])).astype(np.float32)
        row_gradients[rows < 0] = 0.0  # no word of the batch has such a row
        steps.append((gradients, rows, row_gradients))
    return steps


def run(optimizer: Optimizer, steps) -> None:
    tensor = ops.convert_to_tensor
    for gradients, rows, row_gradients in steps:
        optimizer.apply([tensor(gradient) for gradient in gradients], tensor(rows), tensor(row_gradients))


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_the_recipe_chooses_the_optimizer_and_its_schedule(name, kind):
    recipe = Recipe(optimizer=name, momentum=0.7, clip_norm=3.0, epochs=5, warmup_epochs=0.5)
    *weights, table = random_variables()
    optimizer = Optimizer(recipe, 10, weights, table)
    assert isinstance(optimizer.dense, kind)
    assert optimizer.clip_norm == 3.0
    assert (optimizer.schedule.warmup, optimizer.schedule.total) == (5, 50)
    if name == "sgd":
        assert optimizer.dense.momentum == 0.7


@pytest.mark.parametrize("clip_norm", [0.5, 5.0, 1e9])
@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_the_weights_change_as_with_keras_which_clips_by_the_norm_over_them_and_the_table(name, kind, clip_norm):
    optimizer = make(recipe_of(name, clip_norm=clip_norm))
    options = {"momentum": 0.6} if name == "sgd" else {}
    theirs = kind(optimizer.schedule, global_clipnorm=clip_norm, **options)
    variables = random_variables()
    theirs.build(variables)
    before = [array(variable.value) for variable in variables]
    for gradients, rows, row_gradients in random_steps(1):
        run(optimizer, [(gradients, rows, row_gradients)])
        whole = np.zeros(TABLE, np.float32)
        whole[rows[rows >= 0]] = row_gradients[rows >= 0]
        theirs.apply([ops.convert_to_tensor(gradient) for gradient in (*gradients, whole)], variables)
    for own, expected, start in zip(optimizer.weights, variables, before, strict=False):
        np.testing.assert_allclose(array(own.value), array(expected.value), atol=1e-5)
        assert np.abs(array(own.value) - start).max() > 0.05


@pytest.mark.parametrize(("name", "momentum"), [("adam", 0.9), ("sgd", 0.0)])
def test_a_table_of_which_every_step_holds_all_rows_changes_as_with_keras(name, momentum):
    recipe = recipe_of(name, clip_norm=2.0, momentum=momentum)
    optimizer = make(recipe)
    options = {"momentum": momentum} if name == "sgd" else {}
    theirs = KINDS[name](optimizer.schedule, global_clipnorm=2.0, **options)
    variables = random_variables()
    theirs.build(variables)
    rng = np.random.default_rng(2)
    for gradients, _, _ in random_steps(2):
        whole = rng.normal(0, 1, TABLE).astype(np.float32)
        order = rng.permutation(TABLE[0]).astype(np.int32)
        run(optimizer, [(gradients, order, whole[order])])
        theirs.apply([ops.convert_to_tensor(gradient) for gradient in (*gradients, whole)], variables)
    np.testing.assert_allclose(array(optimizer.table.value), array(variables[-1].value), atol=1e-5)


def slowly(recipe: Recipe, table: np.ndarray, rates, steps) -> np.ndarray:
    """The table after the steps, one row at a time."""
    table, first, second = table.astype(np.float64), np.zeros(table.shape), np.zeros(table.shape)
    for number, (gradients, rows, row_gradients) in enumerate(steps):
        norm = math.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in (*gradients, row_gradients)))
        for row, gradient in zip(rows, row_gradients.astype(np.float64), strict=True):
            if row < 0:
                continue
            cut = gradient * min(1.0, recipe.clip_norm / norm)
            if recipe.optimizer == "sgd":
                table[row] -= rates[number] / (1 - recipe.momentum) * cut
                continue
            first[row] = 0.9 * first[row] + 0.1 * cut
            second[row] = 0.999 * second[row] + 0.001 * cut**2
            mean, square = first[row] / (1 - 0.9 ** (number + 1)), second[row] / (1 - 0.999 ** (number + 1))
            table[row] -= rates[number] * mean / (np.sqrt(square) + 1e-7)
    return table


@given(st.integers(0, 999), st.sampled_from(["adam", "sgd"]), st.sampled_from([0.5, 5.0, 1e9]), st.integers(1, 8))
@settings(max_examples=examples(15))
def test_rows_of_the_table_change_one_by_one_when_a_step_holds_them(seed, name, clip_norm, count):
    recipe = recipe_of(name, clip_norm=clip_norm)
    optimizer, steps = make(recipe, seed), random_steps(seed, count)
    start = array(optimizer.table.value)
    run(optimizer, steps)
    found = array(optimizer.table.value)
    rates = array(optimizer.schedule(ops.arange(count)))
    np.testing.assert_allclose(found, slowly(recipe, start, rates, steps), atol=2e-5)
    touched = {row for _, rows, _ in steps for row in rows if row >= 0}
    for row in range(TABLE[0]):
        assert np.array_equal(found[row], start[row]) == (row not in touched)


@pytest.mark.parametrize("name", KINDS)
def test_what_filling_pulls_at_is_left_alone(name):
    """Neither row 0, which filling is looked up as, nor the last row, -1, is to move, nor their moments."""
    ((_, rows, row_gradients),) = steps = random_steps(3, 1)
    rows[:] = [2, -1, -1, -1]
    row_gradients[1:] = 1.0
    optimizer = make(recipe_of(name))
    start = array(optimizer.table.value)
    run(optimizer, steps)
    assert np.flatnonzero((array(optimizer.table.value) != start).any(axis=1)).tolist() == [2]
    for moment in optimizer.moments:
        assert np.flatnonzero(array(moment.value).any(axis=1)).tolist() == [2]


def test_a_step_that_holds_no_row_leaves_the_table_and_moves_the_weights():
    ((gradients, rows, row_gradients),) = random_steps(4, 1)
    optimizer = make(recipe_of("adam"))
    table, weight = array(optimizer.table.value), array(optimizer.weights[0].value)
    run(optimizer, [(gradients, rows * 0 - 1, row_gradients * 0)])
    np.testing.assert_array_equal(array(optimizer.table.value), table)
    assert (array(optimizer.weights[0].value) != weight).all()


@pytest.mark.parametrize("name", KINDS)
def test_what_the_optimizer_remembers_is_all_it_needs_to_go_on(name):
    steps = random_steps(5, 6)
    whole, first, second = (make(recipe_of(name)) for _ in range(3))
    run(whole, steps)
    run(first, steps[:3])
    for new, old in zip(
        (*second.weights, second.table, *second.variables), (*first.weights, first.table, *first.variables), strict=True
    ):
        new.assign(array(old.value))
    run(second, steps[3:])
    for found, expected in zip((*second.weights, second.table), (*whole.weights, whole.table), strict=True):
        np.testing.assert_array_equal(array(found.value), array(expected.value))


def test_a_long_gradient_is_cut_to_the_norm_whatever_part_of_it_is_long():
    recipe = Recipe(
        optimizer="sgd", momentum=0.0, clip_norm=1.0, learning_rate=1.0, schedule="constant", warmup_epochs=0.0
    )
    weight, table = keras.Variable(np.zeros(2, np.float32)), keras.Variable(np.zeros((3, 2), np.float32))
    optimizer = Optimizer(recipe, 1, [weight], table)
    run(optimizer, [([np.float32([0.0, 40.0])], np.int32([1, -1]), np.float32([[30.0, 0.0], [0.0, 0.0]]))])
    np.testing.assert_allclose(array(weight.value), [0.0, -0.8], rtol=1e-5)
    np.testing.assert_allclose(array(table.value), [[0.0, 0.0], [-0.6, 0.0], [0.0, 0.0]], rtol=1e-5)
    run(optimizer, [([np.float32([0.3, 0.0])], np.int32([0, 2]), np.float32([[0.0, 0.0], [0.0, 0.4]]))])
    np.testing.assert_allclose(array(weight.value), [-0.3, -0.8], rtol=1e-5)
    np.testing.assert_allclose(array(table.value)[2], [0.0, -0.4], rtol=1e-5)


@given(st.permutations(range(TABLE[0])), st.integers(0, ROWS), st.randoms(use_true_random=False))
@settings(max_examples=examples(25))
def test_set_rows_sets_those_rows_and_leaves_out_the_filling(order, filling, random):
    rows = [*order[: ROWS - filling], *[-1] * filling]
    random.shuffle(rows)
    rng = np.random.default_rng(0)
    table, values = (rng.normal(0, 1, (size, 3)).astype(np.float32) for size in (TABLE[0], ROWS))
    expected = table.copy()
    for row, value in zip(rows, values, strict=True):
        if row >= 0:
            expected[row] = value
    found = array(set_rows(*map(ops.convert_to_tensor, (table, np.int32(rows), values))))
    np.testing.assert_array_equal(found, expected)
