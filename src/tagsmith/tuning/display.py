"""Progress of a search: a line for each finished trial, and on a terminal a bar with the running ones."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tagsmith.tuning.study import Trial
from tagsmith.tuning.worker import Epoch


class SearchDisplay:
    """Lines on a console, and ``bar``, which shows nothing until it is started."""

    def __init__(self, console: Console, trials: int, done: list[Trial], measure: str) -> None:
        self.console, self.measure = console, measure
        self.best = max((trial.score or 0.0 for trial in done if trial.complete), default=-1.0)
        self.running: dict[int, str] = {}
        columns = (TextColumn("{task.fields[status]}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task("search", total=trials, completed=len(done), status="starting")

    def message(self, text: str) -> None:
        """Print something the user should know once."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def tell(self, news: Epoch | Trial) -> None:
        """Show the news of a trial."""
        if isinstance(news, Trial):
            self.running.pop(news.number, None)
            self.message(self._line(news))
        else:
            entry = news.entry
            self.running[news.number] = f"trial {news.number} epoch {entry['epoch']} {100 * entry['dev']:.2f}"
        best = f"best dev {self.measure} {100 * self.best:.2f}" if self.best >= 0 else "running"
        status = "  ".join([best, *self.running.values()])
        self.bar.update(self.task, advance=isinstance(news, Trial), status=status)

    def _line(self, trial: Trial) -> str:
        score = "–" if trial.score is None else f"{100 * trial.score:.2f}"
        epochs = f"epoch {trial.best_epoch:>2} of {trial.epochs:>2}"
        line = f"trial {trial.number:>3}  dev {self.measure} {score:>5}  {epochs}  {trial.seconds:>5.0f} s"
        if trial.problem:
            return f"{line}  failed: {trial.problem}"
        if not trial.complete:
            return f"{line}  pruned"
        if (trial.score or 0.0) > self.best:
            self.best = trial.score or 0.0
            line += "  best"
        return f"{line}  (base recipe)" if trial.base else line
