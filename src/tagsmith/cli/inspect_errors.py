"""What ``tagsmith inspect --find-errors`` prints and exports: likely label errors, the most suspicious first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagsmith.cli.inspect_view import Section, View
from tagsmith.cli.options import counted
from tagsmith.errors import visible

if TYPE_CHECKING:
    from rich.console import Console

    from tagsmith.text.schemes import TokenSpan
    from tagsmith.training.label_errors import LabelError, LabelErrors

AROUND = 6  # tokens shown on either side
ENOUGH = 0.6  # of the given spans that models predict: those that predict fewer say little against the others
KINDS = {
    "label": "another label",
    "boundaries": "other boundaries",
    "missing": "a missing span",
    "spurious": "not a span",
    "several": "another labeling",
}


def errors_report(errors: LabelErrors) -> dict[str, Any]:
    """Return all likely errors as JSON values."""
    return {
        "kind": "label errors",
        "folds": errors.folds,
        "seed": errors.seed,
        "sentences": len(errors.sentences),
        "spans": errors.spans,
        "agreed": errors.agreed,
        "found": [_as_dict(errors, error) for error in errors.found],
    }


def _as_dict(errors: LabelErrors, error: LabelError) -> dict[str, Any]:
    words = errors.sentences[error.sentence].words

    def spans(own: Iterable[TokenSpan]) -> list[dict[str, Any]]:
        return [
            {"start": start, "end": end, "label": label, "text": " ".join(words[start:end])}
            for start, end, label in own
        ]

    return {
        "path": error.path,
        "line": error.line,
        "sentence": error.sentence,
        "kind": error.kind,
        "confidence": round(error.confidence, 4),
        "given": spans(error.given),
        "suggested": spans(error.suggested),
        "given_probability": round(error.p_given, 6),
        "suggested_probability": round(error.p_suggested, 6),
        "words": list(words),
    }


def show_errors(errors: LabelErrors, top: int, console: Console) -> None:
    """Print the most suspicious places, each with its given and its suggested labeling."""
    from rich.text import Text

    def line(text: str, style: str = "") -> None:
        console.print(Text(visible(text), style=style), soft_wrap=True)

    line(_summary(errors, len(errors.found)))
    if errors.agreed < ENOUGH * errors.spans:
        line("That is little: much of this list may be right, and only unknown to the models.")
        line("Give them better --vectors, or more data.")
    for number, error in enumerate(errors.found[:top], 1):
        words = errors.sentences[error.sentence].words
        where = f"{error.path}:{error.line}" if error.line else error.path
        line(f"{number:>3}  {where}  {KINDS[error.kind]}", "bold")
        for what, p, spans in (
            ("given", error.p_given, error.given),
            ("suggested", error.p_suggested, error.suggested),
        ):
            line(f"     {what:<9}  {p:.3f}  {marked(words, spans, error.start, error.end)}")
    if len(errors.found) > top:
        line(f"… and {len(errors.found) - top:,} more; --top shows more, --json all")


def _summary(errors: LabelErrors, count: int) -> str:
    share = 100 * errors.agreed / errors.spans if errors.spans else 100.0
    places = counted(count, "likely label error")
    return f"{places}; the models agree with {share:.1f} % of the {errors.spans:,} spans"


def marked(words: Sequence[str], spans: Sequence[TokenSpan], start: int, end: int) -> str:
    """Write the words around a place, with its spans in brackets.

    >>> from tagsmith.text.schemes import TokenSpan
    >>> marked(["He", "left", "New", "York"], [TokenSpan(2, 4, "LOC")], 2, 4)
    'He left [New York LOC]'
    """
    first, after = max(0, start - AROUND), min(len(words), end + AROUND)
    opens = {span.start for span in spans}
    closes = {span.end: span.label for span in spans}
    shown = []
    for token in range(first, after):
        label = f" {closes[token + 1]}]" if token + 1 in closes else ""
        shown.append(f"{'[' if token in opens else ''}{words[token]}{label}")
    return f"{'… ' if first else ''}{' '.join(shown)}{' …' if after < len(words) else ''}"


def errors_section(report: Mapping[str, Any]) -> Section:
    """Show all likely errors as a table of the page."""
    from tagsmith.text.schemes import TokenSpan

    def written(one: Mapping[str, Any], which: str) -> str:
        spans = [TokenSpan(span["start"], span["end"], span["label"]) for span in one[which]]
        both = [*one["given"], *one["suggested"]]
        return marked(one["words"], spans, min(span["start"] for span in both), max(span["end"] for span in both))

    rows = [
        (
            f"{Path(one['path']).name}:{one['line']}",
            KINDS[one["kind"]],
            written(one, "given"),
            written(one, "suggested"),
            f"{one['confidence']:.2f}",
        )
        for one in report["found"]
    ]
    columns = ("place", "kind", "given", "suggested", "confidence")
    facts = {
        "sentences": f"{report['sentences']:,}",
        "spans": f"{report['spans']:,}, of which the models agree with {report['agreed']:,}",
        "models": f"{report['folds']}, each trained on the other folds; seed {report['seed']}",
    }
    return Section("Likely label errors", facts, [View(columns, rows, text_columns=4)])


def export_errors(errors: LabelErrors, path: Path, top: int) -> None:
    """Write the sentences of the most suspicious places as JSON lines: predictions for the Label page.

    A sentence has its given spans, with the suggested ones where these are likely errors.
    """
    from tagsmith.corpus.convert import write_documents
    from tagsmith.formats import format_named
    from tagsmith.formats.options import WriteOptions

    documents = errors.documents(top)
    write_documents(format_named("jsonl"), documents, path, WriteOptions(layers=(errors.layer,)))
