"""The command line's entry point: the commands, and what becomes of errors.

Nothing but Typer is imported here, and the commands import what they need when they run, so that ``--help`` answers
at once. Exit status: 0 success, 1 failure, 2 bad usage or bad input, 130 interrupted. Results go to standard output,
everything else to standard error.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tagsmith.cli.bench import bench_command
from tagsmith.cli.convert import convert_command
from tagsmith.cli.demo import demo_command
from tagsmith.cli.evaluate import evaluate_command
from tagsmith.cli.inspect import inspect_command
from tagsmith.cli.score import score_command
from tagsmith.cli.serve import serve_command
from tagsmith.cli.tag import tag_command
from tagsmith.cli.train import train_command
from tagsmith.cli.tune import tune_command

FAILURE, BAD_INPUT, INTERRUPTED = 1, 2, 130


class _Group(TyperGroup):
    """The commands; Ctrl-C in any of them is one word and a status of its own, whatever the version of Typer."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Group,
    name="tagsmith",
    help="Train, evaluate and run recurrent sequence taggers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's help is prettier and takes twice as long to appear
)
app.command("demo")(demo_command)
app.command("train")(train_command)
app.command("tune")(tune_command)
app.command("evaluate")(evaluate_command)
app.command("score")(score_command)
app.command("tag")(tag_command)
app.command("convert")(convert_command)
app.command("inspect")(inspect_command)
app.command("bench")(bench_command)
app.command("serve")(serve_command)


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
    # Output is UTF-8 whatever the locale. Half a surrogate pair, which JSON can hold, is written as JSON's escape.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    sys.exit(run())


def run() -> int:
    """Run the command line that ``sys.argv`` holds and return its exit status; errors become one line each."""
    try:
        status = _status()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or flushing at exit would fail again
        return FAILURE
    except OSError as error:
        _print_error(_describe(error))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    return status


def _status() -> int:
    try:
        app(prog_name="tagsmith")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILURE * (end.code is not None)
    except BrokenPipeError:
        raise
    except OSError as error:
        _print_error(_describe(error))
        return FAILURE
    except Exception as error:
        from tagsmith.errors import InputError, MissingExtraError, TagsmithError

        if not isinstance(error, TagsmithError):
            raise
        _print_error(str(error))
        return BAD_INPUT if isinstance(error, InputError | MissingExtraError) else FAILURE
    return 0


def _describe(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}."


def _print_error(message: str) -> None:
    typer.echo("error: " + " ".join(message.split("\n")), err=True)
