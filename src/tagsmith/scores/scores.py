"""Precision, recall, F1 and accuracy, equal to conlleval's on every input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tagsmith.errors import DataError
from tagsmith.scores.counts import (
    BOUNDARY,
    Counts,
    Numbering,
    Tags,
    count_spans,
    counts_by_label,
    equal_lengths,
    flatten,
    numbers_of,
)
from tagsmith.scores.given_tags import checked_scheme, counted
from tagsmith.scores.intervals import Intervals, intervals_from_dict
from tagsmith.text.schemes import Scheme

Mode = Literal["conlleval", "strict"]

PARTS_OF_SCORES = ("types", "intervals", "layers")
"""The fields of :class:`Scores` that are no numbers."""

FIGURES = {"token accuracy": "accuracy"}
"""Figures that tables and reports show after precision, recall and F1: name → field of :class:`Scores`."""


@dataclass(frozen=True, slots=True)
class TypeScores:
    """Scores of one label, as fractions of 1.

    ``support`` counts the gold spans of the label (tokens for plain tags), ``found`` the predicted spans, and
    ``correct`` the predicted spans with exactly the gold boundaries and label.
    """

    precision: float
    recall: float
    f1: float
    support: int
    found: int
    correct: int


@dataclass(frozen=True, slots=True)
class Scores(TypeScores):
    """Scores over all labels, as fractions of 1.

    ``precision``, ``recall`` and ``f1`` are micro averages (over all spans). The macro values are means over all labels
    that occur in the gold or predicted tags. ``accuracy`` is the share of tokens with the right tag. If several layers
    were scored, these are the scores of the first, and ``layers`` holds the scores of each. ``intervals`` is None if
    nothing was resampled, or there is only one sentence or document.
    """

    macro_precision: float
    macro_recall: float
    macro_f1: float
    accuracy: float
    tokens: int
    types: Mapping[str, TypeScores]
    layers: Mapping[str, Scores] = field(default_factory=dict)
    intervals: Intervals | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values, as ``tagsmith evaluate --json`` writes them."""
        layers = {name: scores.as_dict() for name, scores in self.layers.items()}
        return {
            **{one.name: getattr(self, one.name) for one in fields(Scores) if one.name not in PARTS_OF_SCORES},
            "types": {label: asdict(one) for label, one in self.types.items()},
            **({"intervals": self.intervals.as_dict()} if self.intervals else {}),
            **({"layers": layers} if layers else {}),
        }


def scores_from_dict(values: Mapping[str, Any]) -> Scores:
    """Rebuild :class:`Scores` from :meth:`Scores.as_dict`."""
    types = {label: TypeScores(**scores) for label, scores in values["types"].items()}
    layers = {name: scores_from_dict(scores) for name, scores in values.get("layers", {}).items()}
    intervals = intervals_from_dict(values["intervals"]) if "intervals" in values else None
    return Scores(**{**values, "types": types, "layers": layers, "intervals": intervals})


def score_tags(gold: Tags, predicted: Tags, *, mode: Mode = "conlleval", scheme: Scheme | str | None = None) -> Scores:
    """Score predicted tags against gold tags: one sequence of tags per sentence, both of the same length.

    Parameters
    ----------
    mode
        ``"conlleval"``: any tag sequence has spans, by the rules of the CoNLL-2000 scorer (a stray ``I-X``
        starts a span). ``"strict"``: only well-formed spans of ``scheme`` count (a stray ``I-X`` is no span
        in IOB2), as in seqeval's strict mode; needs ``scheme``.
    scheme
        The scheme of the tags, or its name. None follows conlleval's rules to the letter, except where no tag has a
        prefix such as ``B-``: such tags are ``BARE``, or ``PLAIN`` if none is ``O``. conlleval knows only B, I and E,
        so its rules are extended for ``BIOES``, ``BILOU`` and ``BMES`` (S and U are spans of one token; L is E, M is
        I): the scores equal conlleval's after conversion to IOB2. ``BARE`` tags are read as ``I-`` plus the tag, and
        ``PLAIN`` tags go to :func:`score_plain`.

    Returns
    -------
    Scores
        Fractions of 1; 0.0 wherever a denominator is 0.

    Raises
    ------
    DataError
        If the numbers of sentences, or the lengths of a sentence, differ; if these are no tags, or only some of them
        have prefixes; if ``mode`` or ``scheme`` is unknown, or ``mode`` is strict without a ``scheme``.

    Examples
    --------
    >>> scores = score_tags([["B-PER", "O", "B-LOC", "I-LOC"]], [["B-PER", "O", "B-LOC", "O"]])
    >>> scores.precision, scores.recall, scores.accuracy
    (0.5, 0.5, 0.75)
    """
    if mode not in ("conlleval", "strict"):
        raise DataError(f"The mode is {mode!r}.", remedy="It must be 'conlleval' or 'strict'.")
    if mode == "strict" and scheme is None:
        raise DataError("Strict mode needs to know which spans are well-formed: pass scheme=, such as scheme='IOB2'.")
    scheme = checked_scheme(gold, predicted, scheme)
    if scheme is Scheme.PLAIN:
        return _score_plain(gold, predicted)
    lengths = equal_lengths(gold, predicted)
    is_token = np.ones(int(lengths.sum()) + len(lengths), bool)
    is_token[np.cumsum(lengths + 1) - 1] = False
    counts = count_spans(flatten(gold), flatten(predicted), is_token, scheme, strict=mode == "strict")
    return _scores_from_counts(counts)


def score_plain(gold: Tags, predicted: Tags) -> Scores:
    """Score plain tags, such as parts of speech: every token counts as one item.

    Micro precision, recall and F1 all equal the accuracy. Raises :class:`DataError` as :func:`score_tags` does.
    """
    counted(gold, "gold")
    counted(predicted, "predicted")
    return _score_plain(gold, predicted)


def _score_plain(gold: Tags, predicted: Tags) -> Scores:
    equal_lengths(gold, predicted)
    ids = Numbering()
    gold_ids = numbers_of([tag for sentence in gold for tag in sentence], ids)
    predicted_ids = numbers_of([tag for sentence in predicted for tag in sentence], ids)
    right = gold_ids[gold_ids == predicted_ids]
    columns = [np.bincount(array, minlength=len(ids)) for array in (gold_ids, predicted_ids, right)]
    return _scores_from_counts(Counts(len(gold_ids), len(right), counts_by_label(list(ids), *columns)))


def conlleval_report(lines: Iterable[str], *, delimiter: str | None = None, path: str | Path | None = None) -> str:
    """Return what the CoNLL-2000 scorer prints for a file of predictions, to the character.

    Raises DataError: if a line has fewer than two columns, or not as many columns as the first line.

    Parameters
    ----------
    lines
        One token per line, with the gold tag in the second last column and the predicted tag in the last. A blank
        line, or one whose first column is ``-X-``, ends a sentence. Line ends may be LF or CRLF.
    delimiter
        The column separator. By default a single space, as in the original, or a tab if the first line has tabs
        instead. As in the original, empty columns at the end of a line are dropped.
    path
        The file's name, for errors.

    Examples
    --------
    >>> print(conlleval_report(["John B-PER B-PER", "slept O O"]), end="")
    processed 2 tokens with 1 phrases; found: 1 phrases; correct: 1.
    accuracy: 100.00%; precision: 100.00%; recall: 100.00%; FB1: 100.00
                  PER: precision: 100.00%; recall: 100.00%; FB1: 100.00  1
    """
    gold, predicted, is_token = _read_columns(lines, delimiter, path)
    counts = count_spans(gold, predicted, np.array(is_token, bool), None, strict=False)
    return _format_report(counts)


def _scores_from_counts(counts: Counts) -> Scores:
    types = {label: TypeScores(*spans.rates(), *spans) for label, spans in counts.types.items()}
    macro = {
        f"macro_{name}": sum(getattr(scores, name) for scores in types.values()) / max(len(types), 1)
        for name in ("precision", "recall", "f1")
    }
    accuracy = counts.right / max(counts.tokens, 1)
    return Scores(*counts.total.rates(), *counts.total, **macro, accuracy=accuracy, tokens=counts.tokens, types=types)


# --- conlleval's file format and report ---


def _read_columns(
    lines: Iterable[str], delimiter: str | None, path: str | Path | None
) -> tuple[list[str], list[str], list[bool]]:
    """Read gold tags, predicted tags, and whether each row is a token rather than a boundary."""
    gold: list[str] = []
    predicted: list[str] = []
    is_token: list[bool] = []
    expected = 0
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if delimiter is None and text.strip(" "):
            delimiter = _guess_delimiter(text)
        columns = text.split(delimiter or " ")
        while columns and not columns[-1]:
            columns.pop()
        if not columns:
            gold.append(BOUNDARY)
            predicted.append(BOUNDARY)
            is_token.append(False)
            continue
        expected = expected or len(columns)
        _check_columns(len(columns), expected, delimiter or " ", path, number)
        token = columns[0] != "-X-" or len(columns) == 2  # two columns hold no word
        gold.append(columns[-2] if token else BOUNDARY)
        predicted.append(columns[-1] if token else BOUNDARY)
        is_token.append(token)
    return gold, predicted, is_token


def _guess_delimiter(text: str) -> str:
    tabs, spaces = text.count("\t"), text.count(" ")
    return "\t" if tabs >= 2 or (tabs and not spaces) else " "


def _check_columns(count: int, expected: int, delimiter: str, path: str | Path | None, line: int) -> None:
    if count != expected:
        problem = f"This line has {count} column{'s'[: count != 1]} where the first has {expected}."
    elif count < 2:
        problem = "This line has one column, but at least two are needed: the gold and the predicted tag."
    else:
        return
    raise DataError(
        problem,
        remedy=f"Columns are separated by {delimiter!r}. Write the word, the gold tag and the predicted tag "
        "without separators inside a column, or name another separator.",
        path=path,
        line=line,
    )


def _format_report(counts: Counts) -> str:
    """Format the counts as conlleval's printf statements do; percentages are rounded in the same places."""
    support, found, correct = counts.total
    precision, recall, f1 = counts.total.rates(100)
    phrases = f"{support} phrases; found: {found} phrases; correct: {correct}"
    report = [f"processed {counts.tokens} tokens with {phrases}.\n"]
    if counts.tokens:
        report.append(
            f"accuracy: {100 * counts.right / counts.tokens:6.2f}%; precision: {precision:6.2f}%; "
            f"recall: {recall:6.2f}%; FB1: {f1:6.2f}\n"
        )
    for label, spans in counts.types.items():
        if not spans.support + spans.found:
            continue
        precision, recall, f1 = spans.rates(100)
        padding = " " * (17 - len(label.encode("utf-8", "surrogateescape")))  # Perl pads by bytes
        line = (
            f"{padding}{label}: precision: {precision:6.2f}%; recall: {recall:6.2f}%; FB1: {f1:6.2f}  {spans.found}\n"
        )
        # To Perl "" and "0" are false, so the original's test for duplicates misses them.
        report.extend([line] * (2 if label in ("", "0") and spans.support and spans.found else 1))
    return "".join(report)
