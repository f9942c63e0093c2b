"""How much personal data redaction leaves: models of texts made from templates, tested on templates they never saw.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/redaction.py [--seeds 1 2 3] [--preset balanced]

The 1,500 texts of ``presidio_pii`` are filled from 209 templates. All texts of a template go to one part: training, dev
or test, 60, 20 and 20 % of the templates of each label as far as possible, drawn with a fixed seed. Each model is
trained with and without GloVe 6B 100d and redacts dev and test at several thresholds, with and without repeats, once at
the threshold that finds 99 % of the labeled tokens' characters of dev. Characters other than white space count.

Writes ``benchmarks/results/redaction.json``, in percent: ``left``, labeled characters that are still there;
``texts_with_some_left``, of the texts that have any; ``lost``, other characters that were replaced; and for each label,
at the default threshold, the ``left``, the ``characters``, and the ``precision``: characters replaced as this label
that carry it. With
``--tables`` it only prints the tables of docs/redaction.md.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tagsmith
from corpora import from_environment, vectors
from tagsmith.redaction.redactor import REPEATS, THRESHOLD
from tagsmith.text.document import Document, Span

RESULTS = Path(__file__).parent / "results" / "redaction.json"
PARTS = ("train", "test", "dev", "train", "train")  # how the templates of a label are dealt
THRESHOLDS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001)
RECALL = 0.99
COLUMNS = (("dev", "left"), ("dev", "lost"), ("test", "left"), ("test", "texts_with_some_left"), ("test", "lost"))


def split(documents: Sequence[Document], seed: int = 0) -> dict[str, list[Document]]:
    """Deal the templates to the parts, those of the rarest label first."""
    texts, labels = defaultdict[Any, list[Document]](list), defaultdict[Any, set[str]](set)
    for document in documents:
        template = document.meta["record"]["template_id"]
        texts[template].append(document)
        labels[template] |= {span.label for span in document.spans}
    waiting = sorted(texts)
    random.Random(seed).shuffle(waiting)
    counts = Counter(label for template in waiting for label in labels[template])
    parts: dict[str, list[Document]] = {part: [] for part in ("train", "dev", "test")}
    for label in (*sorted(counts, key=lambda label: (counts[label], label)), None):
        own = [template for template in waiting if label is None or label in labels[template]]
        waiting = [template for template in waiting if template not in own]
        for number, template in enumerate(own):
            parts[PARTS[number % len(PARTS)]] += texts[template]
    return parts


def _label_of_characters(length: int, spans: Sequence[Any]) -> list[str | None]:
    """The label of each character of a text; spans are anything with start, end and label."""
    labels: list[str | None] = [None] * length
    for span in spans:
        labels[span.start : span.end] = [span.label] * (span.end - span.start)
    return labels


def measure(redactor: tagsmith.Redactor, documents: Sequence[Document]) -> dict[str, Any]:
    """Redact documents and compare what was replaced with what is labeled."""
    pairs = Counter[tuple[str | None, str | None]]()  # (labeled, replaced) → characters
    leaking = labeled = 0
    redacted = redactor.redact_texts(document.text for document in documents)
    for document, one in zip(documents, redacted, strict=True):
        spans: tuple[Span, ...] = document.spans
        gold = _label_of_characters(len(document.text), spans)
        found = _label_of_characters(len(document.text), one.replacements)
        own = Counter(
            pair for pair, char in zip(zip(gold, found, strict=True), document.text, strict=True) if not char.isspace()
        )
        pairs += own
        labeled += bool(spans)
        leaking += any(label and not replaced for label, replaced in own)
    total, as_label = Counter[str | None](), Counter[str | None]()
    for (label, replaced), count in pairs.items():
        total[label] += count
        as_label[replaced] += count
    left = {label: pairs[label, None] for label in total}
    sensitive = [label for label in total if label]
    return {
        "left": _percent(sum(left[label] for label in sensitive), sum(total[label] for label in sensitive)),
        "texts_with_some_left": _percent(leaking, labeled),
        "lost": _percent(total[None] - left[None], total[None]),
        "labels": {
            label: {
                "characters": total[label],
                "left": _percent(left[label], total[label]),
                "precision": _percent(pairs[label, label], as_label[label]) if as_label[label] else None,
            }
            for label in sorted(sensitive)
        },
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2)


def run(parts: dict[str, list[Document]], glove: bool, preset: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train a model, choose its threshold on dev, and redact dev and test."""
    tagger = tagsmith.train(
        parts["train"],
        dev=parts["dev"],
        out=folder,
        force=True,
        preset=preset,
        seed=seed,
        vectors=vectors() if glove else None,
    )
    redactor = tagsmith.Redactor(tagger)
    chosen = redactor.threshold_for(parts["dev"], RECALL)
    measured = []
    for threshold in (*THRESHOLDS, chosen):
        for repeats in (REPEATS, 0):
            redactor = tagsmith.Redactor(tagger, threshold=threshold, repeats=repeats)
            scores = {part: measure(redactor, parts[part]) for part in ("dev", "test")}
            if (threshold, repeats) != (THRESHOLD, REPEATS):
                scores = {part: {**scores[part], "labels": {}} for part in scores}
            measured.append({"threshold": threshold, "repeats": repeats, **scores})
    f1 = {part: round(100 * tagger.evaluate(parts[part]).f1, 2) for part in ("dev", "test")}
    return {"span_f1": f1, "threshold_chosen_on_dev": chosen, "runs": measured}


def tables(results: Sequence[dict[str, Any]]) -> str:
    """Make the tables of the page: means over the seeds ± standard deviations."""
    lines = []
    for glove in (True, False):
        models = [one for one in results if one["glove"] == glove]
        if not models:
            continue
        seeds = ", ".join(str(one["seed"]) for one in models)
        headings = [f"{part}: {name.replace('_', ' ')}" for part, name in COLUMNS]
        lines += [
            f"{'GloVe' if glove else 'No vectors'}, seeds {seeds}:",
            "",
            f"| threshold | {' | '.join(headings)} |",
            f"|---{'|---' * len(COLUMNS)}|",
        ]
        for number, threshold in enumerate((*THRESHOLDS, None)):
            runs = [one["runs"][2 * number] for one in models]
            cells = [_mean([one[part][measure] for one in runs]) for part, measure in COLUMNS]
            name = f"for {100 * RECALL:.0f} % of dev" if threshold is None else f"{threshold:g}"
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    models = [one for one in results if one["glove"]]
    shown = 2 * THRESHOLDS.index(THRESHOLD)
    lines += [
        f"By label, with GloVe, at {THRESHOLD}:",
        "",
        "| label | characters in test | left | precision |",
        "|---|---|---|---|",
    ]
    for label in models[0]["runs"][shown]["test"]["labels"]:
        own = [one["runs"][shown]["test"]["labels"][label] for one in models]
        precision = [one["precision"] for one in own if one["precision"] is not None]
        cells = [_mean([one["left"] for one in own]), _mean(precision) if precision else "–"]
        lines.append(f"| {label} | {own[0]['characters']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation} %"


def main() -> None:
    """Train and measure; each run replaces the same run in the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tables", action="store_true")
    arguments = parser.parse_args()
    if arguments.tables:
        print(tables(json.loads(arguments.results.read_text("utf-8"))))
        return
    source = from_environment("TAGSMITH_DATA") / "presidio_pii" / "synth_dataset_v2.json"
    parts = split(list(tagsmith.read_documents(source)))
    for seed in arguments.seeds:
        for glove in (True, False):
            identity = {"glove": glove, "preset": arguments.preset, "seed": seed}
            with tempfile.TemporaryDirectory() as folder:
                result = {**identity, **run(parts, glove, arguments.preset, seed, Path(folder) / "model")}
            before = json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else []
            kept = [one for one in before if {key: one[key] for key in identity} != identity]
            arguments.results.write_text(json.dumps([*kept, result], indent=1) + "\n", "utf-8")
            for one in result["runs"]:
                shown = {f"{part} {name}": one[part][name] for part, name in COLUMNS}
                print(seed, glove, f"{one['threshold']:.4f}", one["repeats"], shown, flush=True)


if __name__ == "__main__":
    main()
