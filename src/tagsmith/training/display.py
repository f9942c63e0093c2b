"""The display of a training run: a progress bar on a terminal, plain lines elsewhere; all on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tagsmith.errors import visible


class Display(Protocol):
    """Gets the news of the training loop."""

    def message(self, text: str) -> None:
        """Show something once."""

    def step(self, epoch: int, done: int, loss: float, speed: float) -> None:
        """Show that ``done`` steps of ``epoch`` are over: ``loss`` per token so far, ``speed`` in tokens per second."""

    def epoch(self, entry: dict[str, Any]) -> None:
        """Show that an epoch is over; ``entry`` is its line of the history."""


class Silent:
    """Shows nothing."""

    def message(self, text: str) -> None:
        """Ignore it."""

    def step(self, epoch: int, done: int, loss: float, speed: float) -> None:
        """Ignore it."""

    def epoch(self, entry: dict[str, Any]) -> None:
        """Ignore it."""


class Lines(Silent):
    """One plain line an epoch: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def message(self, text: str) -> None:
        """Print it."""
        self.console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def epoch(self, entry: dict[str, Any]) -> None:
        """Print the epoch's numbers."""
        self.message(epoch_line(entry))


class Live(Lines):
    """A bar over all steps with the current loss, speed and best score, above it a line for each epoch."""

    def __init__(self, console: Console, progress: Progress, steps_per_epoch: int, epochs: int) -> None:
        super().__init__(console)
        self.progress, self.steps_per_epoch = progress, steps_per_epoch
        self.task = progress.add_task("training", total=steps_per_epoch * epochs, status="compiling")
        self.last = ""

    def step(self, epoch: int, done: int, loss: float, speed: float) -> None:
        """Move the bar."""
        status = f"epoch {epoch}  loss {loss:.4f}  {speed:,.0f} tokens/s{self.last}"
        self.progress.update(self.task, completed=(epoch - 1) * self.steps_per_epoch + done, status=status)

    def epoch(self, entry: dict[str, Any]) -> None:
        """Print the epoch's numbers; the bar goes on showing its dev score."""
        super().epoch(entry)
        self.last = f"  dev {entry['measure']} {100 * entry['dev']:.2f}"


def epoch_line(entry: dict[str, Any]) -> str:
    """Return the line of one epoch: loss in training and on dev, speed, dev score, time left."""
    best = "  best" if entry["best"] else ""
    return (
        f"epoch {entry['epoch']:>3}  loss {entry['loss']:.4f}, dev {entry['dev_loss']:.4f}  "
        f"{entry['tokens_per_second']:>7,.0f} tokens/s  "
        f"dev {entry['measure']} {100 * entry['dev']:.2f}{_layers(entry)}  {entry['seconds_left']:>5.0f} s left{best}"
    )


def _layers(entry: dict[str, Any]) -> str:
    """The scores of single layers, if there are several."""
    if "layers" not in entry:
        return ""
    return f" ({', '.join(f'{layer} {100 * score:.2f}' for layer, score in entry['layers'].items())})"


@contextmanager
def open_display(console: Console, steps_per_epoch: int, epochs: int) -> Iterator[Display]:
    """Choose the display that fits the console."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.fields[status]}"),
        BarColumn(None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Live(console, progress, steps_per_epoch, epochs)
