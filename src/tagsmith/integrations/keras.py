"""A user's own Keras model → a :class:`~tagsmith.tagging.tagger.Tagger`.

``keras_layers.py`` reads the layers; a Keras model does not know its words, which are read here, and its labels
(``keras_labels.py``).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.errors import DataError, ModelError, RecipeError
from tagsmith.integrations.keras_labels import read_labels
from tagsmith.integrations.keras_layers import (
    LOOKUPS,
    kind_of,
    layers_in_order,
    padded_weights,
    read_network,
    refuse,
    size_of,
)
from tagsmith.model.architecture import Architecture
from tagsmith.model.configuration import Precision
from tagsmith.model.folder import Model
from tagsmith.model.vocabulary import Vocabulary
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.arguments import shown
from tagsmith.text.schemes import Scheme

Words = Any  # a list, a dictionary or a layer of Keras with get_vocabulary
OLDEST_KERAS = (3, 10)
PADDING = re.compile(r"(?:[\W_]*pad(?:ding)?[\W_]*)?", re.IGNORECASE)  # what a row for padding is called
UNKNOWN = re.compile(r"[\W_]*(?:unk(?:nown)?|oov)[\W_]*", re.IGNORECASE)
DEFAULT_UNKNOWN = 1  # the row of unknown words where nothing else is known of it


def from_keras(
    model: Any,
    *,
    words: Words = None,
    labels: Sequence[str | None] | Mapping[Any, Any] | Any,
    scheme: Scheme | str | None = None,
    unknown: int | str | None = None,
    lower: bool = False,
    layer: str = "tags",
    precision: Precision = "float32",
    threads: int | None = None,
) -> Tagger:
    """Make a tagger of a Keras model: Embedding → recurrent layers → a softmax over the labels at each word.

    The tagger saves, loads, serves and scales like one that tagsmith trained, and no longer needs Keras. Its
    probabilities are those of ``model.predict`` on sentences without padding, given that tags are legal in the scheme;
    with ``scheme="plain"`` they are those of ``model.predict`` as they are.

    Parameters
    ----------
    model
        A ``keras.Sequential`` or functional model with one input and one output, on any backend: Embedding; SimpleRNN,
        LSTM or GRU, in one direction or both; Dense. docs/keras.md lists what else it may have.
    words
        What each row of the Embedding stands for: a list (row → word), a dictionary (word → row), or a
        ``StringLookup`` or ``TextVectorization`` layer. May be left out if such a layer is in the model.
    labels
        What each output stands for, in their order: a list, a dictionary (label → output, or output → label) or a
        ``StringLookup`` layer. None for an output that is no label, such as that of padding.
    scheme
        The scheme of the labels; by default, the labels tell: ``B-X`` and ``I-X`` are IOB2; names without a prefix are
        ``"bare"`` if ``O`` is among them, and else ``"plain"``.
    unknown
        The row for other words, or its word; by default that of the word named like ``[UNK]`` or ``<oov>``, or else 1.
    lower
        Whether words were lowercased before they were looked up.
    layer
        A name for what the labels are, such as ``"pos"``.
    precision
        ``"float32"``, or ``"int8"``: an LSTM is faster then, and probabilities differ in the second or third decimal.
    threads
        As for :class:`Tagger`.

    Raises
    ------
    ModelError
        The model is not built, not a chain of supported layers, or has weights that are not finite.
    DataError
        The words do not fit the Embedding, or the labels do not fit the outputs or the scheme.

    Examples
    --------
    >>> tagger = from_keras(model, words={"John": 2, "lives": 3}, labels=["O", "B-PER", "I-PER"])  # doctest: +SKIP
    >>> tagger.save("model/")  # doctest: +SKIP
    """
    _check_model(model)
    layers = layers_in_order(model)
    if not all(getattr(one, "built", True) for one in layers if kind_of(one) not in LOOKUPS):
        problem = "the model is not built: its layers have no weights yet."
        raise ModelError(problem, remedy="Train it, or load its weights, and then call from_keras.")
    lookups = [one for one in layers if kind_of(one) in LOOKUPS]
    if lookups and lookups[0] is next(one for one in layers if kind_of(one) != "InputLayer"):
        words, layers = (lookups[0] if words is None else words), [one for one in layers if one is not lookups[0]]
    network = read_network(layers)
    vocabulary, rows = _vocabulary(words, network.masked, unknown, lower)
    written, columns, bars = read_labels(labels, network.kernel.shape[1], scheme, layer)
    weights = padded_weights(network)
    for name in ("output/kernel", "output/bias"):
        outputs = weights[name]
        weights[name] = np.ascontiguousarray(np.where(columns < 0, np.float32(0), outputs[..., columns]))
    weights = {"word/trained": np.ascontiguousarray(network.table[rows]), **weights, **bars}
    try:
        units, ways = size_of(network)
        architecture = Architecture(
            word_dim=network.table.shape[1],
            characters="none",
            shape_dim=0,
            cell=network.cell,
            units=units,
            layers=len(network.layers),
            bidirectional=ways == 2,
        )
    except RecipeError as error:
        raise ModelError(f"the model is too large: {error.problem}", remedy=error.remedy) from error
    recipe = {"from": f"Keras {_keras_version()}: {getattr(model, 'name', '')}"}
    return Tagger(Model(architecture, vocabulary, (written,), weights, recipe, precision=precision), threads=threads)


def _check_model(model: Any) -> None:
    """Raise ModelError unless this is a model of a Keras that is new enough."""
    name = f"{type(model).__module__}.{type(model).__name__}"
    modules = {one.__module__.partition(".")[0] for one in type(model).__mro__}
    if "tf_keras" in modules:
        raise ModelError(f"{name} is a model of Keras 2.", remedy="Load it with Keras 3.10 or later.")
    if "keras" not in modules:
        remedy = "Give a keras.Sequential or keras.Model; one in a file: keras.models.load_model(path)."
        raise ModelError(f"the model is {shown(model)}, not a Keras model.", remedy=remedy)
    version = _keras_version()
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_KERAS:
        raise ModelError(f"this is Keras {version}.", remedy="Install Keras 3.10 or later.")


def _keras_version() -> str:
    return str(sys.modules["keras"].__version__)


# ---------------------------------------------------------------------------------------------------- words


def _vocabulary(
    words: Words, masked: npt.NDArray[np.bool_], unknown: int | str | None, lower: bool
) -> tuple[Vocabulary, list[int]]:
    """Return the vocabulary, and the Embedding's row for each row of the tagger's table; ``masked`` has their number.

    Raises DataError: the words are no words, or others than the Embedding has rows; they are there twice; it is not
    known which row is for other words, or one that Keras skips would be.
    """
    row_of, lower = _words(words, len(masked), lower)
    if unknown is None:
        unknown = _unknown_row(row_of, words)
    elif isinstance(unknown, str):
        if unknown not in row_of:
            raise DataError(f"unknown={unknown!r} is not among the words.", remedy="Give its row, a number.")
        unknown = row_of[unknown]
    if not isinstance(unknown, int | np.integer) or isinstance(unknown, bool) or not 0 <= unknown < len(masked):
        problem = f"unknown={unknown!r} is no row of the Embedding, which has {len(masked):,}."
        raise DataError(problem, remedy="Give the row that words outside the vocabulary had in training.")
    if masked[unknown]:
        raise DataError(
            f"the row {unknown} is for unknown words, and the model's mask skips it.",
            remedy="A tagger tags every word. Say with unknown= which other row stands for a word that is not known.",
        )
    kept = {}
    for word, row in row_of.items():
        if not masked[row]:
            kept[word] = row
        elif not PADDING.fullmatch(word):
            raise DataError(
                f"the word {word!r} has the row {row}, and the model's mask skips it.",
                remedy="A tagger tags every word. Check the words: the rows may be shifted by one.",
            )
    return Vocabulary(tuple(kept), (), (), exact=not lower), [unknown, unknown, *kept.values()]


def _words(words: Words, rows: int, lower: bool) -> tuple[dict[str, int], bool]:
    """Return each word's row, and whether words are lowercased first."""
    remedy = "Give a list (row → word), a dictionary (word → row), or a StringLookup or TextVectorization layer."
    if words is None:
        raise DataError("words is missing: what do the rows of the Embedding stand for?", remedy=remedy)
    shorter = False  # whether the last rows may stand for no word
    if kind_of(words) in LOOKUPS or hasattr(words, "get_vocabulary"):
        lower, shorter = _lookup(words) or lower, True
        words = list(words.get_vocabulary())
    if isinstance(words, Mapping):
        pairs = list(words.items())
    elif isinstance(words, Iterable) and not isinstance(words, str | bytes):
        given = list(words)
        if len(given) > rows or (len(given) < rows and not shorter):
            raise DataError(
                f"there are {len(given):,} words, and the Embedding has {rows:,} rows.",
                remedy="The list must have every row in order, also those for padding and unknown words; if some rows "
                "stand for no word, give a dictionary (word → row).",
            )
        pairs = [(word, row) for row, word in enumerate(given)]
    else:
        raise DataError(f"words is {shown(words)}.", remedy=remedy)
    row_of: dict[str, int] = {}
    for word, row in pairs:
        if not isinstance(word, str):
            raise DataError(f"the word of the row {row!r} is {shown(word)}, not a string.", remedy=remedy)
        if not isinstance(row, int | np.integer) or isinstance(row, bool) or not 0 <= row < rows:
            raise DataError(f"the word {word!r} has the row {row!r}, and the Embedding has {rows:,}.", remedy=remedy)
        if word in row_of:
            problem = f"the word {word!r} is there twice, in the rows {row_of[word]:,} and {row:,}."
            raise DataError(problem, remedy="Give each word once; a dictionary may leave rows out.")
        row_of[str(word)] = int(row)
    return row_of, lower


def _lookup(layer: Any) -> bool:
    """Check a layer that looks words up; return whether it lowercases them.

    Raises DataError: it does something else to words that a tagger does not do.
    """
    if kind_of(layer) not in ("StringLookup", "TextVectorization"):
        refuse(layer, "does not look words up", "Supported: StringLookup and TextVectorization.")
    if getattr(layer, "output_mode", "int") != "int" or getattr(layer, "invert", False):
        refuse(layer, "does not give rows", "It must have output_mode='int', and not be inverted.")
    if kind_of(layer) == "StringLookup":
        if layer.num_oov_indices > 1:
            refuse(layer, f"spreads unknown words over {layer.num_oov_indices} rows", "Supported: num_oov_indices=1.")
        return False
    standardize = getattr(layer, "_standardize", None)
    if standardize not in (None, "lower"):
        refuse(
            layer,
            f"has standardize={standardize!r}, which would change or delete words such as a comma",
            "Supported: None and 'lower'. If no word of yours has punctuation, give layer.get_vocabulary() "
            "and lower=True.",
        )
    return bool(standardize)


def _unknown_row(row_of: Mapping[str, int], words: Words) -> int:
    """Find the row of unknown words by its name, or take the usual one if it stands for no word."""
    named = [row for word, row in row_of.items() if UNKNOWN.fullmatch(word)]
    if len(named) == 1:
        return named[0]
    taken = next((word for word, row in row_of.items() if row == DEFAULT_UNKNOWN), None)
    if named or not (taken is None or PADDING.fullmatch(taken)):
        which = f"{len(named)} words are named like one" if named else f"row {DEFAULT_UNKNOWN} is that of {taken!r}"
        raise DataError(
            f"which row of the Embedding is for words outside the vocabulary? {which}.",
            remedy="Say it with unknown=, a row or its word.",
        )
    return DEFAULT_UNKNOWN
