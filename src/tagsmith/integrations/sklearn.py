"""A tagger as an estimator of scikit-learn, with the interface of sklearn-crfsuite.

scikit-learn searches, validates and pickles it like any other estimator. Training writes no files but a cache.
"""

# ruff: noqa: N803 - X is what scikit-learn calls it

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.corpus import Corpus, hold_out, read_corpus
from tagsmith.corpus.sentences import Sentences
from tagsmith.errors import DataError, MissingExtraError, RecipeError
from tagsmith.model.folder import model_files, model_from_files
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.arguments import check_strings, shown
from tagsmith.text.schemes import OUTSIDE
from tagsmith.training.recipe import Recipe, change_recipe, choose_recipe

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise MissingExtraError("tagsmith.integrations.sklearn", "sklearn") from error

from tagsmith.integrations import sklearn_metrics as metrics
from tagsmith.integrations import sklearn_metrics as scorers
from tagsmith.integrations.crfsuite_features import not_from_words, word_of

__all__ = ["CRF", "SequenceTagger", "metrics", "scorers"]

Objects = npt.NDArray[np.object_]
CHANGES = ("epochs", "units", "learning_rate", "word_dropout", "hidden_dropout")  # fields of the recipe
CRFSUITE = (
    "algorithm", "min_freq", "all_possible_states", "all_possible_transitions", "c1", "c2", "max_iterations",
    "num_memories", "epsilon", "period", "delta", "linesearch", "max_linesearch", "calibration_eta",
    "calibration_rate", "calibration_samples", "calibration_candidates", "calibration_max_trials", "pa_type", "c",
    "error_sensitive", "averaging", "variance", "gamma",
)  # fmt: skip
ARGUMENTS_IGNORED = (
    "The arguments of CRFsuite mean nothing to this network. For c1 and c2 set word_dropout and hidden_dropout, "
    "for max_iterations set epochs. Ignored: "
)
FEATURES_IGNORED = (
    "The network reads words, and learns case, spelling and neighbors by itself; it has no weights by feature, "
    "so state_features_ is empty. Ignored features: "
)
EXAMPLES = {"X": 'X = [["John", "lives"], ["Hi"]]', "y": 'y = [["B-PER", "O"], ["O"]]'}


class SequenceTagger(BaseEstimator):  # type: ignore[misc]
    """A recurrent tagger as an estimator: ``fit`` on lists of words and lists of tags, ``predict`` lists of tags.

    A token of ``X`` is a word, or a dict of features as sklearn-crfsuite takes them, of which the word is read: the
    network learns case, spelling and neighbors by itself (:func:`word_of`).

    Parameters
    ----------
    preset, recipe
        ``"fast"``, ``"balanced"`` or ``"accurate"``, and what to change in it: fields, a TOML file, or a whole recipe
        (:class:`tagsmith.Recipe`).
    epochs, units, learning_rate, word_dropout, hidden_dropout
        The fields of the recipe that a search is most likely to try; None leaves them as they are.
    vectors
        A file of pretrained word vectors, or the name of an installed package's.
    validation_fraction
        Share of the sentences held out from training to choose the best epoch, if ``fit`` gets no ``X_dev``. 0 holds
        out none, and the score on the training sentences decides.
    random_state
        Decides everything random: a number, a ``RandomState``, or None for another result each time.
    verbose
        Whether to show progress on standard error.
    algorithm, c1, c2, max_iterations, all_possible_transitions, …
        The arguments of ``sklearn_crfsuite.CRF``, so that code written for it runs. They mean nothing to a network:
        ``fit`` warns of those that are set, and ignores them.

    Attributes
    ----------
    tagger_
        The :class:`tagsmith.Tagger`: ``estimator.tagger_.save("model/")`` writes its model folder.
    classes_
        The tags that can be predicted, sorted, in the scheme of ``y``.

    Examples
    --------
    >>> tagger = SequenceTagger(preset="fast").fit(X, y)  # doctest: +SKIP
    """

    # fmt: off
    def __init__(
        self, *, preset: str = "balanced", recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
        epochs: int | None = None, units: int | None = None, learning_rate: float | None = None,
        word_dropout: float | None = None, hidden_dropout: float | None = None, vectors: str | Path | None = None,
        validation_fraction: float = 0.1, random_state: int | np.random.RandomState | None = 0, verbose: bool = False,
        algorithm: object = None, min_freq: object = None, all_possible_states: object = None,
        all_possible_transitions: object = None, c1: object = None, c2: object = None, max_iterations: object = None,
        num_memories: object = None, epsilon: object = None, period: object = None, delta: object = None,
        linesearch: object = None, max_linesearch: object = None, calibration_eta: object = None,
        calibration_rate: object = None, calibration_samples: object = None, calibration_candidates: object = None,
        calibration_max_trials: object = None, pa_type: object = None, c: object = None,
        error_sensitive: object = None, averaging: object = None, variance: object = None, gamma: object = None,
    ) -> None:
        self.preset, self.recipe = preset, recipe
        self.epochs, self.units, self.learning_rate = epochs, units, learning_rate
        self.word_dropout, self.hidden_dropout = word_dropout, hidden_dropout
        self.vectors, self.validation_fraction = vectors, validation_fraction
        self.random_state, self.verbose = random_state, verbose
        self.algorithm, self.min_freq = algorithm, min_freq
        self.all_possible_states, self.all_possible_transitions = all_possible_states, all_possible_transitions
        self.c1, self.c2, self.max_iterations, self.num_memories = c1, c2, max_iterations, num_memories
        self.epsilon, self.period, self.delta = epsilon, period, delta
        self.linesearch, self.max_linesearch = linesearch, max_linesearch
        self.calibration_eta, self.calibration_rate = calibration_eta, calibration_rate
        self.calibration_samples, self.calibration_candidates = calibration_samples, calibration_candidates
        self.calibration_max_trials, self.pa_type, self.c = calibration_max_trials, pa_type, c
        self.error_sensitive, self.averaging, self.variance, self.gamma = error_sensitive, averaging, variance, gamma
    # fmt: on

    # --- training

    def fit(self, X: Iterable[Any], y: Iterable[Any], X_dev: Any = None, y_dev: Any = None) -> Self:
        """Train on sentences and their tags, one for each token.

        Parameters
        ----------
        X, y
            Lists of lists (or arrays, Series, generators) of words, or of dicts of features, and of tags: with a
            scheme such as IOB2, or plain. Sentences without tokens are left out.
        X_dev, y_dev
            Sentences to choose the best epoch by, in place of some of ``X``.

        Raises
        ------
        DataError
            The data are no sentences or no tags, or not as many tags as words: the message says which sentence.
        RecipeError, VectorsError, TrainingError
            As for :func:`tagsmith.train`.
        """
        from tagsmith.training.train import train_in_memory

        tokens = _lists(X, "X", "word")
        pairs = _pairs(tokens, y, "")
        if (X_dev is None) != (y_dev is None):
            raise DataError("X_dev and y_dev go together.", remedy="Give both, or neither.")
        dev = None if X_dev is None else _pairs(X_dev, y_dev, "_dev")
        recipe = self._recipe()
        if ignored := [name for name in CRFSUITE if getattr(self, name) is not None]:
            warnings.warn(ARGUMENTS_IGNORED + ", ".join(ignored), stacklevel=2)
        if ignored := not_from_words(token for sentence in tokens for token in sentence if isinstance(token, Mapping)):
            warnings.warn(FEATURES_IGNORED + ", ".join(ignored), stacklevel=2)
        state, generator = self.random_state, check_random_state(self.random_state)
        seed = int(state if isinstance(state, int | np.integer) else generator.randint(2**31 - 1))
        corpus = _corpus(pairs, dev, self.validation_fraction, seed)
        self.tagger_ = train_in_memory(corpus, recipe, self.vectors, seed, verbose=self.verbose)
        self.classes_ = np.array(sorted(self.tagger_.layer().written_tags), object)
        return self

    def _recipe(self) -> Recipe:
        changes = {name: value for name in CHANGES if (value := getattr(self, name)) is not None}
        changes = {name: value.item() if isinstance(value, np.generic) else value for name, value in changes.items()}
        return change_recipe(choose_recipe(self.preset, self.recipe, with_vectors=self.vectors is not None), changes)

    # --- predicting

    def predict(self, X: Iterable[Any]) -> Objects:
        """Return the tags of each sentence: an array of lists, one for each sentence, in the scheme of ``y``."""
        check_is_fitted(self)
        return _array(self.tagger_.tag(_sentences(X)))

    def predict_proba(self, X: Iterable[Any]) -> Objects:
        """Return the probabilities of the tags: for each sentence an array (tokens, classes), as in ``classes_``."""
        check_is_fitted(self)
        written = self.tagger_.layer().written_tags
        columns = [written.index(tag) for tag in self.classes_]
        return _array([rows[:, columns] for rows in self.tagger_.tag_marginals(_sentences(X), as_written=True)])

    def predict_marginals(self, X: Iterable[Any]) -> Objects:
        """Return the probabilities of the tags as sklearn-crfsuite does: for each token a dict, tag → probability."""
        return _array(
            [[dict(zip(self.classes_, row, strict=True)) for row in rows.tolist()] for rows in self.predict_proba(X)]
        )

    def predict_single(self, xseq: Iterable[Any]) -> list[str]:
        """Return the tags of one sentence."""
        tags: list[str] = self.predict([xseq])[0]
        return tags

    def predict_marginals_single(self, xseq: Iterable[Any]) -> list[dict[str, float]]:
        """Return the probabilities of the tags at each token of one sentence."""
        marginals: list[dict[str, float]] = self.predict_marginals([xseq])[0]
        return marginals

    def score(self, X: Iterable[Any], y: Iterable[Any]) -> float:
        """Return the share of tokens with the right tag; ``scoring=metrics.span_f1`` is F1 over spans."""
        check_is_fitted(self)
        pairs = _pairs(X, y, "")
        predicted = self.tagger_.tag([words for words, _ in pairs])
        return float(metrics.flat_accuracy_score([tags for _, tags in pairs], predicted))

    # --- what sklearn_crfsuite.CRF tells of its model

    @property
    def transition_features_(self) -> dict[tuple[str, str], float]:
        """The weights of the transitions that are legal, (from, to) → weight; for spans, between BIOES tags."""
        check_is_fitted(self)
        layer, weights = self.tagger_.layer(), self.tagger_.model.weights
        between = weights.get("crf/0/between", np.zeros((len(layer.tags), len(layer.tags))))
        places = zip(*np.nonzero(layer.transitions.between), strict=True)
        return {(layer.tags[a], layer.tags[b]): float(between[a, b]) for a, b in places}

    @property
    def state_features_(self) -> dict[tuple[str, str], float]:
        """Nothing: what a network makes of a word is no list of weights by feature."""
        check_is_fitted(self)
        return {}

    @property
    def size_(self) -> int:
        """The size of the model's weights, in bytes."""
        check_is_fitted(self)
        return sum(array.nbytes for array in self.tagger_.model.weights.values())

    # --- scikit-learn

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string, tags.input_tags.dict = False, True, True
        tags.target_tags.required = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters, and of the tagger the files of its model folder: nothing of Keras."""
        state = {**super().__getstate__()}
        if "tagger_" in state:
            state["tagger_"] = {str(name): content for name, content in model_files(self.tagger_.model).items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "tagger_" in state:
            state = {**state, "tagger_": Tagger(model_from_files(state["tagger_"]))}
        super().__setstate__(state)


CRF = SequenceTagger  # what sklearn-crfsuite calls it


def _corpus(pairs: list[Any], dev: list[Any] | None, share: float, seed: int) -> Corpus:
    """Hold the sentences for training, and those that choose the best epoch."""
    if all(tag == OUTSIDE for _, tags in pairs for tag in tags):
        problem = f"y has no labels: every tag is {OUTSIDE!r}."
        raise DataError(problem, remedy="Give at least one sentence with another tag.")
    if not isinstance(share, int | float | np.number) or not 0 <= share < 1:
        raise RecipeError(f"validation_fraction is {share!r}.", remedy="It must be at least 0 and below 1.")
    if dev is not None or share == 0:
        return read_corpus(pairs, pairs if dev is None else dev, seed=seed)
    if len(pairs) == 1:
        problem = "X has 1 sample, a sentence that cannot be both learned and held out."
        raise DataError(problem, remedy="Give more sentences, X_dev and y_dev, or validation_fraction=0.")
    corpus = read_corpus(pairs, seed=seed)
    train, held = hold_out(Sentences(corpus.train.store), seed, share)
    return replace(corpus, train=train, dev=held)


def _array(items: Sequence[Any]) -> Objects:
    """Return an array of lists or arrays, which scikit-learn can index; NumPy would join those of equal lengths."""
    return np.fromiter(items, object, len(items))


# ------------------------------------------------------------------------------------------------- sentences


def _pairs(X: object, y: object, part: str) -> list[tuple[list[str], list[str]]]:
    """Return the words and the tags of each sentence that has tokens; ``part`` ends the names X and y in errors."""
    if y is None:
        problem = f"SequenceTagger requires y to be passed, but the target y{part} is None."
        raise DataError(problem, remedy=f"Give the tags of each sentence: {EXAMPLES['y']}.")
    sentences, tags = _sentences(X, f"X{part}"), _lists(y, f"y{part}", "tag")
    if len(sentences) != len(tags):
        problem = f"X{part} has {len(sentences):,} sentences, but y{part} has the tags of {len(tags):,}."
        raise DataError(problem, remedy="Give a list of tags for each sentence.")
    for number, (words, own) in enumerate(zip(sentences, tags, strict=True), 1):
        if len(words) != len(own):
            counts = f"{len(words):,} tokens, but y{part} has {len(own):,} tags for it"
            problem = f"Sentence {number:,} of X{part} has {counts}."
            raise DataError(problem, remedy="Give one tag for each token.")
        check_strings(words, f"Sentence {number:,} of X{part}", "word")
        check_strings(own, f"Sentence {number:,} of y{part}", "tag")
    pairs = [(words, own) for words, own in zip(sentences, tags, strict=True) if words]
    if not pairs:
        problem = f"X{part} has 0 samples: no sentence with a token, where a minimum of 1 is required."
        raise DataError(problem, remedy="Give at least one labeled sentence.")
    return pairs


def _sentences(X: object, name: str = "X") -> list[list[str]]:
    """Return the words of each sentence."""
    sentences = _lists(X, name, "word")
    for number, tokens in enumerate(sentences):
        if tokens and isinstance(tokens[0], Mapping):
            sentences[number] = [_word(token, f"Sentence {number + 1:,} of {name}") for token in tokens]
    return sentences


def _word(token: Any, where: str) -> Any:
    return word_of(token, where) if isinstance(token, Mapping) else token


def _lists(data: object, name: str, item: str) -> list[list[Any]]:
    """Return sentences as lists of tokens."""
    remedy = f"Give a list of sentences, each a list of {item}s: {EXAMPLES[name[0]]}."
    if hasattr(data, "columns") or hasattr(data, "tocsr"):
        problem = f"{name} is a table or a sparse matrix ({type(data).__name__}), which is not supported."
        raise DataError(problem, remedy=f'Give one column, with a list of {item}s in each row: frame["{item}s"].')
    if not _is_list(data):
        raise DataError(f"{name} is {shown(data)}, not a list of sentences.", remedy=remedy)
    sentences = []
    for number, sentence in enumerate(data, 1):  # type: ignore[arg-type, var-annotated]
        if not _is_list(sentence):
            raise DataError(
                f"Sentence {number:,} of {name} is {shown(sentence)}, not a list of {item}s.", remedy=remedy
            )
        sentences.append(sentence.tolist() if isinstance(sentence, np.ndarray) else list(sentence))
    return sentences


def _is_list(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str | bytes | Mapping) and getattr(value, "ndim", 1) > 0
