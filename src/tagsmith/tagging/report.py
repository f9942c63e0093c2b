"""The evaluation report of a tagger: what is gathered for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tagsmith import __version__
from tagsmith.errors import DataError
from tagsmith.model.card import without_metadata
from tagsmith.model.folder import ModelFile, config_digest, local_folder, read_history
from tagsmith.scores.aligned import Aligned, Spans, align_tags
from tagsmith.scores.comparison import compare_tags
from tagsmith.scores.evaluation import Evaluation
from tagsmith.scores.report.document import Report, report_page
from tagsmith.scores.report.findings import LayerFindings, Other
from tagsmith.scores.scores import Mode
from tagsmith.tagging.calibration import Predictions, Run, Words, predictions
from tagsmith.tagging.chain import Doubles, Integers
from tagsmith.tagging.heads import Head
from tagsmith.tagging.marginals import posterior
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import convert_tags

if TYPE_CHECKING:
    from tagsmith.tagging.labeled import Labeled
    from tagsmith.tagging.tagger import Tagger

Tags = Sequence[Sequence[str]]


def evaluation_report(
    tagger: Tagger,
    run: Run,
    heads: Sequence[Head],
    labeled: Labeled,
    scores: Evaluation,
    *,
    title: str,
    settings: Mapping[str, str],
    mode: Mode,
    against: Tagger | Mapping[str, Tags] | None,
    against_name: str,
    folder: str | Path | None,
) -> str:
    """Write the page of :meth:`tagsmith.Tagger.report`; ``run`` runs the network for the ``heads`` of the layers."""
    by_layer = scores.layers or {heads[0].layer.name: scores}
    others = _others(against, labeled, [head.layer for head in heads])
    documents = None
    if scores.intervals and scores.intervals.unit == "documents":
        documents = np.array([origin.document for origin in labeled.origins])
    layers, learned = [], tagger.as_learned()
    for head in heads:
        name = head.layer.name
        gold, evaluation = labeled.tags[name], by_layer[name]
        found = predictions(run, head, labeled.words, gold)
        before = found
        if name in tagger.model.scalings:
            before = predictions(learned._run, learned._head(name), labeled.words, gold)
        tags = list(head.layer.write_tags(found.paths, list(map(len, gold))))
        aligned = align_tags(gold, tags, mode=mode, scheme=head.layer.scheme)
        other = None
        if name in others:
            compared = compare_tags(gold, others[name], tags, mode=mode, scheme=head.layer.scheme, documents=documents)
            other = Other(against_name, align_tags(gold, others[name], mode=mode, scheme=head.layer.scheme), compared)
        layers.append(
            LayerFindings(
                name,
                evaluation,
                aligned,
                _predicted_scores(aligned, found),
                _gold_scores(aligned, found, run, head, labeled.words),
                found.calibration(before.calibration()) if len(found.paths) else None,
                other,
            )
        )
    sources = sorted({origin.source for origin in labeled.origins})
    number = {source: place for place, source in enumerate(sources)}
    pairs = zip(labeled.origins, labeled.sentences, strict=True)
    facts = _settings(labeled, layers, heads, mode, against_name if others else None, folder)
    card = tagger.model.extras.get(ModelFile.CARD, b"").decode("utf-8", "replace")
    return report_page(
        Report(
            title,
            layers,
            labeled.words,
            [(number[origin.source], sentence.line or 0) for origin, sentence in pairs],
            sources,
            {**settings, **{name: value for name, value in facts.items() if name not in settings}},
            read_history(local_folder(folder)) if folder is not None else (),
            without_metadata(card),
        )
    )


def _settings(
    labeled: Labeled,
    layers: Sequence[LayerFindings],
    heads: Sequence[Head],
    mode: Mode,
    against: str | None,
    folder: str | Path | None,
) -> dict[str, str]:
    """Say how the scores were made."""
    sentences, tokens = len(labeled.words), sum(map(len, labeled.words))
    digest = config_digest(local_folder(folder)) if folder is not None else None
    layer = {("layer" if len(heads) == 1 else f"layer {one.layer.name}"): one.layer for one in heads}
    return {
        **({"compared with": against} if against is not None else {}),
        "sentences": f"{sentences:,}, with {tokens:,} tokens",
        **{name: f"{one.name}, scheme {one.scheme}, {len(one.labels):,} labels" for name, one in layer.items()},
        "spans counted": "as conlleval does" if mode == "conlleval" else "only if well-formed (strict)",
        **({"SHA-256 of the model": digest} if digest else {}),
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, by tagsmith {__version__}",
    }


def _others(
    against: Tagger | Mapping[str, Tags] | None, labeled: Labeled, layers: Sequence[Layer]
) -> Mapping[str, Tags]:
    """Return layer → the tags of another system, in the layer's scheme."""
    if against is None:
        return {}
    if isinstance(against, Mapping):
        given = {layer.name: against[layer.name] for layer in layers if layer.name in against}
    else:
        alone = len(layers) == len(against.layers) == 1
        pairs = [(one, against.layers[0] if alone else one.name) for one in layers]
        given = {}
        for layer, name in pairs:
            if name in against.layers and against.layer(name).gives_spans == layer.gives_spans:
                tags, scheme = against.tag(labeled.words, layer=name), against.layer(name).scheme
                if scheme != layer.scheme:
                    tags = [convert_tags(one, scheme, layer.scheme) for one in tags]
                given[layer.name] = tags
    if not given:
        raise DataError(
            "the other model gives none of these layers.",
            remedy=f"Compare with one that gives {' or '.join(layer.name for layer in layers)}.",
        )
    return given


def _tokens(aligned: Aligned, spans: Spans) -> tuple[Integers, Integers]:
    """Return the start and the end of spans, (n,) each, counted in the tokens of all sentences."""
    first = np.cumsum(aligned.lengths) - aligned.lengths
    return first[spans.sentence] + spans.start, first[spans.sentence] + spans.end


def _predicted_scores(aligned: Aligned, found: Predictions) -> Doubles:
    """Return the probability of each predicted span (n,).

    Where spans touch that the data's scheme cannot keep apart, it has one for two. That has the least probability of
    its tags.
    """
    starts, ends = _tokens(aligned, aligned.predicted)
    tokens = found.token_scores
    if aligned.plain:
        return tokens[starts]
    rows = zip(found.span_starts.tolist(), found.span_ends.tolist(), found.spans.tolist(), strict=True)
    known = dict(zip(rows, found.span_scores.tolist(), strict=True))
    labels = [aligned.labels[number] for number in aligned.predicted.label.tolist()]
    return np.array(
        [
            known[row] if row in known else float(tokens[row[0] : row[1]].min())
            for row in zip(starts.tolist(), ends.tolist(), labels, strict=True)
        ],
        np.float64,
    )


def _gold_scores(aligned: Aligned, found: Predictions, run: Run, head: Head, words: Words) -> Doubles:
    """Return the probability that the model gives each gold span (n,); NaN where it does not know the label."""
    starts, ends = _tokens(aligned, aligned.gold)
    scores = np.full(len(starts), np.nan)
    bounds = np.searchsorted(aligned.gold.sentence, np.arange(len(words) + 1)).tolist()
    first = np.cumsum(aligned.lengths) - aligned.lengths
    wanted = np.array([bounds[n] < bounds[n + 1] for n in range(len(words))], bool)
    chosen = np.flatnonzero(wanted)
    for indices, (emissions, lengths) in run([words[n] for n in chosen.tolist()], head, lambda *batch: batch):
        numbers = chosen[indices]
        steps = np.arange(len(emissions))[:, None]
        inside = steps < lengths
        paths = np.zeros(emissions.shape[:2], np.int64)
        paths[inside] = found.gold[(first[numbers] + steps)[inside]]
        posteriors = posterior(emissions, lengths, head.chain)
        if aligned.plain:
            marginals = np.take_along_axis(posteriors.tag_marginals(), np.maximum(paths, 0)[..., None], axis=2)[..., 0]
            marginals[paths < 0] = np.nan
            for place, n in enumerate(numbers.tolist()):
                scores[bounds[n] : bounds[n + 1]] = marginals[: bounds[n + 1] - bounds[n], place]
            continue
        rows = [(place, row) for place, n in enumerate(numbers.tolist()) for row in range(bounds[n], bounds[n + 1])]
        rows = [(place, row) for place, row in rows if found.gold[starts[row] : ends[row]].min() >= 0]
        if rows:
            places, own = np.array(rows, np.int64).T
            begin, end = aligned.gold.start[own], aligned.gold.end[own]
            scores[own] = posteriors.span_probabilities(places, begin, end, np.maximum(paths, 0))
    return scores
