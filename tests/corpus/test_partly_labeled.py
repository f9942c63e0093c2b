"""Corpora whose label sets differ, read as one: who knows what, in one scheme, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from tagsmith.corpus.partly_labeled import Before, load_partly_labeled

from tagsmith.errors import DataError
from tagsmith.text.schemes import Scheme

PEOPLE = "Anna B-PER\nPetrov I-PER\nleft O\nOslo O\n\nIvan B-PER\n"
PLACES = "Anna O\nsaw O\nNew B-LOC\nYork E-LOC\n\nOslo S-LOC\n"  # BIOES
BOTH = "Ivan B-PER\nsaw O\nOslo B-LOC\n"
PLAIN = "the DET\nsea NOUN\n\nsing VERB\n"


@pytest.fixture
def files(tmp_path, monkeypatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    texts = {"people": PEOPLE, "places": PLACES, "both": BOTH, "plain": PLAIN}
    for name, text in texts.items():
        Path(f"{name}.conll").write_text(text, "utf-8")
    return {name: Path(f"{name}.conll") for name in texts}


def known(corpus, part: str) -> list[list[str]]:
    return [sorted(corpus.knowledge.sets[own]) for own in getattr(corpus.knowledge, part)]


def tags(corpus, part: str = "train") -> list[list[str]]:
    return [list(sentence.layers[corpus.layer]) for sentence in getattr(corpus, part)]


def test_each_group_knows_the_labels_in_it_and_all_are_in_the_scheme_of_the_first(files):
    corpus = load_partly_labeled([files["people"], files["places"]], [files["both"]], [files["both"]])
    assert corpus.scheme is Scheme.IOB2
    assert corpus.labels == ("LOC", "PER")
    assert tags(corpus) == [
        ["B-PER", "I-PER", "O", "O"],
        ["B-PER"],
        ["O", "O", "B-LOC", "I-LOC"],
        ["B-LOC"],
    ]
    assert known(corpus, "train") == [["PER"], ["PER"], ["LOC"], ["LOC"]]
    assert known(corpus, "dev") == known(corpus, "test") == [["LOC", "PER"]]
    assert corpus.train[0].line == 1


def test_a_group_of_several_files_is_one_corpus(files):
    corpus = load_partly_labeled([[files["people"], files["both"]], files["places"]], [files["both"]])
    assert known(corpus, "train") == [["LOC", "PER"]] * 3 + [["LOC"]] * 2


def test_as_many_dev_files_as_training_files_know_what_their_partners_know(files):
    Path("rare.conll").write_text("Ivan B-PER\nrests O\n", "utf-8")
    corpus = load_partly_labeled([files["both"], files["places"]], ["rare.conll", files["places"]])
    assert known(corpus, "dev") == [["LOC", "PER"], ["LOC"], ["LOC"]]


def test_without_dev_a_tenth_of_each_corpus_is_held_out(tmp_path):
    for name, label in (("a", "PER"), ("b", "LOC")):
        (tmp_path / name).write_text("".join(f"w{n} B-{label}\n\n" for n in range(30)), "utf-8")
    corpus = load_partly_labeled([tmp_path / "a", tmp_path / "b"])
    assert known(corpus, "dev") == [["PER"]] * 3 + [["LOC"]] * 3
    assert known(corpus, "train") == [["PER"]] * 27 + [["LOC"]] * 27


def test_what_a_file_knows_can_be_stated(files):
    groups = [files["people"], files["places"], files["both"]]
    corpus = load_partly_labeled(groups, [files["both"]], knows={"people.conll": ["PER", "LOC"]})
    assert known(corpus, "train") == [["LOC", "PER"]] * 2 + [["LOC"]] * 2 + [["LOC", "PER"]]


def test_data_for_a_model_that_learns_on_come_into_its_scheme_and_layer(files):
    before = Before(Scheme.IOB1, "ner", frozenset(["DATE"]))
    corpus = load_partly_labeled([files["places"]], [files["places"]], before=before)
    assert (corpus.scheme, corpus.layer, corpus.labels) == (Scheme.IOB1, "ner", ("DATE", "LOC"))
    assert tags(corpus) == [["O", "O", "I-LOC", "I-LOC"], ["I-LOC"]]
    assert known(corpus, "train") == [["LOC"]] * 2


def test_plain_tags_for_a_plain_model_are_all_known(files):
    before = Before(Scheme.PLAIN, "upos", frozenset(["ADV"]))
    corpus = load_partly_labeled([files["plain"]], [files["plain"]], before=before)
    assert corpus.knowledge is None
    assert corpus.labels == ("ADV", "DET", "NOUN", "VERB")


@pytest.mark.parametrize(
    ("train", "more", "message", "remedy"),
    [
        (["people", "plain"], {}, "plain.conll: This file's tags are plain tags", "--column"),
        (["plain", "people"], {}, "plain.conll: These are plain tags", "without --partial"),
        (["people", "places"], {"dev": ["both", "rare"]}, "rare.conll:1: The label 'DATE'", "slip"),
        (["people", "none"], {}, "none.conll: The file has no labels", "--column"),
        (["people", "places"], {"knows": {"x.conll": ["PER"]}}, "no file 'x.conll' among", "people.conll, places"),
        (["people", "places"], {"knows": {"people.conll": ["LOC"]}}, "people.conll: The label 'PER'", "LOC, PER"),
        (["people", "places"], {"knows": {"people.conll": ["PER", "CAR"]}}, "'CAR', said to be known", "LOC, PER"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(files, train, more, message, remedy):
    files["rare"], files["none"] = Path("rare.conll"), Path("none.conll")
    files["rare"].write_text("May B-DATE\nends O\n", "utf-8")
    files["none"].write_text("May O\nends O\n", "utf-8")
    dev = [files[name] for name in more.pop("dev", [])] or None
    with pytest.raises(DataError) as caught:
        load_partly_labeled([files[name] for name in train], dev, **more)
    assert message in str(caught.value)
    assert remedy in caught.value.remedy


def test_tags_that_break_their_scheme_are_repaired_before_they_are_converted(files):
    files["places"].write_text(PLACES.replace("E-LOC", "I-LOC"), "utf-8")
    corpus = load_partly_labeled([files["people"], files["places"]], [files["both"]])
    assert tags(corpus)[2] == ["O", "O", "B-LOC", "I-LOC"]
