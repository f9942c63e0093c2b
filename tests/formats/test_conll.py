from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from format_options import write_options
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import conll
from tagsmith.formats.options import ReadOptions, read_options
from tagsmith.formats.source import token_line
from tagsmith.text.document import Document, document_from_sentences, sentence_from_words


def read(source, **options) -> list[Document]:
    if isinstance(source, str):
        source = io.StringIO(source)
    return list(conll.read(source, read_options(**options)))


def sentences(source, **options) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [
        (sentence.words, next(iter(sentence.layers.values()), ()))
        for document in read(source, **options)
        for sentence in document.sentences
    ]


def written(documents, **options) -> str:
    stream = io.StringIO()
    conll.write(documents, stream, write_options(**options))
    return stream.getvalue()


JOHN = [(("John", "lives"), ("B-PER", "O")), (("Hi",), ("O",))]


@pytest.mark.parametrize(
    "text",
    [
        "John\tB-PER\nlives\tO\n\nHi\tO\n",
        "John B-PER\nlives O\n\nHi O\n",
        "John   B-PER\nlives\t O\n\nHi O\n",
        "John\tB-PER\nlives\tO\n\nHi\tO",  # no final newline
        "John\tB-PER\r\nlives\tO\r\n\r\nHi\tO\r\n",
        "\n \nJohn\tB-PER\nlives\tO\n \t \n\n\t\nHi\tO\n\n\n",  # blank lines that hold white space
        "# a comment\nJohn\tB-PER\nlives\tO\n\n# id 2\nHi\tO\n",
        "# text = John lives\nJohn B-PER\nlives O\n\n# key = 1\nHi O\n",
    ],
)
def test_the_usual_variations_read_the_same(text):
    assert sentences(text) == JOHN


def test_a_byte_order_mark_and_other_encodings(file):
    text = "Jürgen\tB-PER\n"
    expected = [(("Jürgen",), ("B-PER",))]
    assert sentences(file(text.encode("utf-8-sig"))) == expected
    assert sentences(file(text.encode("latin-1")), encoding="latin-1") == expected
    assert sentences(file(text.encode("utf-16")), encoding="utf-16") == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_file_of_one_byte_a_character_is_no_wide_text(file, encoding):
    with pytest.raises(DataError, match=f"not {encoding} text.*--encoding"):
        sentences(file(b"John\tB-PER\n\n"), encoding=encoding)


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "rot13", "base64"])
def test_what_files_are_never_encoded_in_is_no_encoding(file, encoding):
    with pytest.raises(DataError, match=f"no encoding '{encoding}'"):
        sentences(file(b"John\tB-PER\n\n"), encoding=encoding)


def test_columns_can_be_chosen():
    text = "EU NNP I-NP I-ORG\nrejects VBZ I-VP O\n"
    assert sentences(text) == [(("EU", "rejects"), ("I-ORG", "O"))]
    assert sentences(text, column=2) == [(("EU", "rejects"), ("NNP", "VBZ"))]
    assert sentences(text, column=-2) == [(("EU", "rejects"), ("I-NP", "I-VP"))]
    assert sentences(text, word_column=2, column="1") == [(("NNP", "VBZ"), ("EU", "rejects"))]
    assert read(text, layer="ner")[0].sentences[0].layers == {"ner": ("I-ORG", "O")}


def test_a_first_column_that_counts_is_passed_over():
    text = "1\tJohn\tO\n\n1\tHe\tO\n2\truns\tO\n"
    assert sentences(text) == [(("John",), ("O",)), (("He", "runs"), ("O", "O"))]
    # Two columns are a word and a tag, whatever the words are.
    assert sentences("1 O\n2 O\n") == [(("1", "2"), ("O", "O"))]
    assert sentences("1 CD O\n3 CD O\n")[0][0] == ("1", "3")


def test_the_layout_of_universal_ner_is_known(file):
    path = file("# text = A B\n1\tA\tB-PER\t-\tann\n2\tB\tO\t-\tann\n", "x.iob2")
    assert sentences(path) == [(("A", "B"), ("B-PER", "O"))]


def test_words_hold_spaces_where_tabs_separate():
    assert sentences("New York\tB-LOC\n,\tO\n") == [(("New York", ","), ("B-LOC", "O"))]


def test_a_hash_is_a_token_where_it_has_all_columns():
    assert sentences("#\tO\n#news\tB-X\n# comment\nhe\tO\n") == [(("#", "#news", "he"), ("O", "B-X", "O"))]
    assert sentences("# O\n#news B-X\nhe O\n") == [(("#", "#news", "he"), ("O", "B-X", "O"))]
    assert sentences("#news\tO\n") == [(("#news",), ("O",))]
    assert sentences("# id\n#news\tO\n") == [(("#news",), ("O",))]
    one_column = sentences("# a comment\n#news\n#\nhe\n", labels_required=False)
    assert one_column == [(("#news", "#", "he"), ())]


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\xa0", "\u3000", "\r"])
@pytest.mark.parametrize("separator", ["\t", " "])
def test_odd_white_space_inside_a_token_splits_nothing(file, char, separator):
    text = f"a{char}b{separator}O\nc{separator}O\n"
    assert sentences(file(text)) == [((f"a{char}b", "c"), ("O", "O"))]


def test_docstart_begins_documents_and_offsets_index_their_text():
    text = "Lead O\n\n-DOCSTART- -X-\n\nA O\nbc O\n\nd O\n\n-DOCSTART- -X-\n\ne O\n"
    documents = read(text)
    assert [document.text for document in documents] == ["Lead", "A bc\nd", "e"]
    for document in documents:
        for sentence in document.sentences:
            for token in sentence.tokens:
                assert document.text[token.start : token.end] == token.text
    assert written(documents, separator=" ") == text + "\n"


def test_without_docstart_reading_is_lazy():
    endless = itertools.chain.from_iterable(itertools.repeat(["a\tO\n", "\n"]))
    documents = conll.read(endless, ReadOptions())  # type: ignore[arg-type]
    assert [next(documents).text for _ in range(50)] == ["a"] * 50


def test_lines_of_tokens_are_known():
    text = "# one\n\n# two\na\tO\n# between\nb\tO\n\nc\tO\n"
    first, second = (document.sentences[0] for document in read(text))
    assert [token_line(first, index) for index in (0, 1)] == [4, 6]
    assert token_line(second, 0) == 8


@pytest.mark.parametrize(
    ("text", "options", "message", "line"),
    [
        ("a\tb\tO\nc\tO\n", {}, "too few columns: 2", 2),
        ("a O\n\nb O\nc\n", {}, "too few columns: 1", 4),
        ("a O\nb c O\n", {}, "too many columns: 3", 2),
        ("a\tO\nb\tO\tx\n", {}, "too many columns: 3", 2),
        ("", {}, "no tokens", None),
        ("\n \n", {}, "no tokens", None),
        ("# only a comment\n", {"labels_required": False}, "no tokens", None),
        ("-DOCSTART- O\n\n", {}, "no tokens", None),
        ("a\nb\n", {}, "no labels", 1),
        ("a\tO\n\tB-X\n", {}, "The word is empty", 2),
        ("a\tO\n\tO\n", {"labels_required": False}, "The word is empty", 2),
        ("a\tO\n# c\nb\t\n", {}, "The tag is empty", 3),
        ("a O\n", {"column": 3}, "There is no column 3", 1),
        ("a O\n", {"column": 0}, "There is no column 0", 1),
        ("a O\n", {"column": "NER"}, "There is no column 'NER'", 1),
        ("a O\n", {"word_column": -3}, "There is no column -3", 1),
    ],
)
def test_faults_name_file_line_and_remedy(file, text, options, message, line):
    path = file(text)
    with pytest.raises(DataError, match=message) as caught:
        read(path, **options)
    assert caught.value.path == str(path)
    assert caught.value.line == line
    assert caught.value.remedy


def test_a_directory_and_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="is a directory"):
        read(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "missing.conll")
    with pytest.raises(DataError, match="no encoding 'utf-9'"):
        read(tmp_path / "missing.conll", encoding="utf-9")


@pytest.mark.parametrize("before", [0, 1, 20_000])  # the last is beyond the pieces in which files are read
def test_undecodable_bytes_are_found(file, before):
    content = "a é\tO\n\n".encode() * before + b"Jo\xe9\tO\n"
    with pytest.raises(DataError, match=r"0xe9 \(byte offset") as caught:
        read(file(content))
    assert caught.value.line == 2 * before + 1
    assert f"(byte offset {content.index(b'Jo') + 2})" in str(caught.value)
    assert "--encoding" in caught.value.remedy


def test_a_character_cut_off_at_the_end_of_the_file(file):
    with pytest.raises(DataError, match=r"byte offset 4\)"):
        read(file(b"a\tO\n\xc3"))


def test_unlabeled_words_are_read_where_labels_are_not_required():
    assert sentences("John\nlives\n\nHi\n", labels_required=False) == [(("John", "lives"), ()), (("Hi",), ())]
    assert sentences("1\tJohn\n2\tlives\n", labels_required=False) == [(("John", "lives"), ())]


FOUR = "# one\nEU\tNNP\tI-ORG\tx\n# mid\nrejects\tVBZ\tO\ty\n\nHi\tUH\tO\tz\n\n"


def test_other_columns_and_comments_come_back():
    assert written(read(FOUR, column=3)) == FOUR
    spaced = FOUR.replace("\t", " ")
    assert written(read(spaced, column=3)) == spaced


def test_a_new_layer_replaces_its_column_or_is_appended():
    document = read(FOUR, column=3)[0]
    tagged = Document(document.text, (document.sentences[0].with_layer("tags", ["B-X", "I-X"]),))
    assert "EU\tNNP\tB-X\tx\n" in written([tagged])
    assert "EU\tNNP\tI-ORG\tx\tB-X\n" in written([tagged], place="append")


def test_a_predicted_layer_stands_beside_the_gold_one():
    sentence = sentence_from_words(["a"], {"gold": ["O"], "predicted": ["B-X"]})
    document = document_from_sentences([sentence])
    assert written([document], layer="predicted", place="append") == "a\tO\tB-X\n\n"
    assert written([document], layer="predicted") == "a\tB-X\n\n"


def test_a_word_that_cannot_be_written_is_an_error():
    document = document_from_sentences([sentence_from_words(["New York"], {"tags": ["O"]})])
    assert written([document]) == "New York\tO\n\n"
    with pytest.raises(DataError, match="'New York O' cannot be written"):
        written([document], separator=" ")


word_text = st.text(st.characters(exclude_characters="\t\n\r ", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.lists(st.tuples(word_text, st.sampled_from(["O", "B-X"])), min_size=1), min_size=1))
def test_whatever_is_written_is_read_back(rows):
    made = [sentence_from_words([word for word, _ in pairs], {"tags": [tag for _, tag in pairs]}) for pairs in rows]
    text = written(Document("", (sentence,)) for sentence in made)
    assert sentences(text.replace("-DOCSTART-", "x")) == [
        (tuple(word.replace("-DOCSTART-", "x") for word in sentence.words), sentence.layers["tags"])
        for sentence in made
    ]


def test_real_files_come_back_as_they_were(corpora):
    same = [
        ("wnut17/emerging.test.annotated", {}),
        ("bc5cdr/devel.tsv", {}),
        ("weibo_zh/weiboNER_2nd_conll.dev", {}),
        ("uner_swedish_talbanken/sv_talbanken-ud-dev.iob2", {}),
        ("presidio_pii/synth_bio.tsv", {}),
    ]
    for name, options in same:
        text = (corpora / name).read_bytes().decode()
        back = written(conll.read(corpora / name, read_options(**options)))
        assert back.rstrip("\n") == text.rstrip("\n"), name


def said(text: str, **options) -> list[str]:
    """What the reader reports."""
    problems: list = []
    read(text, problems=problems, **options)
    return [str(problem) for problem in problems]


def test_a_tab_among_spaces_is_said_with_its_line_once():
    text = "John B-PER\nlives O\n\n# a comment\nHi\tO\nMary \t B-PER\n"
    assert said(text) == ["<stream>:5: There is a tab here, where line 1 has spaces; both separate columns."]
    assert said(text, separator=" ") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("John\tB-PER\nNew York\tB-LOC\nold town\tO\n", "2: The word 'New York' contains a space"),
        ("John\tB-PER\nlives\tO\n\n# c = d\nRome \tB-LOC\n# e = f\nleft\tO\n", "5: The word 'Rome ' contains a space"),
        ("John\tB-PER\nlives\tO \n", "2: The tag 'O ' contains a space"),
        ("John NNP\tB-PER\nlives VBZ\tO\n", "1: The word 'John NNP' contains a space"),
    ],
)
def test_a_space_in_a_word_or_a_tag_of_a_file_with_tabs_is_said_with_its_line_once(text, message):
    assert said(text) == [f"<stream>:{message}; only tabs separate the columns of this file."]


def test_files_that_do_not_mix_tabs_and_spaces_say_nothing():
    for text in ("John\tB-PER\nlives\tO\n", "John B-PER\nlives   O\n", "# a b\nJohn\tNNP\tB-PER\n\nlives\tVBZ\tO\n"):
        assert said(text) == []


@pytest.mark.parametrize("options", [{"column": 1}, {"column": -2}, {"word_column": 2, "column": 2}])
def test_the_column_of_the_words_is_not_that_of_the_tags(options):
    with pytest.raises(DataError, match="holds the words, so it cannot hold the tags too"):
        read("John B-PER\nlives O\n", **options)


def test_a_row_without_a_word_or_a_label_is_left_out_and_reported():
    problems = []
    text = "\tO\n# c = d\nAnn\tB-PER\n\tO\n# e = f\nLee\tI-PER\n\n\tO\n\nHi\tO\n"
    first, second = (document.sentences[0] for document in read(text, problems=problems))
    assert (first.words, first.layers["tags"], first.line) == (("Ann", "Lee"), ("B-PER", "I-PER"), 3)
    assert [token_line(first, index) for index in (0, 1)] == [3, 6]
    assert second.words == ("Hi",)
    assert [(problem.line, problem.message) for problem in problems] == [
        (line, "left out: the word is empty") for line in (1, 4, 8)
    ]
    assert written([Document("Ann Lee", (first,))]) == "# c = d\nAnn\tB-PER\n# e = f\nLee\tI-PER\n\n"


def test_rows_of_universal_ner_may_end_after_the_tag(file):
    text = "1\tAnn\tB-PER\t-\tx\n2\tleft\tO\n3\t.\tO\t-\n\n"
    problems = []
    (sentence,) = read_sentences(file(text, "a.iob2"), problems=problems)
    assert sentence.layers == {"tags": ("B-PER", "O", "O")}
    assert [(problem.line, problem.message[:21]) for problem in problems] == [(2, "2 lines, this one fir")]
    with pytest.raises(DataError, match="too few columns"):
        read_sentences(file(text, "a.conll"))
