"""Options that several commands share: how to read labeled files, what to train, how to show results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.errors import visible

if TYPE_CHECKING:
    from rich.console import Console


_LAYER = "The layer to read, such as upos, xpos or feats in conllu."
_COLUMN = "The column of the tags, counted from 1, or from -1 at the end; in csv also its heading."

MODEL_HELP = "A model folder or its URL, en (English), or hf://OWNER/NAME."
ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
Format = Annotated[
    str, typer.Option("--format", help="A file format, such as conll or jsonl; auto goes by suffix and content.")
]
Layer = Annotated[str | None, typer.Option("--layer", help=_LAYER)]
Layers = Annotated[list[str] | None, typer.Option("--layer", help=f"{_LAYER} Several: --layer upos --layer xpos.")]
Column = Annotated[str | None, typer.Option("--column", help=f"{_COLUMN} [default: the last]")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help=f"{_COLUMN} Several, one for each layer: --column 2 --column 3. [default: the last]"),
]
WordColumn = Annotated[str | None, typer.Option("--word-column", help="The column of the words. [default: the first]")]
Separator = Annotated[
    str | None,
    typer.Option("--separator", help="The column separator; \\t is a tab. [default: tabs, or else runs of spaces]"),
]
Encoding = Annotated[str, typer.Option("--encoding", help="The files' character encoding.")]

# What train and tune need.
TrainFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="TRAIN...", help="Labeled files to learn from; of a folder, train, dev and test by their names."
    ),
]
Preset = Annotated[str, typer.Option(help="The recipe to begin with: fast, balanced or accurate.")]
RecipeFile = Annotated[Path | None, typer.Option(help="TOML file of changes to the preset.")]
RecipeChanges = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="One change to the recipe; may be repeated.")
]
VectorsFile = Annotated[
    str | None,
    typer.Option(
        help="Pretrained word vectors: a file (GloVe, word2vec, fastText .vec, or .bin, which has vectors for unseen "
        "words too), or an installed package's name, such as glove-6b-50d."
    ),
]
Seed = Annotated[int, typer.Option(help="Decides everything random.")]
Force = Annotated[
    bool, typer.Option("--force", help="Begin anew, and replace the model or the unfinished run that is there.")
]

Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="LAYER",
        help="A layer of --from MODEL that the new model keeps; may be repeated; none: only TRAIN's. [default: all]",
    ),
]

TABLE_WIDTH = 100  # columns of a table where no terminal says how wide it is


def reading_options(
    layer: str | list[str] | None = None,
    column: str | list[str] | None = None,
    word_column: str | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
) -> dict[str, Any]:
    """Return the options that were given as keyword arguments for reading labeled data."""
    given = {"layer": layer, "column": column, "word_column": word_column, "encoding": encoding}
    if separator is not None:
        given["separator"] = separator.replace("\\t", "\t")
    alone = {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in given.items()}
    return {name: value for name, value in alone.items() if value}


def kept_layers(keep: list[str] | None, start: Path | None) -> list[str] | None:
    """Read ``--keep``, which says something of ``--from`` alone."""
    if keep and start is None:
        raise typer.BadParameter("it is about the layers of --from MODEL.", param_hint="--keep")
    return [] if keep == ["none"] else keep


def check_suffix(path: Path | None, *suffixes: str) -> None:
    """Raise if the name of an output says that it is in another format than the one written."""
    from tagsmith.errors import DataError

    if path is not None and path.suffix.lower() not in ("", *suffixes):
        raise DataError(
            f"The suffix {path.suffix!r} does not fit what is written.",
            remedy=f"Call the file {path.with_suffix(suffixes[0]).name}.",
            path=path,
        )


SHOWN = 5  # problems of a file


def echo_problems(problems: Sequence[object]) -> None:
    """Print the first problems of reading on standard error."""
    for problem in problems[:SHOWN]:
        typer.echo(visible(f"note: {problem}"), err=True)
    if len(problems) > SHOWN:
        typer.echo(f"note: … and {len(problems) - SHOWN:,} more; 'tagsmith inspect' lists them all", err=True)


def counted(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 tag``, ``1,000 tags``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def stdout_console() -> Console:
    """Return a console for results, whose tables do not depend on the terminal where there is none."""
    import sys

    from rich.console import Console

    console = Console(file=sys.stdout)
    return console if console.is_terminal else Console(file=sys.stdout, width=TABLE_WIDTH)
