"""Columns that are not what the reader takes them for are reported or refused, never read in silence."""

from __future__ import annotations

import pytest

from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError

NAMES = ("B-LOC", "B-PER", "I-PER", "O", "O")
WORDS = ("Rome", "Ann", "Lee", "left", ".")


def rows(*columns: tuple[str, ...], separator: str = "\t", times: int = 1) -> str:
    return ("\n".join(map(separator.join, zip(*columns, strict=True))) + "\n\n") * times


def read(path, **options):
    problems = []
    sentences = read_sentences(path, problems=problems, **options)
    return [sentence.words for sentence in sentences], [str(problem) for problem in problems]


def test_another_column_that_looks_more_like_tags_of_spans_is_reported(file):
    path = file(rows(WORDS, NAMES, ("NNP", "NNP", "NNP", "VBD", ".")))
    _, problems = read(path)
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}:1: The tags are read from column 3, but column 2 (B-LOC, B-PER, I-PER, …)")
    assert problems[0].endswith("looks more like tags of spans; --column 2 reads that one.")
    assert read(path, column=2)[1] == read(path, column=3)[1] == read(path, column="-1")[1] == []


def test_words_and_tags_that_stand_twice_are_reported(file):
    """Stack Overflow's corpus: word, entity, word, markup."""
    markup = ("O", "O", "B-Code", "O", "O")
    path = file(rows(WORDS, NAMES, WORDS, markup))
    (problem,) = read(path)[1]
    assert "the words stand twice" in problem
    assert "--column 2 reads that one" in problem
    assert read(path, column=2)[1] == []


def test_a_column_that_labels_far_more_is_reported(file):
    title = ("O", "O", "B-TITLE", "O", "O")
    (problem,) = read(file(rows(WORDS, NAMES, title)))[1]
    assert "column 2 (B-LOC, B-PER, I-PER, …) labels more of the words" in problem


@pytest.mark.parametrize(
    "columns",
    [
        (WORDS, ("NNP", "NNP", "NNP", "VBD", "."), ("B-NP", "B-NP", "I-NP", "B-VP", "O"), NAMES),  # CoNLL-2003
        (WORDS, ("NNP", "NNP", "NNP", "VBD", "."), ("B-NP", "B-NP", "I-NP", "B-VP", "O"), ("O", "O", "O", "O", "O")),
        (WORDS, NAMES, NAMES),  # gold and predicted
        (WORDS, NAMES, ("B-PER", "O", "B-PER", "O", "O")),
        (WORDS, NAMES, ("O", "O", "O", "O", "O")),
        (WORDS, ("NNP", "NNP", "NNP", "VBD", "."), ("B-NP", "B-NP", "I-NP", "B-VP", "O")),  # CoNLL-2000
        (WORDS, WORDS, ("NNP", "NNP", "NNP", "VBD", ".")),  # lemmas
    ],
)
def test_usual_columns_are_read_without_a_word(file, columns):
    assert read(file(rows(*columns, times=3)))[1] == []


@pytest.mark.parametrize("separator", ["\t", " "])
def test_tags_before_words_are_refused(file, separator: str):
    path = file(rows(NAMES, WORDS, separator=separator))
    with pytest.raises(DataError, match=r":1: Column 1 holds tags of spans.*--word-column 2 --column 1") as caught:
        read(path)
    assert caught.value.line == 1
    assert read(path, word_column=2, column=1) == ([WORDS], [])


def test_plain_tags_before_words_are_reported(file):
    words = tuple(f"word{number}" for number in range(150))
    tags = tuple(("NOUN", "VERB", "ADJ")[number % 3] for number in range(150))
    (problem,) = read(file(rows(tags, words)))[1]
    assert "perhaps the columns are swapped; --word-column 2 --column 1" in problem
    assert read(file(rows(words, tags)))[1] == []


@pytest.mark.parametrize("header", ["word\ttag\n", "Token\tNER\n", "word\ttag\n\n", "# a comment\nwords\tlabels\n"])
def test_a_line_of_headings_is_left_out_and_reported(file, header: str):
    words, problems = read(file(header + rows(WORDS, NAMES, times=2)))
    assert words == [WORDS, WORDS]
    assert len(problems) == 1
    assert "looks like a header and was left out" in problems[0]
    assert f":{header.count('#') + 1}: " in problems[0]


def test_words_that_are_called_like_a_column_stay(file):
    assert read(file("word\tO\ntag\tO\n"))[0] == [("word", "tag")]
    assert read(file("word\ttag\n"))[0] == [("word",)]
    assert read(file(rows(WORDS, NAMES) + "word\ttag\n"))[0] == [WORDS, ("word",)]


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_tokens_is_left_out(file, first: int):
    numbers = tuple(map(str, range(first, first + len(WORDS))))
    assert read(file(rows(numbers, WORDS, NAMES, times=2))) == ([WORDS, WORDS], [])


def test_a_column_of_other_numbers_is_not_taken_for_words(file):
    """Sentences are numbered, and no blank line ends them."""
    text = rows(("7",) * 5, WORDS, NAMES) + rows(("8",) * 5, WORDS, NAMES)
    path = file(text.replace("\n\n", "\n"))
    with pytest.raises(DataError, match=r":1: Column 1, where the words should be, holds numbers.*--word-column 2"):
        read(path)
    assert read(path, word_column=2) == ([WORDS + WORDS], [])
    assert read(path, word_column=1)[0] == [("7",) * 5 + ("8",) * 5]
    headed = file("Sentence #\tWord\tTag\n" + path.read_text("utf-8"), "a.tsv")
    assert read(headed)[0] == [WORDS, WORDS]
    assert read(file("1\tO\n2\tO\n1984\tO\n"))[0] == [("1", "2", "1984")]


def test_a_sentence_a_line_with_words_and_tags_in_turn_is_refused(file):
    with pytest.raises(DataError, match="words and tags in turn"):
        read(file("Ann B-PER left O Rome B-LOC\nBob B-PER left O Oslo B-LOC\n"))


def test_lines_that_end_with_carriage_returns_alone_are_refused(file):
    with pytest.raises(DataError, match=r":1: The lines end with carriage returns alone.*tr"):
        read(file(rows(WORDS, NAMES).replace("\n", "\r")))
    assert read(file(rows(WORDS, NAMES).replace("\n", "\r\n"))) == ([WORDS], [])


def test_running_text_is_refused(file):
    with pytest.raises(DataError, match="running text"):
        read(file("Ann Lee left Rome yesterday .\n", "a.txt"))
    with pytest.raises(DataError, match=r":2: .*If this is running text"):
        read(file("Ann Lee left Rome yesterday .\nShe went home to her sister .\n", "a.txt"))


def test_tabs_and_spaces_are_told_apart(file):
    with pytest.raises(DataError, match=r":2: .*It has spaces, or several tabs.*--separator ' '"):
        read(file("Ann\tB-PER\nleft O\n"))
    with pytest.raises(DataError, match=r":2: .*several tabs"):
        read(file("Ann\tB-PER\nleft\t\tO\n"))
    path = file("Rome NNP\tB-LOC\nAnn NNP\tB-PER\nleft VBD\tO\n")
    assert "'Rome NNP' contains a space" in read(path)[1][0]
    assert read(path, separator=" ") == ([("Rome", "Ann", "left")], [])


@pytest.mark.parametrize(
    "line", ["-DOCSTART-", "-DOCSTART- -X- -X- O", "-DOCSTART-\tO", "-docstart- O", "--DOCSTART--\tO", "-DOCSTART O"]
)
def test_lines_that_begin_a_document(file, line: str):
    text = f"{line}\n\nAnn\tB-PER\n\n{line}\n\nleft\tO\n"
    assert read(file(text))[0] == [("Ann",), ("left",)]
    assert read(file("-docstarts\tO\n"))[0] == [("-docstarts",)]
