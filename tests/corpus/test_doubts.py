"""Labels that may be slips and sentences that leak are reported; what real corpora do is not."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tagsmith.corpus import doubts as doubts_module
from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.doubts import doubt_of_offsets, doubts_of_labels
from tagsmith.corpus.sentences import hold_sentences
from tagsmith.corpus.sources import read_sentences
from tagsmith.text.document import sentence_from_words
from tagsmith.text.schemes import detect_scheme


def doubts(*tags: str, layer: str = "tags") -> list[tuple[int, str]]:
    """Doubts about one sentence a tag: their lines, which are the tag's number, and messages."""
    made = [sentence_from_words(["w"], {layer: [tag]}, line=number) for number, tag in enumerate(tags, 1)]
    scheme = detect_scheme([[tag] for tag in tags])
    return [(doubt.line, doubt.message) for doubt in doubts_of_labels(hold_sentences(made), layer, scheme)]


@pytest.mark.parametrize(
    ("common", "rare"),
    [
        ("ORGANIZATION", "ORGANISATION"),
        ("ORGANIZATION", "ORGANIZATOIN"),
        ("PERSON", "PERSONS"),
        ("LOCATION", "LOCATON"),
        ("MISC", "MSIC"),
        ("PER", "PRE"),
        ("creative-work", "creative-wrok"),
    ],
)
def test_a_rare_label_spelled_almost_like_a_frequent_one(common: str, rare: str):
    others = [f"B-{common}"] * 333
    ((line, message),) = doubts(*others[:50], f"B-{rare}", *others[50:])
    assert line == 51
    assert message.startswith(f"the label '{rare}' is spelled almost like '{common}' (1 and 333 tokens)")
    assert doubts(*others, *[f"B-{rare}"] * 100) == []


@pytest.mark.parametrize("other", ["Person", "PERSON ", "PER SON", "per_son"])
def test_labels_that_differ_in_case_or_separators(other: str):
    for count in (3, 60):
        ((line, message),) = doubts(*["B-PERSON"] * 60, *[f"B-{other}"] * count)
        assert "differs only in case or separators" in message
        assert line == (61 if count < 60 or other > "PERSON" else 1)


def test_long_labels_are_not_compared_letter_by_letter(monkeypatch):
    steps = 0

    def counted(one: str, other: str) -> int:
        nonlocal steps
        steps += len(one) * len(other)
        return distance(one, other)

    distance = doubts_module._distance
    monkeypatch.setattr(doubts_module, "_distance", counted)
    doubts(*["B-" + "A" * 20_000] * 60, *(f"B-{'A' * length}" for length in range(15_000, 15_100)))
    doubts(*["B-" + "A" * 40] * 60, *(f"B-{'B' * length}" for length in range(20, 40)))
    assert 0 < steps <= 40 * 40 * 4


@pytest.mark.parametrize("label", ["creative-work,B-person", "PER|LOC", "PER;LOC", "B-PER"])
def test_several_labels_in_one(label: str):
    ((line, message),) = doubts("B-PER", "B-LOC", f"B-{label}")
    assert line == 3
    assert f"{label!r} seems to hold several labels" in message
    ((_, message),) = doubts("B-PER", "B-a,b", "B-c,d", "B-e,f")
    assert "'a,b' and 2 others seem" in message


def test_a_label_that_occurs_once():
    ((line, message),) = doubts(*["B-PER", "O"] * 60, "B-MONEY")
    assert (line, message) == (121, "the label 'MONEY' occurs only once")
    ((line, message),) = doubts(*["B-PER", "O"] * 60, "B-MONEY", "B-DATE")
    assert (line, message) == (121, "the labels 'MONEY', 'DATE' occur only once each")
    assert doubts(*["B-PER"] * 48, "B-MONEY") == []  # too little to say


def test_tags_of_spans_that_are_read_as_plain_tags():
    ((line, message),) = doubts("o", "B-PER", "I-PER", "o", "o", "B-LOC")
    assert (line, "outside of spans the tag is 'O'" in message) == (1, True)
    ((line, message),) = doubts("O", "B_PER", "I_PER", "O", "B_LOC")
    assert (line, message.endswith("and a hyphen: B-PER")) == (2, True)
    for tags in (("O", "b-per", "i-per"), ("O", "PER-B", "PER-I")):
        assert "is read as a label of its own" in doubts(*tags)[0][1]


def test_hundreds_of_labels_and_one_that_says_nothing():
    ((_, message),) = doubts(*(f"word{number}" for number in range(300)))
    assert "300 different labels" in message
    ((_, message),) = doubts(*["word1"] * 40, *(f"Word{number}" for number in range(600)))  # too many to compare
    assert "601 different labels" in message
    ((_, message),) = doubts(*["_"] * 200)
    assert "every tag is '_'" in message
    assert doubts(*(f"Case=Nom|Number={number}" for number in range(300)), layer="feats") == []


@pytest.mark.parametrize(
    "tags",
    [
        ["B-PER.NAM"] * 100 + ["B-PER.NOM"] * 60 + ["B-GPE.NAM"] * 40 + ["B-GPE.NOM"],
        ["CCONJ"] * 200 + ["SCONJ", "PRON"] + ["PROPN"] * 90,
        ["VVFIN"] * 100 + ["VAFIN"],
        ["B-VITAMIN1"] * 100 + ["B-VITAMIN2"] * 3,
        ["B-location_island"] * 50 + ["B-location_road/railway/highway/transit"] * 2,
        ["B-product"] * 100 + ["B-person"] * 4,
        ["O"] * 50,
        ["PERSON", "O", "LOCATION", "O"],
    ],
)
def test_what_real_tag_sets_do_is_no_doubt(tags: list[str]):
    assert doubts(*tags) == []


def test_a_tag_outside_of_spans_that_is_not_o():
    for outside in ("-", "_", "0", "OTHER"):
        ((line, message),) = doubts("B-PER", outside, "B-LOC", outside)
        assert (line, f"stand beside {outside!r}" in message) == (2, True)
    ((_, message),) = doubts("O", "B_PER", "B_LOC")
    assert message.endswith("and a hyphen: B-PER")
    ((_, message),) = doubts(*["X"] * 60)
    assert "every tag is 'X'" in message


def test_a_file_without_blank_lines_is_one_sentence(file):
    text = "w\tO\nx\tB-X\n"
    (problem,) = read_corpus(file(text * 150, "a"), file(text, "b")).problems
    assert (problem.line, problem.message[:37]) == (1, "all 300 tokens are one sentence; put ")
    assert read_corpus(file(text * 20, "a"), file("y\tB-X\n", "b")).problems == ()


def test_spans_that_are_no_offsets_of_characters():
    problems = []
    record = json.dumps({"text": "Ann left Rome", "label": [[0, 2, "PER"], [9, 12, "LOC"]]}) + "\n"
    read_sentences(io.StringIO(record * 10), format="jsonl", problems=problems)
    assert doubt_of_offsets(problems, 20).line == 1
    assert doubt_of_offsets(problems, 41) is None
    assert doubt_of_offsets(problems[:4], 4) is None


# ------------------------------------------------------------------------------------------------- leaks


def text(numbers: range, words: int) -> str:
    return "".join("".join(f"w{n}\tO\n" for n in range(k, k + words)) + "x\tB-X\n\n" for k in numbers)


def leak(file, train: str, test: str, part: str = "test") -> list[str]:
    corpus = read_corpus(file(train, "train.conll"), file(train, "d") if part == "dev" else None, file(test, "test"))
    return [str(problem) for problem in corpus.problems]


def test_test_sentences_that_are_in_training_are_counted(file, tmp_path: Path):
    (problem,) = leak(file, text(range(200), 9), text(range(195, 295), 9))
    assert problem.startswith(f"{tmp_path / 'test'}: 5 of 100 test sentences are training sentences too")
    (problem,) = leak(file, text(range(200), 9), text(range(200), 9))
    assert "all 200 test sentences are training sentences too" in problem
    assert "all 200 dev sentences" in leak(file, text(range(200), 2), text(range(900, 950), 2), part="dev")[0]


def test_a_few_short_sentences_that_recur_are_no_leak(file):
    assert leak(file, text(range(200), 2), text(range(195, 295), 2)) == []
    assert leak(file, text(range(200), 9), text(range(199, 299), 9)) == []


def test_a_doubt_is_a_problem_of_the_corpus(file):
    train = text(range(60), 3).replace("B-X", "B-COMPANY") + "y\tB-COMPNAY\n"
    path = file(train)
    (problem,) = read_corpus(path).problems
    assert (problem.path, problem.line) == (str(path), train[: train.index("COMPNAY")].count("\n") + 1)


def test_real_corpora_give_no_doubt_but_right_ones(corpora: Path):
    """Few-NERD, WNUT, BC5CDR, Weibo, Snips-like and treebank labels are no slips; two labels in one are."""
    for name in ("wnut17/wnut17train.conll", "bc5cdr/train.tsv", "weibo_zh/weiboNER_2nd_conll.dev", "fewnerd/dev.txt"):
        problems = []
        sentences = read_sentences(corpora / name, problems=problems)
        scheme = detect_scheme(sentence.layers["tags"] for sentence in sentences)
        assert doubts_of_labels(hold_sentences(sentences, name), "tags", scheme) == []
        assert problems == []
    sentences = read_sentences(corpora / "wnut17" / "emerging.test.conll")
    scheme = detect_scheme(sentence.layers["tags"] for sentence in sentences)
    (doubt,) = doubts_of_labels(hold_sentences(sentences, "x"), "tags", scheme)
    assert "seem to hold several labels" in doubt.message
