"""``tagsmith compare``: two models, or files of predictions, on the same labeled sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli import options
from tagsmith.cli.evaluate import CountedAs, Mode
from tagsmith.errors import DataError, place_of, visible

if TYPE_CHECKING:
    from rich.table import Table

    from tagsmith.corpus.origins import Origin
    from tagsmith.scores.comparison import Comparison, Difference
    from tagsmith.text.document import Sentence
    from tagsmith.text.schemes import Scheme

_LONGEST = 300  # characters of a sentence that is shown

_SYSTEM = "A model folder, en, hf://OWNER/NAME, or a file of predictions for the sentences of DATA."
Show = Annotated[
    int, typer.Option(min=0, metavar="N", help="Show so many sentences that B does better, and that it does worse.")
]
FailIfWorse = Annotated[
    float | None,
    typer.Option(min=0, metavar="X", help="Exit with status 1 if B's F1 is worse by more than X points (percent)."),
]
P = Annotated[float, typer.Option("--p", min=0, max=1, help="With --fail-if-worse: and if the p-value is below this.")]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the comparison as JSON; with '-', print nothing else."),
]
Documents = Annotated[bool, typer.Option("--documents", help="Draw and swap documents, not sentences.")]
Resamples = Annotated[
    int | None, typer.Option(min=1, help="Resamples of the intervals. [default: 10,000, fewer for large files]")
]
Shuffles = Annotated[int, typer.Option(min=1, help="Shuffles that the p-values come from.")]


def compare_command(
    a: Annotated[Path, typer.Argument(metavar="A", help=_SYSTEM)],
    b: Annotated[Path, typer.Argument(metavar="B", help=_SYSTEM)],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A labeled file; of a folder, the test file.")],
    show: Show = 0,
    fail_if_worse: FailIfWorse = None,
    p: P = 0.05,
    json_file: JsonFile = None,
    mode: Mode = CountedAs.CONLLEVAL,
    documents: Documents = False,
    resamples: Resamples = None,
    shuffles: Shuffles = 10_000,
    format: options.Format = "auto",
    layer: options.Layer = None,
    column: options.Column = None,
    word_column: options.WordColumn = None,
    separator: options.Separator = None,
    encoding: options.Encoding = "utf-8",
) -> None:
    """Compare two models, or files of predictions, on a labeled file, and say whether the difference may be chance.

    The reading options are for DATA. Files of predictions are read by suffix and content; their tags are in the last
    column.
    """
    import numpy as np

    from tagsmith.cli.compare_input import open_model, predictions_of_file, predictions_of_model
    from tagsmith.scores.comparison import compare_tags
    from tagsmith.text.schemes import detect_scheme

    options.check_suffix(json_file, ".json")
    taggers = [open_model(source) for source in (a, b)]
    wanted = layer  # by default that of the model, as in evaluate
    if layer is None and column is None:
        wanted = next((tagger.layers[0] for tagger in taggers if tagger), None)
    reading = options.reading_options(wanted, column, word_column, separator, encoding)
    sentences, origins = _read(data, format=format, **reading)
    gold = [next(iter(sentence.layers.values())) for sentence in sentences]
    scheme = detect_scheme(gold)
    of_files = options.reading_options(layer, encoding=encoding)
    tags = [
        predictions_of_model(tagger, source, sentences, scheme)
        if tagger
        else predictions_of_file(source, sentences, scheme, **of_files)
        for tagger, source in zip(taggers, (a, b), strict=True)
    ]
    comparison = compare_tags(
        gold,
        tags[0],
        tags[1],
        mode=mode.value,
        scheme=scheme,
        documents=np.array([origin.document for origin in origins]) if documents else None,
        resamples=resamples,
        shuffles=shuffles,
    )
    if not comparison.a.scores.support:
        raise DataError(
            "The file has no labels: no tag in it marks a span.",
            remedy="Choose the column or layer that holds the labels with --column or --layer.",
            path=data,
        )
    _write(comparison, {"a": place_of(a), "b": place_of(b), "data": place_of(data)}, json_file)
    if show and str(json_file) != "-":
        sides = {"gold": gold, "A": tags[0], "B": tags[1]}
        for line in _shown(comparison, sentences, [str(origin.source) for origin in origins], sides, scheme, show):
            typer.echo(visible(line))
    if fail_if_worse is not None:
        _fail_if_worse(comparison, fail_if_worse, p)


def _read(data: Path, **reading: Any) -> tuple[list[Sentence], list[Origin]]:
    """Read the sentences, of a folder those of its test file, each with its origin; report problems."""
    from tagsmith.corpus.folders import is_folder, part_of_folder
    from tagsmith.corpus.origins import read_with_origins

    files: list[Path] = [data]
    if is_folder(data):
        files, note = part_of_folder(data, "test")
        typer.echo(visible(note), err=True)
    problems: list[object] = []
    sentences, origins = read_with_origins(files, problems=problems, **reading)
    options.echo_problems(problems)
    if not sentences:
        raise DataError("There are no sentences to compare on.", remedy="Give labeled sentences.", path=data)
    return sentences, origins


def _write(comparison: Comparison, names: Mapping[str, str], json_file: Path | None) -> None:
    """Write the JSON, if it is wanted, and print the table and the verdict, unless the JSON takes their place."""
    from tagsmith.corpus.convert import open_target
    from tagsmith.scores.tables import verdict

    if json_file is not None:
        with open_target(json_file) as stream:
            stream.write(json.dumps({"names": names, **comparison.as_dict()}, indent=2, ensure_ascii=False) + "\n")
    if str(json_file) != "-":
        options.stdout_console().print(_table(comparison))
        typer.echo(visible(f"A: {names['a']}\nB: {names['b']}\n{verdict(comparison)}\n{_changes(comparison)}"))


def _fail_if_worse(comparison: Comparison, most: float, p: float) -> None:
    """Exit with status 1 if B is worse by more than ``most`` points, and chance hardly makes that."""
    f1 = comparison.differences["f1"]
    loss = round(-100 * f1.value, 9)  # 60 is not more than 60
    if loss > most and f1.p < p:
        typer.echo(f"B is worse than A by {loss:.2f} points of F1 (p = {_p(f1)}).", err=True)
        raise typer.Exit(1)


def _table(comparison: Comparison) -> Table:
    """Format the scores of both and their differences, in percent; of the types, F1."""
    from rich.table import Table
    from rich.text import Text

    from tagsmith.scores.intervals import interval_text
    from tagsmith.scores.tables import points

    table = Table(title="percent, with 95 % intervals")
    table.add_column("")
    for heading in ("A", "interval", "B", "interval", "B − A", "interval", "p"):
        table.add_column(heading, justify="right")

    def add(name: str, scores: Sequence[float], intervals: Sequence[tuple[float, float]], found: Difference) -> None:
        cells = [
            cell
            for one in zip(scores, intervals, strict=True)
            for cell in (f"{100 * one[0]:.2f}", interval_text(one[1]))
        ]
        low, high = found.interval
        between = f"{points(low, 1)} to {points(high, 1)}"
        table.add_row(Text(visible(name)), *cells, points(found.value), between, _p(found))

    systems = (comparison.a, comparison.b)
    for name, shown in (("f1", "F1"), ("precision", "precision"), ("recall", "recall"), ("accuracy", "accuracy")):
        scores = [getattr(one.scores, name) for one in systems]
        add(shown, scores, [one.intervals.scores[name] for one in systems], comparison.differences[name])
    if comparison.types:
        table.add_section()
        table.add_row("F1 of each label", style="bold")
    for label, differences in comparison.types.items():
        scores = [one.scores.types[label].f1 if label in one.scores.types else 0.0 for one in systems]
        add(f"  {label}", scores, [one.intervals.types[label]["f1"] for one in systems], differences["f1"])
    return table


def _p(difference: Difference) -> str:
    return f"{difference.p:.4f}"


def _changes(comparison: Comparison) -> str:
    better, worse, changed = map(len, (comparison.better, comparison.worse, comparison.changed))
    return (
        f"B has fewer errors in {options.counted(better, 'sentence')}, more in {worse:,}, "
        f"and as many but other tags in {changed:,}."
    )


def _shown(
    comparison: Comparison,
    sentences: Sequence[Sentence],
    sources: Sequence[str],
    sides: dict[str, Sequence[Sequence[str]]],
    scheme: Scheme,
    most: int,
) -> Iterator[str]:
    """Yield lines that show sentences of which B has fewer errors, and more: the largest change first."""
    for heading, numbers in (("better", comparison.better), ("worse", comparison.worse)):
        if numbers:
            yield f"\n{heading}:"
        errors = comparison.errors
        for number in sorted(numbers, key=lambda one: (-abs(errors[one][0] - errors[one][1]), one))[:most]:
            sentence = sentences[number]
            place = (
                f"{sources[number]}:{sentence.line}" if sentence.line else f"{sources[number]}, sentence {number + 1}"
            )
            yield f"{place}: A has {options.counted(errors[number][0], 'error')}, B has {errors[number][1]}"
            words = " ".join(sentence.words)
            yield "  " + (words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…")
            yield from _spans_that_differ(sentence, {name: tags[number] for name, tags in sides.items()}, scheme)


def _spans_that_differ(sentence: Sentence, sides: dict[str, Sequence[str]], scheme: Scheme) -> Iterator[str]:
    """Yield a line for gold, A and B with the spans that are not the same in all three."""
    from tagsmith.text.schemes import Scheme, TokenSpan, tags_to_spans

    spans = {
        name: {TokenSpan(at, at + 1, tag) for at, tag in enumerate(tags)}
        if scheme is Scheme.PLAIN
        else set(tags_to_spans(tags, scheme))
        for name, tags in sides.items()
    }
    same = set.intersection(*spans.values())
    for name, found in spans.items():
        texts = [f"[{' '.join(sentence.words[one.start : one.end])}] {one.label}" for one in sorted(found - same)]
        yield f"  {name:<4}  {'  '.join(texts) or '–'}"
