"""Keras: the tutorial's model (embedding, bidirectional LSTM, softmax) with ``fit`` and ``predict``."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from worker import Arguments, Sentences, System, read_corpus, serve, train_once

from tagsmith.network.rnn import create_rnn_model  # registers the loss and the metric of saved models

if TYPE_CHECKING:
    import keras
else:
    from tagsmith.network.backend import keras

NETWORK: dict[str, Any] = {
    "embedding_dim": 100,
    "lstm_units": 200,
    "bidirectional": True,
    "mask_padding": True,
    "dropout": 0.5,
}
EPOCHS, PATIENCE = 40, 4
# The fastest of 64, 128, 256 and of 4, 8, 16.
BATCH = 256
STEP = 8  # sentences are padded to a multiple of it
TRAINING_BATCH, TRAINING_STEP = 16, 32
UNKNOWN = 1  # row 0 is padding


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of sentences of about the same length."""

    def __init__(self, batches: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return self.batches[index]


def start(arguments: Arguments) -> System:
    """Train or load the model."""
    training = train_once(arguments.folder, lambda: _train(arguments))
    rows = json.loads((arguments.folder / "rows.json").read_text("utf-8"))
    tags = json.loads((arguments.folder / "tags.json").read_text("utf-8"))
    model = keras.saving.load_model(arguments.folder / "model.keras", compile=False)

    def tag(sentences: Sentences) -> Sentences:
        tagged: Sentences = [[] for _ in sentences]
        for width, places in _by_width(sentences, STEP).items():
            x = _padded([[rows.get(word, UNKNOWN) for word in sentences[i]] for i in places], width, 0)
            best = model.predict(x, batch_size=BATCH, verbose=0).argmax(axis=-1).tolist()
            for i, numbers in zip(places, best, strict=True):
                tagged[i] = [tags[number] for number in numbers[: len(sentences[i])]]
        return tagged

    return System(tag, ("keras", keras.backend.backend(), "tagsmith", "numpy"), training)


def _train(arguments: Arguments) -> dict[str, Any]:
    keras.utils.set_random_seed(0)
    words, gold = read_corpus(arguments.corpus / "train.conll")
    counts = Counter(word for sentence in words for word in sentence)
    # A word that occurs once trains the row of the unknown words.
    rows = {word: row for row, word in enumerate(sorted(w for w, n in counts.items() if n > 1), start=UNKNOWN + 1)}
    tags = sorted({tag for sentence in gold for tag in sentence})
    model = create_rnn_model(len(rows) + UNKNOWN + 1, len(tags), **NETWORK)
    history = model.fit(
        Batches(_batches(words, gold, rows, tags)),
        validation_data=Batches(_batches(*read_corpus(arguments.corpus / "dev.conll"), rows, tags)),
        epochs=EPOCHS,
        callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)],
        verbose=2,
    ).history
    (arguments.folder / "rows.json").write_text(json.dumps(rows), "utf-8")
    (arguments.folder / "tags.json").write_text(json.dumps(tags), "utf-8")
    model.save(arguments.folder / "model.keras")
    return {"optimizer": "adam", **NETWORK, "epochs": len(history["loss"]), "patience": PATIENCE}


def _batches(
    words: Sentences, gold: Sentences, rows: dict[str, int], tags: list[str]
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Return inputs (sentence, time) and targets, -1 at padded steps."""
    batches = []
    for width, places in _by_width(words, TRAINING_STEP).items():
        for first in range(0, len(places), TRAINING_BATCH):
            chosen = places[first : first + TRAINING_BATCH]
            x = _padded([[rows.get(word, UNKNOWN) for word in words[i]] for i in chosen], width, 0)
            batches.append((x, _padded([[tags.index(tag) for tag in gold[i]] for i in chosen], width, -1)))
    return batches


def _by_width(sentences: Sentences, step: int) -> dict[int, list[int]]:
    """Group the indices of the sentences, in order of length, by padded length."""
    groups = defaultdict(list)
    for i in sorted(range(len(sentences)), key=lambda i: len(sentences[i])):
        groups[-(-len(sentences[i]) // step) * step].append(i)
    return groups


def _padded(numbers: list[list[int]], width: int, value: int) -> npt.NDArray[np.int32]:
    padded = np.full((len(numbers), width), value, np.int32)
    for row, values in zip(padded, numbers, strict=True):
        row[: len(values)] = values
    return padded


if __name__ == "__main__":
    serve(start)
