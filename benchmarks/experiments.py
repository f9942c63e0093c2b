"""What was tried: train with a changed recipe, score dev alone, append a line to ``results/experiments.jsonl``.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/experiments.py "fewer unknown words" \
        --changes '{"unknown_rate": 0.1}' --corpora wnut17 wikigold --seeds 1 2 3

``benchmarks/results_table.py`` makes the table of ``results/README.md`` from these lines. Test sets play no part.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tagsmith
from corpora import Files, corpora, from_environment, vectors
from transfer import NAMES, TARGETS, transfer_f1

RESULTS = Path(__file__).parent.parent / "results" / "experiments.jsonl"
ROUND = 3  # which table of results/README.md the lines go to


def run(
    name: str, files: Files, most: int | None, preset: str, changes: dict[str, Any], seed: int, out: Path
) -> dict[str, Any]:
    """Train once, on at most so many sentences, and return the scores on dev, and on another corpus if there is one."""
    start = time.perf_counter()
    train: Any = files.train
    if most is not None:
        train = tagsmith.read_sentences(files.train, **files.options)
        random.Random(0).shuffle(train)
        train = train[:most]
    tagsmith.train(
        train,
        dev=files.dev,
        out=out,
        force=True,
        preset=preset,
        recipe=changes,
        seed=seed,
        vectors=vectors() if files.vectors else None,
        **files.options,
    )
    minutes = (time.perf_counter() - start) / 60
    target = TARGETS.get(name.partition(",")[0])
    history = [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]
    best = max((entry for entry in history if entry["best"]), key=lambda entry: entry["epoch"])
    measure = "accuracy" if best["measure"] == "accuracy" else "f1"
    return {
        "measure": measure,
        "dev": round(100 * best["dev"], 2),
        "best_epoch": best["epoch"],
        "epochs": len(history),
        "minutes": round(minutes, 1),
        **({"transfer": {target.name: transfer_f1(tagsmith.load(out), target)}} if target else {}),
    }


def _with_variants(available: dict[str, Files], folder: Path) -> dict[str, Files]:
    """Add corpora that are for experiments alone; ``folder`` is for the rewritten files."""
    wikigold, swedish = available["wikigold"], available["uner_swedish_talbanken"]
    ewt = from_environment("TAGSMITH_DATA") / "english" / "uner_ewt"
    names = list(_without_other_types((ewt / f"en_ewt-ud-{part}.iob2" for part in ("train", "dev")), folder))
    # The dev set has 23 names: a sixth of the training set is added to it.
    blocks = [block + "\n\n" for block in swedish.train.read_text("utf-8").strip().split("\n\n")]
    parts = {"train": "", "dev": swedish.dev.read_text("utf-8").rstrip("\n") + "\n\n"}
    for number, block in enumerate(blocks):
        parts["train" if number // 20 % 6 else "dev"] += block
    paths = [folder / f"swedish-{part}.iob2" for part in parts]
    for path, text in zip(paths, parts.values(), strict=True):
        path.write_text(text, "utf-8")
    return {
        **available,
        "wikigold, no vectors": replace(wikigold, vectors=False),
        "uner_ewt": Files(train=names[0], dev=names[1], test=names[1]),
        "uner_swedish, larger dev": replace(swedish, train=paths[0], dev=paths[1]),
    }


def _without_other_types(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Rewrite the files without the type OTH, which other corpora do not have."""
    for path in paths:
        lines = path.read_text("utf-8").splitlines()
        rows = [line.split("\t") for line in lines if not line.startswith("# ")]
        written = folder / f"{path.stem}.conll"
        written.write_text(
            "".join(f"{row[1]}\t{row[2] if row[2][2:] in NAMES else 'O'}\n" if len(row) > 2 else "\n" for row in rows),
            "utf-8",
        )
        yield written


def main() -> None:
    """Run one experiment on the chosen corpora and seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tried", help="what is tried, in words")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--changes", type=json.loads, default={}, help="recipe fields as a JSON object")
    parser.add_argument("--corpora", nargs="+", required=True)
    parser.add_argument("--sentences", type=int, help="train on so many sentences, drawn at random")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        available = _with_variants(corpora(Path(temporary)), Path(temporary))
        for name in arguments.corpora:
            for seed in arguments.seeds:
                facts = {
                    "round": ROUND,
                    "tried": arguments.tried,
                    "preset": arguments.preset,
                    "changes": arguments.changes,
                }
                most, out = arguments.sentences, Path(temporary) / "model"
                scores = run(name, available[name], most, arguments.preset, arguments.changes, seed, out)
                corpus = name if most is None else f"{name}, {most} sentences"
                line = json.dumps({**facts, "corpus": corpus, "seed": seed, **scores}) + "\n"
                with arguments.results.open("a", encoding="utf-8") as stream:
                    stream.write(line)
                print(line, end="", flush=True)


if __name__ == "__main__":
    main()
