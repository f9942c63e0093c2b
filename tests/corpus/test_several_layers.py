"""Several layers of one file: read side by side, whatever the format."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.side_by_side import read_side_by_side
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import jsonl
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.text.document import document_from_sentences, sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme

CONLL = "1 The DT O B-NP\n2 cat NN B-X I-NP\n\n1 Sleep VB O O\n2 well RB O O\n"
CONLLU = "\n".join(
    "\t".join([str(number), word, "_", upos, xpos, "_", "0", "root", "_", misc])
    for number, word, upos, xpos, misc in [(1, "The", "DET", "DT", "_"), (2, "cat", "NOUN", "NN", "NE=B-X")]
)
CSV = "Sentence #,Word,POS,Tag\n1,The,DT,O\n1,cat,NN,B-X\n2,Sleep,VB,O\n"


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path / name

    return written


def layers_of(sentences):
    return [dict(sentence.layers) for sentence in sentences]


# ----------------------------------------------------------------------------------------------------- formats


def test_columns_are_layers_under_the_names_given_or_their_own(write):
    path = write("a.conll", CONLL)
    named = read_sentences(path, column=("3", -1), layer=("pos", "chunk"), word_column=2)
    assert layers_of(named) == [
        {"pos": ("DT", "NN"), "chunk": ("B-NP", "I-NP")},
        {"pos": ("VB", "RB"), "chunk": ("O", "O")},
    ]
    assert [sentence.words for sentence in named] == [("The", "cat"), ("Sleep", "well")]
    assert list(read_sentences(path, column=(4, 3), word_column=2)[0].layers) == ["column4", "column3"]


def test_one_name_or_column_in_a_sequence_is_the_same_as_by_itself(write):
    path = write("a.conll", CONLL)
    assert read_sentences(path, column=[3], layer=["pos"]) == read_sentences(path, column=3, layer="pos")


def test_conllu_layers_go_by_name(write):
    (sentence,) = read_sentences(write("a.conllu", CONLLU + "\n\n"), layer=("xpos", "NE", "upos"))
    assert list(sentence.layers.items()) == [("xpos", ("DT", "NN")), ("NE", ("O", "B-X")), ("upos", ("DET", "NOUN"))]


def test_csv_layers_go_by_heading(write):
    expected = [{"pos": ("DT", "NN"), "tag": ("O", "B-X")}, {"pos": ("VB",), "tag": ("O",)}]
    path = write("a.csv", CSV)
    assert layers_of(read_sentences(path, layer=("pos", "tag"))) == expected
    assert layers_of(read_sentences(path, column=("pos", "tag"))) == expected


def test_json_layers_are_keys_of_the_record_or_of_its_layers():
    flat = {"tokens": ["Ada", "left"], "upos": ["PROPN", "VERB"], "ner": ["B-PER", "O"], "tags": ["no", "no"]}
    nested = {"tokens": ["Ada", "left"], "layers": {"upos": ["PROPN", "VERB"], "ner": ["B-PER", "O"]}}
    for record in (flat, nested):
        (sentence,) = read_sentences(io.StringIO(json.dumps(record)), format="jsonl", layer=("upos", "ner"))
        assert dict(sentence.layers) == {"upos": ("PROPN", "VERB"), "ner": ("B-PER", "O")}
        (one,) = read_sentences(io.StringIO(json.dumps(record)), format="jsonl", layer="ner")
        assert dict(one.layers) == {"ner": ("B-PER", "O")}


def test_tags_of_a_whole_text_are_no_layer():
    """``tags`` is what a layer without a name is called, and what some tools call the topics of a text."""
    record = {"text": "Ada left.", "spans": [[0, 3, "PER"]], "tags": ["politics"]}
    (sentence,) = read_sentences(io.StringIO(json.dumps(record)), format="jsonl", layer="tags")
    assert dict(sentence.layers) == {"tags": ("B-PER", "O", "O")}


def test_a_span_across_the_end_of_a_sentence_joins_the_sentences_of_every_layer():
    text = "Yahoo! Inc. paid. Ada left."
    record = {"text": text, "org": [[0, 11, "ORG"]], "per": [[18, 21, "PER"]], "none": []}
    sentences = read_sentences(io.StringIO(json.dumps(record)), format="jsonl", layer=("per", "org", "none"))
    alone = read_sentences(io.StringIO(json.dumps(record)), format="jsonl", layer="org")
    assert [sentence.words for sentence in sentences] == [sentence.words for sentence in alone]
    assert [sentence.starts for sentence in sentences] == [sentence.starts for sentence in alone]
    assert [sentence.layers["org"] for sentence in sentences] == [sentence.layers["org"] for sentence in alone]
    per = [tag for sentence in sentences for tag in sentence.layers["per"]]
    words = [word for sentence in sentences for word in sentence.words]
    assert [word for word, tag in zip(words, per, strict=True) if tag != "O"] == ["Ada"]


def test_what_the_reader_reports_is_reported_once(write):
    lines = [{"text": "Ada left.", "a": [[0, 2, "P"]], "b": []}, {"text": "x", "a": [], "b": [], "answer": "reject"}]
    path = write("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    problems = []
    read_sentences(path, layer=("a", "b"), problems=problems)
    assert [problem.line for problem in problems] == [1, 2]


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["DET", "NOUN"]), st.sampled_from(["O", "B-X", "B-Y"])), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_with_several_layers_is_read_back(tagged):
    sentences = [
        sentence_from_words(
            [f"w{n}" for n in range(len(own))], {"pos": [pos for pos, _ in own], "ner": [tag for _, tag in own]}
        )
        for own in tagged
    ]
    options = WriteOptions(layers=(Layer("pos", Scheme.PLAIN), Layer("ner", Scheme.IOB2)))
    stream = io.StringIO()
    jsonl.write([document_from_sentences([sentence]) for sentence in sentences], stream, options)
    found = read_sentences(io.StringIO(stream.getvalue()), format="jsonl", layer=("pos", "ner"))
    assert [own.words for own in found] == [own.words for own in sentences]
    assert layers_of(found) == layers_of(sentences)


# ------------------------------------------------------------------------------------------------------ corpora


def test_each_layer_of_a_corpus_has_its_scheme_and_labels(write):
    path = write("a.conll", CONLL)
    corpus = read_corpus(path, path, column=(3, 4), layer=("pos", "ner"), word_column=2)
    assert corpus.layers == (
        Layer("pos", Scheme.PLAIN, ("DT", "NN", "RB", "VB")),
        Layer("ner", Scheme.IOB2, ("X",)),
    )
    assert list(corpus.dev[0].layers) == ["pos", "ner"]


def test_repairs_are_made_in_every_layer():
    text = "a N I-X O\nb N O I-Y\n\nc N B-X B-Y\nd N I-X I-Y\n\ne N B-X B-Y\n\nf N B-X B-Y\ng N B-X B-Y\n"
    corpus = read_corpus(io.StringIO(text), io.StringIO(text), format="conll", column=(2, 3, 4))
    repairs = [(repair.line, repair.was, repair.becomes) for repair in corpus.repairs]
    assert sorted(repairs) == [(1, "I-X", "B-X")] * 2 + [(2, "I-Y", "B-Y")] * 2  # in train and dev
    assert [own.scheme for own in corpus.layers] == [Scheme.PLAIN, Scheme.IOB2, Scheme.IOB2]


# ------------------------------------------------------------------------------------------------------- errors


def test_a_file_that_lacks_a_layer_is_named_with_the_layer(write):
    full = write(
        "train.jsonl",
        '{"tokens": ["a"], "pos": ["N"], "ner": ["B-X"]}\n{"tokens": ["a"], "pos": ["N"], "ner": ["O"]}\n',
    )
    lacking = write("dev.jsonl", '{"tokens": ["a"], "pos": ["N"]}\n')
    for train, dev in ((lacking, full), (full, lacking)):
        with pytest.raises(DataError, match=r"dev\.jsonl:1: This record has no layer 'ner'"):
            read_corpus(train, dev, layer=("pos", "ner"))


def test_a_conllu_file_that_lacks_a_layer_is_named_with_the_layer(write):
    full = write("train.conllu", CONLLU + "\n\n")
    lacking = write("dev.conllu", CONLLU.replace("NE=B-X", "_") + "\n\n")
    for train, dev in ((lacking, full), (full, lacking)):
        with pytest.raises(DataError, match=r"dev\.conllu: There is no layer 'NE' here"):
            read_corpus(train, dev, layer=("upos", "NE"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": ("a", "b"), "column": (2, 3, 4)}, "2 layers but 3 columns"),
        ({"layer": ("a", "b"), "column": 3}, "2 layers but 1 column"),
        ({"layer": ("a", "a"), "column": (2, 3)}, "'a' is given twice"),
        ({"layer": ("a", "b")}, "Give --column for each layer"),
        ({"column": (3, 9)}, "There is no column 9"),
    ],
)
def test_what_cannot_be_meant_is_an_error(write, options, message):
    with pytest.raises(DataError, match=message):
        read_sentences(write("a.conll", CONLL), **options)


def test_layers_that_label_different_tokens_are_an_error():
    versions = {
        "a": [document_from_sentences([sentence_from_words(["Ada", "left"], {"a": ["X", "Y"]}, line=7)])],
        "b": [document_from_sentences([sentence_from_words(["Ada"], {"b": ["X"]}, line=7)])],
        "c": [],
    }
    for other, where in (("b", "<stream>:7"), ("c", "<stream>")):
        each = [ReadOptions(layers=("a",)), ReadOptions(layers=(other,))]
        with pytest.raises(DataError, match=f"{where}: The layers a, {other} do not label the same tokens"):
            list(read_side_by_side(io.StringIO(), each, lambda _, options: versions[options.layer]))
