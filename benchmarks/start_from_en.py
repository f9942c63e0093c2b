"""Learning curves: a model of 50, 100 and 200 labeled sentences, begun from ``en`` and from nothing.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/start_from_en.py [--corpora snips …] [--sizes 50 …]

The sentences are drawn from a corpus's training set: first, as far as the size allows, some with each label, then as
they come. A smaller sample is part of the larger one. A fifth as many further sentences are the dev set: who has
labeled 50 has no dev set of thousands.

The ways: "nothing" is `tagsmith train` as it is, "vectors" the same with GloVe 6B 100d, "en" is `--from en --keep
none`. Scores are F1 on the first 2,000 sentences of the official test set. ``--preset`` and ``--epochs`` change the
first two ways, which take most of the time.

``benchmarks/results/start_from_en.json`` gets each run as soon as it is finished. The next call skips it, unless ``en``
or the recipe is another one then. At the end, the script prints the table of ``docs/training.md`` and draws
``docs/images/start_from_en.png``; ``--runs 0`` does nothing else.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tagsmith
from corpora import Files, corpora, vectors
from tagsmith.corpus.sources import read_sentences
from tagsmith.model.folder import read_model
from tagsmith.scores.scores import score_tags
from tagsmith.text.schemes import Scheme, detect_scheme, spans_to_tags, tags_to_spans
from tagsmith.training.fine_tuning import model_digest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "start_from_en.json"
PLOT = ROOT / "docs" / "images" / "start_from_en.png"
CORPORA = ("bc5cdr", "snips", "sec_filings", "stackoverflow_ner")
SIZES = (50, 100, 200)
DEV_SHARE = 5  # training sentences for each dev sentence
TESTED = 2000  # sentences
WAYS = {"en": "from `en`", "vectors": "from nothing but GloVe", "nothing": "from nothing"}

Labeled = tuple[tuple[str, ...], tuple[str, ...]]  # words and their tags
Run = dict[str, Any]


def read(files: Files, part: str) -> list[Labeled]:
    """Read the sentences of a part in IOB2."""
    sentences = read_sentences(getattr(files, part), **files.options)
    words, tags = ([one.words for one in sentences], [next(iter(one.layers.values())) for one in sentences])
    scheme = detect_scheme(tags)
    converted = (spans_to_tags(tags_to_spans(own, scheme), len(own), Scheme.IOB2) for own in tags)
    return [(own, tuple(new)) for own, new in zip(words, converted, strict=True)]


def draw(sentences: Sequence[Labeled], size: int, seed: int) -> tuple[list[Labeled], list[Labeled]]:
    """Return ``size`` training sentences and a fifth as many for dev, whose labels training knows."""
    order = random.Random(seed).sample(sentences, len(sentences))
    missing = {label for sentence in sentences for label in labels_of(sentence)}
    first = []
    for place, sentence in enumerate(order):
        if found := missing & labels_of(sentence):
            first.append(place)
            missing -= found
    others = sorted(set(range(len(order))) - set(first))
    train = [order[place] for place in [*first, *others][:size]]
    known, taken = {label for sentence in train for label in labels_of(sentence)}, {words for words, _ in train}
    # From the other end, where no larger sample reaches: each size has about the same dev sentences.
    dev = (order[place] for place in reversed(others) if labels_of(order[place]) <= known)
    return train, list(itertools.islice((one for one in dev if one[0] not in taken), size // DEV_SHARE))


def labels_of(sentence: Labeled) -> set[str]:
    """Return the labels of a sentence's spans."""
    return {tag[2:] for tag in sentence[1] if tag != "O"}


def run(files: Files, size: int, seed: int, way: str, recipe: Run, folder: Path) -> Run:
    """Train a model in one way; return its scores and what it took."""
    train, dev = draw(read(files, "train"), size, seed)
    options: Run = {"start": "en", "keep": []} if way == "en" else {**recipe, "vectors": None}
    if way == "vectors":
        options["vectors"] = vectors()
    start = time.process_time()
    tagger = tagsmith.train(train, dev=dev, out=folder / "model", seed=seed, force=True, **options)
    seconds = time.process_time() - start  # of all processors: a machine that does other things too takes longer
    test = read(files, "test")[:TESTED]
    scores = score_tags([tags for _, tags in test], tagger.tag([words for words, _ in test]), scheme=Scheme.IOB2)
    return {
        "dev_sentences": len(dev),
        "test_sentences": len(test),
        "dev": round(100 * tagger.model.scores["dev"]["f1"], 2),
        "test": round(100 * scores.f1, 2),
        "processor_seconds": round(seconds),
    }


def table(runs: Sequence[Run]) -> str:
    """Return the means over the seeds in Markdown."""
    rows = ["| corpus | sentences | " + " | ".join(WAYS.values()) + " |", "|---|--:|--:|--:|--:|"]
    for name, size in itertools.product(CORPORA, SIZES):
        means = [mean(runs, name, size, way) for way in WAYS]
        if any(one is not None for one in means):
            rows.append(f"| {name} | {size} | {' | '.join('–' if one is None else f'{one:.1f}' for one in means)} |")
    return "\n".join(rows) + "\n"


def mean(runs: Sequence[Run], corpus: str, size: int, way: str) -> float | None:
    """Return the mean test score of the runs of a point in a curve; None: there are none."""
    scores = [one["test"] for one in runs if (one["corpus"], one["size"], one["way"]) == (corpus, size, way)]
    return statistics.fmean(scores) if scores else None


def draw_curves(runs: Sequence[Run], path: Path) -> None:
    """Draw test F1 over the number of sentences, a panel for each corpus."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    FigureCanvasAgg(figure)
    styles = {"en": ("tab:blue", "-"), "vectors": ("tab:orange", "--"), "nothing": ("tab:gray", ":")}
    for panel, name in zip(figure.subplots(1, len(CORPORA), sharey=True), CORPORA, strict=True):
        for way, (color, style) in styles.items():
            points = {size: score for size in SIZES if (score := mean(runs, name, size, way)) is not None}
            label = WAYS[way].replace("`", "") if name == CORPORA[0] else None
            panel.plot([*points], [*points.values()], color=color, linestyle=style, marker=".", label=label)
        panel.set_title(name, fontsize="medium")
        panel.set_xscale("log")
        panel.set_xticks(SIZES, [str(size) for size in SIZES])
        panel.minorticks_off()
        panel.set_xlabel("sentences")
        panel.set_ylim(0, 100)
        panel.grid(alpha=0.3)
    figure.axes[0].set_ylabel("test F1")
    figure.legend(loc="outside upper center", ncols=len(WAYS), frameon=False)
    figure.savefig(path, dpi=100)


def planned(arguments: argparse.Namespace) -> Iterator[Run]:
    """Yield what identifies each run that is wanted; ``en`` first, which takes the least time."""
    en = model_digest(read_model("en"))[:12]
    for seed, size, name, way in itertools.product(arguments.seeds, arguments.sizes, arguments.corpora, WAYS):
        how = {"en": en} if way == "en" else {"preset": arguments.preset, "epochs": arguments.epochs}
        yield {"corpus": name, "size": size, "seed": seed, "way": way, **how}


def main() -> None:
    """Do the wanted runs that the result file does not have yet, print the table, draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="*", default=CORPORA)
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--runs", type=int, default=1000, help="at most so many")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--plot", type=Path, default=PLOT)
    arguments = parser.parse_args()
    runs = json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else []
    wanted = [one for one in planned(arguments) if not any(one.items() <= done.items() for done in runs)]
    with tempfile.TemporaryDirectory() as temporary:
        for one in wanted[: arguments.runs]:
            files = corpora(Path(temporary))[one["corpus"]]
            recipe = {"preset": arguments.preset, "recipe": {"epochs": arguments.epochs}}
            done = {**one, **run(files, one["size"], one["seed"], one["way"], recipe, Path(temporary))}
            print(json.dumps(done), flush=True)
            same = ("corpus", "size", "seed", "way")
            runs = [*(other for other in runs if any(other[key] != one[key] for key in same)), done]
            arguments.results.write_text(json.dumps(runs, indent=1) + "\n", "utf-8")
    print(table(runs))
    draw_curves(runs, arguments.plot)


if __name__ == "__main__":
    main()
