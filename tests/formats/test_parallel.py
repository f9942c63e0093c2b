"""A file of words and one of tags."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from format_options import write_options
from tagsmith.corpus.convert import convert, write_documents
from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, detect_format
from tagsmith.formats.options import ReadOptions, read_options
from tagsmith.text.document import Document, sentence_from_words

PARALLEL = FORMATS["parallel"]


@pytest.mark.parametrize("endings", [("in", "out"), ("words", "tags")])
def test_either_file_stands_for_both(file, endings):
    words = file("Ann left  Rome\n\nYes\n", f"seq.{endings[0]}")
    tags = file("B-PER O B-LOC\n\nO\n", f"seq.{endings[1]}")
    for path in (words, tags):
        assert detect_format(path) == "parallel"
        first, second = read_sentences(path)
        assert (first.words, first.layers["tags"]) == (("Ann", "left", "Rome"), ("B-PER", "O", "B-LOC"))
        assert (second.words, second.line) == (("Yes",), 3)


def test_a_folder_of_parts_is_a_corpus(tmp_path: Path):
    for part, name in (("train", "Ann"), ("valid", "Ben"), ("test", "Cleo")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "seq.in").write_text(f"{name} left\n")
        (tmp_path / part / "seq.out").write_text("B-PER O\n")
        (tmp_path / part / "label").write_text("leave\n")
    corpus = read_corpus(tmp_path)
    names = [part.words()[0][0] for part in (corpus.train, corpus.dev, corpus.test)]
    assert names == ["Ann", "Ben", "Cleo"]


def test_what_does_not_correspond_is_said(file):
    words = file("Ann left\nYes\n", "a.in")
    file("B-PER O\n", "a.out")
    with pytest.raises(DataError, match=r"a\.out: The file ends after 1 lines, but a\.in goes on"):
        read_sentences(words)
    file("B-PER O\nO\nO\n", "a.out")
    with pytest.raises(DataError, match=r"a\.in: The file ends after 2 lines, but a\.out goes on"):
        read_sentences(words)
    file("B-PER O\nO O\n", "a.out")
    with pytest.raises(DataError, match=r"a\.in:2: There are 1 words here, but 2 tags in a\.out"):
        read_sentences(words)
    with pytest.raises(DataError, match="There is no such file"):
        read_sentences(file("Ann\n", "b.in"))
    with pytest.raises(DataError, match="are two files"):
        read_sentences(file("Ann\n", "b.txt"), format="parallel")


def test_words_to_be_tagged_need_no_tags(file):
    documents = list(PARALLEL.read_for_tagging(file("Ann left\n\nYes\n", "a.in"), ReadOptions()))
    assert [[sentence.words for sentence in one.sentences] for one in documents] == [[("Ann", "left")], [], [("Yes",)]]


def test_both_files_are_written_into_a_new_folder(file, tmp_path: Path):
    source = file("Ann\tB-PER\nleft\tO\n\nYes\tO\n", "a.conll")
    convert(source, tmp_path / "made", target_format="parallel")
    assert (tmp_path / "made" / "seq.in").read_text() == "Ann left\nYes\n"
    assert (tmp_path / "made" / "seq.out").read_text() == "B-PER O\nO\n"
    for target, message in ((tmp_path / "made", "no empty folder"), (source, "no empty folder"), ("-", "to a folder")):
        with pytest.raises(DataError, match=message):
            convert(source, target, target_format="parallel")
    document = Document("New York", (sentence_from_words(("New York",), {"tags": ["O"]}),))
    with pytest.raises(DataError, match="'New York' cannot be written between spaces"):
        write_documents(PARALLEL, [document], tmp_path / "other", write_options())
    assert not (tmp_path / "other").exists()


words = st.text(st.characters(exclude_characters=" \t\r\n\ufeff", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.lists(st.tuples(words, st.sampled_from(["O", "B-X"])), min_size=1), min_size=1))
def test_what_is_written_is_read_again(sentences):
    documents = []
    for pairs in sentences:
        own, tags = zip(*pairs, strict=True)
        documents.append(Document(" ".join(own), (sentence_from_words(own, {"tags": tags}),)))
    with tempfile.TemporaryDirectory() as folder:
        write_documents(PARALLEL, documents, Path(folder, "new"), write_options())
        again = list(PARALLEL.read(Path(folder, "new", "seq.in"), read_options()))
    assert [(one.sentences[0].words, one.sentences[0].layers) for one in again] == [
        (one.sentences[0].words, one.sentences[0].layers) for one in documents
    ]
