"""``tagsmith inspect``: the contents of a labeled file or a model folder, and the problems in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
    counted,
    reading_options,
    stdout_console,
)
from tagsmith.errors import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tagsmith.text.document import Sentence

SHOWN = 5  # examples of each kind of problem
MOST_LABELS = 30  # rows of the table of labels


def inspect_command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Labeled files, folders of them, or model folders (hf://OWNER/NAME too). Sentences of later files "
            "that are in the first one too are counted.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, all problems included.")] = False,
    format: Format = "auto",
    layer: Layer = None,
    column: Column = None,
    word_column: WordColumn = None,
    separator: Separator = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Show the contents of a corpus or a model: counts, labels, scheme, and problems with examples of each."""
    from tagsmith.model.hub import hub_name

    reports: list[dict[str, Any]] = []
    first: Sequence[Sentence] | None = None
    for path in _without_folders(paths):
        if path.is_dir() or hub_name(path):
            reports.append(_model_report(path))
        else:
            options = reading_options(layer, column, word_column, separator, encoding)
            report, sentences = _corpus_report(path, format, options, first)
            first = sentences if first is None else first
            reports.append(report)
    if as_json:
        typer.echo(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2, ensure_ascii=False))
        return
    for report in reports:
        _show(report, stdout_console())


def _without_folders(paths: Sequence[Path]) -> list[Path]:
    """Replace folders of labeled files by these; model folders stay."""
    from tagsmith.corpus.folders import files_of_folder
    from tagsmith.errors import DataError

    files: list[Path] = []
    for path in paths:
        if path.is_dir() and not (path / "config.json").exists():
            try:
                found = files_of_folder(path)
            except DataError as error:
                problem = f"{error.problem} Nor is it a model folder: it holds no config.json."
                raise DataError(problem, remedy=error.remedy, path=path) from None
            files += [file for part in found.parts.values() for file in part] + found.others
        else:
            files.append(path)
    return files


def _corpus_report(
    path: Path, format: str, options: dict[str, Any], first: Sequence[Sentence] | None
) -> tuple[dict[str, Any], Sequence[Sentence]]:
    from tagsmith.corpus.doubts import doubt_of_offsets, doubt_of_sentences, doubts_of_labels
    from tagsmith.corpus.sentences import hold_sentences
    from tagsmith.corpus.sources import read_sentences
    from tagsmith.corpus.statistics import shared_sentences, statistics
    from tagsmith.formats import detect_format

    if format == "auto":
        format = detect_format(path, options.get("encoding", "utf-8"))
    problems = options.setdefault("problems", [])
    sentences = read_sentences(path, format=format, **options)
    layer = next(iter(sentences[0].layers)) if sentences else ""
    counts = statistics(sentences, layer, path=str(path))
    held = hold_sentences(sentences, str(path))
    doubts = [
        doubt_of_sentences(held),
        doubt_of_offsets(problems, sum(counts.labels.values())),
        *doubts_of_labels(held, layer, counts.scheme),
    ]
    report = {
        "path": str(path),
        "kind": "corpus",
        "format": format,
        "layer": layer,
        **asdict(counts),
        "repairs": [str(repair) for repair in counts.repairs],
        "warnings": [str(doubt) for doubt in doubts if doubt],
        "problems": [str(problem) for problem in problems],
    }
    if first is not None:
        report["shared_with_first"] = shared_sentences(first, sentences)
    return report, sentences


def _model_report(folder: Path) -> dict[str, Any]:
    """Describe a model folder; every file of it is verified."""
    from tagsmith.model.folder import local_folder, read_config, read_model
    from tagsmith.model.hub import hub_name

    model = read_model(folder)
    local = local_folder(folder)
    layers = [{"layer": layer.name, "scheme": layer.scheme, "labels": list(layer.labels)} for layer in model.layers]
    return {
        "path": str(hub_name(folder) or folder),
        "kind": "model",
        "format_version": read_config(local)["format_version"],
        **layers[0],
        **({"layers": layers} if len(layers) > 1 else {}),
        "words": len(model.vocabulary.words),
        "pretrained_words": len(model.vocabulary.pretrained),
        "characters": len(model.vocabulary.characters),
        **({"ngrams": len(model.vocabulary.ngrams.known)} if model.vocabulary.ngrams else {}),
        "parameters": sum(int(array.size) for name, array in model.weights.items() if array.dtype != "int8"),
        "precision": model.precision,
        "architecture": model.architecture.as_dict(),
        "recipe": dict(model.recipe),
        "scores": dict(model.scores),
        "files": {path.name: path.stat().st_size for path in sorted(local.iterdir()) if path.is_file()},
    }


def _show(report: Mapping[str, Any], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(Text(visible(report["path"]), style="bold"), soft_wrap=True)
    corpus = report["kind"] == "corpus"
    table = Table.grid(padding=(0, 2))
    for name, value in (_corpus_facts(report) if corpus else _model_facts(report)).items():
        table.add_row(Text(visible(name)), Text(visible(value), overflow="fold"))
    console.print(table)
    if corpus:
        console.print(_labels_table(report["labels"]))
        for line in _problems(report):
            console.print(Text(visible(line)), soft_wrap=True)


def _corpus_facts(report: Mapping[str, Any]) -> dict[str, str]:
    longest = report["longest"]
    return {
        "format": report["format"],
        "layer": report["layer"],
        "scheme": report["scheme"],
        "sentences": f"{report['sentences']:,}",
        "tokens": f"{report['tokens']:,}",
        "different words": f"{report['vocabulary']:,}",
        "longest sentence": f"{longest['tokens']:,} tokens (line {longest['line']:,})",
        "sentences without a span": f"{report['unlabeled_sentences']:,}",
    }


def _labels_table(labels: Mapping[str, int]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("label", "share", "count", box=None, pad_edge=False)
    table.columns[1].justify = table.columns[2].justify = "right"
    total = sum(labels.values())
    for label, count in list(labels.items())[:MOST_LABELS]:
        table.add_row(Text(visible(label)), f"{100 * count / total:.1f} %", f"{count:,}")
    if len(labels) > MOST_LABELS:
        table.add_row(f"… and {len(labels) - MOST_LABELS:,} more")
    return table


def _problems(report: Mapping[str, Any]) -> list[str]:
    lines = [f"warning: {warning}" for warning in report["warnings"]]
    for name, what in (("repairs", "illegal tag"), ("problems", "reading problem")):
        if examples := report[name]:
            lines += [f"{counted(len(examples), what)}:", *(f"  {example}" for example in examples[:SHOWN])]
            if len(examples) > SHOWN:
                lines.append(f"  … and {len(examples) - SHOWN:,} more; --json lists them all")
    for name, what in (("duplicates", "repeated in this file"), ("shared_with_first", "also in the first file")):
        if count := report.get(name, 0):
            every = "all " if 1 < count == report["sentences"] else ""
            lines.append(f"{every}{counted(count, 'sentence')} {what}")
    if not report["labels"]:
        lines.append("no labels: there is nothing to learn here")
    return lines or ["no problems found"]


def _model_facts(report: Mapping[str, Any]) -> dict[str, str]:
    if "layers" in report:
        layers = {
            f"layer {layer['layer']}": f"scheme {layer['scheme']}, labels {', '.join(layer['labels'])}"
            for layer in report["layers"]
        }
    else:
        layers = {"layer": report["layer"], "scheme": report["scheme"], "labels": ", ".join(report["labels"])}
    scores = {
        f"scores ({part}, {layer})" if layer else f"scores ({part})": (
            f"F1 {100 * values['f1']:.2f}, token accuracy {100 * values['accuracy']:.2f}"
        )
        for part, every in report["scores"].items()
        for layer, values in every.get("layers", {"": every}).items()
    }
    sizes = report["files"]
    return {
        "format version": str(report["format_version"]),
        **layers,
        "words": f"{report['words']:,} of training, {report['pretrained_words']:,} with pretrained vectors",
        **({"n-grams": f"{report['ngrams']:,}, for the vectors of other words"} if "ngrams" in report else {}),
        "parameters": f"{report['parameters']:,}",
        "network": ", ".join(f"{name} {value}" for name, value in report["architecture"].items()),
        "runs in": report["precision"],
        **scores,
        "size": f"{sum(sizes.values()) / 1e6:.1f} MB in {len(sizes)} files, none missing or altered",
    }
