"""``tagsmith score``: conlleval's input in, conlleval's numbers out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tagsmith.cli.options import Encoding


def score_command(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="One token per line, with the gold tag in the second last column and the predicted tag in the last, "
            "and a blank line after each sentence. '-' or nothing: standard input.",
            show_default=False,
        ),
    ] = Path("-"),
    delimiter: Annotated[
        str | None,
        typer.Option("--delimiter", "-d", help="The column separator. [default: a space, or a tab in files with tabs]"),
    ] = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Score a file of gold and predicted tags exactly as the CoNLL-2000 scorer does."""
    from tagsmith.formats.source import open_source, source_name
    from tagsmith.scores.scores import conlleval_report  # NumPy: slow to import

    with open_source(predictions, encoding) as lines:
        report = conlleval_report(lines, delimiter=delimiter, path=source_name(predictions))
    sys.stdout.write(report)
    if "; correct: 0.\n" in report and not report.startswith("processed 0 tokens"):
        seen = "there is no gold span" if " tokens with 0 phrases;" in report else "no span is correct"
        typer.echo(
            f"note: {seen}. The second last column must hold the gold tags, with prefixes such as B-.",
            err=True,
        )
