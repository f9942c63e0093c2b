"""Recipes: presets, single changes, files, and what is wrong with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tagsmith.errors import ModelError, RecipeError
from tagsmith.training.averaging import EVERY, Average
from tagsmith.training.checkpoint import FILE, Progress, load_checkpoint, save_checkpoint
from tagsmith.training.recipe import PRESETS, make_recipe, read_recipe


def test_a_preset_with_changes():
    recipe = make_recipe("fast", {"units": 7, "learning_rate": 1})
    assert (recipe.units, recipe.learning_rate, recipe.epochs) == (7, 1.0, PRESETS["fast"].epochs)
    assert isinstance(recipe.learning_rate, float)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": 3}, "no field 'unit'"),
        ({"units": "many"}, "type int"),
        ({"units": 0}, "at least 1"),
        ({"word_dropout": 1.0}, "below 1"),
        ({"schedule": "steep"}, "constant, linear, cosine"),
        ({"cell": "qrnn"}, "lstm, gru, rnn"),
        ({"clip_norm": 0.0}, "above 0"),
        ({"residual": 1}, "type bool"),
    ],
)
def test_a_wrong_field_is_named_with_the_remedy(changes, message):
    with pytest.raises(RecipeError, match=message):
        make_recipe("balanced", changes)


def test_an_unknown_preset_is_named():
    with pytest.raises(RecipeError, match="fast, balanced, accurate"):
        make_recipe("best")


def test_a_file_may_name_its_preset(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('preset = "fast"\nunits = 9\n', "utf-8")
    assert read_recipe(path) == make_recipe("fast", {"units": 9})


@pytest.mark.parametrize("content", ["units = ", "units = 'x'", "height = 2", b"\xff\xfe"])
def test_a_wrong_file_is_named(tmp_path, content):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml"):
        read_recipe(tmp_path / "none.toml")


def test_the_average_follows_its_formula():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 3)).astype(np.float32)
    average = Average(200.0, {"w": values[0]})
    expected = values[0].astype(np.float64)
    for number, value in enumerate(values[1:]):
        decay = min(math.exp(-EVERY / 200.0), (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * value
        average.update({"w": value})
    np.testing.assert_allclose(average.arrays["w"], expected, rtol=1e-5, atol=1e-6)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    progress = Progress(3, 12, 2, 0.5, [{"epoch": 1}])
    save_checkpoint(tmp_path, "run", progress, {"weights": {"a/b": np.arange(3)}, "best": {}})
    found, groups = load_checkpoint(tmp_path, "run")
    assert found == progress
    assert groups["weights"]["a/b"].tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(tmp_path):
    save_checkpoint(tmp_path, "run", Progress(), {"weights": {"a": np.arange(3)}})
    with pytest.raises(RecipeError, match="other data"):
        load_checkpoint(tmp_path, "another")
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:20])
    with pytest.raises(ModelError, match="damaged"):
        load_checkpoint(tmp_path, "run")
