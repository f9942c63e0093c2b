"""Training on corpora whose label sets differ: the tags a token may have, scores on known labels, whole runs."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from test_training import NAMES, PLACES, QUIET, TINY, VERBS, write_corpus

import tagsmith
from keras_calls import array
from tagsmith.corpus.corpus import Corpus, read_corpus
from tagsmith.corpus.knowledge import Knowledge
from tagsmith.corpus.sentences import hold_sentences
from tagsmith.errors import DataError
from tagsmith.network.batches import training_batches
from tagsmith.network.tagger_network import Output, TaggerNetwork
from tagsmith.text.document import sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme
from tagsmith.training.measure import deciding_score, only_known, score_part
from tagsmith.training.recipe import make_recipe
from tagsmith.training.task import prepare
from tagsmith.training.unknown_labels import describe_unknown, known_tags

PER, LOC = frozenset(["PER"]), frozenset(["LOC"])
NER = Layer("ner", Scheme.IOB2, ("LOC", "PER"))
POS = Layer("pos", Scheme.PLAIN, ("NOUN", "VERB"))

PER_ONLY = [(["a", "b"], ["B-PER", "O"])]


def corpus_of(sentences, layers, sets, train):
    """A corpus of sentences, given as words and layers, that know these sets of labels."""
    held = hold_sentences(sentence_from_words(words, tags) for words, tags in sentences)
    nothing = held.take(np.zeros(0, int))
    return Corpus(layers, held, held, nothing, Knowledge(sets, np.array(train), np.array(train), np.zeros(0, int)))


def keep_only(path, label):
    """Rewrite a corpus with the spans of one label alone."""
    lines = path.read_text("utf-8").splitlines()
    kept = [line if not line or line.endswith(label) else f"{line.split()[0]} O" for line in lines]
    path.write_text("\n".join(kept) + "\n", "utf-8")
    return path


@pytest.fixture
def halves(tmp_path):
    return [keep_only(write_corpus(tmp_path / f"{label}.conll", 100, seed), label)
            for seed, label in enumerate(("PER", "LOC"))]  # fmt: skip


def test_an_outside_token_may_be_of_any_label_that_its_corpus_does_not_know():
    sentences = [("ab", {"ner": ["B-PER", "O"]}), ("ab", {"ner": ["O", "B-LOC"]}), ("a", {"ner": ["O"]})]
    corpus = corpus_of(sentences, (NER,), ({"ner": PER}, {"ner": LOC}, {"ner": PER | LOC}), [0, 1, 2])
    rows, possible = known_tags(corpus, NER, corpus.train.lengths)
    assert NER.tags == ("O", "B-LOC", "I-LOC", "E-LOC", "S-LOC", "B-PER", "I-PER", "E-PER", "S-PER")
    assert rows.tolist() == [8, 9, 10, 4, 0]
    np.testing.assert_array_equal(possible[:9], np.eye(9, dtype=bool))
    assert [NER.tags[column] for column in np.flatnonzero(possible[9])] == ["O", "B-LOC", "I-LOC", "E-LOC", "S-LOC"]
    assert [NER.tags[column] for column in np.flatnonzero(possible[10])] == ["O", "B-PER", "I-PER", "E-PER", "S-PER"]


def test_in_a_layer_that_a_corpus_lacks_every_tag_is_possible():
    sentences = [("ab", {"pos": ["NOUN", "VERB"]}), ("ab", {"ner": ["O", "B-LOC"]})]
    corpus = corpus_of(sentences, (POS, NER), ({"pos": frozenset(POS.labels)}, {"ner": PER | LOC}), [0, 1])
    rows, possible = known_tags(corpus, POS, corpus.train.lengths)
    assert (rows.tolist(), possible.tolist()) == ([0, 1, 2, 2], [[True, False], [False, True], [True, True]])
    rows, possible = known_tags(corpus, NER, corpus.train.lengths)
    assert rows.tolist() == [9, 9, 0, 4]
    assert possible[9].all()
    assert describe_unknown(corpus) == [
        "1 train sentences have no layer pos",
        "1 train sentences have no layer ner",
    ]


def test_a_token_whose_tag_is_a_question_mark_may_have_any():
    marked = [(["a", "b", "c"], ["B-PER", "?", "B-LOC"]), (["c", "?"], ["O", "B-LOC"])]
    corpus = read_corpus([marked], [marked], partial=True, layer="ner")
    assert corpus.layers == (NER,)  # although PER and LOC are known to all
    assert corpus.train.tags("ner") == [["B-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    assert corpus.train.unknown_tokens("ner") == corpus.dev[:1].unknown_tokens("ner") == {0: [1]}
    assert corpus.train.take(np.array([1, 1, 0])).unknown_tokens("ner") == {2: [1]}
    rows, possible = known_tags(corpus, NER, corpus.train.lengths)
    assert rows.tolist() == [8, 9, 4, 0, 4]
    assert possible[9].all()
    assert describe_unknown(corpus) == ["the tag of 1 train tokens is unknown"]
    known = [(words, ["O" if tag == "?" else tag for tag in tags]) for words, tags in marked]
    assert read_corpus([known, PER_ONLY], [marked], partial=True, layer="ner").train.unknown_tokens("ner") == {}


def test_unknown_tokens_and_unknown_labels_stand_side_by_side():
    marked = [(["a", "b"], ["B-PER", "?"]), (["c", "d"], ["O", "B-LOC"])]
    corpus = read_corpus([marked, PER_ONLY], [marked], partial=True, layer="ner")
    rows, possible = known_tags(corpus, NER, corpus.train.lengths)
    assert rows.tolist() == [8, 10, 0, 4, 8, 9]
    assert possible[9].sum() == 5  # O or any tag of a place
    assert possible[10].all()


def test_predicted_spans_with_an_unknown_token_do_not_count():
    marked = [(["a", "b"], ["B-PER", "?"]), (["a", "b"], ["O", "B-LOC"]), (["a", "b"], ["?", "?"])]
    scores = score_part(Fixed(), read_corpus([marked], [marked], partial=True, layer="ner"), "dev")
    assert (scores.support, scores.found, scores.correct) == (2, 3, 2)


def test_a_question_mark_is_a_tag_like_any_other_in_a_layer_of_plain_tags():
    tagged = [sentence_from_words(["who", "?"], {"pos": ["PRON", "?"]})]
    named = [sentence_from_words(["who", "?"], {"ner": ["B-PER", "?"]}), sentence_from_words(["a"], {"ner": ["O"]})]
    corpus = read_corpus([tagged, named], [tagged, named], partial=True, layer=("pos", "ner"))
    assert corpus.layer("pos").labels == ("?", "PRON")
    assert corpus.train.unknown_tokens("pos") == {}
    assert corpus.train.unknown_tokens("ner") == {1: [1]}


@pytest.mark.parametrize("sets", [None, ({"ner": PER | LOC},)])
def test_where_all_is_known_nothing_changes(sets):
    corpus = corpus_of([("ab", {"ner": ["B-PER", "O"]})], (NER,), sets or ({},), [0])
    corpus = corpus if sets else replace(corpus, knowledge=None)
    rows, possible = known_tags(corpus, NER, corpus.train.lengths)
    assert (rows.tolist(), possible) == ([8, 0], None)


def test_spans_of_unknown_labels_are_left_out_whatever_touches_them():
    assert only_known(["S-PER", "B-LOC", "E-LOC", "S-PER"], PER, Scheme.BIOES) == ["S-PER", "O", "O", "S-PER"]
    assert only_known(["I-PER", "B-PER", "I-LOC"], LOC, Scheme.IOB1) == ["O", "O", "I-LOC"]
    assert only_known(["B-PER"], PER, Scheme.IOB2) == ["B-PER"]


class Fixed:
    """A tagger that says the same of every sentence."""

    def tag_layers(self, sentences):
        return {"ner": [["B-PER", "B-LOC"] for _ in sentences], "pos": [["NOUN", "VERB"] for _ in sentences]}


def test_each_sentence_is_scored_on_the_labels_it_knows():
    sentences = [("ab", {"ner": ["B-PER", "O"]}), ("ab", {"ner": ["O", "B-LOC"]}), ("ab", {"ner": ["O", "B-LOC"]})]
    corpus = corpus_of(sentences, (NER,), ({"ner": PER}, {"ner": LOC}, {"ner": PER | LOC}), [0, 1, 2])
    scores = score_part(Fixed(), corpus, "dev")
    assert (scores.support, scores.found, scores.correct) == (3, 4, 3)  # only the last one's PER is wrong


def test_a_sentence_that_lacks_a_layer_is_not_scored_on_it():
    sentences = [("ab", {"pos": ["NOUN", "NOUN"]}), ("ab", {"ner": ["B-PER", "B-LOC"]})]
    corpus = corpus_of(sentences, (POS, NER), ({"pos": frozenset(POS.labels)}, {"ner": PER | LOC}), [0, 1])
    scores = score_part(Fixed(), corpus, "dev")
    assert (scores.layers["pos"].tokens, scores.layers["ner"].tokens) == (2, 2)
    assert deciding_score(corpus, scores) == (0.5 + 1.0) / 2
    no_pos = replace(
        corpus, knowledge=replace(corpus.knowledge, dev=np.array([1, 1])), dev=corpus.dev.take(np.array([1, 1]))
    )
    assert deciding_score(no_pos, score_part(Fixed(), no_pos, "dev")) == 1.0


def test_files_that_know_the_same_need_nothing_of_the_kind(tmp_path):
    path = write_corpus(tmp_path / "a.conll", 20, 1)
    with pytest.raises(DataError, match=r"All training files know the same labels: LOC, PER\. Train without"):
        read_corpus([path, path], partial=True)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_the_loss_of_a_softmax_and_a_crf_without_transitions_agree(halves, head):
    """With all transitions at 0 and all tags free to follow each other a CRF is a softmax at each token."""
    recipe = make_recipe("fast", {"units": 4, "characters": "none", "word_dim": 4, "head": head})
    task = prepare(read_corpus(halves, partial=True), recipe, None, 0)
    transitions = task.corpus.layers[0].transitions
    free = type(transitions)(*(np.ones_like(part) for part in transitions))
    network = TaggerNetwork(task.architecture, task.vocabulary, [Output(free, task.possible[0])])
    batch = next(training_batches(task.encoded, task.rows, 128, np.random.default_rng(0)))
    found = float(array(network.loss(batch)))
    emissions = array(network.emissions(batch)).astype(np.float64)
    share = np.exp(emissions) / np.exp(emissions).sum(-1, keepdims=True)
    chosen = (share * task.possible[0][batch.tags[0]]).sum(-1)
    inside = batch.sentences > 0
    assert found == pytest.approx(-np.log(chosen)[inside].mean(), rel=1e-4)


def test_the_identity_of_a_run_holds_what_its_files_know(halves):
    recipe = make_recipe("fast")
    identities = {
        prepare(read_corpus(halves, partial=partial), recipe, None, 0).identity
        for partial in (None, True, {str(halves[0]): ["PER", "LOC"]})
    }
    assert len(identities) == 3


@pytest.mark.slow
@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_two_halves_teach_what_neither_knows(halves, tmp_path, head):
    """Merged as they are, the halves contradict each other; read as parts they teach all labels."""
    test = write_corpus(tmp_path / "test.conll", 40, 9)
    options = {"out": tmp_path / "model", "console": QUIET, "recipe": {**TINY, "head": head}}
    tagger = tagsmith.train(halves, partial=True, test=test, **options)
    assert tagger.evaluate(test).f1 > 0.9
    config = json.loads((tmp_path / "model" / "config.json").read_text("utf-8"))
    assert config["scores"]["dev"]["support"] == 20  # a tenth of each, each with its own label alone
    assert tagger.labels == ("LOC", "PER")
    assert tagger.tag([[NAMES[0], "left", *PLACES[1].split(), "."]]) == [["B-PER", "O", "B-LOC", "I-LOC", "O"]]
    merged = tagsmith.train(halves, **{**options, "out": tmp_path / "merged"})
    assert merged.evaluate(test).f1 < tagger.evaluate(test).f1


@pytest.mark.slow
def test_a_run_tells_what_is_unknown_where(halves, tmp_path):
    said = io.StringIO()
    console = Console(file=said, width=200)
    tagsmith.train(halves, partial=True, out=tmp_path / "model", recipe={**TINY, "epochs": 1}, console=console)
    assert "90 train sentences know PER, not LOC\n90 train sentences know LOC, not PER\n" in said.getvalue()


def two_corpora():
    """One corpus with parts of speech alone, one with names alone; words and rules are the same."""
    speech, names = [], []
    for number in range(120):
        words = [NAMES[number % 8], VERBS[number % 5].split()[0], *PLACES[number % 6].split()]
        place = len(words) - 2
        pos = ["NAME", "VERB", *["NAME"] * place]
        ner = ["B-PER", "O", "B-LOC", *["I-LOC"] * (place - 1)]
        (names if number % 2 else speech).append(
            sentence_from_words(words, {"ner": ner} if number % 2 else {"pos": pos})
        )
    return speech, names


@pytest.mark.slow
def test_one_training_learns_parts_of_speech_from_one_corpus_and_names_from_another(tmp_path):
    speech, names = two_corpora()
    recipe = {**TINY, "epochs": 15}
    options = {"recipe": recipe, "console": QUIET}
    tagger = tagsmith.train([speech, names], out=tmp_path / "model", partial=True, layer=("pos", "ner"), **options)
    assert tagger.tag_layers([["Ada", "left", "Cape", "Town"]]) == {
        "pos": [["NAME", "VERB", "NAME", "NAME"]],
        "ner": [["B-PER", "O", "B-LOC", "I-LOC"]],
    }
    assert tagger.model.scores["dev"]["layers"].keys() == {"pos", "ner"}
    # Going on from that model with names alone keeps its parts of speech.
    new = [sentence_from_words([word, "left", "Rome"], {"ner": ["B-PER", "O", "B-CITY"]}) for word in NAMES * 5]
    changes = {"epochs": 8, "learning_rate": 0.01, "batch_tokens": 128, "least_steps": 1}
    later = tagsmith.train(
        new, out=tmp_path / "later", start=tmp_path / "model", layer="ner", recipe=changes, console=QUIET
    )
    assert later.layers == ("pos", "ner")
    assert later.layer("ner").labels == ("CITY", "LOC", "PER")
    assert later.tag_layers([["Ada", "left", "Rome"]]) == {
        "pos": [["NAME", "VERB", "NAME"]],
        "ner": [["B-PER", "O", "B-CITY"]],
    }
