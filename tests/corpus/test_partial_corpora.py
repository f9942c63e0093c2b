"""Corpora whose label sets differ, read as one: who knows what, in one scheme, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import DataError
from tagsmith.text.document import sentence_from_words
from tagsmith.text.layer import Layer
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


def known(corpus, part: str, layer: str = "tags") -> list[list[str] | None]:
    """The labels of a layer that each sentence knows; None where it lacks the layer."""
    sets = [corpus.knowledge.sets[number].get(layer) for number in getattr(corpus.knowledge, part)]
    return [None if labels is None else sorted(labels) for labels in sets]


def tags(corpus, part: str = "train") -> list[list[str]]:
    return getattr(corpus, part).tags(corpus.layers[0].name)


def test_each_group_knows_the_labels_in_it_and_all_are_in_the_scheme_of_the_first(files):
    corpus = read_corpus([files["people"], files["places"]], [files["both"]], [files["both"]], partial=True)
    assert corpus.layers == (Layer("tags", Scheme.IOB2, ("LOC", "PER")),)
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
    corpus = read_corpus([[files["people"], files["both"]], files["places"]], [files["both"]], partial=True)
    assert known(corpus, "train") == [["LOC", "PER"]] * 3 + [["LOC"]] * 2


def test_as_many_dev_files_as_training_files_know_what_their_partners_know(files):
    Path("rare.conll").write_text("Ivan B-PER\nrests O\n", "utf-8")
    corpus = read_corpus([files["both"], files["places"]], ["rare.conll", files["places"]], partial=True)
    assert known(corpus, "dev") == [["LOC", "PER"], ["LOC"], ["LOC"]]


def test_without_dev_a_tenth_of_each_corpus_is_held_out(tmp_path):
    for name, label in (("a", "PER"), ("b", "LOC")):
        (tmp_path / name).write_text("".join(f"w{n} B-{label}\n\n" for n in range(30)), "utf-8")
    corpus = read_corpus([tmp_path / "a", tmp_path / "b"], partial=True)
    assert known(corpus, "dev") == [["PER"]] * 3 + [["LOC"]] * 3
    assert known(corpus, "train") == [["PER"]] * 27 + [["LOC"]] * 27


def test_what_a_file_knows_can_be_stated(files):
    groups = [files["people"], files["places"], files["both"]]
    corpus = read_corpus(groups, [files["both"]], partial={"people.conll": ["PER", "LOC"]})
    assert known(corpus, "train") == [["LOC", "PER"]] * 2 + [["LOC"]] * 2 + [["LOC", "PER"]]


def test_data_for_a_model_that_learns_on_come_into_its_scheme_and_layer(files):
    before = Layer("ner", Scheme.IOB1, ("DATE",))
    corpus = read_corpus([files["places"]], [files["places"]], start=[before])
    assert corpus.layers == (Layer("ner", Scheme.IOB1, ("DATE", "LOC")),)
    assert tags(corpus) == [["O", "O", "I-LOC", "I-LOC"], ["I-LOC"]]
    assert known(corpus, "train", "ner") == [["LOC"]] * 2


def test_plain_tags_for_a_plain_model_are_all_known(files):
    before = Layer("upos", Scheme.PLAIN, ("ADV",))
    corpus = read_corpus([files["plain"]], [files["plain"]], start=[before])
    assert corpus.knowledge is None
    assert corpus.layers == (Layer("upos", Scheme.PLAIN, ("ADV", "DET", "NOUN", "VERB")),)


@pytest.mark.parametrize(
    ("train", "more", "message", "remedy"),
    [
        (["people", "plain"], {}, "plain.conll: This file's tags are plain tags", "--column"),
        (["plain", "plain"], {}, "plain.conll: These are plain tags", "without --partial"),
        (["plain", "people"], {}, "people.conll: This file's tags are spans", "--column"),
        (["people", "places"], {"dev": ["both", "rare"]}, "rare.conll:1: The label 'DATE'", "slip"),
        (["people", "none"], {}, "none.conll: The file has no labels", "--column"),
        (["people", "places"], {"knows": {"x.conll": ["PER"]}}, "no file 'x.conll' among", "people.conll, places"),
        (["people", "places"], {"knows": {"people.conll": ["LOC"]}}, "people.conll: The label 'PER'", "LOC, PER"),
        (["people", "places"], {"knows": {"people.conll": ["PER", "CAR"]}}, "'CAR', stated for this file", "LOC, PER"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(files, train, more, message, remedy):
    files["rare"], files["none"] = Path("rare.conll"), Path("none.conll")
    files["rare"].write_text("May B-DATE\nends O\n", "utf-8")
    files["none"].write_text("May O\nends O\n", "utf-8")
    dev = [files[name] for name in more.pop("dev", [])] or None
    with pytest.raises(DataError) as caught:
        read_corpus([files[name] for name in train], dev, partial=more.get("knows", True))
    assert message in str(caught.value)
    assert remedy in caught.value.remedy


def test_tags_that_break_their_scheme_are_repaired_before_they_are_converted(files):
    files["places"].write_text(PLACES.replace("E-LOC", "I-LOC"), "utf-8")
    corpus = read_corpus([files["people"], files["places"]], [files["both"]], partial=True)
    assert tags(corpus)[2] == ["O", "O", "B-LOC", "I-LOC"]


# ----------------------------------------------------------------------------------------------- several layers

SPEECH = [sentence_from_words(["Ada", "left"], {"pos": ["NOUN", "VERB"]})] * 2
NAMES = [sentence_from_words(["Ada", "saw", "Oslo"], {"ner": ["B-PER", "O", "O"]})] * 2
BOTH_LAYERS = [sentence_from_words(["Oslo", "calls"], {"pos": ["NOUN", "VERB"], "ner": ["B-LOC", "O"]})]


def test_a_corpus_may_lack_a_layer_and_some_labels_of_another():
    corpus = read_corpus([SPEECH, NAMES, BOTH_LAYERS], [BOTH_LAYERS], partial=True, layer=("pos", "ner"))
    assert corpus.layers == (
        Layer("pos", Scheme.PLAIN, ("NOUN", "VERB")),
        Layer("ner", Scheme.IOB2, ("LOC", "PER")),
    )
    everything = ["NOUN", "VERB"]
    assert known(corpus, "train", "pos") == [everything, everything, None, None, everything]
    assert known(corpus, "train", "ner") == [None, None, ["PER"], ["PER"], ["LOC"]]
    assert known(corpus, "dev", "ner") == [["LOC"]]
    assert "pos" not in corpus.train[2].layers


def test_the_layers_of_a_file_can_be_stated(files):
    Path("speech.jsonl").write_text('{"tokens": ["Ada", "left"], "pos": ["NOUN", "VERB"]}\n' * 2, "utf-8")
    options = {"partial": True, "layer": ("pos", "ner")}
    has = {"speech.jsonl": ["pos"], "people.conll": ["ner"]}
    corpus = read_corpus(["speech.jsonl", files["people"]], ["speech.jsonl"], has=has, **options)
    assert known(corpus, "train", "pos") == [["NOUN", "VERB"]] * 2 + [None] * 2
    assert known(corpus, "train", "ner") == [None] * 2 + [["PER"]] * 2
    with pytest.raises(DataError, match=r"speech\.jsonl:1: This record has no layer 'ner'"):
        read_corpus(["speech.jsonl", files["people"]], ["speech.jsonl"], **options)
    with pytest.raises(DataError, match=r"speech\.jsonl: 'chunk', stated for this file, occurs in no training data"):
        read_corpus(
            [BOTH_LAYERS * 2, "speech.jsonl"], ["speech.jsonl"], has={"speech.jsonl": ["pos", "chunk"]}, **options
        )
    with pytest.raises(DataError, match="There is no file 'x' among those given"):
        read_corpus([BOTH_LAYERS * 2], has={"x": ["pos"]}, **options)


def test_a_model_of_several_layers_keeps_those_that_new_data_lack():
    before = [Layer("pos", Scheme.PLAIN, ("ADV", "NOUN")), Layer("ner", Scheme.BIOES, ("DATE",))]
    corpus = read_corpus(NAMES, BOTH_LAYERS[:0] or NAMES, start=before, layer="ner")
    assert corpus.layers == (before[0], Layer("ner", Scheme.BIOES, ("DATE", "PER")))
    assert corpus.train.tags("ner") == [["S-PER", "O", "O"]] * 2
    assert known(corpus, "train", "pos") == [None, None]
    assert known(corpus, "train", "ner") == [["PER"], ["PER"]]
    absent = read_corpus(NAMES, NAMES, start=before, layer="ner", partial=False)
    assert known(absent, "train", "pos") == [None, None]
    assert known(absent, "train", "ner") == [["DATE", "PER"]] * 2


def test_labels_of_a_layer_without_a_name_need_one_for_a_model_of_several_layers(files):
    before = [Layer("pos", Scheme.PLAIN, ("NOUN",)), Layer("ner", Scheme.IOB2, ("PER",))]
    with pytest.raises(DataError, match="The model has several layers, and none is called 'tags'") as caught:
        read_corpus(files["people"], files["people"], start=before)
    assert "pos, ner" in caught.value.remedy
    corpus = read_corpus(files["people"], files["people"], start=before, layer="ner")
    assert corpus.layers == tuple(before)


def test_with_partial_labels_an_item_must_be_a_corpus():
    with pytest.raises(DataError, match="each item is a corpus of its own"):
        read_corpus(NAMES, NAMES, partial=True)
