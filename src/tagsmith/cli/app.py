"""The command line's entry point: the commands, and how errors end them.

Only Typer is imported here; the commands import the rest when they run, so ``--help`` answers at once. Exit status:
0 success, 1 failure, 2 bad usage or bad input, 130 after Ctrl-C, 143 after SIGTERM. Results go to standard output,
everything else to standard error.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tagsmith.cli import (
    bench,
    compare,
    convert,
    demo,
    distill,
    evaluate,
    inspect,
    redact,
    score,
    serve,
    tag,
    train,
    tune,
)
from tagsmith.errors import InputError, MissingExtraError, TagsmithError, visible
from tagsmith.interrupts import catch_interrupts, interruption
from tagsmith.streams import open_standard_streams

FAILURE, BAD_INPUT, INTERRUPTED, TERMINATED = 1, 2, 130, 143


class _Commands(TyperGroup):
    """The commands; an interruption ends any of them with one line, whatever the version of Typer."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BaseException as error:
            stop = interruption(error)
            if stop is None:
                raise
            raise typer.Exit(_interrupted(stop)) from None


app = typer.Typer(
    cls=_Commands,
    name="tagsmith",
    help="Train, evaluate and run recurrent sequence taggers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's help is prettier and takes twice as long to appear
)
app.command("demo")(demo.demo_command)
app.command("train")(train.train_command)
app.command("distill")(distill.distill_command)
app.command("tune")(tune.tune_command)
app.command("evaluate")(evaluate.evaluate_command)
app.command("compare")(compare.compare_command)
app.command("score")(score.score_command)
app.command("tag")(tag.tag_command)
app.command("redact")(redact.redact_command)
app.command("convert")(convert.convert_command)
app.command("inspect")(inspect.inspect_command)
app.command("bench")(bench.bench_command)
app.command("serve")(serve.serve_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tagsmith import __version__

        typer.echo(f"tagsmith {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train, evaluate and run recurrent sequence taggers."""


def main() -> None:
    """Run the command line and exit with its status."""
    open_standard_streams()
    status = run()
    if status in (INTERRUPTED, TERMINATED):
        os._exit(status)  # at once: a thread may still be compiling
    sys.exit(status)


def run() -> int:
    """Run the command line that ``sys.argv`` holds and return its exit status; an error becomes one line."""
    out = sys.stdout  # Typer puts another in its place if its reader is gone
    with catch_interrupts() as interrupts:
        status = _run()
        interrupts.holding = True  # what is left is short
        try:
            out.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # or flushing at exit would fail again
            return status or _failed(error)
        return status


def _run() -> int:
    try:
        app(prog_name="tagsmith")
    except (SystemExit, KeyboardInterrupt) as end:
        if (stop := interruption(end)) is not None:  # before the command began: Typer makes it an exit of its own
            return _interrupted(stop)
        code = getattr(end, "code", None)
        return code if isinstance(code, int) else FAILURE * (code is not None)
    except OSError as error:
        return _failed(error)
    except TagsmithError as error:
        typer.echo("error: " + visible(" ".join(str(error).split("\n"))), err=True)
        return BAD_INPUT if isinstance(error, InputError | MissingExtraError) else FAILURE
    return 0


def _interrupted(stop: KeyboardInterrupt) -> int:
    """Print what an interruption says; return the status."""
    typer.echo(str(stop) or "interrupted", err=True)
    return getattr(stop, "status", INTERRUPTED)


def _failed(error: OSError) -> int:
    """Print what the system could not do, unless it is only that a reader has seen enough; return the status."""
    if not isinstance(error, BrokenPipeError):
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {where}{error.strerror or error}.", err=True)
    return FAILURE
