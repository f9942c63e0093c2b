"""The bundled corpus keeps what its guidelines promise."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import tagsmith
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.sample import SPLITS, sample_path
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, detect_scheme, is_legal, tags_to_spans

TYPES = {"PERSON", "LOCATION", "ORGANIZATION", "DATE"}
TUTORIAL = ("john", "lives", "in", "new", "york")


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Sentence]]:
    return {split: read_sentences(sample_path(split)) for split in SPLITS}


def test_there_are_a_thousand_sentences_and_most_are_for_training(splits: dict[str, list[Sentence]]):
    sizes = {split: len(sentences) for split, sentences in splits.items()}
    assert sum(sizes.values()) >= 1000
    assert sizes["train"] >= 0.7 * sum(sizes.values())
    assert min(sizes.values()) >= 100


@pytest.mark.parametrize("split", SPLITS)
def test_tags_are_legal_iob2_of_exactly_the_four_types(split: str, splits: dict[str, list[Sentence]]):
    tags = [sentence.layers["tags"] for sentence in splits[split]]
    assert detect_scheme(tags) is Scheme.IOB2
    assert all(is_legal(one, Scheme.IOB2) for one in tags)
    assert {span.label for one in tags for span in tags_to_spans(one, Scheme.IOB2)} == TYPES


def test_no_sentence_occurs_twice(splits: dict[str, list[Sentence]]):
    sentences = [tuple(word.lower() for word in sentence.words) for split in splits.values() for sentence in split]
    assert len(set(sentences)) == len(sentences)


def test_the_tutorials_sentence_is_in_no_split(splits: dict[str, list[Sentence]]):
    for sentences in splits.values():
        for sentence in sentences:
            words = tuple(word.lower() for word in sentence.words)
            assert all(words[i : i + 5] != TUTORIAL for i in range(len(words)))


@pytest.fixture(scope="module")
def reviews() -> dict[str, list[Sentence]]:
    return {split: read_sentences(sample_path(split, "sentiment")) for split in SPLITS}


def test_the_sentiment_corpus_has_three_legal_labels_and_at_least_one_target_a_sentence(reviews):
    sizes = {split: len(sentences) for split, sentences in reviews.items()}
    assert sum(sizes.values()) >= 300
    assert min(sizes.values()) >= 40
    for sentences in reviews.values():
        tags = [sentence.layers["tags"] for sentence in sentences]
        assert detect_scheme(tags) is Scheme.IOB2
        assert all(is_legal(one, Scheme.IOB2) for one in tags)
        spans = [tags_to_spans(one, Scheme.IOB2) for one in tags]
        assert all(spans)
        assert {span.label for one in spans for span in one} == {"POSITIVE", "NEGATIVE", "NEUTRAL"}


def test_no_sentence_of_the_sentiment_corpus_occurs_twice(reviews):
    sentences = [tuple(word.lower() for word in sentence.words) for split in reviews.values() for sentence in split]
    assert len(set(sentences)) == len(sentences)


def test_many_targets_are_spoken_of_in_more_than_one_way(reviews):
    """So the sentence decides, and not the target's name."""
    opinions: dict[str, set[str]] = {}
    for sentence in reviews["train"]:
        for start, end, label in tags_to_spans(sentence.layers["tags"], Scheme.IOB2):
            opinions.setdefault(" ".join(sentence.words[start:end]).lower(), set()).add(label)
    assert sum(len(labels) > 1 for labels in opinions.values()) >= 50


def test_an_unknown_corpus_is_an_error_that_lists_the_known_ones():
    with pytest.raises(DataError, match="names, sentiment"):
        sample_path("train", "reviews")  # type: ignore[arg-type]


def test_an_unknown_split_is_an_error_that_lists_the_known_ones():
    with pytest.raises(DataError, match="train, dev, test"):
        sample_path("validation")  # type: ignore[arg-type]


def test_the_wheel_holds_the_corpus(tmp_path: Path):
    root = Path(tagsmith.__file__).parents[2]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("tagsmith was not installed from its sources")
    wheels = pytest.importorskip(
        "hatchling.builders.wheel", reason="hatchling, which builds the wheel, is not installed"
    )
    (wheel,) = wheels.WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    held = set(zipfile.ZipFile(wheel).namelist())
    for name in ("train.conll", "dev.conll", "test.conll", "sentiment/train.conll", "GUIDELINES.md", "LICENSE"):
        assert f"tagsmith/sample/{name}" in held
