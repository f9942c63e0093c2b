"""The public names: adding or losing one is a decision, not an accident."""

from __future__ import annotations

import importlib
import inspect

import pytest

import tagsmith

PUBLIC = [
    "FORMATS",
    "Corpus",
    "DataError",
    "Document",
    "InputError",
    "Layer",
    "MissingExtraError",
    "ModelError",
    "Recipe",
    "RecipeError",
    "Redacted",
    "Redactor",
    "Replacement",
    "Scheme",
    "Sentence",
    "Span",
    "Tagger",
    "TagsmithError",
    "Token",
    "TokenSpan",
    "TrainingError",
    "VectorsError",
    "WriteOptions",
    "__version__",
    "create_rnn_model",
    "detect_scheme",
    "distill",
    "from_keras",
    "load",
    "read_corpus",
    "read_documents",
    "read_sentences",
    "score_tags",
    "spans_to_tags",
    "tags_to_spans",
    "tokenize",
    "tokenize_text",
    "train",
    "tune",
]


def test_the_public_names_are_these():
    assert tagsmith.__all__ == PUBLIC
    assert dir(tagsmith) == sorted(PUBLIC)


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - {"FORMATS", "create_rnn_model", "train", "__version__"}))
def test_a_public_name_is_the_object_of_its_own_module(name: str):
    found = getattr(tagsmith, name)
    assert inspect.getdoc(found)
    assert getattr(importlib.import_module(found.__module__), name) is found


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tag_sentences'"):
        tagsmith.tag_sentences  # noqa: B018
