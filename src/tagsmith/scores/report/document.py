"""The report as a page: an overview, the sections of each layer, the model, and how it all was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagsmith.scores.report.charts import learning_chart
from tagsmith.scores.report.findings import MOST_BYTES, LayerFindings, Words, layer_data
from tagsmith.scores.report.frame import page, text
from tagsmith.scores.report.markdown import from_markdown
from tagsmith.scores.report.sections import (
    buckets_section,
    calibration_section,
    common_section,
    comparison_section,
    kinds_section,
    scores_section,
    thresholds_table,
)

SCRIPTS = ("dom.js", "sentence.js", "errors.js", "threshold.js", "changes.js", "report.js")
Section = tuple[str, str, str]  # id, heading, HTML


@dataclass(frozen=True)
class Report:
    """All that a report shows.

    ``words`` are those of each sentence, ``places`` the number of its file among ``files`` and its line, 0 if unknown.
    ``settings`` say how the scores were made; ``history`` has an object for each epoch of training, with ``epoch``,
    ``loss``, ``dev_loss`` and ``dev``; ``card`` is the model card in Markdown, without its metadata.
    """

    title: str
    layers: Sequence[LayerFindings]
    words: Words
    places: Sequence[tuple[int, int]]
    files: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    card: str = ""


def report_page(report: Report) -> str:
    """Return the page, one HTML file."""
    several = len(report.layers) > 1
    sections: list[Section] = []
    data = []
    budget = MOST_BYTES // len(report.layers)
    for number, findings in enumerate(report.layers):
        data.append(layer_data(findings, report.words, report.places, budget))
        own = list(_layer_sections(findings, report.words, f"-{number}" if number else "", 3 if several else 2))
        if several:
            inner = "\n".join(_section(one, 3) for one in own)
            links = _links(own)
            body = f'<nav aria-label="Layer {text(findings.name)}">{links}</nav>\n{inner}'
            sections.append((f"layer-{number}", f"Layer <bdi>{text(findings.name)}</bdi>", body))
        else:
            sections += own
    if report.history:
        sections.append(("training", "Training", learning_chart(report.history)))
    if report.card:
        shown = f'<details class="card"><summary>Show the card</summary>\n{from_markdown(report.card, 3)}\n</details>'
        sections.append(("card", "Model card", shown))
    sections.append(("settings", "Settings and digests", _settings(report.settings)))
    body = (
        f'<a class="skip" href="#main">Skip to the report</a>\n<header>\n<h1>{text(report.title)}</h1>\n'
        f"{_made(report)}\n"
        f'<nav aria-label="Sections">{_links(sections)}</nav>\n</header>\n<main id="main">\n'
        + "\n".join(_section(one, 2) for one in sections)
        + "\n</main>"
    )
    return page(
        report.title, body, styles=("report.css",), scripts=SCRIPTS, data={"files": list(report.files), "layers": data}
    )


def _made(report: Report) -> str:
    size = f"{len(report.words):,} sentences, {sum(map(len, report.words)):,} tokens"
    return f'<p class="quiet">{text(" · ".join([size, *filter(None, [report.settings.get("made")])]))}</p>'


def _links(sections: Sequence[Section]) -> str:
    return "".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in sections)


def _section(section: Section, level: int) -> str:
    name, heading, body = section
    headed = f'<h{level} id="{name}-h">{heading}</h{level}>'
    named = f' aria-labelledby="{name}-h"' if level == 2 else ""  # the parts of a layer are no landmarks of the page
    return f'<section id="{name}"{named}>\n{headed}\n{body}\n</section>'


def _settings(settings: Mapping[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{text(name)}</dt><dd>{text(value)}</dd>' for name, value in settings.items())}</dl>"


def _layer_sections(findings: LayerFindings, words: Words, suffix: str, level: int) -> Iterator[Section]:
    """Yield the sections of a layer; the script fills those that hold nothing but its number."""
    plain, evaluation = findings.aligned.plain, findings.evaluation
    number = suffix.lstrip("-") or "0"
    inner = f"h{level + 1}"

    def scripted(kind: str) -> str:
        needed = "<noscript><p>This part needs JavaScript.</p></noscript>"
        return f'<div data-part="{kind}" data-layer="{number}">{needed}</div>'

    yield f"scores{suffix}", "Scores", scores_section(evaluation, plain)
    if findings.other:
        shown = comparison_section(findings.other.comparison, findings.other.name)
        listed = f"<{inner}>Sentences that changed</{inner}>\n{scripted('changes')}"
        yield f"comparison{suffix}", "Comparison", f"{shown}\n{listed}"
    confusion = f'<div data-matrix="{number}">\n{kinds_section(evaluation, plain)}\n</div>'
    yield f"confusion{suffix}", "Confusion" if plain else "Kinds of errors", confusion
    unit = "token" if plain else "span"
    wrong = len(findings.aligned.differing())
    if wrong:
        shown = common_section(findings, words)
        yield f"common{suffix}", "Commonest errors", f'<div data-common="{number}">{shown}</div>'
    yield f"errors{suffix}", "Errors in context", scripted("errors") if wrong else f"<p>Every {unit} is right.</p>"
    if not plain and findings.evaluation.found:
        shown = f"{scripted('threshold')}\n{thresholds_table(findings)}"
        yield f"threshold{suffix}", "Precision and recall by threshold", shown
    if found := findings.calibration:
        chosen = (found.tokens, found.token_types, "tokens") if plain else (found.spans, found.span_types, "spans")
        before = None if found.before is None else found.before.tokens if plain else found.before.spans
        if chosen[0]:
            shown = calibration_section(chosen[0], before, chosen[1], chosen[2])
            yield f"calibration{suffix}", "Calibration", shown
    yield f"groups{suffix}", "Some of the spans" if not plain else "Some of the tokens", buckets_section(evaluation)
