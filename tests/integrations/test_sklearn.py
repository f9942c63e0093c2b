"""The estimator: the page's code, sklearn-crfsuite's tutorial, scikit-learn's checks, wrong data, no litter."""

# ruff: noqa: N803 - X is what scikit-learn calls it

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import os
import pickle
import re
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")
pytest.importorskip("polars")
import joblib
import pandas as pd
import polars as pl
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import check_estimator
from untrained import X, Y, untrained

import tagsmith
from processes import run
from random_model import SMALL, random_model
from tagsmith.errors import DataError, MissingExtraError, ModelError, RecipeError, TrainingError
from tagsmith.integrations.crfsuite_features import not_from_words, word_of
from tagsmith.integrations.sklearn import CRF, SequenceTagger, metrics
from tagsmith.sample import sample_path
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme, is_legal
from tagsmith.training import train as training
from tagsmith.training.recipe import PRESETS, Recipe

PAGE = (Path(__file__).parents[2] / "docs" / "sklearn.md").read_text("utf-8")
TUTORIAL = (Path(__file__).parent / "crfsuite_tutorial.py").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)
NUMBER = re.compile(r"\b0\.\d\d\b")
TINY = {"least_steps": 1, "average_epochs": 0.0, "units": 8, "character_units": 8, "characters": "none"}


@pytest.fixture
def quick(monkeypatch):
    """Nothing is trained: the taggers have random weights."""
    monkeypatch.setattr(training, "train_in_memory", untrained)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """An empty temporary folder, and an empty working folder."""
    places = SimpleNamespace(temporary=tmp_path_factory.mktemp("temporary"), here=tmp_path_factory.mktemp("here"))
    before, tempfile.tempdir = tempfile.tempdir, str(places.temporary)
    with contextlib.chdir(places.here):
        yield places
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def page(folders):
    """What the page's code defines and prints: (names, blocks with what the page shows and what was printed)."""
    names, printed = {}, []
    for code, shown in BLOCKS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), pytest.MonkeyPatch.context() as patch:
            if "cross_val_score" in code:  # six trainings that need not be good ones
                patch.setattr(training, "train_in_memory", untrained)
            exec(code, names)
        printed.append((shown, out.getvalue()))
        if "tagger.fit" in code:
            folders.left_by_training = [*folders.temporary.iterdir(), *folders.here.iterdir()]
    return names, printed


# -------------------------------------------------------------------------------------------------- the page


@pytest.mark.slow
def test_the_page_prints_what_it_shows(page):
    compared = 0
    for shown, printed in page[1]:
        if shown:
            assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
            scores = [list(map(float, NUMBER.findall(text))) for text in (printed, shown)]
            np.testing.assert_allclose(*scores, atol=0.06)  # machines differ in rounding, and so do the weights
            compared += 1
    assert compared == 3


@pytest.mark.slow
def test_training_and_pickles_leave_nothing_behind(page, folders):
    assert folders.left_by_training == []
    for again in (pickle.loads(pickle.dumps(page[0]["tagger"])), copy.deepcopy(page[0]["tagger"])):
        assert again.predict([["Anna"]])[0]
    assert list(folders.temporary.iterdir()) == []
    assert [path.name for path in folders.here.iterdir()] == ["model"]  # the page saves it


@pytest.mark.slow
def test_copies_and_the_saved_folder_predict_the_same(page, tmp_path):
    tagger, sentences = page[0]["tagger"], page[0]["X_test"]
    joblib.dump(tagger, tmp_path / "tagger.joblib")
    tagger.tagger_.save(tmp_path / "model")
    expected = tagger.predict(sentences).tolist()
    assert len({tag for tags in expected for tag in tags}) > 5
    assert joblib.load(tmp_path / "tagger.joblib").predict(sentences).tolist() == expected
    assert copy.deepcopy(tagger).predict(sentences).tolist() == expected
    assert tagsmith.load(tmp_path / "model").tag(sentences) == expected


@pytest.mark.slow
def test_the_documented_checks_are_those_that_fail():
    rows = re.findall(r"^\| `(check_\w+)`(?:, `(check_\w+)`)? \| (.+) \|$", PAGE, re.MULTILINE)
    assert {name for first, second, _ in rows for name in (first, second) if name} == set(IMPOSSIBLE)


# ----------------------------------------------------------------------------------- sklearn-crfsuite's tutorial


def run_tutorial(train_sents, test_sents, *changes: tuple[str, str]) -> tuple[dict, str]:
    """Run its code, with some texts replaced to make it shorter; return its names and what it printed."""
    code = TUTORIAL
    for old, new in (("n_jobs=-1", "n_jobs=1"), *changes):
        assert code.count(old) == 1
        code = code.replace(old, new)
    names, out = {"train_sents": train_sents, "test_sents": test_sents}, io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(code, names)
    names["warned"] = Counter(str(one.message).split(".")[0] for one in caught if one.category is UserWarning)
    return names, out.getvalue()


def triples(sentences) -> list[list[tuple[str, str, str]]]:
    """Word, part of speech (none is known) and tag."""
    return [list(zip(s.words, ["X"] * len(s.words), s.layers["tags"], strict=True)) for s in sentences]


def test_the_tutorial_runs_to_its_end_on_the_sample_corpus(quick):
    sentences = triples(tagsmith.read_sentences(sample_path("train"))[:60])
    names, printed = run_tutorial(sentences[:40], sentences[40:], ("n_iter=50", "n_iter=4"))
    assert names["labels"] == [
        f"{letter}-{label}" for letter in "BI" for label in ("DATE", "LOCATION", "ORGANIZATION", "PERSON")
    ]
    assert printed.count("weighted avg") == 2
    assert re.search(r"Fitting 3 folds for each of 4 candidates, totalling 12 fits", printed)
    assert set(names["rs"].best_params_) == {"c1", "c2"}
    assert len(set(names["_x"])) == 4
    assert printed.count(" -> ") == 40
    assert names["warned"]["The arguments of CRFsuite mean nothing to this network"] == 14
    assert sum("state_features_ is empty" in message for message in names["warned"]) == 1
    assert set(names["warned"].values()) == {14}


@pytest.mark.slow
def test_the_tutorial_trains_on_real_sentences(corpora, monkeypatch):
    text = (corpora / "sec_filings" / "FIN5.txt").read_text("utf-8")
    rows = [[line.split() for line in block.splitlines()] for block in text.split("\n\n") if "I-PER" in block]
    sentences = [[(word, pos, tag) for word, pos, _, tag in sentence] for sentence in rows]
    architecture = replace(PRESETS["balanced"].architecture, units=16, characters="none")
    changes = {"epochs": 12, "least_steps": 1, "average_epochs": 0.0, "learning_rate": 0.02}
    monkeypatch.setitem(PRESETS, "balanced", replace(PRESETS["balanced"], architecture=architecture, **changes))
    train = training.train_in_memory

    def train_whole(corpus, *arguments, **options):  # the folds of the search need no good models
        whole = len(corpus.train) + len(corpus.dev) == 60
        return (train if whole else untrained)(corpus, *arguments, **options)

    monkeypatch.setattr(training, "train_in_memory", train_whole)
    names, printed = run_tutorial(sentences[:60], sentences[60:80], ("n_iter=50", "n_iter=1"))
    gold, predicted = names["y_test"], names["y_pred"]
    assert metrics.flat_f1_score(gold, predicted, average="weighted", labels=names["labels"]) > 0.3
    assert "I-PER" in printed


# ---------------------------------------------------------------------------------- scikit-learn's own checks

IMPOSSIBLE = {
    "check_n_features_in": "sentences have no number of features",
    "check_n_features_in_after_fitting": "sentences have no number of features",
    "check_complex_data": "words are strings: there are no complex numbers among them",
    "check_estimators_nan_inf": "words are strings: 'nan' and 'inf' are words",
    "check_estimators_empty_data_messages": "its message would have to count features",
    "check_fit2d_predict1d": "its message would have to speak of tables",
}


class Rows(SequenceTagger):
    """Reads a row of numbers as a sentence, and its class as the tag of each of its tokens."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags

    def fit(self, X, y):
        return super().fit(rows(X), labels(X, y))

    def score(self, X, y):
        return super().score(rows(X), labels(X, y))

    def predict(self, X):
        return np.array([float(tags[0]) for tags in super().predict(rows(X))])

    def predict_proba(self, X):
        return np.array([tokens[0] for tokens in super().predict_proba(rows(X))])

    def predict_marginals(self, X):
        return np.array([list(tokens[0].values()) for tokens in super().predict_marginals(X)])


def is_table(data) -> bool:
    return isinstance(data, np.ndarray) and data.ndim == 2


def rows(table):
    return [[str(value) for value in row] for row in table] if is_table(table) else table


def labels(table, y):
    return (
        [[str(one)] * len(row) for row, one in zip(table, y, strict=True)] if is_table(table) and y is not None else y
    )


def test_scikit_learns_checks_pass_where_sequences_allow(quick):
    results = check_estimator(Rows(), expected_failed_checks=IMPOSSIBLE, on_skip=None)  # raises what else fails
    outcomes = Counter(result["status"] for result in results)
    assert {result["check_name"] for result in results if result["status"] == "xfail"} == set(IMPOSSIBLE)
    assert outcomes["passed"] > 30
    assert outcomes["skipped"] <= 1  # arrays of other libraries


def test_the_estimator_as_it_is_passes_the_checks_that_scikit_learn_does_not_skip():
    with pytest.warns(SkipTestWarning, match="requires input"):
        assert {result["status"] for result in check_estimator(SequenceTagger())} == {"passed"}


# ------------------------------------------------------------------------------------------------ the interface


def test_predictions_are_arrays_of_one_list_for_each_sentence(quick):
    tagger = SequenceTagger().fit(X, Y)
    for sentences in (X, X[:1], [["a", "b"], ["c", "d"]], [[]], []):
        predicted = tagger.predict(sentences)
        assert isinstance(predicted, np.ndarray)
        assert predicted.shape == (len(sentences),)
        assert [len(tags) for tags in predicted] == list(map(len, sentences))
        assert all(type(tags) is list and is_legal(tags, Scheme.IOB2) for tags in predicted)
        assert [len(tokens) for tokens in tagger.predict_marginals(sentences)] == list(map(len, sentences))
        assert [rows.shape for rows in tagger.predict_proba(sentences)] == [(len(s), 5) for s in sentences]
    assert tagger.predict_single(X[2]) == tagger.predict(X)[2]
    assert tagger.predict_marginals_single(X[2]) == tagger.predict_marginals(X)[2]


@pytest.mark.parametrize(
    ("tags", "classes"),
    [
        (Y, ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]),
        ([["PER", "O"], ["O"], ["O", "LOC", "LOC"], ["LOC", "O"]], ["LOC", "O", "PER"]),
        ([["NOUN", "VERB"], ["X"], ["X", "NOUN", "NOUN"], ["NOUN", "PUNCT"]], ["NOUN", "PUNCT", "VERB", "X"]),
        ([["I-PER", "B-PER"], ["O"], ["O", "I-LOC", "I-LOC"], ["I-LOC", "O"]],
         ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]),
        ([["E-PER", "I-PER"], ["O"], ["O", "I-LOC", "I-LOC"], ["I-LOC", "O"]],
         ["E-LOC", "E-PER", "I-LOC", "I-PER", "O"]),
        ([["U-PER", "O"], ["O"], ["O", "B-LOC", "L-LOC"], ["U-LOC", "O"]],
         ["B-LOC", "B-PER", "I-LOC", "I-PER", "L-LOC", "L-PER", "O", "U-LOC", "U-PER"]),
    ],
)  # fmt: skip
def test_probabilities_are_those_of_the_users_tags(quick, tags, classes):
    tagger = SequenceTagger().fit(X, tags)
    assert tagger.classes_.tolist() == classes
    for words, predicted, rows in zip(X, tagger.predict(X), tagger.predict_proba(X), strict=True):
        np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-6)
        expected = np.zeros_like(rows)  # over all sequences, in plain Python
        for path, probability in tagger.tagger_.tag_k_best([words], 1000)[0]:
            for token, tag in enumerate(path):
                expected[token, classes.index(tag)] += probability
        np.testing.assert_allclose(rows, expected, atol=1e-5)
        assert set(predicted) <= set(classes)


def test_score_is_the_share_of_right_tokens(quick):
    tagger = SequenceTagger().fit(X, Y)
    predicted = tagger.predict(X)
    flat = [(a, b) for gold, own in zip(Y, predicted, strict=True) for a, b in zip(gold, own, strict=True)]
    assert tagger.score(X, Y) == sum(a == b for a, b in flat) / len(flat)
    assert tagger.score(X, predicted) == 1.0
    assert metrics.span_f1(tagger, X, Y) == tagsmith.score_tags(Y, predicted.tolist()).f1
    assert metrics.flat_accuracy(tagger, X, Y) == tagger.score(X, Y)


def test_the_metrics_are_those_of_sklearn_crfsuite(quick):
    theirs = pytest.importorskip("sklearn_crfsuite.metrics")
    predicted = SequenceTagger().fit(X, Y).predict(X)
    for name, options in (
        ("flat_accuracy_score", {}),
        ("flat_precision_score", {"average": "weighted", "zero_division": 0}),
        ("flat_recall_score", {"average": "weighted", "zero_division": 0}),
        ("flat_f1_score", {"average": "weighted", "labels": ["B-LOC", "I-LOC"]}),
        ("flat_fbeta_score", {"beta": 2, "average": "macro"}),
        ("flat_classification_report", {"digits": 3, "zero_division": 0}),
        ("sequence_accuracy_score", {}),
    ):
        assert getattr(metrics, name)(Y, predicted, **options) == getattr(theirs, name)(Y, predicted, **options)
    assert metrics.sequence_accuracy_score(Y, [*Y[:3], ["O", "O"]]) == 0.75


def test_transitions_are_the_models_own(quick):
    tagger = SequenceTagger().fit(X, Y)
    layer, between = tagger.tagger_.layer(), tagger.tagger_.model.weights["crf/0/between"]
    weights = tagger.transition_features_
    assert ("O", "I-LOC") not in weights
    assert weights["B-LOC", "E-LOC"] == between[layer.tags.index("B-LOC"), layer.tags.index("E-LOC")]
    assert len(weights) == layer.transitions.between.sum()
    assert tagger.state_features_ == {}
    assert tagger.size_ == sum(array.nbytes for array in tagger.tagger_.model.weights.values())


def test_searches_validation_and_clones(quick):
    grid = GridSearchCV(SequenceTagger(), {"random_state": [1, 2], "epochs": [3]}, cv=2, scoring=metrics.span_f1)
    grid.fit(X, Y)
    assert grid.best_estimator_.get_params()["epochs"] == 3
    assert grid.score(X, Y) == metrics.span_f1(grid.best_estimator_, X, Y)
    drawn = RandomizedSearchCV(SequenceTagger(), {"units": np.array([4, 5])}, n_iter=2, cv=2).fit(X, Y)
    assert drawn.best_estimator_.tagger_.model.recipe["units"] in (4, 5)  # NumPy's integers are taken for Python's
    assert cross_val_score(SequenceTagger(), pd.Series(X), pd.Series(Y), cv=2).shape == (2,)
    assert list(map(len, cross_val_predict(SequenceTagger(), X, Y, cv=2))) == list(map(len, X))
    with pytest.warns(UserWarning, match="Ignored: c1$"):
        GridSearchCV(CRF(), {"c1": [0.1, 1.0]}, cv=2).fit(X, Y)


IN_TWO_PROCESSES = """
import sys
from types import SimpleNamespace
from sklearn.model_selection import cross_val_score
from tagsmith.integrations.sklearn import SequenceTagger
from untrained import X, Y, untrained

class Untrained(SequenceTagger):
    def fit(self, X, y):  # in the process that the fold is trained in, without Keras
        sys.modules["tagsmith.training.train"] = SimpleNamespace(train_in_memory=untrained)
        return super().fit(X, y)

scores = cross_val_score(Untrained(), X * 2, Y * 2, cv=2, n_jobs=2)
assert "tagsmith.training.train" not in sys.modules
assert scores.tolist() == cross_val_score(Untrained(), X * 2, Y * 2, cv=2).tolist()
print(len(scores))
"""


@pytest.mark.slow
def test_folds_are_trained_in_two_processes():
    """In a process of its own: the one that runs the tests has JAX's threads, and joblib's processes would stay."""
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([path, os.environ.get("PYTHONPATH", "")])}
    done = run([sys.executable, "-c", IN_TWO_PROCESSES], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_parameters_reach_the_training(quick):
    recipe = Recipe(epochs=9)
    tagger = SequenceTagger(recipe=recipe, units=12, hidden_dropout=0, vectors="v.txt", random_state=7).fit(X, Y)
    facts = tagger.tagger_.model.recipe
    assert (facts["epochs"], facts["units"], facts["hidden_dropout"], facts["seed"]) == (9, 12, 0.0, 7)
    assert facts["from"] == "v.txt"
    assert clone(tagger).get_params() == tagger.get_params()
    drawn = {SequenceTagger(random_state=None).fit(X, Y).tagger_.model.recipe["seed"] for _ in range(3)}
    assert len(drawn) == 3
    state = np.random.RandomState(0)
    assert SequenceTagger(random_state=state).fit(X, Y).tagger_.model.recipe["seed"] == 209652396


@pytest.mark.parametrize(
    ("options", "dev", "sizes"),
    [
        ({}, None, [3, 1]),
        ({"validation_fraction": 0.5}, None, [2, 2]),
        ({"validation_fraction": 0}, None, [4, 4]),
        ({"validation_fraction": 0.5}, (X[:3], Y[:3]), [4, 3]),
    ],
)
def test_sentences_are_held_out_as_told(quick, options, dev, sizes):
    given = dict(zip(("X_dev", "y_dev"), dev, strict=True)) if dev else {}
    facts = SequenceTagger(**options).fit(X, Y, **given).tagger_.model.recipe
    assert [facts["train"], facts["dev"]] == sizes


# ------------------------------------------------------------------------------------------------ data given


@pytest.mark.parametrize(
    "convert",
    [
        tuple,
        iter,
        lambda data: (sentence for sentence in data),
        lambda data: [np.array(sentence) for sentence in data],
        lambda data: [iter(sentence) for sentence in data],
        lambda data: pd.Series(data, index=[7, 5, 3, 1]),
        lambda data: np.fromiter(data, object, len(data)),
        pl.Series,
        lambda data: [*data, []],
    ],
)
def test_data_may_be_any_lists_of_lists(quick, convert):
    tagger = SequenceTagger().fit(convert(X), convert(Y))
    expected = SequenceTagger().fit(X, Y)
    assert tagger.tagger_.model.recipe["train"] == 3
    assert tagger.predict(convert(X)).tolist()[:4] == expected.predict(X).tolist()
    assert tagger.score(convert(X), convert(Y)) == expected.score(X, Y)


@pytest.mark.parametrize(
    ("sentences", "tags", "message"),
    [
        (X, None, "the target y is None.*y = "),
        (X, Y[:3], "X has 4 sentences, but y has the tags of 3"),
        (X, [*Y[:2], ["O", "O"], Y[3]], r"Sentence 3 of X has 3 tokens, but y has 2 tags for it\. Give one"),
        (["John", "lives"], [["O"], ["O"]], "Sentence 1 of X is the string 'John', not a list of words"),
        ("John lives", Y, "X is the string 'John lives'"),
        (None, Y, "X is None"),
        (3, Y, "X is the int 3"),
        (np.array(3), Y, "X is the ndarray"),
        ({"a": 1}, Y, "X is the dict"),
        (pd.DataFrame({"words": X}), Y, r"X is a table.*DataFrame.*frame\[\"words\"\]"),
        ([["John", None]], [["O", "O"]], "Sentence 1 of X, token 2: the word is None"),
        ([["John", 3]], [["O", "O"]], "Sentence 1 of X, token 2: the word is the int 3"),
        ([["John", ["word=lives"]]], [["O", "O"]], "Sentence 1 of X, token 2: the word is the list"),
        ([["John", "lives"]], [[0, 1]], "Sentence 1 of y, token 1: the tag is the int 0"),
        ([], [], "X has 0 samples"),
        (X, [["O"] * len(words) for words in X], "y has no labels: every tag is 'O'"),
        ([[], []], [[], []], "no sentence with a token"),
        (X[:1], Y[:1], "X has 1 sample.*validation_fraction=0"),
        ([[{"bias": 1, "shape": "X"}]], [["O"]], "Sentence 1 of X has no feature that tells the word.*bias, shape"),
    ],
)
def test_what_is_no_labeled_data_is_refused_with_the_place(quick, sentences, tags, message):
    with pytest.raises(DataError, match=f"(?i){message}"):
        SequenceTagger().fit(sentences, tags)


def test_wrong_dev_data_and_parameters_are_refused(quick):
    with pytest.raises(DataError, match="go together"):
        SequenceTagger().fit(X, Y, X_dev=X)
    with pytest.raises(DataError, match="Sentence 1 of X_dev has 2 tokens, but y_dev has 1"):
        SequenceTagger().fit(X, Y, X_dev=X[:1], y_dev=[["O"]])
    fractions = ({"validation_fraction": share} for share in (1.0, -0.1, None, "0.1"))
    for options in ({"preset": "best"}, {"epochs": 0}, {"recipe": {"unit": 3}}, *fractions):
        with pytest.raises(RecipeError):
            SequenceTagger(**options).fit(X, Y)
    with pytest.raises(TypeError, match="model_filename"):
        SequenceTagger(model_filename="m.crfsuite")


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_marginals", "predict_single", "score"])
def test_before_fit_there_is_nothing_to_predict_with(method):
    arguments = (X, Y) if method == "score" else (X,)
    with pytest.raises(NotFittedError):
        getattr(SequenceTagger(), method)(*arguments)
    assert not hasattr(SequenceTagger(), "transition_features_")


def test_wrong_words_are_refused_in_prediction(quick):
    tagger = SequenceTagger().fit(X, Y)
    with pytest.raises(DataError, match="Sentence 2, token 1: the word is the int 3"):
        tagger.predict([["John"], [3]])
    with pytest.raises(DataError, match="Sentence 1 of X is the string 'John'"):
        tagger.predict(["John"])
    with pytest.raises(DataError, match="Sentence 1 of X has 2 tokens, but y has 1"):
        tagger.score([["John", "lives"]], [["O"]])


def test_a_failing_fit_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def fail(*arguments, **options):
        raise TrainingError("The loss became nan in epoch 1.")

    monkeypatch.setattr("tagsmith.training.loop.TrainingRun.train", fail)
    tagger = SequenceTagger(preset="fast", recipe=TINY)
    monkeypatch.setattr("tagsmith.training.loop.TrainingRun.warm_up", lambda run, display: None)
    with pytest.raises(TrainingError, match=r"epoch 1\.$"):
        tagger.fit(X, Y)
    assert list(tmp_path.iterdir()) == []
    assert not hasattr(tagger, "tagger_")


# ----------------------------------------------------------------------------------------- pickles, features


def test_a_pickle_holds_the_files_of_a_model_folder_and_is_verified(quick):
    tagger = SequenceTagger(units=5).fit(X, Y)
    state = tagger.__getstate__()
    assert set(state["tagger_"]) == {"config.json", "vocabulary.json", "weights.safetensors"}
    assert all(type(name) is str and type(content) is bytes for name, content in state["tagger_"].items())
    content = pickle.dumps(tagger)
    assert b"keras" not in content
    assert pickle.loads(content).get_params() == tagger.get_params()
    state["tagger_"]["weights.safetensors"] = state["tagger_"]["weights.safetensors"][:-1] + b"\x01"
    with pytest.raises(ModelError, match="altered"):
        SequenceTagger().__setstate__(state)
    assert pickle.loads(pickle.dumps(SequenceTagger(c1=3))).c1 == 3


@pytest.mark.parametrize(
    "word", ["York", "USA", "in", "3.14", "U.S.", "O'Neil", "eBay", "x", "I", "straße", "北京", "New-York"]
)
def test_a_word_is_read_from_the_tutorials_features(word):
    namespace: dict = {}
    start, end = TUTORIAL.index("def word2features"), TUTORIAL.index("def sent2features")
    exec(TUTORIAL[start:end], namespace)
    assert word_of(namespace["word2features"]([("a", "X"), (word, "NN"), ("b", "X")], 1)) == word


def test_the_word_itself_comes_first():
    assert word_of({"word.lower()": "mcdonald", "word": "McDonald"}) == "McDonald"
    assert word_of({"word.lower()": "mcdonald", "word[:3]": "McD"}) == "McDonald"
    assert word_of({"word.lower()": "the", "word[-3:]": ""}) == "the"
    assert word_of({"word.lower()": "the", "word[-3:]": "xyz"}) == "the"


def test_features_that_say_more_than_words_are_named(quick):
    tokens = [{"word": "a", "bias": 1.0, "-1:word.lower()": "b", "BOS": True}, {"postag": "NN", "+1:postag": "X"}]
    assert not_from_words(tokens) == ["+1:postag", "postag"]
    featured = [[{"word": word, "postag": "X"} for word in sentence] for sentence in X]
    with pytest.warns(UserWarning, match="Ignored features: postag$"):
        tagger = SequenceTagger().fit(featured, Y)
    assert tagger.predict(featured).tolist() == tagger.predict(X).tolist()


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "tagsmith.integrations.sklearn")
    with pytest.raises(MissingExtraError, match=r"tagsmith.integrations.sklearn needs the 'sklearn' extra"):
        importlib.import_module("tagsmith.integrations.sklearn")


def test_a_model_of_softmax_has_no_transitions_learned(quick):
    tagger = SequenceTagger().fit(X, Y)
    tagger.tagger_ = Tagger(random_model(replace(SMALL, head="softmax")))
    assert set(tagger.transition_features_.values()) == {0.0}
