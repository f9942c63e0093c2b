"""What a finished run leaves for people: the model card and the learning curve."""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from tagsmith import __version__
from tagsmith.training.checkpoint import Progress
from tagsmith.training.recipe import Recipe, toml_value
from tagsmith.training.task import Task


def model_card(task: Task, recipe: Recipe, scores: Mapping[str, Mapping[str, Any]], progress: Progress) -> str:
    """Return the model card, in Markdown."""
    corpus = task.corpus
    lines = [
        "# A tagsmith model",
        "",
        *(
            line
            for layer in corpus.layers
            for line in (f"Layer `{layer.name}`, scheme {layer.scheme.value}, labels: {', '.join(layer.labels)}.", "")
        ),
        (
            f"Trained with tagsmith {__version__} on {len(corpus.train):,} sentences ({task.encoded.tokens:,} tokens); "
            f"best of {progress.epoch} epochs on {len(corpus.dev):,} dev sentences: epoch {progress.best_epoch}. "
            f"Python {platform.python_version()}, {platform.machine()}."
        ),
        "",
        "| part | precision | recall | F1 | token accuracy |",
        "|---|---|---|---|---|",
    ]
    for part, values in scores.items():
        for name, one in values.get("layers", {"": values}).items():
            numbers = (one[key] for key in ("precision", "recall", "f1", "accuracy"))
            title = f"{part}, {name}" if name else part
            lines.append(f"| {title} | " + " | ".join(f"{100 * number:.2f}" for number in numbers) + " |")
    part, values = list(scores.items())[-1]
    for name, one in values.get("layers", {"": values}).items():
        title = f"## Labels of `{name}`" if name else "## Labels"
        lines += ["", title, "", "| label | precision | recall | F1 | support |", "|---|---|---|---|---|"]
        for label, own in one["types"].items():
            numbers = (own[key] for key in ("precision", "recall", "f1"))
            lines.append(f"| {label} | " + " | ".join(f"{100 * n:.2f}" for n in numbers) + f" | {own['support']} |")
    lines += [
        "",
        f"(On {part}.)",
        "",
        "## Use",
        "",
        "```python",
        "import tagsmith",
        'tagger = tagsmith.load("this folder")',
    ]
    lines += ['tagger("Some text.").spans', "```", "", "## Recipe", "", "```toml"]
    lines += [f"{name} = {toml_value(value)}" for name, value in recipe.as_dict().items()]
    return "\n".join([*lines, "```", ""])


def learning_curve(history: Sequence[Mapping[str, Any]]) -> bytes:
    """Draw loss and dev score over the epochs; return a PNG file's bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    left.plot(epochs, [entry["loss"] for entry in history], color="tab:orange", marker=".", label="training loss")
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
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
