"""``tagsmith score``: conlleval's input in, conlleval's numbers out."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from tagsmith.errors import DataError


def score_command(
    predictions: Annotated[
        Path | None,
        typer.Argument(
            help="One token a line, the gold tag in the last column but one and the predicted tag in the "
            "last; a blank line between sentences. '-' or nothing: standard input.",
            show_default=False,
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter",
            "-d",
            help="What separates columns [default: a space, or a tab in files with tabs].",
            show_default=False,
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="The file's character encoding.")] = "utf-8",
) -> None:
    """Score a file of gold and predicted tags exactly as the CoNLL-2000 scorer does."""
    from tagsmith.scores.scores import conlleval_report  # NumPy: slow to import

    path, name = (None, "<stdin>") if predictions in (None, Path("-")) else (predictions, str(predictions))
    with _open(path, encoding) as lines:
        try:
            report = conlleval_report(lines, delimiter=delimiter, path=name)
        except UnicodeDecodeError as error:
            raise DataError(
                f"The bytes are not {encoding} text ({error.reason} at byte {error.start} of a block).",
                remedy="Name the file's encoding with --encoding.",
                path=name,
            ) from error
    sys.stdout.write(report)


@contextmanager
def _open(path: Path | None, encoding: str) -> Iterator[TextIO]:
    """Open a file or standard input as text whose lines end at LF only."""
    try:
        if path is None:
            stream = io.TextIOWrapper(sys.stdin.buffer, encoding=encoding, newline="\n")
            yield stream
            stream.detach()  # leave standard input open
        else:
            with path.open(encoding=encoding, newline="\n") as lines:
                yield lines
    except LookupError as error:
        raise DataError(f"There is no encoding {encoding!r}.", remedy="Try utf-8 or latin-1.") from error
    except OSError as error:
        raise DataError(
            f"The file cannot be read: {error.strerror}.", remedy="Name a file of predictions.", path=path
        ) from error
