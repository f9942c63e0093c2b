"""The model card and the learning curve of a finished run."""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from tagsmith import __version__
from tagsmith.scores.scores import Scores
from tagsmith.training.checkpoint import Progress
from tagsmith.training.recipe import Recipe, toml_value
from tagsmith.training.task import Task


def model_card(task: Task, recipe: Recipe, scores: Mapping[str, Scores], progress: Progress) -> str:
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
    for part, whole in scores.items():
        for name, layer in (whole.layers or {"": whole}).items():
            title = f"{part}, {name}" if name else part
            lines.append(_row(title, layer.precision, layer.recall, layer.f1, layer.accuracy) + " |")
    part, whole = list(scores.items())[-1]
    for name, layer in (whole.layers or {"": whole}).items():
        title = f"## Labels of `{name}`" if name else "## Labels"
        lines += ["", title, "", "| label | precision | recall | F1 | support |", "|---|---|---|---|---|"]
        for label, one in layer.types.items():
            lines.append(_row(label, one.precision, one.recall, one.f1) + f" | {one.support} |")
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


def _row(title: str, *fractions: float) -> str:
    """The beginning of a row of a table, in percent."""
    return f"| {title} | " + " | ".join(f"{100 * fraction:.2f}" for fraction in fractions)


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
