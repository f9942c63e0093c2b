"""Two corpora with different label sets: trained apart, merged as they are, and merged with ``partial=True``.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/partial_labels.py [--pairs bc5cdr news] [--seeds 1 2 3]

Pair ``bc5cdr``: the training and dev sets are each cut in halves; one half keeps only chemicals, the other only
diseases. The test set is whole. Pair ``news``: wikigold (PER, LOC, ORG, MISC) and wnut17 (``person`` and ``location``
renamed to PER and LOC; corporation, creative-work, group, product), each with its own test set. Every model is scored
on every test set, on the labels that both have. "apart" takes each label from the model whose corpus has it. Fast
preset, GloVe 6B 100d. Writes ``benchmarks/results/partial_labels.json``, a list of runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tagsmith
from corpora import Files, corpora, vectors
from tagsmith.corpus.sources import read_sentences
from tagsmith.scores.scores import score_tags
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, TokenSpan, detect_scheme, spans_to_tags, tags_to_spans
from tagsmith.training.measure import only_known

RESULTS = Path(__file__).parent / "results" / "partial_labels.json"
RENAMED = {"person": "PER", "location": "LOC"}


@dataclass(frozen=True)
class Pair:
    """Two corpora, and the test files by name."""

    train: tuple[Path, Path]
    dev: tuple[Path, Path]
    tests: Mapping[str, Path]


def write_labels(path: Path, sentences: Sequence[Sentence], labels: Collection[str] | None = None) -> Path:
    """Write sentences in IOB2, with only some of their labels; some labels are renamed."""
    scheme = detect_scheme(sentence.layers["tags"] for sentence in sentences)
    blocks = []
    for sentence in sentences:
        spans = [
            TokenSpan(span.start, span.end, RENAMED.get(span.label, span.label))
            for span in tags_to_spans(sentence.layers["tags"], scheme)
            if labels is None or span.label in labels
        ]
        tags = spans_to_tags(spans, len(sentence.words), Scheme.IOB2)
        blocks.append("".join(f"{word}\t{tag}\n" for word, tag in zip(sentence.words, tags, strict=True)))
    path.write_text("\n".join(blocks), "utf-8")
    return path


def _halves(files: Files, folder: Path) -> Pair:
    paths: dict[str, list[Path]] = {"train": [], "dev": []}
    for part, halves in paths.items():
        sentences = read_sentences(getattr(files, part))
        middle = len(sentences) // 2
        for label, half in (("Chemical", sentences[:middle]), ("Disease", sentences[middle:])):
            halves.append(write_labels(folder / f"{label}-{part}.conll", half, [label]))
    (a, b), (c, d) = paths.values()
    return Pair((a, b), (c, d), {"bc5cdr": files.test})


def _news(available: Mapping[str, Files], folder: Path) -> Pair:
    def path(name: str, part: str) -> Path:
        return write_labels(folder / f"{name}-{part}-iob2.conll", read_sentences(getattr(available[name], part)))

    first, second = "wikigold", "wnut17"
    return Pair(
        (path(first, "train"), path(second, "train")),
        (path(first, "dev"), path(second, "dev")),
        {name: path(name, "test") for name in (first, second)},
    )


def scored(tagger: tagsmith.Tagger, test: Path) -> dict[str, Any]:
    """Score the labels that both the model and the test file have: F1 in percent, and the counts behind it."""
    sentences = read_sentences(test)
    gold = [sentence.layers["tags"] for sentence in sentences]
    shared = {span.label for tags in gold for span in tags_to_spans(tags, Scheme.IOB2)} & set(tagger.labels)
    predicted = tagger.tag([sentence.words for sentence in sentences])
    kept = [[only_known(tags, shared, Scheme.IOB2) for tags in part] for part in (gold, predicted)]
    scores = score_tags(*kept)
    types = {
        label: {"f1": _percent(each.f1), "support": each.support, "found": each.found, "correct": each.correct}
        for label, each in scores.types.items()
    }
    return {"f1": _percent(scores.f1), "labels": types}


def _percent(share: float) -> float:
    return round(100 * share, 2)


def _apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Join the scores of two models; the first model counts for labels that both have."""
    labels = {**second["labels"], **first["labels"]}
    support, found, correct = (
        sum(scores[key] for scores in labels.values()) for key in ("support", "found", "correct")
    )
    return {"f1": _percent(2 * correct / (support + found)), "labels": labels}


def run(pair: Pair, preset: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train the four models of a pair and score them on every test file."""
    options: dict[str, Any] = {"preset": preset, "seed": seed, "vectors": vectors()}
    taggers: dict[str, tagsmith.Tagger] = {}
    seconds: dict[str, float] = {}
    runs: dict[str, dict[str, Any]] = {
        "first": {"train": pair.train[0], "dev": pair.dev[0]},
        "second": {"train": pair.train[1], "dev": pair.dev[1]},
        "merged": {"train": list(pair.train), "dev": list(pair.dev)},
        "partial": {"train": list(pair.train), "dev": list(pair.dev), "partial": True},
    }
    for name, files in runs.items():
        start = time.perf_counter()
        taggers[name] = tagsmith.train(files.pop("train"), out=folder / name, force=True, **files, **options)
        seconds[name] = round(time.perf_counter() - start, 1)
    tests: dict[str, dict[str, Any]] = {}
    for number, (test, path) in enumerate(pair.tests.items()):
        scores = {name: scored(tagger, path) for name, tagger in taggers.items()}
        order = ("second", "first") if number else ("first", "second")
        scores["apart"] = _apart(*(scores[name] for name in order)) if len(pair.tests) == 1 else scores[order[0]]
        tests[test] = scores
    return {"tests": tests, "seconds": seconds}


def main() -> None:
    """Run the chosen pairs and seeds; each run replaces the same run in the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", nargs="*", default=["bc5cdr", "news"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        available = corpora(folder)
        pairs = {"bc5cdr": _halves(available["bc5cdr"], folder), "news": _news(available, folder)}
        for seed in arguments.seeds:
            for name in arguments.pairs:
                identity = {"pair": name, "preset": arguments.preset, "seed": seed}
                result = {**identity, **run(pairs[name], arguments.preset, seed, folder)}
                before = json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else []
                kept = [entry for entry in before if {key: entry[key] for key in identity} != identity]
                arguments.results.write_text(json.dumps([*kept, result], indent=1) + "\n", "utf-8")
                for test, scores in result["tests"].items():
                    print(name, seed, test, {method: values["f1"] for method, values in scores.items()}, flush=True)


if __name__ == "__main__":
    main()
