"""Going on from a model: before the first step nothing has changed, new labels are learned, errors are clear."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training import NAMES, PLACES, QUIET, TINY, interrupt_after, weights, write_corpus

import tagsmith
from random_model import SMALL, WITH_NGRAMS, WORDS, random_layers_model, random_model, random_sentences
from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import DataError, ModelError, RecipeError, VectorsError
from tagsmith.model import packaged
from tagsmith.model.architecture import Architecture
from tagsmith.model.folder import write_model
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, tags_to_spans
from tagsmith.training.fine_tuning import (
    LEARNING_RATE,
    LEAST_STEPS,
    fine_tuning_recipe,
    kept_layers,
    label_unknown,
    read_start,
)
from tagsmith.training.loop import TrainingRun
from tagsmith.training.model_card import model_card
from tagsmith.training.recipe import make_recipe
from tagsmith.training.task import prepare
from tagsmith.training.unknown_labels import known_tags

OTHER = Architecture(word_dim=6, characters="gru", character_units=3, cell="gru", units=5, layers=2, head="softmax")
NO_SPELLING = replace(SMALL, characters="none", shape_dim=0, bidirectional=False)
PRINTABLE = [word for word in WORDS if word.isprintable() and word.encode("utf-8", "ignore").decode() == word]


def new_data(labels: tuple[str, ...], prefix: str = "B-") -> io.StringIO:
    """Every word twice, known to the model or not, with the labels in turn."""
    tags = [f"{prefix}{label}" for label in labels]
    lines = [
        f"{word} {tags[n % len(tags)]}\n{word} {'O' if prefix else tags[0]}\n\n" for n, word in enumerate(PRINTABLE)
    ]
    return io.StringIO("".join(lines))


def started(model, labels, tmp_path, prefix="B-", **options) -> TrainingRun:
    """A run on new data that has done no step."""
    recipe = fine_tuning_recipe(model, "fast")
    corpus = read_corpus(new_data(labels, prefix), start=model.layers, format="conll", **options)
    return TrainingRun(prepare(corpus, recipe, None, 0, model), recipe, 0, tmp_path / "model")


@pytest.mark.parametrize(
    ("model", "labels", "prefix"),
    [
        (random_model(SMALL), ("LOC", "PER"), "B-"),
        (random_model(SMALL, scheme=Scheme.IOE1), ("LOC",), "B-"),
        (random_model(OTHER, pretrained=False), ("PER",), "B-"),
        (random_model(NO_SPELLING), ("LOC", "PER"), "B-"),
        (random_model(SMALL, vocabulary=WITH_NGRAMS), ("LOC", "PER"), "B-"),
        (random_model(SMALL, scheme=Scheme.PLAIN, labels=("NOUN", "VERB", "ADV")), ("NOUN", "VERB"), ""),
    ],
    ids=["crf", "IOE1", "softmax", "no spelling", "n-grams", "plain"],
)
def test_without_new_labels_the_first_outputs_are_the_models_own(model, labels, prefix, tmp_path):
    if not model.weights.get("word/pretrained", np.zeros(0)).size:
        model = replace(model, vocabulary=replace(model.vocabulary, pretrained=()))
    run = started(model, labels, tmp_path, prefix)
    assert run.task.vocabulary.words[: len(model.vocabulary.words)] == model.vocabulary.words
    assert "reykjavík" in run.task.vocabulary.words
    assert run.task.corpus.layers == run.model(run.network.arrays()).layers == model.layers
    sentences = random_sentences(20)
    found = Tagger(run.model(run.network.arrays()), precision="float32").tag_marginals(sentences)
    expected = Tagger(model, precision="float32").tag_marginals(sentences)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


def test_old_tags_keep_their_weights_beside_a_new_label(tmp_path):
    model = random_model(SMALL)
    run = started(model, ("CITY", "PER"), tmp_path)
    (layer,) = run.task.corpus.layers
    assert layer.labels == ("CITY", "LOC", "PER")
    places = [layer.tags.index(tag) for tag in model.layers[0].tags]
    found = run.network.arrays()
    np.testing.assert_array_equal(found["output/kernel"][:, places], model.weights["output/kernel"])
    np.testing.assert_array_equal(found["crf/0/between"][np.ix_(places, places)], model.weights["crf/0/between"])
    np.testing.assert_array_equal(found["crf/0/end"][places], model.weights["crf/0/end"])
    new = layer.tags.index("S-CITY")
    assert found["output/kernel"][:, new].any()
    assert not found["crf/0/between"][new].any()


def test_a_model_of_several_layers_gives_the_same_before_the_first_step_and_keeps_layers_that_the_data_lack(tmp_path):
    model = random_layers_model(SMALL)
    recipe = fine_tuning_recipe(model, "fast")
    data = io.StringIO("".join(f"{word} B-Z\n{word} O\n\n" for word in PRINTABLE))
    corpus = read_corpus(data, start=model.layers, format="conll", layer="new")
    assert [layer.name for layer in corpus.layers] == ["pos", "ner", "chunk", "new"]
    run = TrainingRun(prepare(corpus, recipe, None, 0, model), recipe, 0, tmp_path / "model")
    sentences = random_sentences(20)
    before = Tagger(model, precision="float32")
    after = Tagger(run.model(run.network.arrays()), precision="float32")
    for layer in before.layers:
        marginals = zip(
            before.tag_marginals(sentences, layer=layer), after.tag_marginals(sentences, layer=layer), strict=True
        )
        for expected, given in marginals:
            np.testing.assert_allclose(given, expected, atol=1e-5)
    completed = label_unknown(corpus, model)
    predicted = before.tag_layers(corpus.train.words())
    assert {layer: completed.train.tags(layer) for layer in before.layers} == predicted
    assert completed.train.tags("new") == corpus.train.tags("new")
    assert all(possible is None for possible in prepare(completed, recipe, None, 0, model).possible)


def test_a_model_of_several_layers_goes_on_with_those_alone_that_are_kept(tmp_path):
    model = random_layers_model(SMALL)  # pos, ner with X, chunk with X and Y
    recipe = fine_tuning_recipe(model, "fast")
    kept = kept_layers(model, ["chunk"])
    corpus = read_corpus(new_data(("Y",)), start=kept, format="conll", layer="chunk", partial=False)
    assert corpus.layers == kept == model.layers[2:]
    assert corpus.knowledge is None
    run = TrainingRun(prepare(corpus, recipe, None, 0, model), recipe, 0, tmp_path / "model")
    sentences = random_sentences(20)
    after = Tagger(run.model(run.network.arrays()), precision="float32")
    assert after.layers == ("chunk",)
    expected = Tagger(model, precision="float32").tag_marginals(sentences, layer="chunk")
    for own, other in zip(after.tag_marginals(sentences), expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)
    with pytest.raises(ModelError, match=r"no layer 'upos'\. Choose .*: pos, ner, chunk\."):
        kept_layers(model, ["chunk", "upos"])


def test_where_no_layer_is_kept_labels_of_the_same_name_go_on_and_the_network_does(tmp_path):
    model = random_layers_model(SMALL)
    recipe = fine_tuning_recipe(model, "fast")
    corpus = read_corpus(new_data(("NEW", "X")), format="conll")
    run = TrainingRun(prepare(corpus, recipe, None, 0, model), recipe, 0, tmp_path / "model")
    (layer,), (first, _, _) = run.task.corpus.layers, map(len, (layer.tags for layer in model.layers))
    assert (layer.name, layer.labels) == ("tags", ("NEW", "X"))
    found, old = run.network.arrays(), model.layers[1]  # the first that gives spans
    rows = [layer.tags.index(tag) for tag in old.tags]
    columns = slice(first, first + len(old.tags))
    np.testing.assert_array_equal(found["output/kernel"][:, rows], model.weights["output/kernel"][:, columns])
    np.testing.assert_array_equal(found["crf/0/between"][np.ix_(rows, rows)], model.weights["crf/1/between"])
    np.testing.assert_array_equal(found["sentence/0/forward/kernel"], model.weights["sentence/0/forward/kernel"])
    assert found["output/kernel"].shape[1] == len(layer.tags)


def test_the_card_names_the_license_of_the_model_that_training_began_with_and_of_the_one_before(tmp_path):
    model = random_model(SMALL)
    for card in ("---\nlicense: cc-by-sa-4.0\nlanguage: en\n---\n\n# A model\n", "# A model\n"):
        for _ in range(2):
            run = started(replace(model, extras={"README.md": card.encode()}), ("LOC",), tmp_path)
            progress = replace(run.progress, history=[])
            named = "license: cc-by-sa-4.0" in card or "whose license is cc-by-sa-4.0:" in card
            card = model_card(run.task, run.recipe, {}, progress, ["not calibrated"])
            assert ("began with a model whose license is cc-by-sa-4.0: see" in card) == named


def test_the_model_labels_what_the_new_data_do_not_know_beside_their_own_spans():
    model = random_model(SMALL)
    corpus = read_corpus(new_data(("CITY", "PER")), start=model.layers, format="conll")
    joined = label_unknown(corpus, model)
    assert joined.dev == corpus.dev
    known = [joined.knowledge.sets[number] for number in joined.knowledge.train]
    assert all(labels == {"ner": frozenset(["CITY", "LOC", "PER"])} for labels in known)
    assert known_tags(joined, joined.layers[0], joined.train.lengths)[1] is None  # an ordinary likelihood
    added = 0
    predicted = Tagger(model, precision="float32").tag([sentence.words for sentence in corpus.train])
    for old, new, own in zip(corpus.train, joined.train, predicted, strict=True):
        gold = tags_to_spans(old.layers["ner"], Scheme.IOB2)
        taken = {place for span in gold for place in range(span.start, span.end)}
        places = [span for span in tags_to_spans(own, Scheme.IOB2) if span.label == "LOC"]
        free = [span for span in places if not taken & set(range(span.start, span.end))]
        assert tags_to_spans(new.layers["ner"], Scheme.IOB2) == sorted([*gold, *free])
        added += len(free)
    assert added


def test_labels_that_the_new_data_lack_may_be_unknown_there_or_absent(tmp_path):
    run = started(random_model(SMALL), ("CITY", "PER"), tmp_path)
    tags = run.task.corpus.layers[0].tags
    (opened,) = run.task.possible[0][len(tags) :]
    assert {tag[2:] for tag, possible in zip(tags, opened, strict=True) if possible} == {"", "LOC"}
    assert started(random_model(SMALL), ("CITY", "PER"), tmp_path, partial=False).task.possible == (None,)


def test_the_identity_of_a_run_holds_the_model_it_goes_on_from(tmp_path):
    models = (random_model(SMALL), random_model(SMALL, seed=1))
    assert len({started(model, ("PER",), tmp_path).task.identity for model in models}) == 2


def test_the_recipe_has_the_models_network_and_a_lower_rate():
    model = random_model(SMALL)
    recipe = fine_tuning_recipe(model, "fast", {"epochs": 3, "units": SMALL.units})
    assert recipe.architecture == SMALL
    assert (recipe.epochs, recipe.learning_rate) == (3, LEARNING_RATE)
    assert fine_tuning_recipe(model, "fast", {"learning_rate": 0.1}).learning_rate == 0.1
    assert 1 < recipe.least_steps == LEAST_STEPS < make_recipe("fast").least_steps
    assert fine_tuning_recipe(model, "fast", {"least_steps": 1}).least_steps == 1
    assert fine_tuning_recipe(model, recipe=recipe) == recipe
    assert fine_tuning_recipe(model, recipe=recipe, changes={"epochs": 4}).epochs == 4


def test_a_recipe_of_another_network_is_an_error(tmp_path):
    model = random_model(SMALL)
    for recipe in ({"units": 8}, {"head": "softmax"}, make_recipe(changes={"units": 8})):
        with pytest.raises(RecipeError, match=r"but the model that training goes on from has"):
            fine_tuning_recipe(model, "fast", recipe)
    path = tmp_path / "recipe.toml"
    path.write_text('preset = "fast"\nunits = 8\n', "utf-8")
    with pytest.raises(RecipeError, match=r"recipe\.toml: units is 8, but the model .* has 7\. Leave it out"):
        fine_tuning_recipe(model, "fast", path)


def test_a_model_that_cannot_be_gone_on_from_is_an_error(tmp_path):
    folder = tmp_path / "model"
    with pytest.raises(ModelError, match="there is no such model folder"):
        read_start(folder, tmp_path / "new", None)
    write_model(random_model(SMALL), folder)
    with pytest.raises(VectorsError, match="keeps the vectors that it has"):
        read_start(folder, tmp_path / "new", "glove.txt")
    with pytest.raises(ModelError, match="would replace the one that training goes on from"):
        read_start(folder, tmp_path / "new" / ".." / "model", None)
    (folder / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"weights\.safetensors: .*truncated or altered"):
        read_start(folder, tmp_path / "new", None)


def test_the_model_that_comes_with_tagsmith_is_one_to_begin_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_start(Path("en"), tmp_path / "new", None).layers == tagsmith.load("en").model.layers
    assert read_start(Path("en"), Path("en"), None).layers  # it will be a folder in the working directory
    with pytest.raises(ModelError, match="would replace the one that training goes on from"):
        read_start(Path("en"), packaged.packaged_folder("en"), None)
    assert [*tmp_path.iterdir()] == []


def test_data_of_another_kind_are_an_error(tmp_path):
    with pytest.raises(DataError, match="tags are plain tags, where spans in the scheme IOB2 are needed"):
        started(random_model(SMALL), ("NOUN", "VERB"), tmp_path, prefix="")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A model of persons alone, and new data that label places alone."""
    folder = tmp_path_factory.mktemp("models")
    for name, label, seed in (("first", "PER", 1), ("new", "LOC", 2)):
        path = write_corpus(folder / f"{name}.conll", 80, seed)
        lines = path.read_text("utf-8").splitlines()
        kept = [line if not line or line.endswith(label) else f"{line.split()[0]} O" for line in lines]
        path.write_text("\n".join(kept) + "\n", "utf-8")
    write_corpus(folder / "test.conll", 40, 3)
    recipe = {**TINY, "epochs": 6}
    tagsmith.train(folder / "first.conll", out=folder / "model", recipe=recipe, console=QUIET)
    return folder


def go_on(folders, out, start=None, **options):
    recipe = {"epochs": 12, "learning_rate": 0.01, "batch_tokens": 128, "least_steps": 1}
    start = start or folders / "model"
    return tagsmith.train(folders / "new.conll", start=start, out=out, recipe=recipe, console=QUIET, **options)


@pytest.mark.slow
def test_a_new_label_is_learned_and_the_old_one_is_not_forgotten(folders, tmp_path, monkeypatch):
    tagger = go_on(folders, tmp_path / "model", test=folders / "test.conll")
    assert tagger.labels == ("LOC", "PER")
    assert tagger.evaluate(folders / "test.conll").f1 > 0.9
    assert tagger.tag([[NAMES[0], "left", *PLACES[1].split(), "."]]) == [["B-PER", "O", "B-LOC", "I-LOC", "O"]]
    config = json.loads((tmp_path / "model" / "config.json").read_text("utf-8"))
    assert config["recipe"]["units"] == TINY["units"]
    assert config["scores"]["dev"]["support"] == 8  # the places of a tenth of the new data
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "site")  # the same as a model that comes with tagsmith
    shutil.copytree(folders / "model", tmp_path / "site" / "xx-1")
    absent = go_on(folders, tmp_path / "absent", "xx", partial=False)
    for path in (folders / "model").iterdir():
        assert (tmp_path / "site" / "xx-1" / path.name).read_bytes() == path.read_bytes()
    assert (
        absent.evaluate(folders / "test.conll").types["PER"].f1
        < tagger.evaluate(folders / "test.conll").types["PER"].f1
    )


@pytest.mark.slow
def test_an_interrupted_run_resumes_exactly(folders, tmp_path, monkeypatch):
    go_on(folders, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            go_on(folders, tmp_path / "model")
    go_on(folders, tmp_path / "model", resume=True)
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "model")
    assert whole.keys() == resumed.keys()
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)
