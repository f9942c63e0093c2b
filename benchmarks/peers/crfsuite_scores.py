"""What CRFsuite with good features scores on the corpora that have no pretrained vectors here.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/peers/crfsuite_scores.py --work FOLDER [--corpora weibo_zh …]

CRFsuite is trained as in ``run.py``, on the training set alone, and scored on dev and test by tagsmith's scorer. The
work folder keeps the environment and the models. Writes ``benchmarks/peers/crfsuite_scores.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from run import HERE, Worker, make_environment, write_corpus
from worker import read_corpus

import tagsmith
from tagsmith.text.schemes import Scheme, detect_scheme

sys.path.insert(0, str(HERE.parent))

from corpora import Files, corpora, vectors  # type: ignore[import-not-found, unused-ignore]

RESULTS = HERE / "crfsuite_scores.json"


def measure(files: Files, python: Path, work: Path) -> dict[str, Any]:
    """Train on one corpus unless an earlier run did; return its scores."""
    test_words, test_tags = write_corpus(files, work / "corpus")
    dev_words, dev_tags = read_corpus(work / "corpus" / "dev.conll")
    command = [str(python), str(HERE / "crfsuite_worker.py"), "--folder", str(work / "model")]
    command += ["--corpus", str(work / "corpus"), "--vectors", str(vectors()), "--threads", "1", "cached"]
    worker = Worker("crfsuite", command, dict(os.environ))
    scores: dict[str, Any] = {"training": worker.description["training"]}
    plain = detect_scheme(test_tags) is Scheme.PLAIN
    scores["measure"] = "accuracy" if plain else "f1"
    for part, words, gold in (("dev", dev_words, dev_tags), ("test", test_words, test_tags)):
        predicted, _ = worker.tag(words)
        result = tagsmith.score_tags(gold, predicted, scheme="plain" if plain else "IOB2")
        scores[part] = round(100 * (result.accuracy if plain else result.f1), 2)
    worker.close()
    return scores


def main() -> None:
    """Measure the chosen corpora and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the environment and the models")
    parser.add_argument("--corpora", nargs="*")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    python = make_environment("crfsuite", work / "environments")
    (work / "rewritten").mkdir(parents=True, exist_ok=True)
    available = corpora(work / "rewritten")
    names = arguments.corpora or [name for name, files in available.items() if not files.vectors]
    results = {name: measure(available[name], python, work / name.replace("/", "-")) for name in names}
    arguments.results.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    for name, scores in results.items():
        print(name, scores)


if __name__ == "__main__":
    main()
