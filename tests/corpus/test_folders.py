"""A folder in place of files: which are taken for what, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

import tagsmith
from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.folders import files_of_folder, part_of_folder, part_of_name, without_folders
from tagsmith.errors import DataError

CONLL = "{}\tB-PER\nleft\tO\n\nAda\tO\n\n"
CONLLU = "1\t{}\t_\tPROPN\t_\t_\t0\t_\t_\t_\n\n"


@pytest.fixture
def folder(tmp_path):
    """Make a folder of files, each with a sentence of its own."""

    def make(*names: str) -> Path:
        for number, name in enumerate(names):
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((CONLLU if name.endswith("conllu") else CONLL).format(f"Ann{number}"), "utf-8")
        return tmp_path / "data"

    return make


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("en_ewt-ud-train.conllu", "train"),
        ("en_ewt-ud-dev.conllu", "dev"),
        ("wnut17train.conll", "train"),
        ("emerging.dev.conll", "dev"),
        ("emerging.test.annotated", "test"),
        ("train.txt", "train"),
        ("NerTrain.iob", "train"),
        ("devel.tsv", "dev"),
        ("valid.txt", "dev"),
        ("validation.jsonl", "dev"),
        ("eng.testa", "dev"),
        ("eng.testb", "test"),
        ("testb", "test"),
        ("TEST.CONLL", "test"),
        ("weiboNER_2nd_conll.train", "train"),
        ("test_set_2.conll", "test"),
        ("latest.conll", None),
        ("restrained.conll", None),
        ("contest.conll", None),
        ("data.conll", None),
    ],
)
def test_a_name_names_its_part(name, part):
    assert part_of_name(name) == part


@pytest.mark.parametrize(
    "names",
    [
        ("train.conll", "dev.conll", "test.conll"),
        ("en_ewt-ud-train.conllu", "en_ewt-ud-dev.conllu", "en_ewt-ud-test.conllu"),
        ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"),
        ("eng.train", "eng.testa", "eng.testb"),
        ("train.txt", "valid.txt", "test.txt"),
        ("train", "testa", "testb"),
        ("train/data.txt", "valid/data.txt", "test/data.txt"),
    ],
)
def test_train_dev_and_test_are_found_among_other_files(folder, names):
    data = folder(*names, "README.md", "LICENSE", "stats.xml", ".train.conll.swp")
    corpus = read_corpus(data)
    firsts = [part[0].words[0] for part in (corpus.train, corpus.dev, corpus.test)]
    assert firsts == ["Ann0", "Ann1", "Ann2"]
    assert corpus.notes == (f"{data}: train {names[0]}; dev {names[1]}; test {names[2]}",)


def test_a_file_in_a_known_format_is_taken_before_its_raw_text(folder):
    data = folder("en-train.conllu", "en-train.txt", "en-dev.conllu", "en-dev.txt")
    assert files_of_folder(data).parts["train"] == [data / "en-train.conllu"]


def test_an_annotated_file_is_taken_before_one_that_is_not(folder):
    data = folder("a.train.conll", "a.test.conll", "a.test.annotated")
    assert files_of_folder(data).parts["test"] == [data / "a.test.annotated"]


def test_the_same_part_in_two_formats_is_refused(folder):
    data = folder("train.conll", "train.jsonl", "dev.conll")
    with pytest.raises(DataError, match=r"several kinds for train: train\.conll, train\.jsonl"):
        read_corpus(data)


def test_several_files_of_a_part_are_all_taken(folder):
    data = folder("a-train.conll", "b-train.conll", "dev.conll")
    assert read_corpus(data).notes == (f"{data}: train a-train.conll, b-train.conll; dev dev.conll; test none",)


def test_files_without_a_part_are_training_data_only_if_no_other_is(folder):
    data = folder("a.conll", "b.conll", "notes.txt")
    assert [path.name for path in files_of_folder(data).parts["train"]] == ["a.conll", "b.conll"]
    folder("train.conll")
    found = files_of_folder(data)
    assert [path.name for path in found.parts["train"]] == ["train.conll"]
    assert found.described("train", ("dev",)) == f"{data}: train train.conll; dev none (not taken: a.conll, b.conll)"


def test_files_that_are_given_win_over_those_of_the_folder(folder, tmp_path):
    data = folder("train.conll", "dev.conll", "test.conll", "other.iob")
    train, dev, test, notes = without_folders([data], data / "other.iob", None)
    assert (train, dev, test) == ([data / "train.conll"], data / "other.iob", [data / "test.conll"])
    assert notes == [f"{data}: train train.conll; test test.conll (not taken: dev.conll, other.iob)"]


def test_a_folder_given_as_a_part_has_the_files_of_that_part_or_all(folder):
    data = folder("train.conll", "dev.conll", "test.conll")
    assert part_of_folder(data, "test") == (
        [data / "test.conll"],
        f"{data}: test test.conll (not taken: train.conll, dev.conll)",
    )


def test_a_folder_of_unnamed_files_may_be_given_as_a_part(folder):
    data = folder("a.conll", "b.conll")
    assert part_of_folder(data, "dev") == ([data / "a.conll", data / "b.conll"], f"{data}: dev a.conll, b.conll")


def test_a_folder_without_the_part_lists_what_it_has(folder):
    data = folder("train.conll", "dev.conll")
    with pytest.raises(DataError, match=r"called test: there are train\.conll, dev\.conll"):
        part_of_folder(data, "test")
    (data / "train.conll").unlink()
    with pytest.raises(DataError, match=r"called train: there are dev\.conll"):
        read_corpus(str(data))


def test_a_folder_without_labeled_files_and_a_model_folder_are_refused(folder, tmp_path):
    data = folder("README.md")
    (data / "README.md").write_text("# Read me\n\nThis is about names.\n")
    (data / "scan.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\n")
    with pytest.raises(DataError, match=r"no labeled file in this folder\."):
        read_corpus(data)
    for name in ("config.json", "vocabulary.json"):
        folder(name)
    with pytest.raises(DataError, match="model folder"):
        read_corpus(tmp_path / "data")


def test_files_that_no_name_tells_of_are_looked_at(folder):
    data = folder("FIN5.txt", "notes.gold2")
    (data / "README.txt").write_text("The files are contracts.\nThey hold names.\n")
    (data / "notes.gold2").write_text("not labeled\n")
    assert files_of_folder(data).of("train") == [data / "FIN5.txt"]
    (data / "more.txt").write_text("Ann/B-PER left/O the/O house/O\nShe/O went/O to/O Rome/B-LOC\n")
    assert files_of_folder(data).of("train") == [data / "FIN5.txt", data / "more.txt"]


def test_folders_inside_that_hold_labeled_files_are_named(folder):
    data = folder("one/train.conll", "two/x.txt", "three/README.md")
    (data / "three" / "README.md").write_text("Nothing here.\n")
    (data / "three" / "loop").symlink_to(data)  # is not followed
    with pytest.raises(DataError, match=r"no labeled file in this folder, but in one, two\. Name one of them"):
        read_corpus(data)


def test_a_tagger_is_scored_on_the_test_files_of_a_folder(folder):
    from random_model import random_model

    data = folder("train.conll", "dev.conll", "test.conll")
    tagger = tagsmith.Tagger(random_model())
    assert tagger.evaluate(data) == tagger.evaluate(data / "test.conll")
