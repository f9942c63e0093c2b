"""``tagsmith bench``: how fast a model tags on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli.options import (
    Column,
    Encoding,
    Format,
    Layer,
    Separator,
    WordColumn,
    reading_options,
    stdout_console,
)

if TYPE_CHECKING:
    from rich.table import Table


def bench_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.", show_default=False)],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A file of sentences; its labels are not used.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Batches at a time. [default: the processors]", show_default=False)
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that the medians are taken over.")] = 7,
    new_words: Annotated[
        int,
        typer.Option(min=0, help="Tag so many tokens, each a new word, and watch the memory.", show_default=False),
    ] = 0,
    format: Format = "auto",
    layer: Layer = None,
    column: Column = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Measure a model's speed on this machine.

    Throughput, latency, start and memory, with the processor, the versions and how far off the ceiling they are.
    Takes about a minute for 200,000 tokens; close other programs first.
    """
    from tagsmith.cli.speed import measure_speed
    from tagsmith.corpus.sources import read_sentences
    from tagsmith.tagging.tagger import available_processors

    options = reading_options(layer, column, word_column, separator, encoding)
    options["labels_required"] = False
    sentences = [own.words for own in read_sentences(data, format=format, **options)]
    found = measure_speed(
        model, sentences, threads=threads or available_processors(), rounds=rounds, new_tokens=new_words
    )
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    console = stdout_console()
    for line in _description(found):
        console.print(line, highlight=False, markup=False)
    console.print(_throughput(found))
    for line in _rest(found):
        console.print(line, highlight=False, markup=False)


def _description(found: dict[str, Any]) -> list[str]:
    machine, own = found["machine"], found["architecture"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("tagsmith", "python", "numpy", "onnxruntime"))
    units = f"{'2 × ' if own['bidirectional'] else ''}{own['units']} units"
    network = f"{own['layers']} × {own['cell']} of {units}, {found['tags']} tags"
    data = f"{found['sentences']:,} sentences, {found['tokens']:,} tokens"
    return [
        f"{machine['processor']}, {machine['processors']} processors, {machine['system']}; {versions}",
        f"{data}; {network}; {found['threads']} threads; medians of {found['rounds']} rounds",
    ]


def _throughput(found: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table()
    table.add_column("throughput")
    for heading in ("tokens/s", "least", "most", "of the ceiling"):
        table.add_column(heading, justify="right")
    for name, rate in found["throughput"].items():
        share = rate["share_of_ceiling"]
        numbers = [f"{rate[key]:,}" for key in ("median", "min", "max")]
        table.add_row(name, *numbers, "" if share is None else f"{100 * share:.0f} %")
    for precision, ceiling in found["ceiling"].items():
        table.add_row(f"ceiling: recurrent products alone, {precision}", f"{ceiling:,}", "", "", "", style="dim")
    return table


def _rest(found: dict[str, Any]) -> list[str]:
    latency, start, memory = found["latency"], found["start"], found["new_words"]
    values = {
        "latency": f"median {latency['median_ms']:.2f} ms, 99th percentile {latency['p99_ms']:.2f} ms"
        " (one sentence of about 20 tokens, text to spans, one thread)",
        "start": f"{start['seconds']:.2f} s (import, load and first tag in a fresh process)",
        "memory": f"{start['memory_after_first_tag_mb']:.0f} MB after the first tag,"
        f" {start['memory_after_data_mb']:.0f} MB after the data",
        "folder": f"{found['model_megabytes']:.1f} MB, vocabulary of {found['vocabulary']:,} words",
    }
    if memory:
        values["new words"] = f"{memory['least_mb']:.0f} to {memory['most_mb']:.0f} MB over {memory['tokens']:,} tokens"
    if not found["ceiling"]:
        values["ceiling"] = "measured for LSTM models, with the extra tagsmith[train] installed"
    return [f"{name:<11} {value}" for name, value in values.items()]
