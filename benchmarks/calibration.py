"""How far probabilities can be trusted: the calibration errors of spans and tokens, as learned and calibrated on dev.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/calibration.py [--models FOLDER] [wnut17 bc5cdr snips]

Fast preset, GloVe 6B 100d, seed 0. Models stay in FOLDER, if it is named, and are taken from there. ``ece`` is over ten
bins of equal mass, ``chance`` what calibrated predictions would show, ``beyond_chance`` what is left without it. The
thresholds are those for a precision of 95 % on dev, and what they give on test. All in percent, but for the scaling.
Writes ``benchmarks/results/calibration.json``, a list of corpora.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tagsmith
from corpora import Files, corpora, vectors
from tagsmith.scores.calibration import Calibration, Reliability
from tagsmith.tagging.labeled import Labeled
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import tags_to_spans

RESULTS = Path(__file__).parent / "results" / "calibration.json"
PRECISION = 0.95


def measured(tagger: Tagger, data: Labeled) -> dict[str, Any]:
    """Calibration errors of the first layer, before and after."""
    (found,) = tagger.calibration(data).values()
    assert found.before
    return {"before": _errors(found.before), "after": _errors(found)}


def _errors(found: Calibration) -> dict[str, Any]:
    assert found.spans
    return {"spans": _figures(found.spans), "tokens": _figures(found.tokens)}


def _figures(found: Reliability) -> dict[str, float]:
    names = ("confidence", "right", "ece", "ece_equal_width", "chance", "beyond_chance", "risk_area")
    return {"count": found.count, **{name: round(100 * getattr(found, name), 2) for name in names}}


def with_thresholds(tagger: Tagger, data: Labeled, thresholds: Mapping[str, float]) -> dict[str, float]:
    """Precision and recall, over the labels that have a threshold."""
    (gold,) = data.tags.values()
    counts = [0, 0, 0]
    for wanted, given in zip(gold, tagger.tag(data.words, threshold=thresholds), strict=True):
        spans = [
            {one for one in tags_to_spans(tags, tagger.scheme) if one.label in thresholds} for tags in (wanted, given)
        ]
        counts = [a + len(b) for a, b in zip(counts, (*spans, spans[0] & spans[1]), strict=True)]
    support, found, correct = counts
    return {"precision": round(100 * correct / max(found, 1), 2), "recall": round(100 * correct / max(support, 1), 2)}


def run(name: str, files: Files, folder: Path) -> dict[str, Any]:
    """Train a model, if there is none yet, and measure."""
    if not (folder / name).exists():
        tagsmith.train(
            files.train, dev=files.dev, out=folder / name, preset="fast", vectors=vectors(), seed=0, **files.options
        )
    tagger = tagsmith.load(folder / name)
    dev, test = (tagger.labeled(part, **files.options) for part in (files.dev, files.test))
    tagger = tagger.calibrate(dev)
    chosen = tagger.thresholds(dev, precision=PRECISION)
    reached = chosen.reached()
    return {
        "corpus": name,
        "scaling": asdict(tagger.model.scalings[tagger.layers[0]]),
        "dev": measured(tagger, dev),
        "test": measured(tagger, test),
        "labels": len(tagger.labels),
        "labels_that_reach_95_on_dev": len(reached),
        "thresholds": {
            "dev": with_thresholds(tagger, dev, reached),
            "test": with_thresholds(tagger, test, reached),
            "test_without": with_thresholds(tagger, test, dict.fromkeys(reached, 0.0)),
        },
    }


def main() -> None:
    """Run the corpora that are named, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["wnut17", "bc5cdr", "snips"])
    parser.add_argument("--models", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        available = corpora(Path(folder))
        models = arguments.models or Path(folder)
        results = [run(name, available[name], models) for name in arguments.names]
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(RESULTS.read_text("utf-8"))


if __name__ == "__main__":
    main()
