"""What a run shows: plain lines in a log, a bar on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tagsmith.training.display import Lines, Live, Silent, epoch_line, open_display

ENTRY = {
    "epoch": 3, "loss": 0.12345, "dev_loss": 0.23456, "tokens_per_second": 12345.6, "measure": "F1", "dev": 0.98765,
    "seconds_left": 61.2, "best": True,
}  # fmt: skip


def test_the_line_of_an_epoch_gives_its_numbers():
    line = epoch_line(ENTRY)
    for part in ("epoch   3", "loss 0.1235, dev 0.2346", "12,346 tokens/s", "F1 98.77", "61 s left", "best"):
        assert part in line
    assert len(line) < 90
    assert "best" not in epoch_line({**ENTRY, "best": False})


def test_a_log_gets_plain_lines_without_control_characters():
    stream = io.StringIO()
    with open_display(Console(file=stream, width=20), 10, 3) as display:
        assert isinstance(display, Lines)
        assert not isinstance(display, Live)
        display.message("[bold]not markup[/bold] and far longer than the console is wide")
        display.step(1, 5, 0.5, 1000.0)
        display.epoch(ENTRY)
    assert stream.getvalue().splitlines() == [
        "[bold]not markup[/bold] and far longer than the console is wide",
        epoch_line(ENTRY),
    ]
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_bar_and_the_lines():
    stream = io.StringIO()
    with open_display(Console(file=stream, force_terminal=True, width=200), 10, 3) as display:
        assert isinstance(display, Live)
        display.message("150 train sentences")
        display.step(2, 5, 0.5, 1000.0)
        assert display.progress.tasks[0].completed == 15
        assert display.progress.tasks[0].total == 30
        display.epoch(ENTRY)
        display.step(3, 10, 0.25, 2000.0)
        status = display.progress.tasks[0].fields["status"]
    assert "epoch 3" in status
    assert "0.2500" in status
    assert "2,000 tokens/s" in status
    assert "98.77" in status
    shown = stream.getvalue()
    assert "150 train sentences" in shown
    assert epoch_line(ENTRY) in shown


@pytest.mark.parametrize("call", [("message", "x"), ("step", 1, 1, 0.5, 9.0), ("epoch", ENTRY)])
def test_the_silent_display_shows_nothing(capsys, call):
    getattr(Silent(), call[0])(*call[1:])
    assert capsys.readouterr() == ("", "")
