"""Data in memory: documents, sentences and pairs are as good as a file."""

from __future__ import annotations

import io

import pytest

from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.text.document import Document, Span, document_from_sentences, sentence_from_words

PAIRS = [(["Ada", "left"], ["B-PER", "O"]), (["Hi"], ["O"])]
TEXT = "Ada B-PER\nleft O\n\nHi O\n"
SENTENCES = [sentence_from_words(words, {"tags": tags}) for words, tags in PAIRS]


@pytest.mark.parametrize(
    "data",
    [
        PAIRS,
        tuple(PAIRS),
        SENTENCES,
        [document_from_sentences(SENTENCES)],
        document_from_sentences(SENTENCES),
        (pair for pair in PAIRS),
        [SENTENCES[0], PAIRS[1]],
        io.StringIO(TEXT),
        [io.StringIO("Ada B-PER\nleft O\n"), SENTENCES[1]],
    ],
    ids=["pairs", "tuple", "sentences", "documents", "document", "generator", "mixed", "stream", "stream-and-sentence"],
)
def test_every_kind_of_data_gives_the_same_sentences(data):
    read = read_sentences(data)
    assert [(sentence.words, dict(sentence.layers)) for sentence in read] == [
        (sentence.words, dict(sentence.layers)) for sentence in SENTENCES
    ]


def test_one_pair_or_sentence_needs_no_list():
    assert read_sentences(PAIRS[0])[0].words == ("Ada", "left")
    assert read_sentences(SENTENCES[0]) == SENTENCES[:1]


def test_the_only_layer_of_a_sentence_is_the_one_asked_for():
    (sentence,) = read_sentences(SENTENCES[0], layer="ner")
    assert dict(sentence.layers) == {"ner": ("B-PER", "O")}
    both = sentence.with_layer("pos", ("NOUN", "VERB"))
    assert dict(read_sentences(both, layer="pos")[0].layers) == {"pos": ("NOUN", "VERB")}
    assert list(read_sentences(both, layer=("pos", "ner"))[0].layers) == ["pos", "ner"]
    with pytest.raises(DataError, match=r"<memory>: There are several layers here: ner, pos"):
        read_sentences(both)
    with pytest.raises(DataError, match=r"<memory>: There is no layer 'chunk' here"):
        read_sentences(both, layer="chunk")


def test_the_spans_of_a_document_are_its_labels_if_its_sentences_have_none():
    plain = document_from_sentences([sentence_from_words(["Ada", "left"]), sentence_from_words(["Rome", "fell"])])
    spans = (Span(0, 3, "PER"), Span(9, 13, "LOC"), Span(10, 13, "LOC"))
    problems = []
    read = read_sentences(Document(plain.text, plain.sentences, spans), problems=problems)
    assert [dict(sentence.layers) for sentence in read] == [{"tags": ("B-PER", "O")}, {"tags": ("B-LOC", "O")}]
    assert "10–13" in str(problems[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([(["Ada"], ["B-PER", "O"])], "Item 1 has 1 words but 2 tags"),
        ([7], "Item 1 is the int 7, which is not labeled data"),
        (7, "The data is the int 7, which is not labeled data"),
    ],
)
def test_what_is_no_data_is_one_clear_error(data, message):
    with pytest.raises(DataError, match=message):
        read_sentences(data)


def test_no_sentences_are_an_error():
    with pytest.raises(DataError, match="There are no train sentences"):
        read_corpus([])
    with pytest.raises(DataError, match="There are no dev sentences"):
        read_corpus(PAIRS, [])


def test_a_corpus_in_memory_equals_that_of_its_file(file):
    text = "".join(f"w{number} B-X\nof O\n\n" for number in range(30))
    pairs = [([f"w{number}", "of"], ["B-X", "O"]) for number in range(30)]
    from_file, in_memory = read_corpus(file(text), seed=2), read_corpus(pairs, seed=2)
    assert in_memory.layers == from_file.layers
    for part in ("train", "dev"):
        assert getattr(in_memory, part).words() == getattr(from_file, part).words()
        assert getattr(in_memory, part).tags("tags") == getattr(from_file, part).tags("tags")


def test_a_corpus_is_taken_as_it_is():
    corpus = read_corpus(PAIRS * 10)
    assert read_corpus(corpus) is corpus


def test_data_in_another_scheme_are_converted(file):
    train = [*PAIRS, (["New", "York"], ["B-LOC", "I-LOC"]), file("Rio B-LOC\n")]
    dev = [(["New", "York"], ["B-LOC", "E-LOC"]), (["Oslo"], ["S-LOC"])]
    corpus = read_corpus(train, dev)
    assert corpus.dev.tags("tags") == [["B-LOC", "I-LOC"], ["B-LOC"]]
    assert not corpus.repairs
