"""Weights stored in four bits and as halves: what is read is what was stored, and nothing else is taken for them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mutated_folders import header_of, sealed, with_header
from random_model import SMALL, packed_model, random_model
from tagsmith.errors import ModelError
from tagsmith.model.folder import Model, ModelFile, model_files, model_from_files
from tagsmith.model.weights import packed, unpacked
from tagsmith.tagging.tagger import Tagger

LEVELS = arrays.arrays(
    np.int8, st.tuples(st.integers(0, 5), st.integers(0, 9)), elements=st.integers(-8, 7)
)  # fmt: skip


@given(LEVELS)
@example(np.arange(-8, 8, dtype=np.int8).reshape(1, 16))
@example(np.arange(-7, 8, dtype=np.int8).reshape(1, 15))
def test_packing_can_be_undone(levels):
    halves = packed(levels)
    assert halves.dtype == np.uint8
    assert halves.shape == (len(levels), (levels.shape[1] + 1) // 2)
    again = unpacked(halves, levels.shape[1])
    assert again.dtype == np.int8
    assert np.array_equal(again, levels)


def test_the_first_of_two_numbers_is_in_the_low_bits():
    assert packed(np.array([[1, 2, -1]], np.int8)).tolist() == [[0x21, 0x0F]]


@pytest.mark.parametrize("word_dim", [6, 7], ids=["even", "odd"])
def test_what_is_read_is_what_was_stored(word_dim):
    stored = packed_model(replace(SMALL, word_dim=word_dim))
    read = model_from_files(model_files(stored)).weights
    levels = unpacked(stored.weights["word/trained"], word_dim)
    assert np.array_equal(read["word/trained"], levels * stored.weights["word/trained_scales"].astype(np.float32))
    assert np.array_equal(read["word/pretrained"], unpacked(stored.weights["word/pretrained"], word_dim))
    assert "word/trained_scales" not in read
    for name in stored.weights.keys() - {"word/trained", "word/trained_scales", "word/pretrained"}:
        assert read[name].dtype == np.float32
        assert np.array_equal(read[name], stored.weights[name])
    assert not any(weight.flags.writeable for weight in read.values())


def test_pretrained_vectors_that_fit_in_four_bits_are_stored_so_and_others_are_not():
    read = model_from_files(model_files(packed_model()))
    assert read.weights["word/pretrained"].dtype == np.int8
    assert _stored_type(read) == "U8"
    for model in (random_model(), replace(read, weights={**read.weights, "word/pretrained": _with_8(read)})):
        assert _stored_type(model) == "I8"
        again = model_from_files(model_files(model)).weights["word/pretrained"]
        assert np.array_equal(again, model.weights["word/pretrained"])


def _stored_type(model: Model) -> str:
    header, _ = header_of(model_files(model)[ModelFile.WEIGHTS])
    return header["word/pretrained"]["dtype"]


def _with_8(model: Model) -> np.ndarray:
    rows = model.weights["word/pretrained"].copy()
    rows[-1, -1] = 8
    return rows


def test_a_model_of_packed_weights_tags_as_that_of_the_same_numbers():
    stored = packed_model()
    read = model_from_files(model_files(stored))
    again = model_from_files(model_files(read))  # in the usual types
    words = [["John", "lives", "in", "New", "York"], ["café"], []]
    for one, other in zip(Tagger(read).tag_marginals(words), Tagger(again).tag_marginals(words), strict=True):
        assert np.array_equal(one, other)


def changed(model: Model, name: str, **values: object) -> dict[str, bytes]:
    """The model's files, with another description of one weight in the header."""
    files = dict(model_files(model))
    header, numbers = header_of(files[ModelFile.WEIGHTS])
    header[name] = {**header[name], **values}
    content = with_header(json.dumps(header).encode(), numbers)
    return sealed({**files, ModelFile.WEIGHTS: content})


@pytest.mark.parametrize("word_dim", [6, 7], ids=["even", "odd"])
@pytest.mark.parametrize("name", ["word/trained", "word/pretrained"])
def test_another_shape_or_type_is_refused(word_dim, name):
    model = packed_model(replace(SMALL, word_dim=word_dim))
    rows, columns = model.weights[name].shape
    assert model_from_files(changed(model, name))  # as it is
    wrong = (
        {"shape": [rows, word_dim]},
        {"shape": [rows, columns - 1]},
        {"shape": [rows * columns]},
        {"shape": [columns, rows]},
        {"shape": [rows, float(columns)]},
        {"shape": [rows, 2 * columns], "dtype": "U4"},
        {"dtype": "I8"},
        {"dtype": "F16"},
        {"dtype": "BOOL"},
    )
    for values in wrong:
        with pytest.raises(ModelError, match=rf"{ModelFile.WEIGHTS}.*the weight {name}"):
            model_from_files(changed(model, name, **values))


@pytest.mark.parametrize("name", ["output/kernel", "crf/0/between", "word/characters"])
def test_no_other_weight_is_in_four_bits(name):
    model = packed_model()
    rows, columns = model.weights[name].shape
    weights = {**model.weights, name: packed(np.zeros((rows, columns), np.int8))}
    with pytest.raises(ModelError, match=f"the weight {name} is not"):
        model_from_files(model_files(replace(model, weights=weights)))


def test_scales_without_four_bits_and_four_bits_without_scales_are_refused():
    plain, model = random_model(), packed_model()
    with_scales = {**plain.weights, "word/trained_scales": model.weights["word/trained_scales"]}
    without = {name: weight for name, weight in model.weights.items() if name != "word/trained_scales"}
    for weights in (with_scales, without):
        with pytest.raises(ModelError, match="the weight word/trained is not"):
            model_from_files(model_files(replace(model, weights=weights)))


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_half_that_is_not_finite_is_refused(number):
    model = packed_model()
    for name in ("word/trained_scales", "word/scales", "output/kernel"):
        weight = model.weights[name].copy()
        weight.flat[0] = number
        files = model_files(replace(model, weights={**model.weights, name: weight}))
        with pytest.raises(ModelError, match=f"the weight {name} has a number that is not finite"):
            model_from_files(files)


def test_barred_transitions_are_no_halves():
    model = packed_model()
    weights = {**model.weights, "crf/0/between": model.weights["crf/0/between"].astype(np.float16)}
    with pytest.raises(ModelError, match="the weight crf/0/between is not"):
        model_from_files(model_files(replace(model, weights=weights)))
