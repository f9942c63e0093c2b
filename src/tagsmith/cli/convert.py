"""``tagsmith convert``: a labeled file in another format or scheme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagsmith.cli.options import Column, Encoding, Layer, Separator, WordColumn, counted, reading_options
from tagsmith.errors import visible

if TYPE_CHECKING:
    from tagsmith.corpus.convert import Conversion

SHOWN = 5  # examples of what was repaired or reported


def convert_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A labeled file. '-': standard input.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write. '-': standard output.")],
    source_format: Annotated[
        str, typer.Option("--from", help="A file format, such as conll or jsonl; auto goes by suffix and content.")
    ] = "auto",
    target_format: Annotated[
        str, typer.Option("--to", help="A file format, such as conll or jsonl; auto goes by the suffix of OUT.")
    ] = "auto",
    scheme: Annotated[
        str | None, typer.Option(help="The scheme to write, such as IOB2 or BIOES. [default: as it is]")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Make illegal tags legal instead of stopping.")] = False,
    layer: Layer = None,
    column: Column = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Convert a labeled file to another format or scheme; report repairs and problems on standard error."""
    from tagsmith.corpus.convert import convert

    conversion = convert(
        str(source),
        str(target),
        format=source_format,
        target_format=target_format,
        scheme=scheme,
        repair=repair,
        **reading_options(layer, column, word_column, separator, encoding),
    )
    for line in _summary(conversion):
        typer.echo(visible(line), err=True)


def _summary(conversion: Conversion) -> list[str]:
    scheme = f"scheme {conversion.source_scheme.value}"
    if conversion.scheme is not conversion.source_scheme:
        scheme += f" → {conversion.scheme.value}"
    labels = "no labels" if conversion.layer is None else f"layer {conversion.layer}, {scheme}"
    counts = [counted(getattr(conversion, f"{noun}s"), noun) for noun in ("document", "sentence", "token")]
    lines = [f"{', '.join(counts)}; {labels}"]
    for what, items in (("tag repair", conversion.repairs), ("problem", conversion.problems)):
        if items:
            lines += [f"{counted(len(items), what)}:", *(f"  {item}" for item in items[:SHOWN])]
        if len(items) > SHOWN:
            lines.append(f"  … and {len(items) - SHOWN:,} more")
    return lines
