"""Words and tags on one line."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from format_options import write_options
from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, detect_format
from tagsmith.formats.options import read_options
from tagsmith.text.document import Document, sentence_from_words

INLINE = FORMATS["inline"]


@pytest.mark.parametrize(
    "content",
    [
        "Ann/B-PER lives/O in/O Rome/B-LOC ././O\n\n",
        "Ann|B-PER lives|O in|O Rome|B-LOC ./.|O\r\n",
        "Ann_B-PER lives_O in_O Rome_B-LOC ./._O",
        "Ann lives in Rome ./.####Ann=B-PER lives=O in=O Rome=B-LOC ./.=O \n",
    ],
)
def test_files_without_a_suffix_are_recognized(file, content: str):
    path = file(content, "a.txt")
    assert detect_format(path) == "inline"
    (sentence,) = read_sentences(path)
    assert sentence.words == ("Ann", "lives", "in", "Rome", "./.")
    assert sentence.layers["tags"] == ("B-PER", "O", "O", "B-LOC", "O")
    assert sentence.line == 1


def test_words_have_their_places_in_the_text_before_the_hashes(file):
    good = "Good wine, and 12=3.####Good=O wine=T-POS ,=O and=O 12=3=O .=O\n"
    (document,) = INLINE.read(file(good), read_options())
    assert document.text == "Good wine, and 12=3."
    assert [document.text[token.start : token.end] for token in document.sentences[0].tokens] == [
        "Good", "wine", ",", "and", "12=3", ".",
    ]  # fmt: skip
    stream = io.StringIO()
    INLINE.write([document], stream, write_options())
    assert stream.getvalue() == good
    (document,) = INLINE.read(file("Good wine####Good=O food=O"), read_options())  # the text is another
    assert document.text == "Good food"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Ann/B-PER left/O\nShe went/O\n", r":2: The token 'She' is not a word and a tag with '/' between them"),
        ("Ann/B-PER left/O\nAnn/B-PER /O\n", r":2: The token '/O' is not a word"),
        ("Ann/B-PER /O\n", r":1: The words of this line have no tags"),
        ("Ann left\n", r":1: The words of this line have no tags after one of / _ | ="),
        ("\n \n", "The file holds no tokens"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file, content: str, message: str):
    with pytest.raises(DataError, match=message.replace("|", r"\|")):
        read_sentences(file(content, "a.inline"))


def test_a_file_keeps_its_separator_and_another_can_be_named(file, tmp_path):
    convert(file("a=O b=B-X\n", "a.inline"), tmp_path / "b.inline", scheme="BIOES")
    assert (tmp_path / "b.inline").read_text() == "a=O b=S-X\n"
    (sentence,) = read_sentences(file("a/b~O c~B-X\n", "c.inline"), separator="~")
    assert sentence.words == ("a/b", "c")


@pytest.mark.parametrize("word", ["New York", "", "a####b"])
def test_what_cannot_be_written_is_an_error(word: str):
    document = Document(word, (sentence_from_words((word,), {"tags": ["O"]}),))
    with pytest.raises(DataError, match="cannot be written with '/' between them"):
        INLINE.write([document], io.StringIO(), write_options())


words = st.text(st.characters(exclude_characters=" \t\r\n\ufeff", exclude_categories=["Cs"]), min_size=1).filter(
    lambda word: "####" not in word
)


@given(st.lists(st.lists(st.tuples(words, st.sampled_from(["O", "B-X", "T-POS"])), min_size=1), min_size=1))
def test_what_is_written_is_read_again(sentences):
    documents = []
    for pairs in sentences:
        own, tags = zip(*pairs, strict=True)
        documents.append(Document(" ".join(own), (sentence_from_words(own, {"tags": tags}),)))
    stream = io.StringIO(newline="")
    INLINE.write(documents, stream, write_options())
    stream.seek(0)
    again = list(INLINE.read(stream, read_options(separator="/")))
    assert [(one.sentences[0].words, one.sentences[0].layers) for one in again] == [
        (one.sentences[0].words, one.sentences[0].layers) for one in documents
    ]
