"""The model card and the learning curve of a finished run."""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from tagsmith import __version__
from tagsmith.corpus.provenance import source_of
from tagsmith.model.card import begun_under, license_of, write_card
from tagsmith.model.folder import ModelFile
from tagsmith.scores.scores import Scores
from tagsmith.training.checkpoint import Progress
from tagsmith.training.recipe import Recipe
from tagsmith.training.task import Task


def data_of(task: Task) -> dict[str, Any]:
    """Return what ``config.json`` says of the data: sizes and sources of each part, and those of earlier training."""
    corpus = task.corpus
    data: dict[str, Any] = {}
    for part, sentences in (("train", corpus.train), ("dev", corpus.dev), ("test", corpus.test)):
        if len(sentences):
            held_out = part == "dev" and "train" in corpus.sources
            sources = corpus.sources.get(part) or (() if held_out else (source_of(sentences),))
            data[part] = {
                "sentences": len(sentences),
                "tokens": int(sentences.lengths.sum()),
                "sources": [source.as_dict() for source in sources],
            }
    before = task.start.data if task.start else {}
    if before:
        data["before"] = [*before.get("train", {}).get("sources", ()), *before.get("before", ())]
    return data


def model_card(
    task: Task, recipe: Recipe, scores: Mapping[str, Scores], progress: Progress, calibration: Sequence[str]
) -> str:
    """Return the model card, in Markdown; ``calibration`` says how far probabilities can be trusted."""
    corpus = task.corpus
    trained = (
        f"Trained with tagsmith {__version__} on {len(corpus.train):,} sentences ({task.encoded.tokens:,} tokens); "
        f"best of {progress.epoch} epochs on {len(corpus.dev):,} dev sentences: epoch {progress.best_epoch}. "
        f"Python {platform.python_version()}, {platform.machine()}."
        + (f" Pretrained vectors: {task.covered}." if task.covered else "")
    )
    if task.start and (license := license_of(task.start.extras.get(ModelFile.CARD, b"").decode("utf-8", "replace"))):
        trained += f" {begun_under(license)}"
    told = "\n".join(f"{line[0].upper()}{line[1:]}." for line in calibration)
    return write_card(corpus.layers, scores, recipe.as_dict(), f"{trained}\n\n{told}", data_of(task))


def learning_curve(history: Sequence[Mapping[str, Any]]) -> bytes:
    """Draw the loss in training and on dev, and the dev score, over the epochs; return a PNG file's bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    left.plot(epochs, [entry["loss"] for entry in history], color="tab:orange", marker=".", label="training loss")
    dev_losses = [entry["dev_loss"] for entry in history]
    left.plot(epochs, dev_losses, color="tab:orange", marker=".", linestyle="--", label="dev loss")
    left.set_xlabel("epoch")
    left.set_ylabel("loss per token")
    left.set_ylim(bottom=0)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    right = left.twinx()
    measure = f"dev {history[0]['measure']}"
    right.plot(epochs, [100 * entry["dev"] for entry in history], color="tab:blue", marker=".", label=measure)
    right.set_ylabel(f"{measure} (%)")
    best = next(entry for entry in reversed(history) if entry["best"])
    right.axvline(best["epoch"], color="tab:gray", linestyle=":", label=f"best: {100 * best['dev']:.2f}")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
