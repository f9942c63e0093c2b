from __future__ import annotations

import io

import pytest

from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.knowledge import label_of
from tagsmith.corpus.sources import read_documents, read_sentences
from tagsmith.corpus.statistics import shared_sentences, statistics
from tagsmith.errors import DataError
from tagsmith.formats import detect_format
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, is_legal

CONLLU = "1\ta\t_\tNOUN\tNN\t_\t0\troot\t_\t_\n\n"
CSV = "Sentence #,Word,POS,Tag\n1,a,N,O\n"
JSONL = '{"text": "a b", "label": [[0, 1, "X"]]}\n'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.conllu", "", "conllu"),
        ("a.CSV", "", "csv"),
        ("a.jsonl", "", "jsonl"),
        ("a.json", "", "jsonl"),
        ("a.conll", JSONL, "jsonl"),
        ("a.conll", '{" O\n{} O\n', "conll"),
        ("a.iob2", CONLLU, "conllu"),
        ("a.conllu", CSV, "conllu"),
        ("a.txt", CONLLU, "conllu"),
        ("a.txt", "# c\n\n" + CONLLU, "conllu"),
        ("a.txt", JSONL, "jsonl"),
        ("a.txt", "[\n" + JSONL + "]", "jsonl"),
        ("a", CSV, "csv"),
        ("a.tsv", CSV.replace(",", "\t"), "csv"),
        ("a.tsv", "word\tO\n", "conll"),
        ("a.txt", "[ O\n{ O\n", "conll"),
        ("a.txt", "", "conll"),
    ],
)
def test_the_format_is_found_by_name_or_content(file, name, content, expected):
    assert detect_format(file(content, name)) == expected


def test_standard_input_is_a_dash(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("é\tO\r\n".encode()), encoding="utf-8"))
    assert read_sentences("-")[0].words == ("é",)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\tO\n\xe9\tO\n"), encoding="utf-8"))
    with pytest.raises(DataError, match="<stdin>: The byte 0xe9 is not utf-8 text"):
        read_sentences("-")


def test_an_unknown_format_lists_those_there_are():
    with pytest.raises(DataError, match="no format 'xml'") as caught:
        read_documents(io.StringIO(""), format="xml")
    assert "conllu" in caught.value.remedy


def test_one_layer_is_chosen(file):
    conllu, csv = file(CONLLU, "a.conllu"), file(CSV, "a.csv")
    assert read_sentences(conllu)[0].layers == {"upos": ("NOUN",)}
    assert read_sentences(conllu, layer="xpos")[0].layers == {"xpos": ("NN",)}
    assert read_sentences(csv)[0].layers == {"tags": ("O",)}
    assert read_sentences(csv, layer="pos")[0].layers == {"pos": ("N",)}
    assert [len(sentence.words) for sentence in read_sentences([conllu, csv, conllu])] == [1, 1, 1]
    assert read_sentences(io.StringIO("a\n"), labels_required=False)[0].layers == {}


def test_a_missing_layer_lists_those_there_are(file):
    path = file("Sentence #,Word,POS,Chunk\n1,a,N,NP\n", "a.csv")
    with pytest.raises(DataError, match="several layers here: chunk, pos") as caught:
        read_sentences(path)
    assert caught.value.line == 2


TRAIN = "John B-PER\nSmith I-PER\nlives O\n\nParis B-LOC\n\nHi O\n\n"


def test_a_corpus_of_three_files(file):
    train, dev, test = (file(text, name) for text, name in [(TRAIN, "a"), ("Ann B-PER\n", "b"), (TRAIN, "c")])
    corpus = read_corpus(train, dev, test)
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [3, 1, 3]
    assert corpus.layers == (Layer("tags", Scheme.IOB2, ("LOC", "PER")),)
    assert corpus.repairs == ()
    assert [problem.message for problem in corpus.problems] == [
        "all 3 test sentences are training sentences too, so its score is too high"
    ]


def test_a_tenth_is_held_out_by_the_seed(file):
    path = file("".join(f"w{number} B-X\n\n" for number in range(50)))
    corpus = read_corpus(path, seed=3)
    assert (len(corpus.train), len(corpus.dev)) == (45, 5)
    everything = {sentence.words for sentence in (*corpus.train, *corpus.dev)}
    assert len(everything) == 50
    again = read_corpus(path, seed=3)
    assert (again.train, again.dev) == (corpus.train, corpus.dev)
    assert read_corpus(path, seed=4).dev != corpus.dev
    lines = [sentence.line for sentence in corpus.train]
    assert lines == sorted(lines)
    with pytest.raises(DataError, match="One sentence cannot be split"):
        read_corpus(file("a B-X\n", "one"))


def test_illegal_tags_are_repaired_and_collected(file):
    train = file("a B-X\n\n" * 30 + "# id = 31\nb O\nc I-X\n\n")
    corpus = read_corpus(train, file("d I-X\n\nd B-X\n", "dev"))
    assert corpus.layers[0].scheme is Scheme.IOB2
    assert all(is_legal(s.layers["tags"], Scheme.IOB2) for s in (*corpus.train, *corpus.dev))
    assert [(repair.line, repair.word, repair.was, repair.becomes) for repair in corpus.repairs] == [
        (63, "c", "I-X", "B-X"),
        (1, "d", "I-X", "B-X"),
    ]
    assert str(corpus.repairs[0]) == f"{train}:63: I-X on 'c' cannot follow O; became B-X"


def test_a_label_that_train_lacks_is_an_error_that_names_its_line(file):
    train, other = file(TRAIN), file("Hi O\n\nACME B-ORG\nInc I-ORG\nx B-MISC\n", "dev")
    with pytest.raises(DataError, match="label 'ORG' does not occur in the training file") as caught:
        read_corpus(train, dev=other)
    assert (caught.value.path, caught.value.line) == (str(other), 3)
    assert caught.value.remedy


def test_the_test_file_may_hold_a_label_that_train_lacks(file):
    train, other = file(TRAIN), file("Hi O\n\nACME B-ORG\nInc I-ORG\nx B-MISC\n", "test")
    corpus = read_corpus(train, dev=train, test=other)
    assert corpus.test[1].layers["tags"] == ("B-ORG", "I-ORG", "B-MISC")
    assert not {"ORG", "MISC"} & set(corpus.layers[0].labels)


def test_a_file_without_labels_is_an_error(file):
    empty = file("a O\n\nb O\n", "o")
    with pytest.raises(DataError, match="no labels: every tag of the layer 'tags' is 'O'"):
        read_corpus(empty)
    with pytest.raises(DataError, match="no labels"):
        read_corpus(file(TRAIN), empty)
    blank = file(CONLLU.replace("NOUN", "_") * 2, "a.conllu")
    with pytest.raises(DataError, match="no labels: every tag of the layer 'upos' is '_'"):
        read_corpus(blank)


def test_spans_that_do_not_align_are_collected(file):
    text = '{"text": "Johnny left", "label": [[0, 4, "X"]]}\n{"text": "b", "label": [[0, 1, "X"]]}\n'
    corpus = read_corpus(file(text, "a.jsonl"))
    assert [problem.line for problem in corpus.problems] == [1]


def test_labels_of_tags():
    assert label_of("B-PER", Scheme.IOB2) == "PER"
    assert label_of("O", Scheme.IOB2) is None
    assert label_of("B", Scheme.BMES) == ""
    assert label_of("PERSON", Scheme.BARE) == "PERSON"
    assert label_of("O", Scheme.PLAIN) == "O"


def test_statistics(file):
    sentences = read_sentences(file("John B-PER\nSmith I-PER\nlives O\n\nHi O\n\nHi O\n\nb B-LOC\nc B-LOC\nI O\nx O\n"))
    counted = statistics(sentences, "tags")
    assert (counted.sentences, counted.tokens, counted.vocabulary) == (4, 9, 8)
    assert counted.longest == {"tokens": 4, "line": 9}
    assert counted.scheme is Scheme.IOB2
    assert counted.labels == {"LOC": 2, "PER": 1}
    assert next(iter(counted.tags)) == "O"
    assert (counted.unlabeled_sentences, counted.duplicates) == (2, 1)
    assert statistics([], "tags").sentences == 0
    assert shared_sentences(sentences[:2], sentences[2:]) == 1


# Sentences of train, dev and test as the README of the corpora states them, and the scheme.
REAL = [
    ("wnut17", "wnut17train.conll emerging.dev.conll emerging.test.annotated", (3394, 1009, 1287), "IOB2"),
    ("ud_english_ewt", "en_ewt-ud-{}.conllu", (12544, 2001, 2077), "plain"),
    ("ud_vietnamese_vtb", "vi_vtb-ud-{}.conllu", (1400, 1123, 800), "plain"),
    ("ud_uyghur_udt", "ug_udt-ud-{}.conllu", (1656, 900, 900), "plain"),
    ("bc5cdr", "train.tsv devel.tsv test.tsv", (4560, 4581, 4797), "IOB2"),
    ("stackoverflow_ner", "{}.txt", (14545, 4607, 4940), "IOB2"),
    ("absa/e2e_tbsa_conll", "laptop14_{}.txt", (2741, 304, 800), "BIOES"),
    ("uner_swedish_talbanken", "sv_talbanken-ud-{}.iob2", (4303, 504, 1219), "IOB2"),
    ("uner_chinese_gsdsimp", "zh_gsdsimp-ud-{}.iob2", (3997, 500, 500), "IOB2"),
    ("weibo_zh", "weiboNER_2nd_conll.{}", (1350, 270, 270), "IOB2"),
    ("sec_filings", "FIN5.txt FIN3.txt FIN3.txt", (1164, 303, 303), "IO"),
    ("wikigold", "wikigold.conll.txt wikigold.conll.txt wikigold.conll.txt", (1696, 1696, 1696), "IO"),
]


@pytest.mark.parametrize(("folder", "names", "sizes", "scheme"), REAL, ids=[row[0] for row in REAL])
def test_real_corpora_have_the_sizes_and_schemes_their_readme_states(corpora, folder, names, sizes, scheme):
    if "{}" in names:
        names = " ".join(names.format(split) for split in ("train", "dev", "test"))
    train, dev, test = (corpora / folder / name for name in names.split())
    corpus = read_corpus(train, dev, test, column=2 if folder == "stackoverflow_ner" else None)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == sizes
    assert corpus.layers[0].scheme == scheme


def test_stray_tags_of_real_corpora_are_found(corpora):
    def count(name):
        sentences = read_sentences(corpora / name)
        return len(statistics(sentences, "tags").repairs)

    assert count("weibo_zh/weiboNER_2nd_conll.train") == 10
    assert count("fewnerd/test.txt") > 0
