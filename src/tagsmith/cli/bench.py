"""``tagsmith bench``: how fast a model tags on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli import options

if TYPE_CHECKING:
    from rich.table import Table


def bench_command(
    model: options.ModelFolder,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A file of sentences; its labels are not used.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Batches at a time. [default: the processors]")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that the medians are taken over.")] = 7,
    new_words: Annotated[
        int, typer.Option(min=0, help="Tag this many different new words too, and watch the memory.")
    ] = 0,
    format: options.Format = "auto",
    layer: options.Layer = None,
    column: options.Column = None,
    word_column: options.WordColumn = None,
    separator: options.Separator = None,
    encoding: options.Encoding = "utf-8",
) -> None:
    """Measure a model's speed on this machine.

    Prints throughput, latency, start and memory, with the processor, the versions, and how near the ceiling they are.
    200,000 tokens take about a minute. Close other programs first.
    """
    from tagsmith.cli.speed import measure_speed
    from tagsmith.corpus.sources import read_sentences
    from tagsmith.model.folder import local_folder
    from tagsmith.tagging.batching import available_processors

    reading = options.reading_options(layer, column, word_column, separator, encoding)
    labeled = read_sentences(data, format=format, labels_required=False, **reading)
    sentences = [sentence.words for sentence in labeled]
    threads = threads or available_processors()
    speed = measure_speed(local_folder(model), sentences, threads=threads, rounds=rounds, new_tokens=new_words)
    if as_json:
        typer.echo(json.dumps(speed, indent=2, ensure_ascii=False))
        return
    console = options.stdout_console()
    for part in (*_description(speed), _throughput(speed), *_rest(speed)):
        console.print(part, highlight=False, markup=False)


def _description(speed: dict[str, Any]) -> list[str]:
    machine, network = speed["machine"], speed["architecture"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("tagsmith", "python", "numpy", "onnxruntime"))
    units = f"{'2 × ' if network['bidirectional'] else ''}{network['units']} units"
    layers = f"{network['layers']} × {network['cell']} of {units}, {speed['tags']} tags"
    data = f"{speed['sentences']:,} sentences, {speed['tokens']:,} tokens"
    return [
        f"{machine['processor']}, {machine['processors']} processors, {machine['system']}; {versions}",
        f"{data}; {layers}; {speed['threads']} threads; medians of {speed['rounds']} rounds",
    ]


def _throughput(speed: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table()
    table.add_column("throughput")
    for heading in ("tokens/s", "least", "most", "of the ceiling"):
        table.add_column(heading, justify="right")
    for name, rate in speed["throughput"].items():
        share = rate["share_of_ceiling"]
        numbers = [f"{rate[key]:,}" for key in ("median", "min", "max")]
        table.add_row(name, *numbers, "" if share is None else f"{100 * share:.0f} %")
    for precision, ceiling in speed["ceiling"].items():
        table.add_row(f"ceiling: recurrent products alone, {precision}", f"{ceiling:,}", "", "", "", style="dim")
    return table


def _rest(speed: dict[str, Any]) -> list[str]:
    latency, start, memory = speed["latency"], speed["start"], speed["new_words"]
    values = {
        "latency": f"median {latency['median_ms']:.2f} ms, 99th percentile {latency['p99_ms']:.2f} ms"
        " (one sentence of about 20 tokens, text to spans, one thread)",
        "start": f"{start['seconds']:.2f} s (import, load and first tag in a fresh process)",
        "memory": f"{start['memory_after_first_tag_mb']:.0f} MB after the first tag,"
        f" {start['memory_after_data_mb']:.0f} MB after the data",
        "folder": f"{speed['model_megabytes']:.1f} MB, vocabulary of {speed['vocabulary']:,} words",
    }
    if memory:
        values["new words"] = f"{memory['least_mb']:.0f} to {memory['most_mb']:.0f} MB over {memory['tokens']:,} tokens"
    if not speed["ceiling"]:
        values["ceiling"] = "measured for LSTM models, with the extra tagsmith[train] installed"
    return [f"{name:<11} {value}" for name, value in values.items()]
