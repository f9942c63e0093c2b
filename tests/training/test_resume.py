"""Runs that end early: whatever stops them, resuming gives the very weights of the run that was left alone."""

from __future__ import annotations

import io
import json
import os
import shutil

import numpy as np
import pytest
from rich.console import Console
from test_training import CONFIGURATIONS, QUIET, TINY, run, weights, write_corpus

import tagsmith
from keras_calls import array, compiled
from packed_rows import make_batch, numbered
from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import InputError, ModelError, RecipeError, TrainingError
from tagsmith.model.configuration import Scaling
from tagsmith.model.folder import write_model
from tagsmith.network.backend import keras
from tagsmith.training import loop
from tagsmith.training.checkpoint import FILE
from tagsmith.training.display import Silent
from tagsmith.training.loop import TrainingRun
from tagsmith.training.recipe import make_recipe
from tagsmith.training.task import prepare
from tagsmith.training.train import _best_model

pytestmark = pytest.mark.slow
EPOCHS = 3
# Averaged Adam, then plain momentum with all kinds of dropout: other state each time.
KINDS = [
    {"epochs": EPOCHS},
    {**CONFIGURATIONS[3], "epochs": EPOCHS, "average_epochs": 0.0, "characters": "none"},
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    words = ["Ada", "Ben", "Paris", "New", "York", "Oslo", "lives", "Zürich"]
    lines = [" ".join([word, *(f"{value:.3f}" for value in rng.standard_normal(6))]) for word in words]
    (folder / "vectors.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return {
        "train": write_corpus(folder / "train.conll", 120, 1),
        "dev": write_corpus(folder / "dev.conll", 30, 2),
        "vectors": folder / "vectors.txt",
        "console": QUIET,
    }


@pytest.fixture(scope="module", params=KINDS, ids=["adam", "sgd"])
def whole(request, corpus, tmp_path_factory):
    """A recipe and the weights that it gives when nothing stops the run."""
    out = tmp_path_factory.mktemp("whole") / "model"
    run({**corpus, "out": out}, request.param)
    return request.param, weights(out)


def assert_same(some, other):
    assert some.keys() == other.keys()
    for name, array_ in some.items():
        np.testing.assert_array_equal(array_, other[name], err_msg=name)


class Stopping(Silent):
    """A display that raises an error at a step or at the end of an epoch."""

    def __init__(self, error, epoch, *, midway):
        self.error, self.number, self.midway = error, epoch, midway

    def step(self, epoch, done, loss, speed):
        if self.midway and epoch == self.number:
            raise self.error

    def epoch(self, entry):
        if not self.midway and entry["epoch"] == self.number:
            raise self.error


def stop(monkeypatch, error, epoch, *, midway):
    from contextlib import nullcontext

    stopping = nullcontext(Stopping(error, epoch, midway=midway))
    monkeypatch.setattr("tagsmith.training.train.open_display", lambda *_: stopping)


@pytest.mark.parametrize(
    ("error", "midway"), [(KeyboardInterrupt, True), (KeyboardInterrupt, False), (SystemExit, True)]
)
def test_a_stopped_run_ends_with_the_weights_of_the_whole_run(corpus, whole, tmp_path, monkeypatch, error, midway):
    recipe, expected = whole
    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        stop(patch, error(), 2, midway=midway)
        with pytest.raises(error):
            run({**corpus, "out": out}, recipe)
    finished = 1 if midway else 2
    assert not out.exists()
    best = tmp_path / "model.training" / "best"
    assert best.exists() == (error is KeyboardInterrupt)
    if best.exists():  # the best so far has been written
        assert tagsmith.load(best).labels == ("LOC", "PER")
        history = (best / "history.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line)["epoch"] for line in history] == list(range(1, finished + 1))
    run({**corpus, "out": out}, recipe, resume=True)
    assert_same(weights(out), expected)
    history = [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]
    assert [entry["epoch"] for entry in history] == list(range(1, EPOCHS + 1))
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("whole", KINDS[:1], indirect=True, ids=["adam"])
def test_a_run_stopped_twice_still_ends_the_same(corpus, whole, tmp_path, monkeypatch):
    recipe, expected = whole
    out = tmp_path / "model"
    for epoch in (1, 2):
        with monkeypatch.context() as patch:
            stop(patch, SystemExit(), epoch, midway=False)
            with pytest.raises(SystemExit):
                run({**corpus, "out": out}, recipe, resume=epoch > 1)
    run({**corpus, "out": out}, recipe, resume=True)
    assert_same(weights(out), expected)


@pytest.fixture(scope="module")
def stopped(corpus, tmp_path_factory):
    """The state of a run that was killed after its first epoch."""
    out = tmp_path_factory.mktemp("stopped") / "model"
    with pytest.MonkeyPatch.context() as patch:
        stop(patch, SystemExit(), 1, midway=False)
        with pytest.raises(SystemExit):
            run({**corpus, "out": out}, KINDS[0])
    return out.with_name("model.training")


@pytest.fixture
def out(stopped, tmp_path):
    shutil.copytree(stopped, tmp_path / "model.training")
    return tmp_path / "model"


@pytest.mark.parametrize("change", ["seed", "recipe", "vectors", "train", "dev"])
def test_resuming_with_anything_else_is_refused(corpus, out, tmp_path, change):
    arguments = {**corpus, "out": out}
    recipe, seed = dict(KINDS[0]), 0
    if change == "seed":
        seed = 1
    elif change == "recipe":
        recipe["learning_rate"] = 0.02
    elif change == "vectors":
        (tmp_path / "others.txt").write_text(corpus["vectors"].read_text("utf-8").replace("Oslo ", "Bergen "), "utf-8")
        arguments["vectors"] = tmp_path / "others.txt"
    else:
        arguments[change] = write_corpus(tmp_path / "other.conll", 110, 3)
    with pytest.raises(RecipeError, match="other data, recipe, vectors or seed"):
        run(arguments, recipe, seed=seed, resume=True)
    assert not out.exists()


def test_resuming_with_other_processors_or_versions_goes_on_and_says_so(corpus, out, monkeypatch):
    now = loop.surroundings()
    monkeypatch.setattr(loop, "surroundings", lambda: {**now, "processors": "64", "NumPy": "9.9"})
    said = io.StringIO()
    run({**corpus, "out": out, "console": Console(file=said, width=300)}, KINDS[0], resume=True)
    assert (
        f"not the same as before (processors {now['processors']} → 64, NumPy {now['NumPy']} → 9.9): "
        "the weights may differ from an unbroken run's\n" in said.getvalue()
    )
    assert tagsmith.load(out).labels == ("LOC", "PER")


def test_resuming_from_a_damaged_checkpoint_is_refused(corpus, out):
    path = out.with_name("model.training") / FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=FILE):
        run({**corpus, "out": out}, KINDS[0], resume=True)


@pytest.mark.parametrize("whole", KINDS[:1], indirect=True, ids=["adam"])
def test_a_full_disk_stops_the_run_and_what_was_saved_can_be_resumed(corpus, whole, tmp_path, monkeypatch):
    recipe, expected = whole
    out, calls, fsync = tmp_path / "model", iter(range(99)), os.fsync

    def full(handle):
        if next(calls) == 1:  # the second epoch's checkpoint
            raise OSError(28, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            run({**corpus, "out": out}, recipe)
    assert not out.exists()
    run({**corpus, "out": out}, recipe, resume=True)
    assert_same(weights(out), expected)


# -------------------------------------------------------------------------------- losses that are no number


def test_a_learning_rate_far_too_high_is_a_clear_error(corpus, tmp_path):
    changes = {"learning_rate": 1e30, "clip_norm": 1e30, "schedule": "constant", "warmup_epochs": 0.0, "epochs": 3}
    with pytest.raises(TrainingError, match=r"learning_rate") as caught:
        run({**corpus, "out": tmp_path / "model"}, {**changes, "average_epochs": 0.0})
    assert "epoch" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("epoch", [1, 2])
def test_weights_that_the_last_step_of_an_epoch_spoilt_are_never_kept(corpus, tmp_path, monkeypatch, epoch):
    """The loss of a step says nothing of the weights after it."""
    train_epoch = TrainingRun._train_epoch

    def spoilt(self, number, *rest):
        entry = train_epoch(self, number, *rest)
        if number == epoch:
            kernel = self.network.output_kernel
            kernel.assign(np.full(kernel.shape, np.nan, np.float32))
            if self.average:
                self.average.arrays["output/kernel"][:] = np.nan
            self.step.reload()
        return entry

    monkeypatch.setattr(TrainingRun, "_train_epoch", spoilt)
    out = tmp_path / "model"
    with pytest.raises(TrainingError, match=f"epoch {epoch}"):
        run({**corpus, "out": out}, {"epochs": 4})
    assert not out.exists()
    best = tmp_path / "model.training" / "best"
    assert best.exists() == (epoch == 2)
    if best.exists():
        assert all(np.isfinite(array_).all() for array_ in weights(best).values())


# ------------------------------------------------------------------------------- the model is the network


@pytest.mark.parametrize(
    ("changes", "vectors"), [*((changes, number < 2) for number, changes in enumerate(CONFIGURATIONS)), ({}, False)]
)
def test_the_loaded_model_gives_the_emissions_of_the_trained_network(corpus, tmp_path, changes, vectors):
    """Train, save, load: the emissions of the runtime are those of the Keras network, with the calibrated bias of O."""
    recipe = make_recipe(changes={**TINY, **changes, "epochs": 1})
    task = prepare(read_corpus(corpus["train"], corpus["dev"]), recipe, corpus["vectors"] if vectors else None, 0)
    session = TrainingRun(task, recipe, 0, tmp_path / "run")
    session.train(Silent())
    session.network.assign(session.best)
    write_model(_best_model(session, Silent(), ())[0], tmp_path / "model")
    sentences = [["Ada", "lives", "in", "Zürich", "."], ["Reykjavík", "!"], ["x"]]
    words = [word for sentence in sentences for word in sentence]
    rows = np.int32([[0, 1, 2, 3, 4], [5, 6, 0, 0, 0], [7, 0, 0, 0, 0]])
    lengths = [5, 2, 1]
    numbers = numbered([[length] for length in lengths], 5)
    batch = make_batch(task.vocabulary.encode(words), rows, numbers, rows * 0)
    batch = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
    expected = np.array(array(compiled(lambda: session.network.emissions(batch))()))
    tagger = tagsmith.load(tmp_path / "model", precision="float32")
    (layer,) = tagger.model.layers
    expected[..., layer.tags.index("O")] += tagger.model.scalings.get(layer.name, Scaling()).outside
    seen = []
    emissions = tagger._network.emissions
    tagger._network.emissions = lambda *given: seen.append(emissions(*given)) or seen[-1]
    tags = tagger.tag(sentences)
    assert [len(own) for own in tags] == lengths
    inside = numbers > 0
    np.testing.assert_allclose(seen[0].transpose(1, 0, 2)[inside], expected[inside], atol=1e-4)
    assert tags == tagsmith.load(tmp_path / "model", precision="float32", threads=1).tag(sentences)
    if vectors:  # the frozen table is, to the bit, the one that training saw
        np.testing.assert_array_equal(tagger.model.weights["word/pretrained"], task.pretrained[0])
        np.testing.assert_array_equal(tagger.model.weights["word/scales"], task.pretrained[1])


def test_the_model_card_holds_the_recipe_and_the_scores(corpus, tmp_path):
    import tomllib

    run({**corpus, "out": tmp_path / "model"}, {"epochs": 1})
    card = (tmp_path / "model/README.md").read_text("utf-8")
    recipe = tomllib.loads(card.split("```toml\n")[1].split("```")[0])
    assert recipe == make_recipe(changes={**TINY, "epochs": 1}).as_dict()
    scores = json.loads((tmp_path / "model/config.json").read_text("utf-8"))["scores"]["dev"]
    assert (
        f"| dev | {100 * scores['precision']:.2f} | {100 * scores['recall']:.2f} | {100 * scores['f1']:.2f} |" in card
    )
    assert "| LOC |" in card
    assert "| PER |" in card


def test_a_place_that_cannot_hold_a_model_is_refused_before_training(corpus, tmp_path):
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/mine").write_text("mine", "utf-8")
    for name in ("file", "folder"):
        with pytest.raises(InputError, match=name):
            run({**corpus, "out": tmp_path / name})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
