"""Several layers trained together, end to end on a small corpus made by rule."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from rich.console import Console

import tagsmith
from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import DataError, RecipeError
from tagsmith.network.batches import row_lengths, training_batches
from tagsmith.text.schemes import Scheme
from tagsmith.training.loop import TrainingRun
from tagsmith.training.measure import deciding_measure, measure_of
from tagsmith.training.recipe import Recipe
from tagsmith.training.task import prepare
from tagsmith.training.train import train

NAMES, PLACES = ["Ada", "Ben", "Cleo", "Dora", "Emil"], ["Paris", "New York", "Oslo", "Cape Town"]
VERBS = ["lives in", "moved to", "loves", "left"]
TINY = {
    "units": 16,
    "batch_tokens": 128,
    "characters": "none",
    "word_dim": 16,
    "epochs": 10,
    "learning_rate": 0.02,
    "least_steps": 1,
    "average_epochs": 0.5,
}
LAYERS = ("pos", "ner")


def write_corpus(path, sentences, seed, layers=LAYERS):
    rng = random.Random(seed)
    lines = []
    for _ in range(sentences):
        verb, *rest = rng.choice(VERBS).split()
        place = rng.choice(PLACES).split()
        words = [rng.choice(NAMES), verb, *rest, *place]
        tags = {
            "pos": ["NAME", "VERB", *["ADP"] * len(rest), *["NAME"] * len(place)],
            "ner": ["B-PER", "O", *["O"] * len(rest), "B-LOC", *["I-LOC"] * (len(place) - 1)],
        }
        lines.append(json.dumps({"tokens": words, **{layer: tags[layer] for layer in layers}}))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return write_corpus(folder / "train.jsonl", 120, 1), write_corpus(folder / "dev.jsonl", 30, 2)


def run(files, out, changes=None, said=None, **options):
    console = Console(file=said or io.StringIO(), width=300)
    recipe = {**TINY, **(changes or {})}
    return train(
        files[0], dev=files[1], test=files[1], out=out, recipe=recipe, layer=LAYERS, console=console, **options
    )


def weights(folder):
    return safetensors.numpy.load((folder / "weights.safetensors").read_bytes())


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    out, said = tmp_path_factory.mktemp("run") / "model", io.StringIO()
    return run(files, out, said=said), out, said.getvalue()


# ------------------------------------------------------------------------------------------------------ the task


def test_the_batches_carry_the_tags_of_every_layer_in_step(files):
    corpus = read_corpus(*files, layer=LAYERS)
    task = prepare(corpus, Recipe(longest=4), None, 0)
    pos, ner = corpus.layers
    assert (pos.name, ner.name, ner.scheme) == ("pos", "ner", Scheme.IOB2)
    assert (measure_of(pos), measure_of(ner), deciding_measure(corpus)) == ("accuracy", "F1", "mean")
    encoded = task.encoded
    found = {}
    for batch in training_batches(encoded, row_lengths(encoded.lengths, 64), 64, np.random.default_rng(0)):
        inside = batch.sentences > 0
        assert not batch.tags[1][~inside].any()
        for first, second in zip(batch.tags[0][inside], batch.tags[1][inside], strict=True):
            pair = (pos.tags[first], ner.tags[second])
            found[pair] = found.get(pair, 0) + 1
    assert {pair for pair in found if pair[0] != "NAME"} == {("VERB", "O"), ("ADP", "O")}
    assert found["NAME", "S-PER"] == 120
    assert sum(found.values()) == encoded.tokens


def test_the_identity_of_a_run_holds_every_layer(files, tmp_path):
    corpus = read_corpus(*files, layer=LAYERS)
    other = files[0].read_text("utf-8").replace('"ner": ["B-PER"', '"ner": ["O"', 1)
    (tmp_path / "train.jsonl").write_text(other, "utf-8")
    changed = read_corpus(tmp_path / "train.jsonl", files[1], layer=LAYERS)
    found = [prepare(own, Recipe(), None, 0).identity for own in (corpus, changed, read_corpus(*files, layer="pos"))]
    assert len(set(found)) == 3
    assert prepare(read_corpus(*files, layer=LAYERS), Recipe(), None, 0).identity == found[0]


def test_a_corpus_that_lacks_a_layer_is_an_error_before_anything_is_trained(files, tmp_path):
    lacking = write_corpus(tmp_path / "less.jsonl", 20, 1, layers=("pos",))
    for train_file, dev in ((lacking, files[1]), (files[0], lacking)):
        with pytest.raises(DataError, match=r"less\.jsonl:1: This record has no layer 'ner'"):
            run((train_file, dev), tmp_path / "model")
    assert not (tmp_path / "model.training").exists()


# ------------------------------------------------------------------------------------------------------- the run


def test_a_tagger_of_two_layers_learns_both_and_is_the_same_after_loading(trained, files):
    tagger, out, _ = trained
    sentences = [["Ada", "left", "Cape", "Town"], ["Zoë", "loves", "Oslo"], []]
    loaded = tagsmith.load(out)
    assert loaded.layers == LAYERS
    assert loaded.tag_layers(sentences) == tagger.tag_layers(sentences)
    assert loaded.tag(sentences)[0] == ["NAME", "VERB", "NAME", "NAME"]
    assert loaded.tag(sentences, layer="ner")[0] == ["B-PER", "O", "B-LOC", "I-LOC"]
    scores = loaded.evaluate(files[1])
    assert scores.layers["pos"].accuracy > 0.95
    assert scores.layers["ner"].f1 > 0.9


def test_history_scores_and_model_card_tell_of_each_layer(trained, files):
    tagger, out, said = trained
    config = json.loads((out / "config.json").read_text("utf-8"))
    for part in ("dev", "test"):
        assert config["scores"][part]["layers"]["ner"]["support"] == 60
        assert config["scores"][part]["accuracy"] == config["scores"][part]["layers"]["pos"]["accuracy"]
    assert config["scores"]["dev"]["layers"]["ner"]["f1"] == tagger.evaluate(files[1]).layers["ner"].f1
    history = [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]
    for entry in history:
        assert entry["measure"] == "mean"
        assert entry["dev"] == pytest.approx(sum(entry["layers"].values()) / 2)
    card = (out / "README.md").read_text("utf-8")
    assert "Layer `ner`, scheme IOB2, labels: LOC, PER." in card
    assert "| dev, pos |" in card
    assert "## Labels of `ner`" in card
    assert "layer pos, scheme plain, 3 tags; layer ner, scheme IOB2, 9 tags" in said
    assert f"(pos {100 * history[0]['layers']['pos']:.2f}, ner " in said
    assert "best epoch" in said
    assert "(pos accuracy " in said


def test_the_best_epoch_is_that_of_the_best_mean(files, tmp_path, monkeypatch):
    given = iter([(0.5, 0.9), (0.9, 0.6), (0.6, 0.7)])
    score = TrainingRun.score_dev

    def scored(self, arrays):
        scores, loss = score(self, arrays)
        pos, ner = next(given)
        layers = {"pos": replace(scores.layers["pos"], accuracy=pos), "ner": replace(scores.layers["ner"], f1=ner)}
        return replace(scores, layers=layers), loss

    monkeypatch.setattr(TrainingRun, "score_dev", scored)
    run(files, tmp_path / "model", {"epochs": 3})
    history = [json.loads(line) for line in (tmp_path / "model/history.jsonl").read_text("utf-8").splitlines()]
    assert [entry["best"] for entry in history] == [True, True, False]


def test_a_layer_alone_gives_the_weights_of_before_and_the_folder_of_one_layer(files, tmp_path):
    for name, layer in (("text", "pos"), ("sequence", ("pos",))):
        train(
            files[0],
            dev=files[1],
            out=tmp_path / name,
            recipe={**TINY, "epochs": 1},
            layer=layer,
            console=Console(file=io.StringIO()),
        )
    some, other = weights(tmp_path / "text"), weights(tmp_path / "sequence")
    assert all(np.array_equal(some[name], other[name]) for name in some)
    assert some["output/kernel"].shape[1] == 3
    assert not any(name.startswith("crf/1") for name in some)
    assert len(json.loads((tmp_path / "text" / "config.json").read_bytes())["layers"]) == 1


@pytest.mark.slow
def test_an_interrupted_run_resumes_exactly(files, tmp_path, monkeypatch):
    changes = {"epochs": 3}
    run(files, tmp_path / "whole", changes)
    score = TrainingRun.score_dev

    def interrupted(self, arrays):
        if self.progress.epoch == 1:
            raise KeyboardInterrupt
        return score(self, arrays)

    monkeypatch.setattr(TrainingRun, "score_dev", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(files, tmp_path / "cut", changes)
    assert tagsmith.load(tmp_path / "cut.training" / "best").layers == LAYERS
    monkeypatch.setattr(TrainingRun, "score_dev", score)
    with pytest.raises(RecipeError, match="other data"):
        train(files[0], dev=files[1], out=tmp_path / "cut", recipe={**TINY, **changes}, layer="pos", resume=True)
    run(files, tmp_path / "cut", changes, resume=True)
    some, other = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert some.keys() == other.keys()
    assert all(np.array_equal(some[name], other[name]) for name in some)


@pytest.mark.slow
def test_softmax_heads_and_other_cells_learn_too(files, tmp_path):
    tagger = run(files, tmp_path / "model", {"head": "softmax", "cell": "gru"})
    scores = tagger.evaluate(files[1])
    assert min(scores.layers["pos"].accuracy, scores.layers["ner"].f1) > 0.8
