"""Training on corpora whose label sets differ: the tags a token may have, scores on known labels, whole runs."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console
from tagsmith.corpus.corpus import read_corpus
from tagsmith.training.partial import evaluate, load, only_known, open_tags
from test_training import NAMES, PLACES, QUIET, TINY, write_corpus

import tagsmith
from keras_calls import array
from tagsmith.corpus.corpus import Knowledge
from tagsmith.errors import DataError
from tagsmith.network.batches import training_batches
from tagsmith.network.tagger_network import TaggerNetwork
from tagsmith.text.schemes import Scheme
from tagsmith.training.recipe import make_recipe
from tagsmith.training.task import prepare

TAGS = ["O", "B-LOC", "E-LOC", "S-LOC", "B-PER", "E-PER", "S-PER"]
PER, LOC = frozenset(["PER"]), frozenset(["LOC"])


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
    knowledge = Knowledge((PER, LOC, PER | LOC), (0, 1, 2), ())
    gold = [["S-PER", "O"], ["O", "S-LOC"], ["O"]]
    opened, rows, possible = open_tags(gold, knowledge, TAGS)
    numbers = [[rows[tag] for tag in tags] for tags in opened]
    assert numbers == [[6, 7], [8, 3], [0]]
    assert possible.shape == (9, 7)
    np.testing.assert_array_equal(possible[:7], np.eye(7, dtype=bool))
    assert [TAGS[column] for column in np.flatnonzero(possible[7])] == ["O", "B-LOC", "E-LOC", "S-LOC"]
    assert [TAGS[column] for column in np.flatnonzero(possible[8])] == ["O", "B-PER", "E-PER", "S-PER"]


@pytest.mark.parametrize("knowledge", [None, Knowledge((PER | LOC,), (0,), ())])
def test_where_all_is_known_nothing_changes(knowledge):
    gold = [["S-PER", "O"]]
    opened, rows, possible = open_tags(gold, knowledge, TAGS)
    assert (opened, rows, possible) == (gold, {tag: row for row, tag in enumerate(TAGS)}, None)


def test_spans_of_unknown_labels_are_left_out_whatever_touches_them():
    assert only_known(["S-PER", "B-LOC", "E-LOC", "S-PER"], PER, Scheme.BIOES) == ["S-PER", "O", "O", "S-PER"]
    assert only_known(["I-PER", "B-PER", "I-LOC"], LOC, Scheme.IOB1) == ["O", "O", "I-LOC"]
    assert only_known(["B-PER"], PER, Scheme.IOB2) == ["B-PER"]


class Fixed:
    """A tagger that says the same of every sentence."""

    scheme = Scheme.IOB2

    def tag(self, sentences):
        return [["B-PER", "B-LOC"] for _ in sentences]


def test_each_sentence_is_scored_on_the_labels_it_knows():
    sentences = read_corpus(io.StringIO("a B-PER\nb O\n\na O\nb B-LOC\n\na O\nb B-LOC\n"), io.StringIO("a B-PER")).train
    scores = evaluate(Fixed(), sentences, Knowledge((PER, LOC, PER | LOC), (), ()), [0, 1, 2])
    assert (scores.support, scores.found, scores.correct) == (3, 4, 3)  # only the last one's PER is wrong


def test_files_that_know_the_same_need_nothing_of_the_kind(tmp_path):
    path = write_corpus(tmp_path / "a.conll", 20, 1)
    with pytest.raises(DataError, match=r"All training files know the same labels: LOC, PER\. Train without"):
        load([path, path], None, None, partial=True, format="auto", seed=0)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_the_loss_of_a_softmax_and_a_crf_without_transitions_agree(halves, head):
    """With all transitions at 0 and all tags free to follow each other a CRF is a softmax at each token."""
    recipe = make_recipe("fast", {"units": 4, "characters": "none", "word_dim": 4, "head": head})
    task = prepare(load(halves, None, None, partial=True, format="auto", seed=0), recipe, None, 0)
    free = type(task.allowed)(*(np.ones_like(part) for part in task.allowed))
    network = TaggerNetwork(task.architecture, task.vocabulary, free, possible=task.possible)
    batch = next(training_batches(task.encoded, task.rows, 128, np.random.default_rng(0)))
    found = float(array(network.loss(batch)))
    emissions = array(network.emissions(batch)).astype(np.float64)
    share = np.exp(emissions) / np.exp(emissions).sum(-1, keepdims=True)
    chosen = (share * task.possible[batch.tags]).sum(-1)
    inside = batch.sentences > 0
    assert found == pytest.approx(-np.log(chosen)[inside].mean(), rel=1e-4)


def test_the_identity_of_a_run_holds_what_its_files_know(halves):
    recipe = make_recipe("fast")
    identities = {
        prepare(load(halves, None, None, partial=partial, format="auto", seed=0), recipe, None, 0).identity
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
    merged = tagsmith.train(halves, **options)
    assert merged.evaluate(test).f1 < tagger.evaluate(test).f1


@pytest.mark.slow
def test_a_run_tells_what_is_unknown_where(halves, tmp_path):
    said = io.StringIO()
    console = Console(file=said, width=200)
    tagsmith.train(halves, partial=True, out=tmp_path / "model", recipe={**TINY, "epochs": 1}, console=console)
    assert "90 train sentences know PER, not LOC\n90 train sentences know LOC, not PER\n" in said.getvalue()
