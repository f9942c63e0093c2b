"""Training end to end on a small corpus made by rule: it learns, it repeats itself exactly, and it loses nothing."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from rich.console import Console

import tagsmith
from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import InputError, RecipeError, TrainingError
from tagsmith.training import loop
from tagsmith.training.averaging import EVERY
from tagsmith.training.display import Silent
from tagsmith.training.loop import TrainingRun
from tagsmith.training.recipe import make_recipe
from tagsmith.training.target import training_folder
from tagsmith.training.task import prepare
from tagsmith.training.train import train

NAMES = ["Ada", "Ben", "Cleo", "Dora", "Emil", "Fritz", "Gina", "Hugo"]
PLACES = ["Paris", "New York", "Oslo", "Cape Town", "Lima", "Hong Kong"]
VERBS = ["lives in", "moved to", "loves", "works near", "left"]
TINY = {
    "units": 16,
    "batch_tokens": 128,
    "character_units": 8,
    "word_dim": 16,
    "epochs": 12,
    "learning_rate": 0.01,
    "least_steps": 1,
}
CONFIGURATIONS = [
    {},
    {"characters": "gru", "cell": "gru", "layers": 2, "residual": True, "head": "softmax"},
    {"characters": "none", "cell": "rnn", "bidirectional": False, "shape_dim": 0, "average_epochs": 0.0},
    {"variational_dropout": True, "recurrent_dropout": 0.2, "optimizer": "sgd", "learning_rate": 0.1},
]
QUIET = Console(file=io.StringIO())


def write_corpus(path: Path, sentences: int, seed: int, single: str = "B") -> Path:
    rng = random.Random(seed)
    lines = []
    for _ in range(sentences):
        place = rng.choice(PLACES).split()
        lines += [f"{rng.choice(NAMES)} {single}-PER"]
        lines += [f"{word} O" for word in rng.choice(VERBS).split()]
        lines += [f"{word} {'I' if number else 'B'}-LOC" for number, word in enumerate(place)]
        lines += [". O", ""]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def corpus(tmp_path):
    return {
        "train": write_corpus(tmp_path / "train.conll", 120, 1),
        "dev": write_corpus(tmp_path / "dev.conll", 30, 2),
        "out": tmp_path / "model",
        "console": QUIET,
    }


def run(corpus, changes=None, **options):
    return train(
        corpus["train"],
        **{k: v for k, v in corpus.items() if k != "train"},
        recipe={**TINY, **(changes or {})},
        **options,
    )


def weights(folder):
    return safetensors.numpy.load((folder / "weights.safetensors").read_bytes())


@pytest.mark.parametrize("changes", CONFIGURATIONS)
def test_a_trained_tagger_learns_and_is_the_same_after_loading(corpus, changes):
    tagger = run(corpus, changes)
    sentences = [["Ada", "left", "Cape", "Town", "."], ["Zoë", "loves", "Lima"], []]
    loaded = tagsmith.load(corpus["out"])
    assert loaded.tag(sentences) == tagger.tag(sentences)
    assert loaded.evaluate(corpus["dev"]).f1 > 0.9
    assert loaded.tag(sentences)[0] == ["B-PER", "O", "B-LOC", "I-LOC", "O"]
    assert not corpus["out"].with_name("model.training").exists()


def test_the_folder_tells_how_the_run_went(corpus):
    run(corpus, {"epochs": 2})
    history = [json.loads(line) for line in (corpus["out"] / "history.jsonl").read_text("utf-8").splitlines()]
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert {"loss", "dev_loss", "dev", "tokens_per_second"} <= set(history[0])
    assert history[-1]["dev_loss"] < history[0]["dev_loss"]
    assert (corpus["out"] / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert "LOC" in (corpus["out"] / "README.md").read_text("utf-8")
    config = json.loads((corpus["out"] / "config.json").read_text("utf-8"))
    assert config["recipe"]["seed"] == 0
    assert config["scores"]["dev"]["support"] == 60


def test_the_same_seed_gives_the_same_folder_but_for_times_and_another_seed_other_weights(corpus, tmp_path):
    found = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run({**corpus, "out": tmp_path / name}, {"epochs": 2}, seed=seed)
        found[name] = weights(tmp_path / name)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab"]
    histories = [content.pop("history.jsonl") for content in contents]
    assert contents[0] == contents[1]
    timed = {"seconds", "tokens_per_second", "seconds_left"}
    entries = [[json.loads(line) for line in history.splitlines()] for history in histories]
    first, second = ([{k: v for k, v in entry.items() if k not in timed} for entry in own] for own in entries)
    assert first == second
    assert not np.array_equal(found["a"]["output/kernel"], found["c"]["output/kernel"])


@pytest.mark.parametrize("estimate", [1, EVERY, 1000])
def test_an_epoch_counts_every_token_and_is_averaged_however_many_steps_it_was_thought_to_have(corpus, estimate):
    """Sentences are packed anew in each epoch, so that the number of steps is known only at its end."""
    recipe = make_recipe(changes=TINY)
    task = prepare(read_corpus(corpus["train"], corpus["dev"]), recipe, None, 0)
    session = TrainingRun(task, recipe, 0, corpus["out"])
    assert session.steps_per_epoch < EVERY
    session.steps_per_epoch = estimate
    entry = session._train_epoch(1, Silent())
    assert entry["tokens"] == task.encoded.tokens
    assert 0 < entry["loss"] < 3
    assert session.average.updates == 1


def interrupt_after(monkeypatch, epochs):
    """Press Ctrl-C while the epoch after ``epochs`` is scored."""
    score = TrainingRun.score_dev

    def interrupted(self, arrays):
        if self.progress.epoch == epochs:
            raise KeyboardInterrupt
        return score(self, arrays)

    monkeypatch.setattr(TrainingRun, "score_dev", interrupted)


def test_an_interrupted_run_saves_the_best_so_far_and_resumes_exactly(corpus, tmp_path, monkeypatch):
    changes = {"epochs": 4}
    run({**corpus, "out": tmp_path / "whole"}, changes)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            run(corpus, changes)
    assert not corpus["out"].exists()
    tagsmith.load(training_folder(corpus["out"]) / "best")  # the best of the first two epochs
    with pytest.raises(RecipeError, match="other data, recipe, vectors or seed"):
        run(corpus, changes, resume=True, seed=1)
    run(corpus, changes, resume=True)
    whole, resumed = weights(tmp_path / "whole"), weights(corpus["out"])
    assert whole.keys() == resumed.keys()
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_an_interruption_before_the_first_epoch_leaves_no_model(corpus, monkeypatch):
    interrupt_after(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        run(corpus)
    assert list(corpus["out"].parent.glob("*model*")) == []


def test_it_stops_when_the_dev_score_rises_no_more_and_of_equal_epochs_keeps_the_last(corpus, monkeypatch):
    given = iter([0.5, 0.7, 0.6, 0.7, 0.6])
    monkeypatch.setattr(loop, "deciding_score", lambda *_: next(given, 0.1))
    kept = []
    monkeypatch.setattr(TrainingRun, "save", lambda self: kept.append(self.best))
    tagger = run(corpus, {"patience": 3})
    history = [json.loads(line) for line in (corpus["out"] / "history.jsonl").read_text("utf-8").splitlines()]
    # It rose last in epoch 2: three epochs later it ends, though epoch 4 was as good.
    assert [entry["best"] for entry in history] == [True, True, False, True, False]
    table = kept[3]["word/trained"]
    assert not np.array_equal(table, kept[1]["word/trained"])
    assert np.array_equal(tagger.model.weights["word/trained"], table)


def test_resuming_without_a_run_is_an_error(corpus):
    with pytest.raises(InputError, match="no run to resume"):
        run(corpus, resume=True)


def test_a_loss_that_is_no_number_ends_the_run_with_the_last_good_model(corpus, monkeypatch):
    train_epoch = TrainingRun._train_epoch

    def spoiled(self, epoch, *rest):
        if epoch == 2:
            good = self.step
            monkeypatch.setattr(self, "step", lambda batch, noise: np.float32("nan"))
            try:
                return train_epoch(self, epoch, *rest)
            finally:
                self.step = good
        return train_epoch(self, epoch, *rest)

    monkeypatch.setattr(TrainingRun, "_train_epoch", spoiled)
    with pytest.raises(TrainingError, match=r"The loss became nan in epoch 2.*1 epoch.*model.training/best"):
        run(corpus)
    assert not corpus["out"].exists()
    assert tagsmith.load(training_folder(corpus["out"]) / "best").labels == ("LOC", "PER")


def test_a_word_that_only_the_vectors_know_is_tagged_by_its_vector(corpus, tmp_path):
    rng = np.random.default_rng(0)
    places = [word for place in PLACES for word in place.split()]
    lines = []
    for word in [*NAMES, "Xqzt", *places, "Wvbk"]:  # the corpus has neither Xqzt nor Wvbk
        kind = 2.0 if word in [*NAMES, "Xqzt"] else -2.0
        lines.append(" ".join([word, *(f"{kind + 0.3 * value:.3f}" for value in rng.standard_normal(8))]))
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("\n".join(lines) + "\n", "utf-8")
    tagger = run(corpus, {"characters": "none", "shape_dim": 0}, vectors=vectors)
    (tags,) = tagger.tag([["Xqzt", "left", "Wvbk", "."]])
    assert tags == ["B-PER", "O", "B-LOC", "O"]


def test_plain_tags_train_by_accuracy(corpus, tmp_path):
    for part in ("train", "dev"):
        text = corpus[part].read_text("utf-8")
        corpus[part].write_text(text.replace(" O\n", " WORD\n").replace("B-", "").replace("I-", ""), "utf-8")
    tagger = run(corpus, {"epochs": 6})
    assert tagger.scheme is tagsmith.Scheme.PLAIN
    assert tagger.evaluate(corpus["dev"]).accuracy > 0.9


def test_long_training_sentences_are_cut_in_training_alone(corpus):
    tagger = run(corpus, {"longest": 3, "epochs": 1})
    assert [len(tags) for tags in tagger.tag([["Ada"] * 50])] == [50]


def test_without_a_dev_file_a_tenth_is_held_out(corpus):
    del corpus["dev"]
    run(corpus, {"epochs": 1})
    config = json.loads((corpus["out"] / "config.json").read_text("utf-8"))
    assert config["scores"]["dev"]["support"] == 24


def test_cells_without_an_8_bit_form_run_in_float32(corpus):
    assert run(corpus, {"cell": "gru", "epochs": 1}).precision == "float32"


def test_a_model_runs_in_8_bits_unless_that_loses_too_much(corpus, monkeypatch):
    assert run(corpus).precision == "int8"
    assert tagsmith.load(corpus["out"]).precision == "int8"
    monkeypatch.setattr("tagsmith.training.train.MOST_LOST", -1.0)  # as if 8 bits had lost more than that
    said = io.StringIO()
    tagger = run({**corpus, "console": Console(file=said, width=200)}, force=True)
    assert tagger.precision == tagsmith.load(corpus["out"]).precision == "float32"
    assert "8-bit kernels would lose 0.00 points of dev F1: the model runs in float32" in said.getvalue()
    assert tagsmith.load(corpus["out"], precision="int8").precision == "int8"
    config = json.loads((corpus["out"] / "config.json").read_text("utf-8"))
    assert config["scores"]["dev"]["f1"] == tagger.evaluate(corpus["dev"]).f1
    assert tagger.model.scores == config["scores"]


@pytest.mark.parametrize("least", [1, 20, 50])
def test_an_epoch_reads_a_small_corpus_several_times(corpus, least):
    given = {key: corpus[key] for key in ("train", "dev")}
    recipe = make_recipe(changes={**TINY, "least_steps": least})
    run_of_it = TrainingRun(prepare(read_corpus(**given), recipe, None, 0), recipe, 0, corpus["out"])
    passes = run_of_it.passes
    assert run_of_it.steps_per_epoch / passes < 10
    assert run_of_it.steps_per_epoch == pytest.approx(max(least, run_of_it.steps_per_epoch / passes), abs=5)
    batches = list(run_of_it._batches(np.random.default_rng(0)))
    tokens = sum(int((batch.sentences > 0).sum()) for batch in batches)
    assert tokens == passes * run_of_it.task.encoded.tokens
    assert len(batches) == pytest.approx(run_of_it.steps_per_epoch, abs=passes)
