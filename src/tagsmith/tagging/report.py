"""The evaluation report of a tagger: one HTML page that holds all there is to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tagsmith.scores.evaluation import Evaluation
from tagsmith.scores.report import html_report
from tagsmith.scores.scores import Mode

if TYPE_CHECKING:
    from tagsmith.tagging.tagger import Labeled, Tagger

Tags = Sequence[Sequence[str]]


def evaluation_report(
    tagger: Tagger,
    labeled: Labeled,
    scores: Evaluation,
    *,
    title: str = "Evaluation",
    settings: Mapping[str, str] | None = None,
    mode: Mode = "conlleval",
    against: Tagger | Mapping[str, Tags] | None = None,
    against_name: str = "the other model",
    folder: str | Path | None = None,
) -> str:
    """Write the page; arguments are those of :meth:`tagsmith.Tagger.report`."""
    return html_report(scores, settings or {}, title)
