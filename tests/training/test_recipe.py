"""Recipes: every wrong field is refused with its name and a remedy."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from tagsmith.errors import RecipeError
from tagsmith.model.architecture import Architecture
from tagsmith.training.recipe import PRESETS, WITHOUT_VECTORS, Recipe, choose_recipe, make_recipe, read_recipe
from tagsmith.training.train import train


def test_the_presets_are_those_of_the_design():
    assert set(PRESETS) == {"fast", "balanced", "accurate"}
    assert make_recipe() == PRESETS["balanced"] == Recipe()


def test_changes_change_their_fields_alone():
    changed = make_recipe("fast", {"units": 7, "learning_rate": 1, "residual": True})
    assert (changed.architecture.units, changed.learning_rate, changed.architecture.residual) == (7, 1.0, True)
    assert type(changed.learning_rate) is float
    assert changed.as_dict() == PRESETS["fast"].as_dict() | {"units": 7, "learning_rate": 1.0, "residual": True}


def test_every_field_of_the_architecture_is_a_field_of_the_recipe():
    changes = {"cell": "gru", "characters": "lstm", "units": 3, "head": "softmax", "layers": 2}
    recipe = make_recipe(changes=changes)
    assert recipe.architecture == Architecture(**changes)
    assert recipe.as_dict().items() >= recipe.architecture.as_dict().items()


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(RecipeError, match=r"preset 'quick'.*fast, balanced, accurate"):
        make_recipe("quick")


def test_an_unknown_field_names_those_there_are():
    with pytest.raises(RecipeError, match=r"no field 'unit'.*units"):
        make_recipe(changes={"unit": 5})


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("units", "200", "int"), ("units", 2.0, "int"), ("units", True, "int"), ("bidirectional", 1, "bool"),
        ("learning_rate", "fast", "float"), ("learning_rate", True, "float"), ("cell", 3, "str"), ("epochs", None, "int"),  # noqa: E501
        ("epochs", [1], "int"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_names_the_right_one(field, value, kind):
    with pytest.raises(RecipeError, match=f"{field} is .* type {kind}") as caught:
        make_recipe(changes={field: value})
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(name, 0) for name in ("word_dim", "character_dim", "character_units", "character_width", "units", "layers")],
        *[(name, 0) for name in ("batch_tokens", "longest", "epochs", "least_steps")],
        *[(name, -1) for name in ("shape_dim", "patience")],
        ("cell", "transformer"), ("characters", "bert"), ("head", "linear"), ("schedule", "steps"), ("optimizer", "lbfgs"),  # noqa: E501
        *[(name, value) for name in ("word_dropout", "hidden_dropout", "recurrent_dropout") for value in (-0.1, 1.0, 2.0)],  # noqa: E501
        *[(name, value) for name in ("unknown_rate", "final_rate") for value in (-0.1, 1.1)],
        *[(name, value) for name in ("learning_rate", "clip_norm") for value in (0.0, -1.0)],
        *[(name, -0.5) for name in ("warmup_epochs", "average_epochs", "momentum")],
        ("momentum", 1.5),
        *[(field.name, math.nan) for field in fields(Recipe) if isinstance(field.default, float)],
        *[(field.name, math.inf) for field in fields(Recipe) if isinstance(field.default, float)],
    ],
)  # fmt: skip
def test_an_impossible_value_is_refused_by_name(field, value):
    with pytest.raises(RecipeError, match=field) as caught:
        make_recipe(changes={field: value})
    assert caught.value.remedy


@pytest.mark.parametrize("field", ["word_dropout", "hidden_dropout", "recurrent_dropout"])
@pytest.mark.parametrize("value", [0.0, 0.5, 0.999])
def test_possible_rates_are_taken(field, value):
    assert getattr(make_recipe(changes={field: value}), field) == value


def test_a_toml_file_changes_a_preset(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('preset = "fast"\nunits = 12\nlearning_rate = 1\ncell = "gru"  # smaller\n', "utf-8")
    assert read_recipe(path) == make_recipe("fast", {"units": 12, "learning_rate": 1.0, "cell": "gru"})
    path.write_text("units = 12\n", "utf-8")
    assert read_recipe(path, "accurate") == make_recipe("accurate", {"units": 12})
    path.write_text("", "utf-8")
    assert read_recipe(path) == Recipe()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"units = ", "not TOML"),
        (b"units: 12", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"unit = 12", "no field 'unit'"),
        (b"units = 0", "units is 0"),
        (b'units = "12"', "type int"),
        (b"[training]\nunits = 12", "no field 'training'"),
        (b'preset = "quick"', "preset 'quick'"),
        (b"preset = 3", "preset 3"),
        (b"preset = [3]", "preset"),
        (b"learning_rate = nan", "learning_rate"),
        (b"units = 2026-01-01", "units"),
        (b"units = 12 #" + b"x" * 4000, "a line of more than 4,000 bytes"),
        (b"units = 12\n" * 7000, "longer than 65,536 bytes"),
    ],
)
def test_every_error_in_a_file_names_the_file(tmp_path, content, message):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(path)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(RecipeError, match="cannot be read") as caught:
            read_recipe(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("wrong", ["5", None, [5]])
def test_a_recipe_is_made_of_numbers(wrong):
    with pytest.raises(RecipeError, match=r"epochs is .*at least 1"):
        Recipe(epochs=wrong)


def test_without_vectors_a_preset_reads_spellings_more_closely_unless_told_otherwise(tmp_path):
    for preset, given in PRESETS.items():
        recipe = make_recipe(preset, with_vectors=False)
        assert recipe.architecture.encoding_size > given.architecture.encoding_size
        assert recipe == make_recipe(preset, WITHOUT_VECTORS)
    path = tmp_path / "recipe.toml"
    path.write_text('preset = "fast"\ncharacter_units = 7\n', "utf-8")
    assert choose_recipe("balanced", path, with_vectors=False).architecture.character_units == 7
    assert choose_recipe("balanced", path, with_vectors=False).architecture.character_width == 5
    assert choose_recipe("balanced", Recipe(), with_vectors=False) == Recipe()


@pytest.mark.slow
def test_training_knows_whether_there_are_vectors(tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("Ada 0.5 1.0\nRome 1.0 0.5\n", "utf-8")
    sentences = [(["Ada", "left", "Rome"], ["B-PER", "O", "B-LOC"])] * 4
    changes = {"epochs": 1, "least_steps": 1, "units": 4}
    for given, units in ((vectors, 50), (None, 150)):
        tagger = train(sentences, dev=sentences, out=tmp_path / "model", recipe=changes, vectors=given, force=True)
        assert tagger.model.architecture.character_units == units
