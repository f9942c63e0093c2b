"""Training with fastText's n-grams: words that neither the data nor the dictionary has get vectors."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training import QUIET, TINY, write_corpus

import tagsmith
from random_model import SMALL, WITH_NGRAMS, WORDS, random_model, random_sentences
from tagsmith.cli.inspect_model import model_report, model_section
from tagsmith.model.frozen_vectors import frozen_vectors
from tagsmith.model.vectors import load_vectors
from tagsmith.model.vocabulary import NO_VECTOR, UNKNOWN_WORD, UNSEEN_WORD
from tagsmith.tagging.tagger import Tagger
from tagsmith.training.fine_tuning import frozen_vectors_of
from tagsmith.training.train import train

FOLDER = Path(__file__).parents[1] / "model/fasttext"
SKIPGRAM = FOLDER / "skipgram.bin"
CASES = json.loads((FOLDER / "words.json").read_text("utf-8"))["models"]["skipgram.bin"]["cases"]
SENTENCES = [["Zürichs", "unseenable", "London", "."], ["x", "北京大学", "🙂"]]


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tagger, and its folder."""
    folder = tmp_path_factory.mktemp("subwords")
    tagger = train(
        write_corpus(folder / "train.conll", 120, 1),
        dev=write_corpus(folder / "dev.conll", 30, 2),
        out=folder / "model",
        vectors=SKIPGRAM,
        recipe={**TINY, "epochs": 4},
        console=QUIET,
    )
    return tagger, folder


def vectors_of(tagger: Tagger, forms: list[str]) -> np.ndarray:
    """What the word graph gets (n, d)."""
    seen = []
    words = tagger._network._words
    run, words.run = words.run, lambda inputs: seen.append(inputs["vectors"]) or run(inputs)
    try:
        tagger._network._encode(forms)
    finally:
        words.run = run
    return seen[0]


@pytest.mark.slow
def test_a_loaded_tagger_gives_unseen_words_fasttexts_vectors(trained):
    loaded = tagsmith.load(trained[1] / "model")
    forms = [case["word"] for case in CASES]
    rows = loaded.model.vocabulary.encode(forms)
    table = loaded.model.weights["word/trained"].astype(np.float32)
    found = vectors_of(loaded, forms) - table[rows.trained]
    deviation = load_vectors(SKIPGRAM).matrix.std()
    checked = 0
    for number, case in enumerate(CASES):
        word = case["word"]
        if case["known"] or (rows.pretrained[number] == NO_VECTOR and case["rows"]):
            expected = np.array(case["vector"]) / deviation
            np.testing.assert_allclose(found[number], expected, atol=0.012 * max(np.abs(expected).max(), 0.4))
            assert rows.trained[number] == (rows.trained[number] if case["known"] else UNSEEN_WORD)
            checked += not case["known"]
        elif not case["rows"]:
            assert rows.trained[number] == UNKNOWN_WORD, word
            assert not found[number].any()
    assert checked > 20


@pytest.mark.slow
def test_what_training_ends_with_is_what_is_saved_loaded_and_pickled(trained):
    tagger, folder = trained
    expected = tagger.tag_marginals(SENTENCES)
    for other in (tagsmith.load(folder / "model"), pickle.loads(pickle.dumps(tagger))):
        for own, one in zip(other.tag_marginals(SENTENCES), expected, strict=True):
            np.testing.assert_array_equal(own, one)
    for precision in ("int8", "float32"):
        assert len(tagsmith.load(folder / "model", precision=precision).tag(SENTENCES)) == 2


@pytest.mark.slow
def test_words_of_the_training_set_have_vectors_and_the_rest_are_composed(trained):
    tagger, folder = trained
    vocabulary = tagger.model.vocabulary
    frozen = frozen_vectors(SKIPGRAM)
    added = vocabulary.pretrained[len(frozen.words) :]
    words = {word for line in (folder / "train.conll").read_text("utf-8").splitlines() for word in line.split()[:1]}
    assert set(added) == words - set(frozen.words)
    assert {"Cleo", "Oslo"} <= set(added)
    ngrams = len(frozen.subwords.ngrams.known)
    report = model_report(folder / "model")
    assert report["ngrams"] == ngrams
    assert f"{ngrams} " in dict(model_section(report).facts)["n-grams"].replace(",", " ")
    assert tagger.model.weights["word/ngrams"].dtype == np.int8


@pytest.mark.slow
def test_going_on_from_the_model_gives_new_words_vectors(trained, tmp_path):
    tagger, folder = trained
    data = tmp_path / "more.conll"
    data.write_text("Reykjavík B-LOC\nshines O\n\n" * 20, "utf-8")
    out = tmp_path / "more"
    tuned = train(
        data, dev=data, start=folder / "model", out=out, recipe={"epochs": 2, "least_steps": 1}, console=QUIET
    )
    assert tuned.model.vocabulary.pretrained[: len(tagger.model.vocabulary.pretrained)] == (
        tagger.model.vocabulary.pretrained
    )
    assert "Reykjavík" in tuned.model.vocabulary.pretrained
    assert tuned.model.vocabulary.ngrams == tagger.model.vocabulary.ngrams
    np.testing.assert_array_equal(tuned.model.weights["word/ngrams"], tagger.model.weights["word/ngrams"])
    assert tagsmith.load(out).tag(SENTENCES) == tuned.tag(SENTENCES)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_composed_vector_is_to_the_bit_that_of_a_form_in_the_table(precision):
    model = random_model(SMALL, vocabulary=WITH_NGRAMS)
    frozen = frozen_vectors_of(model)
    forms = [form for form in WORDS if not frozen.subwords.ngrams.have([form])[0] or form.lower() == form]
    more = frozen.with_forms(forms)
    assert len(more.words) > len(frozen.words) + 3
    extended = replace(
        model,
        vocabulary=replace(model.vocabulary, pretrained=more.words),
        weights={**model.weights, "word/pretrained": more.rows, "word/scales": more.scales},
    )
    sentences = random_sentences(30, words=tuple(forms))
    found = Tagger(model, precision=precision).tag_marginals(sentences)
    for own, expected in zip(found, Tagger(extended, precision=precision).tag_marginals(sentences), strict=True):
        np.testing.assert_array_equal(own, expected)


def test_only_unseen_forms_are_composed_and_each_once(monkeypatch):
    tagger = Tagger(random_model(SMALL, vocabulary=WITH_NGRAMS), precision="float32")
    composed: list[str] = []
    ngrams = tagger._network._ngrams
    own = type(ngrams).vectors
    monkeypatch.setattr(type(ngrams), "vectors", lambda self, forms: composed.extend(forms) or own(self, forms))
    for _ in range(3):
        tagger.tag([["london", "zzz", "The", "zzz", "yyy"], ["yyy", "John"]])
    assert sorted(composed) == ["yyy", "zzz"]


def test_models_without_ngrams_are_as_before():
    assert set(random_model().vocabulary.as_dict()) == {"words", "pretrained", "characters", "exact"}
    assert Tagger(random_model())._network._ngrams is None
