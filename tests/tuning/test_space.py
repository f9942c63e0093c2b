"""Search spaces: what may be drawn is what a recipe can have, and every impossible range is refused by name."""

from __future__ import annotations

import pytest

from tagsmith.errors import RecipeError
from tagsmith.training.recipe import PRESETS, Recipe, make_recipe

pytest.importorskip("optuna")
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tagsmith.tuning.space import as_toml, choose_space, default_space, draw, holds, make_space

BASE = Recipe()


def draws(dimension, name, count=60):
    """Draw many values, without a study's storage."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [draw(dimension, study.ask(), name) for _ in range(count)]


def bases():
    return [*PRESETS.values(), make_recipe(changes={"units": 1, "batch_tokens": 1, "average_epochs": 0, "layers": 3})]


@pytest.mark.parametrize("base", bases(), ids=[*PRESETS, "odd"])
def test_the_default_space_holds_its_recipe_and_only_possible_values(base):
    space = default_space(base)
    assert set(space) <= set(base.as_dict())
    for name, dimension in space.items():
        assert holds(dimension, base.as_dict()[name]), name
        for value in draws(dimension, name):
            assert holds(dimension, value)
            assert make_recipe(changes={**base.as_dict(), name: value})


@pytest.mark.parametrize("base", bases(), ids=[*PRESETS, "odd"])
def test_a_space_written_as_toml_is_read_back(base, tmp_path):
    space = {
        **default_space(base),
        "epochs": IntDistribution(5, 25, step=10),
        "final_rate": FloatDistribution(0.0, 1.0, step=0.25),
    }
    path = tmp_path / "space.toml"
    path.write_text("".join(f"{name} = {as_toml(dimension)}\n" for name, dimension in space.items()), "utf-8")
    assert choose_space(path, base) == space


def test_values_take_the_types_of_their_fields():
    space = make_space({"learning_rate": {"low": 1, "high": 2}, "clip_norm": [1, 5.0], "units": [8, 16]}, BASE)
    assert space == {
        "learning_rate": FloatDistribution(1.0, 2.0),
        "clip_norm": CategoricalDistribution((1.0, 5.0)),
        "units": CategoricalDistribution((8, 16)),
    }
    assert all(type(value) is float for value in draws(space["learning_rate"], "learning_rate"))
    assert {type(value) for value in draws(IntDistribution(2, 90, log=True), "units")} == {int}


def test_drawn_numbers_are_short_and_inside():
    values = draws(FloatDistribution(0.00012345678, 0.1, log=True), "learning_rate")
    assert min(values) >= 0.00012345678
    assert all(len(f"{value:e}".partition("e")[0].rstrip("0")) <= 5 for value in values)


def test_steps_count_from_low_and_end_with_the_last_whole_one():
    (dimension,) = make_space({"units": {"low": 50, "high": 120, "step": 25}}, BASE).values()
    assert set(draws(dimension, "units")) == {50, 75, 100}
    assert [holds(dimension, value) for value in (75, 60, 125)] == [True, False, False]
    (dimension,) = make_space({"word_dropout": {"low": 0.1, "high": 0.7, "step": 0.2}}, BASE).values()
    assert [holds(dimension, value) for value in (0.1, 0.3, 0.5, 0.7, 0.2)] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("units = ", "not TOML"),
        ("", "the search space is empty"),
        ("unit = [1]", "no field 'unit'"),
        ("units = 100", "units is 100, which leaves nothing to search"),
        ("units = []", "units has no values"),
        ("units = [100, 100]", "units has the value 100 twice"),
        ("units = [100, 0]", "units is 0"),
        ("units = [100, 1.5]", "units is 1.5"),
        ('cell = ["lstm", "transformer"]', "cell is 'transformer'"),
        ('cell = {low = "gru", high = "lstm"}', "cell is not a number"),
        ("residual = {low = false, high = true}", "residual is not a number"),
        ("units = {low = 100}", "range of units lacks low or high"),
        ("units = {low = 100, high = 200, base = 2}", "unknown key 'base'"),
        ("units = {low = 200, high = 100}", "range of units goes from 200 to 100"),
        ("units = {low = 100, high = 100}", "range of units goes from 100 to 100"),
        ("units = {low = 0, high = 100}", "units is 0"),
        ("units = {low = 1.5, high = 100}", "units is 1.5"),
        ("word_dropout = {low = 0.1, high = 1.0}", "word_dropout is 1.0"),
        ("word_dropout = {low = 0.0, high = 0.5, log = true}", "word_dropout has a logarithmic range from 0.0"),
        ("word_dropout = {low = 0.1, high = 0.5, log = 1}", "log is 1"),
        ("units = {low = 10, high = 100, log = true, step = 2}", "both log and step"),
        ("units = {low = 10, high = 100, step = 0}", "step is 0"),
        ("units = {low = 10, high = 100, step = 91}", "step is 91"),
        ("units = {low = 10, high = 100, step = 2.5}", "step is 2.5"),
        ("learning_rate = {low = nan, high = 1.0}", "learning_rate"),
        ("[units.low]\nlow = 3\n", "range of units"),
    ],
)
def test_an_impossible_space_is_refused_by_name_with_a_remedy(tmp_path, content, message):
    path = tmp_path / "space.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(RecipeError, match=message) as caught:
        choose_space(path, BASE)
    assert caught.value.remedy
    assert str(path) in str(caught.value)


def test_a_missing_space_is_named(tmp_path):
    with pytest.raises(RecipeError, match="the search space cannot be read") as caught:
        choose_space(tmp_path / "nowhere.toml", BASE)
    assert "nowhere.toml" in str(caught.value)
