from __future__ import annotations

import io

import pytest

from format_options import write_options
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import csv, detect_format
from tagsmith.formats.options import read_options
from tagsmith.text.document import Document


def read(source, **options) -> list[Document]:
    stream = io.StringIO(source, newline="") if isinstance(source, str) else source
    return list(csv.read(stream, read_options(**options)))


def written(documents, **options) -> str:
    stream = io.StringIO()
    csv.write(documents, stream, write_options(**options))
    return stream.getvalue()


EXPECTED = [
    (("John", ",", '"'), {"pos": ("NNP", ",", "``"), "tags": ("B-per", "O", "O")}),
    (("Hi",), {"pos": ("UH",), "tags": ("O",)}),
]


def content(documents):
    return [(sentence.words, sentence.layers) for document in documents for sentence in document.sentences]


@pytest.mark.parametrize(
    "text",
    [
        'Sentence #,Word,POS,Tag\nSentence: 1,John,NNP,B-per\n,",",",",O\n,"""",``,O\nSentence: 2,Hi,UH,O\n',
        'sentence_id,Token,POS,NER\n1,John,NNP,B-per\n1,",",",",O\n1,"""",``,O\n2,Hi,UH,O',
        ',Sentence #,Word,POS,Tag\n0,S 1,John,NNP,B-per\n1,,",",",",O\n2,,"""",``,O\n3,S 2,Hi,UH,O\n',
        'Sentence #;Word;POS;Tag\r\n1;John;NNP;B-per\r\n;,;,;O\r\n\r\n;"""";``;O\r\n2;Hi;UH;O\r\n',
        'sentence\ttag\tpos\tword\n1\tB-per\tNNP\tJohn\n\tO\t,\t,\n\tO\t``\t""""\n2\tO\tUH\tHi\n',
    ],
)
def test_the_usual_layouts_read_the_same(text):
    assert content(read(text)) == EXPECTED


def test_columns_can_be_named_or_numbered():
    text = "nr,w,x,y\n1,a,B-X,N\n1,b,O,V\n"
    by_name = read(text, sentence_column="NR", word_column="W", column="x")
    by_number = read(text, sentence_column=1, word_column=2, column=-2)
    assert content(by_name) == content(by_number) == [(("a", "b"), {"y": ("N", "V"), "tags": ("B-X", "O")})]
    kaggle = "Sentence #,Word,POS,Tag\n1,a,N,O\n"
    assert content(read(kaggle, layer="pos"))[0][1]["pos"] == ("N",)


def test_other_encodings(file):
    path = file("Sentence #,Word,Tag\n1,Jürgen,B-per\n".encode("latin-1"), "k.csv")
    assert content(read(path, encoding="latin-1")) == [(("Jürgen",), {"tags": ("B-per",)})]
    with pytest.raises(DataError, match=r"k\.csv:2: The byte 0xfc"):
        read(path)
    bom = file("Sentence #,Word,Tag\n1,a,O\n".encode("utf-8-sig"), "b.csv")
    assert content(read(bom)) == [(("a",), {"tags": ("O",)})]


def test_words_only_where_labels_are_not_required():
    assert content(read("Sentence #,Word\n1,a\n", labels_required=False)) == [(("a",), {})]


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\x0b"])
def test_odd_white_space_inside_a_word_splits_nothing(file, char):
    path = file(f"Sentence #,Word,Tag\n1,a{char}b,O\n", "o.csv")
    assert content(read(path)) == [((f"a{char}b",), {"tags": ("O",)})]


@pytest.mark.parametrize(
    ("text", "options", "message", "line"),
    [
        ("", {}, "no tokens", None),
        ("Sentence #,Word,Tag\n", {}, "no tokens", None),
        ("Word,Tag\na,O\n", {}, "No column numbers the sentences: the headings are 'Word', 'Tag'", 1),
        ("Sentence #,Tag\n1,O\n", {}, "No column holds the words", 1),
        ("Sentence #,Word\n1,a\n", {}, "no labels", 1),
        ("Sentence #,Word,Tag\n1,a,O\n1,b\n", {}, "too few columns: 2", 3),
        ("Sentence #,Word,Tag\n1,a,O,x\n", {}, "too many columns: 4", 2),
        ("Sentence #,Word,Tag\n1,a,O\n,,O\n", {}, "The word is empty", 3),
        ("Sentence #,Word,Tag\n1,a,O\n,b,\n", {}, "The tag is empty", 3),
        ("Sentence #,Word,Tag\n,a,O\n", {}, "does not number its sentence", 2),
        ('Sentence #,Word,Tag\n1,"a\nb,O\n', {}, "unexpected end of data", 2),
        ("Sentence #,Word,Tag\n1,a,O\n", {"column": "NER"}, "no column 'NER'", 1),
        ("Sentence #,Word,Tag\n1,a,O\n", {"column": 4}, "no column 4: the header has 3", 1),
    ],
)
def test_faults_name_file_line_and_remedy(file, text, options, message, line):
    path = file(text, "k.csv")
    with pytest.raises(DataError, match=message) as caught:
        read(path, **options)
    assert caught.value.path == str(path)
    assert caught.value.line == line
    assert caught.value.remedy


def test_it_comes_back():
    text = 'Sentence #,Word,pos,Tag\nSentence: 1,John,NNP,B-per\nSentence: 1,",",",",O\nSentence: 2,"""",``,O\n'
    assert written(read(text)) == text
    assert content(read(written(read(text), separator=";"))) == content(read(text))


def test_the_order_of_the_headings_does_not_matter(file):
    text = 'Tag;"Word";"Sentence #"\nB-per;Ann;1\nO;left;1\n'
    for name in ("a.csv", "a.txt"):
        assert detect_format(file(text, name)) == "csv"
        assert content(read(file(text, name))) == [(("Ann", "left"), {"tags": ("B-per", "O")})]


def test_prose_about_sentences_and_words_is_no_header(file):
    for text in ("Each sentence has words.\n", "A sentence, and its words\n", '{"sentence": 1, "word": 2}\n'):
        assert detect_format(file(text, "a.txt")) != "csv"


def test_a_row_for_each_sentence_is_refused(file):
    text = "Sentence #,Text,Tag\n1,Ann left Rome,B-per O B-geo\n2,She ran,O O\n"
    with pytest.raises(DataError, match=r":2: Each row holds a whole sentence, not a word"):
        read(file(text, "a.csv"))
    assert len(read(file("Sentence #,Word,Tag\n1,New York,B-geo\n2,Rome,B-geo\n", "a.csv"))) == 2


def test_a_file_without_sentence_numbers_can_be_read_as_columns(file):
    path = file("word,tag\nAnn,B-per\nleft,O\n\nRome,B-geo\n", "a.csv")
    with pytest.raises(DataError, match=r"No column numbers the sentences.*--format conll --separator ','"):
        read(path)
    assert [s.words for s in read_sentences(path, format="conll", separator=",")] == [("Ann", "left"), ("Rome",)]
    with pytest.raises(DataError, match=r"no labels.*such as --separator ','"):
        read_sentences(path, format="conll")


def test_another_column_that_looks_more_like_tags_is_reported(file):
    text = "Sentence #,Word,POS,NER,Tag\n1,Ann,NNP,B-per,x\n1,left,VBD,O,y\n"
    problems = []
    read(file(text, "a.csv"), problems=problems)
    assert [str(problem).partition("a.csv")[2] for problem in problems] == [
        ":2: the column 'ner' looks more like tags of spans than the one that is read; --column ner reads it"
    ]
    for options in ({"column": "ner"}, {"column": "tag"}, {"layer": "pos"}):
        problems.clear()
        read(file(text, "a.csv"), problems=problems, **options)
        assert problems == []
