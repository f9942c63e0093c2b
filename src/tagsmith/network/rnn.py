"""The tutorial's model: Embedding → recurrent layers → a softmax over the labels at each time step.

With its defaults, :func:`create_rnn_model` builds exactly the model of the tutorial *RNN for Sequence Labeling*. Its
options give the tutorial's variants (simple RNN, GRU, both directions, stacks, one label for the whole text, one-hot
inputs and targets). To tag real corpora use :func:`tagsmith.train`, which has a different, faster network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from tagsmith.errors import RecipeError
from tagsmith.network.sequence_loss import MaskedTimeDistributed, SequenceAccuracy, SequenceCrossentropy, Targets

if TYPE_CHECKING:
    import keras
else:
    from tagsmith.network.backend import keras

Cell = Literal["lstm", "gru", "rnn"]
Inputs = Literal["rows", "one-hot"]
Outputs = Literal["many-to-many", "many-to-one"]

CELL_LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def create_rnn_model(
    vocab_size: int,
    num_labels: int,
    embedding_dim: int,
    lstm_units: int,
    max_sequence_length: int | None = None,
    *,
    cell: Cell = "lstm",
    bidirectional: bool = False,
    layers: int = 1,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    mask_padding: bool = False,
    inputs: Inputs = "rows",
    outputs: Outputs = "many-to-many",
    targets: Targets = "integer",
    optimizer: Any = "adam",
    learning_rate: float | None = None,
) -> keras.Sequential:
    """Build and compile a recurrent model that labels sequences.

    Parameters
    ----------
    vocab_size, embedding_dim
        Number of rows of the embedding, including the padding row, and their length.
    lstm_units, layers
        Units of a recurrent layer per direction, for every cell, and number of stacked layers.
    max_sequence_length
        Time steps of every input, or None for any number (the same within a batch).
    cell
        ``"lstm"``, ``"gru"`` (with ``reset_after``, as in cuDNN) or ``"rnn"``, the simple tanh cell.
    bidirectional
        Read each sequence in both directions and concatenate: 2 · ``lstm_units`` outputs per step.
    dropout, recurrent_dropout
        Share of a recurrent layer's inputs, and of its state, that is dropped in training. A sequence has one mask for
        all its time steps: the variational dropout of Gal & Ghahramani (2016).
    mask_padding
        Treat row 0 (with one-hot inputs: a vector of zeros) as padding, which the recurrent layers, the loss and the
        accuracy skip. If false, row 0 is a word like any other, and only targets of -1 (one-hot: all zeros) are
        skipped.
    inputs
        ``"rows"``: integers, ``(batch, time)``. ``"one-hot"``: ``(batch, time, vocab_size)``; a Dense layer without
        bias and with the same matrix replaces the Embedding.
    outputs
        ``"many-to-many"``: a distribution at each step, ``(batch, time, num_labels)``, all zeros at padded steps.
        ``"many-to-one"``: one for the whole text, ``(batch, num_labels)``, as in sentiment analysis.
    targets
        ``"integer"``: label indices, sparse cross-entropy. ``"one-hot"``: categorical cross-entropy.
    optimizer, learning_rate
        A Keras optimizer, or its name and a learning rate (by default Keras's); None leaves the model uncompiled.

    Returns
    -------
    keras.Sequential
        The model, compiled with :class:`SequenceCrossentropy` (summed over time steps, averaged over the batch) and
        :class:`SequenceAccuracy`, named ``accuracy``. ``fit`` backpropagates through the whole sequence; for long
        documents see :func:`tagsmith.network.truncated.fit_truncated`.

    Raises
    ------
    RecipeError
        A size is not positive, a rate is outside [0, 1), or an option's value is unknown.

    Examples
    --------
    >>> model = create_rnn_model(10000, 3, 100, 64, 50)
    >>> [layer.count_params() for layer in model.layers], model.count_params()
    ([1000000, 42240, 195], 1042435)
    """
    _check_sizes(
        vocab_size=vocab_size,
        num_labels=num_labels,
        embedding_dim=embedding_dim,
        lstm_units=lstm_units,
        layers=layers,
        max_sequence_length=1 if max_sequence_length is None else max_sequence_length,
    )
    _check_rates(dropout=dropout, recurrent_dropout=recurrent_dropout)
    _check_choices(cell=(cell, Cell), inputs=(inputs, Inputs), outputs=(outputs, Outputs), targets=(targets, Targets))

    many_to_many = outputs == "many-to-many"
    stack = _word_layers(vocab_size, embedding_dim, max_sequence_length, inputs, mask_padding)
    for number in range(1, layers + 1):
        recurrent = CELL_LAYERS[cell](
            lstm_units,
            return_sequences=many_to_many or number < layers,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
        )
        stack.append(keras.layers.Bidirectional(recurrent) if bidirectional else recurrent)
    softmax = keras.layers.Dense(num_labels, activation="softmax")
    if many_to_many:
        fixed = max_sequence_length is not None and not mask_padding
        over_time = keras.layers.TimeDistributed if fixed else MaskedTimeDistributed
        stack.append(over_time(softmax, name="time_distributed"))
    else:
        stack.append(softmax)

    model = keras.Sequential(stack)
    if optimizer is not None:
        model.compile(
            optimizer=_optimizer(optimizer, learning_rate),
            loss=SequenceCrossentropy(targets),
            metrics=[SequenceAccuracy(targets)],
        )
    return model


def _word_layers(vocab_size: int, dim: int, length: int | None, inputs: str, mask_padding: bool) -> list[Any]:
    """Return the layers from the input to the word vectors ``(batch, time, dim)``."""
    if inputs == "rows":
        return [
            keras.Input((length,), dtype="int32"),
            keras.layers.Embedding(vocab_size, dim, mask_zero=mask_padding),
        ]
    # A one-hot vector times a matrix is a row of the matrix; it is initialized as in an Embedding.
    product = keras.layers.Dense(dim, use_bias=False, kernel_initializer="uniform", name="embedding")
    masking = [keras.layers.Masking(0.0)] if mask_padding else []
    return [keras.Input((length, vocab_size)), *masking, product]


def _optimizer(optimizer: Any, learning_rate: float | None) -> Any:
    """Return the given optimizer, or a new one of the given name."""
    if learning_rate is None:
        return keras.optimizers.get(optimizer)
    if not isinstance(optimizer, str):
        raise RecipeError(
            "learning_rate is given together with an optimizer object.",
            remedy="Set the rate in the optimizer, or give the optimizer's name.",
        )
    if not learning_rate > 0:
        raise RecipeError(f"learning_rate is {learning_rate!r}.", remedy="Give a number above 0.")
    return keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": learning_rate}})


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise RecipeError(f"{name} is {size!r}.", remedy="Give a whole number of at least 1.")


def _check_rates(**rates: float) -> None:
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise RecipeError(f"{name} is {rate!r}.", remedy="Give a number from 0 up to but not including 1.")


def _check_choices(**choices: tuple[str, Any]) -> None:
    for name, (value, known) in choices.items():
        if value not in get_args(known):
            raise RecipeError(f"{name} is {value!r}.", remedy=f"Choose one of {', '.join(get_args(known))}.")
